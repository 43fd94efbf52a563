"""When a commitment is opened and when it is not, and the countdown to the end of the window."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from decimal import Decimal
from pathlib import Path

import pytest

from client.chain import SealedBatch
from client.deadlines import Countdown, Deadline
from client.handles import OrderHandle
from client.orders import buy
from client.states import (
    Committed,
    Fault,
    RevealMissed,
    Sealed,
)
from client.streams import Delta
from tests.orderbook.simulated import SimulatedL1, running

from .conftest import WINDOW, Trader, end, until, until_sealed


async def test_nothing_is_revealed_before_the_own_l1_says_that_the_seal_is_final(
    tmp_path: Path, l1: SimulatedL1, alice: Trader
) -> None:
    async with running(tmp_path, l1) as node, alice.funded(node) as client:
        alice.chain.lag = 2
        (order,) = await client.commit([buy("ETH/USD", 1, 200)])
        node.seal_now()
        await until_sealed(node)
        for _ in range(5):
            await client._agent._try(client._store.pending()[0])  # type: ignore[union-attr]
        assert isinstance(order.state, Committed)
        assert node.state.lifecycle.batch(0).reveals == {}
        l1.mine(2)
        assert await order.sealed() == Sealed(l1.block - 2, 0)
        await order.revealed()


async def test_a_seal_that_is_final_too_late_is_missed_and_costs_the_fee(
    tmp_path: Path, l1: SimulatedL1, alice: Trader
) -> None:
    async with running(tmp_path, l1) as node, alice.funded(node) as client:
        alice.chain.lag = 2 * WINDOW
        (order,) = await client.commit([buy("ETH/USD", 1, 200)])
        node.seal_now()
        await until_sealed(node)
        l1.mine(WINDOW + 1)
        assert await end(order) == RevealMissed("seal_not_final", Fault.CHAIN)
        alice.chain.lag = 0
        l1.mine(3)
        await until(lambda: not client._store.pending())
        record = client._store.batch(0)
        assert record is not None
        assert record.result is not None
        assert (record.result.outcome, record.result.charged, record.verified) == ("missing", 1_000, True)
        assert (await client.balances())["USD"].settled == Decimal("99.999")


async def test_a_root_that_l1_did_not_seal_gets_no_reveal(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = alice.chain.final_batch

    def other(number: int) -> SealedBatch | None:
        seal = true(number)
        return None if seal is None else dataclasses.replace(seal, root=(1, 2, 3, 4))

    async with running(tmp_path, l1) as node, alice.funded(node) as client:
        monkeypatch.setattr(alice.chain, "final_batch", other)
        (order,) = await client.commit([buy("ETH/USD", 1, 200)])
        node.seal_now()
        await until_sealed(node)
        await until(lambda: 0 in client.problems)
        assert client.problems[0].code == "wrong_root"
        l1.mine(WINDOW + 1)
        assert await end(order) == RevealMissed("wrong_root", Fault.VENUE)
        assert node.state.lifecycle.batch(0).reveals == {}


async def test_a_reorganisation_after_the_leaf_was_found_stops_the_reveal(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same block number, another root: the secret stays."""
    true = alice.chain.final_batch
    orders: list[OrderHandle] = []

    def reorganised(number: int) -> SealedBatch | None:
        seal = true(number)
        if seal is None or not isinstance(orders[0].state, Sealed):
            return seal
        return dataclasses.replace(seal, root=(1, 2, 3, 4))

    async with running(tmp_path, l1) as node, alice.funded(node) as client:
        monkeypatch.setattr(alice.chain, "final_batch", reorganised)
        (order,) = orders[:] = await client.commit([buy("ETH/USD", 1, 200)])
        node.seal_now()
        await order.sealed()
        await until(lambda: 0 in client.problems)
        assert client.problems[0].code == "wrong_path"
        assert node.state.lifecycle.batch(0).reveals == {}
        assert isinstance(order.state, Sealed)


async def test_the_deadline_is_counted_down(
    tmp_path: Path,
    l1: SimulatedL1,
    alice: Trader,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The venue is gone after the seal: the countdown runs on the own L1 connection, and warns."""
    async with contextlib.AsyncExitStack() as venue, contextlib.AsyncExitStack() as clients:
        node = await venue.enter_async_context(running(tmp_path, l1))
        client = await clients.enter_async_context(alice.funded(node))
        (order,) = await client.commit([buy("ETH/USD", 1, 200)])
        alice.chain.lag = 1_000
        monkeypatch.setattr(client._agent, "pushed", lambda message: None)
        node.seal_now()
        while node.state.lifecycle.batch(0).seal is None:  # noqa: ASYNC110 - the node tells nobody
            await asyncio.sleep(0.01)
        await venue.aclose()
        alice.chain.lag = 0
        stream = client.streams.deadlines()
        l1.mine(WINDOW - 20)
        async for event in stream:
            if isinstance(event, Delta) and event.change.warning:
                break
        assert isinstance(event, Delta)
        (deadline,) = client.deadlines
        assert (deadline.batch, deadline.blocks_left <= 20) == (0, True)
        assert "batch 0 is not revealed: 20 blocks" in caplog.text
        l1.mine(30)
        missed = await order.reveal_missed()
        assert isinstance(missed, RevealMissed)
        assert missed.fault is Fault.UNKNOWN
        assert client.deadlines == ()


def test_warnings_come_once_for_each_part_of_the_window(caplog: pytest.LogCaptureFixture) -> None:
    steps: list[Deadline] = []
    countdown = Countdown(100, steps.append)
    for second, head in enumerate((10, 12, 60, 61, 85, 100, 101, 110)):
        countdown.look(7, 10, head, "", float(second))
    assert [step.blocks_left for step in steps] == [100, 98, 50, 49, 25, 10, 9, 0]
    assert [step.warning for step in steps] == [False, False, True, True, True, True, True, True]
    assert [record.getMessage() for record in caplog.records] == [
        "batch 7 is not revealed: 50 blocks, about 2 s, left until block 110",
        "batch 7 is not revealed: 25 blocks, about 1 s, left until block 110",
        "batch 7 is not revealed: 10 blocks, about 1 s, left until block 110",
    ]
    countdown.done(7)
    assert countdown.deadlines == ()
