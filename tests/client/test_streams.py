"""Streams: snapshot, deltas, losses as typed events, bounded queues; over the real server."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError

from client.errors import NoReplyError
from client.link import Link
from client.orders import buy, sell
from client.states import Committed, Created, Unfilled
from client.streams import Delta, Resynced, Snapshot, Stale, Stream, Topic
from orderbook import wire
from orderbook.limits import Limits
from tests.orderbook.simulated import SimulatedL1, connected, running

from .conftest import Trader, mining, url_of


async def until(stream: Stream[Any, Any], kind: type, check: Any = lambda event: True) -> Any:
    async for event in stream:
        if isinstance(event, kind) and check(event):
            return event
    raise AssertionError("the stream ended")


async def test_batches_orders_and_balances(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node) as client:
        batches, orders, balances = client.streams.batches(), client.streams.orders(), client.streams.balances()
        first = await anext(batches)
        assert isinstance(first, Snapshot)
        assert [(status.batch, status.phase) for status in first.state] == [(0, "commit")]
        (order,) = await client.commit([buy("ETH/USD", 1, 200, client_order_id="mine")])
        node.seal_now()
        await order.settled()
        phases = []
        sequences = [first.sequence]
        async for event in batches:
            assert isinstance(event, Delta)
            sequences.append(event.sequence)
            if event.change.batch == 0:
                phases.append(event.change.phase)
                if event.change.phase == "settled":
                    break
        assert phases == ["seal", "reveal", "beacon", "clear", "prove", "prove", "settle", "settled"]
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
        begin = await anext(orders)
        assert isinstance(begin, Snapshot)
        assert begin.state == ()
        states = [event.change.state async for event in limited(orders, 7) if isinstance(event, Delta)]
        assert [type(states[0]), type(states[1]), type(states[-1])] == [Created, Committed, Unfilled]
        snapshot = await until(balances, Snapshot)
        assert snapshot.state["USD"].symbol == "USD"
        if snapshot.state["USD"].settled != Decimal(100):
            change = await until(balances, Delta, lambda e: "USD" in e.change and e.change["USD"].settled)
            assert change.change["USD"].settled == Decimal(100)


async def limited(stream: Stream[Any, Any], count: int) -> Any:
    for _ in range(count):
        yield await anext(stream)


async def test_a_trade_moves_a_market(tmp_path: Path, l1: SimulatedL1, alice: Trader, bob: Trader) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node) as one, bob.funded(node) as two:
        markets = one.streams.markets()
        snapshot = await anext(markets)
        assert isinstance(snapshot, Snapshot)
        assert [market.reference for market in snapshot.state] == [2_000, 3_000]
        await one.commit([buy("ETH/USD", 3, 2_100)])
        await two.commit([sell("ETH/USD", 3, 2_100)])
        node.seal_now()
        change = await until(markets, Delta)
        assert (change.change.symbol, change.change.reference) == ("ETH/USD", 2_100)


async def test_after_a_reconnect_nothing_is_missing(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    """The connection is cut, batches go on, and what was missed comes as deltas after Resynced."""
    async with mining(tmp_path, l1) as node, alice.funded(node) as client:
        batches = client.streams.batches()
        await anext(batches)
        assert client._link._socket is not None
        client._link._socket.abort()
        assert (await until(batches, Stale)).reason == "connection_lost"
        node.seal_now()
        resynced = await until(batches, Resynced)
        assert (resynced.reason, resynced.missed) == ("reconnected", 0)
        settled = await until(batches, Delta, lambda e: e.change.batch == 0 and e.change.phase == "settled")
        assert settled.change.settle_transactions


async def test_a_restarted_venue_has_other_numbers(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with contextlib.AsyncExitStack() as first, contextlib.AsyncExitStack() as clients:
        node = await first.enter_async_context(mining(tmp_path, l1))
        client = await clients.enter_async_context(alice.funded(node))
        batches = client.streams.batches()
        await anext(batches)
        await first.aclose()
        await until(batches, Stale)
        async with mining(tmp_path, l1) as node:
            client._link.url = url_of(node)
            resynced = await until(batches, Resynced)
            assert (resynced.reason, resynced.missed) == ("venue_restarted", None)


async def test_a_lost_message_is_a_gap_and_is_replayed(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message disappears on a live connection: the next number, or the heartbeat, shows it."""
    async with (
        running(tmp_path, l1, limits=Limits(heartbeat_seconds=0.1)) as node,
        alice.running(url_of(node)) as client,
    ):
        batches = client.streams.batches()
        await anext(batches)
        take = client.streams.take
        lost: list[wire.BatchStatus] = []

        def lossy(message: wire.Message) -> None:
            if isinstance(message, wire.BatchStatus) and message.batch == 0 and not lost:
                lost.append(message)
                return
            take(message)

        monkeypatch.setattr(client.streams, "take", lossy)
        node.seal_now()
        stale = await until(batches, Stale)
        assert stale.reason == "gap"
        resynced = await until(batches, Resynced)
        assert (resynced.reason, resynced.missed) == ("gap", 0)
        replayed = await until(batches, Delta)
        assert replayed.change == lost[0]


