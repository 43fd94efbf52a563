"""Makers that quote through agents: one commitment per batch, leases, standing quotes, several agents as one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from client.client import Client
from client.errors import CapExceededError, InputError, OrderEndedError, StateError
from client.inventory import Inventory, MakerFill
from client.orders import Order, Side, buy, sell
from client.quotes import Quotes
from client.remote.agent import RemoteClient
from client.remote.server import serving
from client.states import Cancelled, OrderStatus
from orderbook.node import Node
from tests.orderbook.simulated import SimulatedL1

from .conftest import Trader, mining

TOKEN = "a token of some length"


@contextlib.asynccontextmanager
async def program(node: Node, trader: Trader) -> AsyncIterator[tuple[Client, RemoteClient]]:
    async with (
        trader.funded(node) as client,
        serving(client, "127.0.0.1", 0, TOKEN) as port,
        RemoteClient.connect(f"ws://127.0.0.1:{port}", token=TOKEN) as remote,
    ):
        yield client, remote


def ladder(levels: int) -> list[Order]:
    """Bids below and offers above 2,000 ticks."""
    return [
        order
        for level in range(1, levels + 1)
        for order in (buy("ETH/USD", 10, 2_000 - level), sell("ETH/USD", 10, 2_000 + level))
    ]


async def test_a_ladder_is_one_commitment_and_fills_come_back(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, bob: Trader
) -> None:
    fills: list[MakerFill] = []
    told: asyncio.Queue[Inventory] = asyncio.Queue()
    async with mining(tmp_path, l1) as node, program(node, alice) as (client, remote), bob.funded(node) as taker:
        remote.quotes.on_fill(fills.append)
        remote.quotes.on_inventory(told.put_nowait)
        first = await remote.quotes.replace(ladder(5))
        assert first.complete
        assert [o.instruction.quantity for o in first.orders if isinstance(o and o.instruction, Order)] == [10] * 10
        assert len(client.commitments) == 1
        second = await remote.quotes.replace(ladder(20))
        assert first.orders[0] is not None
        assert await first.orders[0].cancelled() == Cancelled("replaced")
        assert len(second.commitments[remote.account]) == 40
        await taker.commit([buy("ETH/USD", 15, 2_010)])
        node.seal_now()
        inventory = await told.get()
        assert (inventory.batch, inventory["ETH"]) == (0, Decimal("9.985"))
        assert {(fill.account, fill.batch, fill.side) for fill in fills} == {(remote.account, 0, Side.SELL)}
        assert sum(fill.quantity for fill in fills) == Decimal("0.015")
        assert [await fill.order.settled() for fill in fills]
        assert await remote.available() == await client.available()
        assert await remote.references() == await client.references() != {}
        assert list(await remote.history()) == list(client.history())
        assert len(await remote.history()) == 40
        with pytest.raises(CapExceededError) as many:
            await remote.quotes.replace(ladder(33))
        assert many.value.field == "orders[64]"


async def test_quotes_do_not_outlive_the_program(tmp_path: Path, l1: SimulatedL1, alice: Trader, bob: Trader) -> None:
    """The agent lives on, and renews nothing: the program's own silence ends the lease."""
    async with (
        mining(tmp_path, l1) as node,
        alice.funded(node) as client,
        bob.funded(node) as taker,
        serving(client, "127.0.0.1", 0, TOKEN) as port,
    ):
        url = f"ws://127.0.0.1:{port}"
        async with RemoteClient.connect(url, token=TOKEN) as remote:
            with pytest.raises(StateError) as none:
                await remote.lease(2)
            assert none.value.code == "no_commitment"
            await remote.renew_lease()
            async with Quotes([remote], lease=0.3) as quotes:
                result = await quotes.replace(ladder(2))
                (mine,) = client.commitments
        assert len(result.commitments[client.account]) == 4
        batch = node.state.lifecycle.batch(0)
        while batch.collected:  # noqa: ASYNC110 - until the venue has carried the cancel out
            await asyncio.sleep(0.05)
        await taker.commit([buy("ETH/USD", 1, 200)])
        node.seal_now()
        with pytest.raises(OrderEndedError) as ended:
            await mine.settled()
        assert ended.value.state == Cancelled("lease_lapsed")
        async with RemoteClient.connect(url, token=TOKEN) as remote:
            assert (await remote.resolve(mine[0].client_order_id)).state == Cancelled("lease_lapsed")


async def test_standing_quotes_are_committed_again(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with mining(tmp_path, l1) as node, program(node, alice) as (client, remote):
        result = await remote.quotes.replace([buy("ETH/USD", 10, 200)], gtc=True, refresh=True)
        assert (result.batch, len(remote.quotes.standing)) == (0, 1)
        for batch in (0, 1):
            node.seal_now()
            async with remote.orders() as stream:
                async for _ in stream:
                    if any(made.batch == batch + 1 for made in client.commitments):
                        break
            while node.state.lifecycle.batch(batch).seal is None:  # noqa: ASYNC110 - the node tells nobody
                await asyncio.sleep(0.01)
        await remote.quotes.cancel()
        assert remote.quotes.standing == ()
        with pytest.raises(StateError) as gone:
            await remote.cancel()
        assert gone.value.code == "no_commitment"


async def test_a_ladder_whose_connection_breaks_is_committed_once(
    tmp_path: Path, l1: SimulatedL1, alice: Trader
) -> None:
    async with mining(tmp_path, l1) as node, program(node, alice) as (client, remote):
        placing = asyncio.create_task(remote.quotes.replace(ladder(3)))
        while not client.commitments:  # noqa: ASYNC110 - until the agent has taken it up
            await asyncio.sleep(0)
        assert remote._connection._socket is not None
        remote._connection._socket.transport.abort()
        result = await placing
        assert result.complete
        assert {order.status for order in result.orders if order is not None} == {OrderStatus.COMMITTED}
        assert [message.sequence for message in client._store.commitments(0)] == [1]


async def test_several_agents_are_one_maker(tmp_path: Path, l1: SimulatedL1, alice: Trader, bob: Trader) -> None:
    async with (
        mining(tmp_path, l1) as node,
        program(node, alice) as (one, first),
        program(node, bob) as (two, second),
        Quotes([first, second]) as quotes,
    ):
        result = await quotes.replace(ladder(40))
        assert result.complete
        assert {account: len(made) for account, made in result.commitments.items()} == {
            one.account: 40,
            two.account: 40,
        }
        assert (await quotes.inventory())["ETH"] == 20
        async with RemoteClient.connect(first._connection.url, token=TOKEN) as again:
            with pytest.raises(InputError) as same:
                Quotes([first, again])
            assert same.value.field == "clients"


async def test_a_tick_names_the_open_batch(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with mining(tmp_path, l1) as node, program(node, alice) as (_, remote):
        seen = []
        async for tick in remote.quotes.batches():
            seen.append((tick.batch, tick.references["ETH/USD"], tick.inventory["USD"]))
            if len(seen) == 2:
                break
            await remote.quotes.replace(ladder(1))
            node.seal_now()
        assert seen == [(0, Decimal(2), Decimal(100)), (1, Decimal(2), Decimal(100))]
