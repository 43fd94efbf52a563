"""Abuse: whatever some connections do, a client that keeps to the rules notices nothing."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orderbook import wire
from orderbook.limits import Limits
from orderbook.node import Node

from .simulated import Client, SimulatedL1, Trader, connected, funded, running, signed_by_operator

FREE = Limits(requests_per_second=1e9, burst=10**9, strikes=10**9)


def frame(payload: bytes, binary: bool = False) -> bytes:
    """One masked WebSocket frame."""
    head = bytes([0x82 if binary else 0x81])
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    mask = b"\x11\x22\x33\x44"
    return head + length + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


UPGRADE = (
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()


@contextlib.asynccontextmanager
async def raw(node: Node, upgrade: bool = True) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare TCP connection, with the WebSocket handshake done or not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port, limit=1 << 26)
    try:
        if upgrade:
            writer.write(UPGRADE)
            await reader.readuntil(b"\r\n\r\n")
        yield reader, writer
    finally:
        writer.transport.abort()


@contextlib.asynccontextmanager
async def undisturbed(node: Node, l1: SimulatedL1, trader: Trader, least: int = 20) -> AsyncIterator[None]:
    """A client that commits again and again meanwhile: each time it gets its receipt, on the same connection."""
    stop = asyncio.Event()

    async def trade(client: Client) -> None:
        sequence = 0
        while not stop.is_set() or sequence < least:
            sequence += 1
            receipt = await client.ask(trader.commit(client, sequence), wire.Receipt)
            assert signed_by_operator(
                client.domain.receipt(0, trader.account, sequence, trader.commitment), receipt.signature
            )
            await asyncio.sleep(0.025)  # below its rate budget

    async with connected(node, l1.parameters()) as client:
        await client.login(trader.key, trader.account)
        task = asyncio.create_task(trade(client))
        yield
        stop.set()
        await task


async def discard(reader: asyncio.StreamReader) -> bytes:
    """Read to the end; the last bytes."""
    last = b""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            last = (last + data)[-200:]
    return last


@pytest.mark.slow
async def test_a_hundred_thousand_malformed_messages(tmp_path: Path, l1: SimulatedL1) -> None:
    trader = funded(l1, 1)
    source = random.Random(7)
    good = wire.encode_binary(wire.GetBatch(1))
    # Bytes that are no UTF-8 go in binary frames: as text they end a connection by the WebSocket's own rules.
    texts = [frame(text) for text in (b"", b"{}", b"[" * 40, b'{"type":"commit","id":1}')]
    bytes_ = [frame(data, binary=True) for data in (b"\xc1", source.randbytes(60), good[:-1], good + b"\0")]
    block = b"".join(texts + bytes_) * 125

    async def attack(node: Node) -> None:
        async with raw(node) as (reader, writer):
            sink = asyncio.create_task(reader.readuntil(b'"type":"pong","id":4242'))
            for _ in range(10):
                writer.write(block)
                await writer.drain()
            writer.write(frame(wire.encode(wire.Ping(4242)).encode()))
            await sink

    async with running(tmp_path, l1, limits=FREE) as node, undisturbed(node, l1, trader):
        await asyncio.gather(*(attack(node) for _ in range(10)))
        assert node.metrics.refused.value("malformed") == 100_000
        assert sum(node.metrics.refused._values.values()) == 100_000


async def test_malformed_messages_end_a_connection_after_some_strikes(tmp_path: Path, l1: SimulatedL1) -> None:
    trader = funded(l1, 1)
    async with running(tmp_path, l1) as node, undisturbed(node, l1, trader):

        async def attack() -> None:
            async with raw(node) as (reader, writer):
                writer.write(frame(b"{}") * 1_000)
                assert b"malformed" in await discard(reader)

        await asyncio.gather(*(attack() for _ in range(20)))
        assert node.metrics.cut.value("malformed") == 20
        assert node.metrics.refused.value("malformed") == 20 * Limits().strikes


async def test_floods_are_cut(tmp_path: Path, l1: SimulatedL1) -> None:
    trader = funded(l1, 1)
    flood = frame(wire.encode(wire.GetMarkets(1)).encode()) * 5_000
    async with running(tmp_path, l1) as node, undisturbed(node, l1, trader):

        async def attack() -> bytes:
            async with raw(node) as (reader, writer):
                writer.write(flood)
                return await discard(reader)

        ends = await asyncio.gather(*(attack() for _ in range(8)))
        assert node.metrics.cut.value("rate_limited") == 8
        assert all(b"rate_limited" in end for end in ends)


async def test_a_flood_of_connections_leaves_members_alone(tmp_path: Path, l1: SimulatedL1) -> None:
    trader, late = funded(l1, 1), funded(l1, 2)
    async with contextlib.AsyncExitStack() as stack:
        node = await stack.enter_async_context(running(tmp_path, l1, limits=Limits(connections=30)))
        await stack.enter_async_context(undisturbed(node, l1, trader))
        for _ in range(120):
            await stack.enter_async_context(raw(node))
        newcomer = await stack.enter_async_context(connected(node, l1.parameters()))
        await newcomer.login(late.key, late.account)
        await newcomer.ask(late.commit(newcomer), wire.Receipt)
        assert node.metrics.cut.value("not_logged_in") >= 90


async def test_half_open_and_slow_connections(tmp_path: Path, l1: SimulatedL1) -> None:
    trader = funded(l1, 1)
    limits = Limits(handshakes=60, handshake_seconds=1.0)
    async with contextlib.AsyncExitStack() as stack:
        node = await stack.enter_async_context(running(tmp_path, l1, limits=limits))
        silent = [await stack.enter_async_context(raw(node, upgrade=False)) for _ in range(50)]
        partial = [await stack.enter_async_context(raw(node, upgrade=False)) for _ in range(50)]
        for _, writer in partial:
            writer.write(UPGRADE[:40])
        # More than so many at once are not kept waiting, and none of them for longer than its time.
        await asyncio.gather(*(discard(reader) for reader, _ in silent + partial))
        assert node.metrics.cut.value("handshakes") >= 40
        await stack.enter_async_context(undisturbed(node, l1, trader))
        # One byte at a time: slow, and nobody else's matter.
        _, writer = await stack.enter_async_context(raw(node, upgrade=False))
        for byte in UPGRADE[:60]:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.001)
        reader, writer = await stack.enter_async_context(raw(node))
        greeting = await reader.read(1 << 16)
        assert b"hello" in greeting
        for byte in frame(wire.encode(wire.Ping(77)).encode()):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.002)
        assert b'"type":"pong","id":77' in await reader.read(1 << 16)


async def test_frames_that_never_end(tmp_path: Path, l1: SimulatedL1) -> None:
    trader = funded(l1, 1)
    async with running(tmp_path, l1) as node, undisturbed(node, l1, trader):
        async with raw(node) as (reader, writer):
            writer.write(bytes([0x82, 0xFF]) + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0")
            assert b"\x03\xf1" in await discard(reader)  # close code 1009
        async with raw(node) as (reader, writer):
            part = bytes([0x01, 0x80 | 100]) + b"\0\0\0\0" + b" " * 100  # a fragment, to be continued
            following = bytes([0x00, 0x80 | 100]) + b"\0\0\0\0" + b" " * 100
            writer.write(part + following * 5_000)
            assert b"\x03\xf1" in await discard(reader)


async def test_reveals_that_never_come(tmp_path: Path, l1: SimulatedL1) -> None:
    traders = [funded(l1, name) for name in range(1, 13)]
    honest = traders[0]
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        for trader in traders[1:]:
            async with connected(node, l1.parameters()) as other:
                await other.login(trader.key, trader.account)
                await other.ask(trader.commit(other), wire.Receipt)
        await client.login(honest.key, honest.account)
        await client.ask(honest.commit(client), wire.Receipt)
        node.seal_now()
        notice = await client.push(wire.Sealed)
        await client.ask(honest.reveal(client), wire.Acknowledgement)
        l1.mine(notice.reveal_until + 1 - l1.block)
        result = await client.push(wire.Result, lambda r: r.final)
        assert (result.outcome, result.charged) == ("opened", 0)
        status = await client.ask(wire.GetBatch(client.next_id(), 0), wire.BatchStatus)
        assert sorted(leaf.account for leaf in status.missing) == [trader.account for trader in traders[1:]]
        assert node.metrics.missed_reveals.value() == 11


async def test_commitments_replaced_a_thousand_times(tmp_path: Path, l1: SimulatedL1) -> None:
    fickle, steady = funded(l1, 1), funded(l1, 2)
    async with (
        running(tmp_path, l1, limits=FREE) as node,
        undisturbed(node, l1, steady),
        connected(node, l1.parameters()) as client,
    ):
        await client.login(fickle.key, fickle.account)
        messages = [fickle.commit(client, sequence) for sequence in range(1, 1_001)]

        async def send() -> None:
            for message in messages:
                await client.socket.send(wire.encode(message))

        sending = asyncio.create_task(send())
        receipts = [await client.reply(message.id) for message in messages]
        await sending
        assert all(isinstance(receipt, wire.Receipt) for receipt in receipts)
        batch = node.state.lifecycle.batch(0)
        assert batch.commitments[fickle.account].sequence == 1_000
        assert batch.collected == 2
        assert len(batch.commitments) == 2