async def test_more_was_missed_than_the_venue_remembers(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with mining(tmp_path, l1) as node, alice.running(url_of(node)) as client:
        batches = client.streams.batches()
        await anext(batches)
        node._desk.streams._keep = 1
        node._desk.streams._memory.clear()
        assert client._link._socket is not None
        client._link.url = "ws://127.0.0.1:9"
        client._link._socket.abort()
        await until(batches, Stale)
        async with connected(node, l1.parameters()) as other:
            await other.ask(wire.Subscribe(1), wire.Subscribed)
            node.seal_now()
            await other.push(wire.BatchStatus, lambda s: s.batch == 0 and s.phase == "settled")
        client._link.url = url_of(node)
        resynced = await until(batches, Resynced)
        assert resynced.missed is not None
        assert resynced.missed > 1
        assert resynced.state[-1].batch == 1


async def test_a_silent_connection_is_given_up(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue's heartbeats stop while the socket stays open: the client reconnects."""
    async with (
        running(tmp_path, l1, mine_seconds=0.02, limits=Limits(heartbeat_seconds=0.1)) as node,
        alice.running(url_of(node)) as client,
    ):
        batches = client.streams.batches()
        await anext(batches)
        monkeypatch.setattr(node.server._closing, "deliver", lambda message, connections: None)
        stale = await until(batches, Stale)
        assert stale.reason == "connection_lost"
        monkeypatch.undo()
        assert (await until(batches, Resynced)).missed == 0


async def test_the_venue_gives_up_a_silent_client(tmp_path: Path, l1: SimulatedL1) -> None:
    """The other direction: a peer that never answers a ping is closed."""
    async with running(tmp_path, l1, limits=Limits(ping_seconds=0.2)) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: venue\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        try:
            async with asyncio.timeout(30):
                assert b"101 Switching Protocols" in await reader.readuntil(b"\r\n\r\n")
                await reader.read()  # until the end: the greeting, pings, and the close frame
        finally:
            writer.close()


def test_a_slow_reader_gets_the_state_in_the_place_of_what_waits() -> None:
    state = [0]
    topic: Topic[int, int] = Topic(lambda: state[0])
    stream = topic.open(limit=3)
    for number in range(1, 6):
        state[0] = number
        topic.changed(number)
    assert stream.waiting == 3
    events = [stream._events.popleft() for _ in range(3)]
    assert events == [Resynced(3, "slow_consumer", 3, 3), Delta(4, 4), Delta(5, 5)]


async def test_pauses_between_attempts_grow_and_are_jittered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A venue that is down is asked less and less often, at times that no other client shares."""
    pauses: list[float] = []
    real = asyncio.sleep

    async def recorded(seconds: float) -> None:
        pauses.append(seconds)
        await real(0)
        if len(pauses) == 12:
            raise asyncio.CancelledError

    async def refused(socket: ClientConnection) -> None:
        raise OSError

    async def none(hello: wire.Hello) -> None:
        return None

    monkeypatch.setattr("client.link.asyncio.sleep", recorded)
    link = Link("ws://127.0.0.1:9", lambda hello: None, none, lambda message: None)
    link.start()
    assert link._task is not None
    await asyncio.gather(link._task, return_exceptions=True)
    bounds = [min(0.1 * 2.0**failures, 10.0) for failures in range(1, 13)]
    assert all(bound / 2 <= pause <= bound for pause, bound in zip(pauses, bounds, strict=True))
    assert len(set(pauses)) == 12


async def test_a_request_on_a_dead_connection_waits_for_the_next_one() -> None:
    """Sending on a closed socket fails at once and without a pause: the request must not turn on it."""

    class Dead:
        sends = 0

        async def send(self, data: bytes) -> None:
            self.sends += 1
            assert self.sends < 100, "the request asks a dead socket again and again"
            raise ConnectionClosedError(None, None)

    async def none(hello: wire.Hello) -> None:
        return None

    lost: list[bool] = []
    link = Link("ws://127.0.0.1:9", lambda hello: None, none, lambda message: None, lost=lambda: lost.append(True))
    socket = Dead()
    link._socket = socket  # type: ignore[assignment]
    link._ready.set()
    with pytest.raises(NoReplyError, match=r"no answer to GetBatch in 0\.2 s"):
        await link.request(wire.GetBatch(id=0, batch=1), within=0.2)
    assert (socket.sends, lost) == (1, [True])
