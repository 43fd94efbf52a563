"""The prover's process: a real proof of a small epoch comes back, and a process that is ended says so."""

from __future__ import annotations

import asyncio

import pytest
from eth_utils.crypto import keccak

from orderbook.errors import ConfigurationError, ProverError
from orderbook.events import OpenedEntry
from orderbook.parameters import VenueParameters
from orderbook.prover_runner import ProcessProver
from orderbook.proving import check_tiers
from proofs.statement import public
from proofs.statement.settlement import verification_key

from .flow import Flow, settled_root

TIERS = (keccak(verification_key(0)),)


def epoch(parameters: VenueParameters) -> Flow:
    flow = Flow(parameters)
    buyer, seller, absent = (flow.register(0) for _ in range(3))
    for trader in (buyer, seller, absent):
        flow.deposit(trader, 0, 10**6)
        flow.deposit(trader, 1, 10**9)
    order = OpenedEntry(2, 0, 20_005, 10)
    flow.batch(
        {
            buyer.number: [order],
            seller.number: [OpenedEntry(3, 0, 20_000, 8), OpenedEntry(1, 1, 0, 500)],
            absent.number: [order],
        },
        missing=[absent.number],
    )
    return flow


async def test_a_proven_epoch(parameters: VenueParameters) -> None:
    flow = epoch(parameters)
    seen: list[float] = []
    prover = ProcessProver(TIERS, lambda _, fraction: seen.append(fraction))
    package, _ = await prover.prove(flow.state, 0, 0)
    assert (package.first, package.last, package.tier) == (0, 0, 0)
    data = public.decode(package.public_data, counts=[3], markets=2, assets=2)
    assert data.new_root == settled_root(flow.state, 0, 0)
    assert [(r.price, r.volume) for r in data.results[0]] == [(20_005, 8), (30_000, 0)]
    assert [(m.account, m.charged) for m in data.missing] == [(4, True)]
    assert [(w.account, w.asset, w.value) for w in data.withdrawals] == [(3, 1, 500)]
    assert package.missing in package.public_data
    assert len(package.missing) == public.MISSING_SIZE
    assert package.signatures == (1).to_bytes(8, "big") + b"\2" * 65
    assert len(package.queue_entries) == 9 * public.QUEUE_ENTRY_SIZE
    assert all(0 <= fraction <= 1 for fraction in seen)


async def test_another_program_is_refused_before_proving(parameters: VenueParameters) -> None:
    flow = epoch(parameters)
    with pytest.raises(ProverError) as caught:
        await ProcessProver((bytes(32),)).prove(flow.state, 0, 0)
    assert (caught.value.code, caught.value.retryable) == ("wrong_program", False)


def test_a_contract_of_another_program() -> None:
    check_tiers(TIERS)
    with pytest.raises(ConfigurationError, match=r"tier 1 is 0{16}") as caught:
        check_tiers((*TIERS, bytes(32)))
    assert caught.value.code == "wrong_program"


async def test_a_prover_that_is_ended(parameters: VenueParameters) -> None:
    flow = epoch(parameters)
    prover = ProcessProver(TIERS)
    work = asyncio.create_task(prover.prove(flow.state, 0, 0))
    while prover._process is None or prover._process.pid is None:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    prover.stop()
    with pytest.raises(ProverError) as caught:
        await work
    assert (caught.value.code, caught.value.retryable) == ("prover_ended", True)
