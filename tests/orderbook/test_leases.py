"""Held-back cancels: carried out when their owner is gone, never while it is there, also across a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orderbook import wire
from orderbook.events import ZERO
from orderbook.node import Node

from .simulated import OPERATOR, Client, SimulatedL1, Trader, connected, running


@pytest.fixture
def maker(l1: SimulatedL1) -> Trader:
    trader = Trader(l1, 1)
    l1.deposit(trader.account, 1, 10**9)
    return trader


def lease(client: Client, maker: Trader, sequence: int, seconds: float) -> wire.Lease:
    digest = client.domain.commitment(0, maker.account, sequence, ZERO)
    return wire.Lease(client.next_id(), 0, sequence, "0x" + maker.key.sign(digest).hex(), seconds)


async def until_cancelled(node: Node, account: int) -> None:
    while node.state.lifecycle.batch(0).commitments[account].commitment != ZERO:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_lease_that_nobody_renews_cancels(tmp_path: Path, l1: SimulatedL1, maker: Trader) -> None:
    async with running(tmp_path, l1) as node:
        async with connected(node, l1.parameters()) as client:
            await client.login(maker.key, maker.account)
            await client.ask(maker.commit(client), wire.Receipt)
            leased = await client.ask(lease(client, maker, 2, 0.1), wire.Leased)
            assert (leased.batch, leased.sequence, leased.seconds) == (0, 2, 0.1)
        await until_cancelled(node, maker.account)
        assert node.state.lifecycle.batch(0).commitments[maker.account].sequence == 2
        async with connected(node, l1.parameters()) as client:
            session = await client.login(maker.key, maker.account)
            assert (session.open_batch, session.sequence) == (0, 2)
            await client.ask(maker.commit(client, sequence=3), wire.Receipt)
            assert node.state.lifecycle.batch(0).collected == 1


async def test_a_renewed_or_replaced_lease_does_not(tmp_path: Path, l1: SimulatedL1, maker: Trader) -> None:
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.login(maker.key, maker.account)
        await client.ask(maker.commit(client), wire.Receipt)
        await client.ask(lease(client, maker, 2, 0.1), wire.Leased)
        await client.ask(maker.commit(client, sequence=3), wire.Receipt)
        await client.ask(lease(client, maker, 4, 3600), wire.Leased)
        await asyncio.sleep(0.3)
        assert node.state.lifecycle.batch(0).commitments[maker.account].commitment == maker.commitment


async def test_a_restart_gives_the_owner_its_whole_time_again(tmp_path: Path, l1: SimulatedL1, maker: Trader) -> None:
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.login(maker.key, maker.account)
        await client.ask(maker.commit(client), wire.Receipt)
        await client.ask(lease(client, maker, 2, 3600), wire.Leased)
    async with running(tmp_path, l1) as node:
        batch = node.state.lifecycle.batch(0)
        assert batch.leases[maker.account].seconds == 3600
        assert batch.commitments[maker.account].commitment == maker.commitment
        async with connected(node, l1.parameters()) as client:
            await client.login(maker.key, maker.account)
            await client.ask(lease(client, maker, 5, 0.1), wire.Leased)
            await until_cancelled(node, maker.account)


async def test_refused_leases(tmp_path: Path, l1: SimulatedL1, maker: Trader) -> None:
    async def refused(request: wire.Lease) -> str:
        return (await client.ask(request, wire.Error)).code

    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        assert await refused(lease(client, maker, 1, 1)) == "unauthenticated"
        await client.login(maker.key, maker.account)
        assert await refused(lease(client, maker, 1, 1)) == "not_found"
        await client.ask(maker.commit(client, sequence=5), wire.Receipt)
        assert await refused(lease(client, maker, 5, 1)) == "replayed"
        forged = wire.Lease(client.next_id(), 0, 6, "0x" + OPERATOR.sign(b"\1" * 32).hex(), 1)
        assert await refused(forged) == "bad_signature"
        node.seal_now()
        await asyncio.sleep(0.1)
        assert await refused(lease(client, maker, 6, 1)) == "wrong_phase"
