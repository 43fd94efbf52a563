"""Frames on the wire, byte by byte: fragments, text that is no text, connections that break the protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderbook import wire
from orderbook.limits import Limits

from .simulated import SimulatedL1, Trader, connected, running
from .test_abuse import discard, frame, raw

PING = wire.encode(wire.Ping(7)).encode()


def opcode(data: bytes, first: int) -> bytes:
    """A frame with another first byte: 0x01 and 0x02 begin a message, 0x00 goes on, 0x80 ends it."""
    return bytes([first]) + frame(data)[1:]


async def test_a_message_in_fragments_with_a_ping_between_them(tmp_path: Path, l1: SimulatedL1) -> None:
    async with running(tmp_path, l1) as node:
        async with raw(node) as (reader, writer):
            await reader.readuntil(b'"type":"hello"')
            writer.write(opcode(PING[:5], 0x01) + opcode(b"beat", 0x89))
            assert await reader.readuntil(b"beat")
            writer.write(opcode(b"", 0x00) + opcode(PING[5:9], 0x00) + opcode(PING[9:], 0x80) + frame(PING))
            answers = await reader.readuntil(b'"budget"')
            answers += await reader.readuntil(b'"budget"')
            assert answers.count(b'"type":"pong","id":7') == 2
        async with raw(node) as (reader, writer):
            data = wire.encode_binary(wire.Ping(8))
            writer.write(opcode(data[:4], 0x02) + opcode(data[4:], 0x80))
            assert await reader.readuntil(b"\xa4type\xa4pong\xa2id\x08")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(b"\xff\xfe"), 1007),
        (opcode(b"\xc3", 0x01) + opcode(b"(", 0x80), 1007),
        (opcode(b"{}", 0x80), 1002),  # goes on with nothing
        (opcode(b"{", 0x01) + frame(b"{}"), 1002),  # begins a second message within the first
        (b"\x81\x02{}", 1002),  # not masked
    ],
    ids=["text", "fragments", "continuation", "nested", "unmasked"],
)
async def test_a_connection_that_breaks_the_protocol_is_closed(
    tmp_path: Path, l1: SimulatedL1, sent: bytes, code: int
) -> None:
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as bystander:
        async with raw(node) as (reader, writer):
            await reader.readuntil(b'"type":"hello"')
            writer.write(frame(PING))
            await reader.readuntil(b'"type":"pong","id":7')
            writer.write(sent)
            end = await discard(reader)  # the venue's half is closed: this one need not close its own
            assert b"\x88" in end
            assert end.partition(b"\x88")[2][1:3] == code.to_bytes(2, "big")
        await bystander.ask(wire.Ping(1), wire.Pong)


async def test_more_requests_than_are_worked_on_at_once(tmp_path: Path, l1: SimulatedL1) -> None:
    trader = Trader(l1, 1)
    limits = Limits(pipeline=3, requests_per_second=1e6, burst=10**6)
    async with running(tmp_path, l1, limits=limits) as node, connected(node, l1.parameters()) as client:
        await client.login(trader.key, trader.account)
        messages = [trader.commit(client, sequence) for sequence in range(1, 101)]
        data = b"".join(frame(wire.encode_binary(message), binary=True) for message in messages)
        client.socket.transport.write(data)
        most = 0
        for message in messages:
            assert isinstance(await client.reply(message.id), wire.Receipt)
            most = max(most, *(connection.pending for connection in node.server._connections))
        assert most <= 3


async def test_a_full_inbox_does_not_keep_others_waiting(tmp_path: Path, l1: SimulatedL1) -> None:
    limits = Limits(requests_per_second=1e9, burst=10**9)
    async with (
        running(tmp_path, l1, limits=limits) as node,
        connected(node, l1.parameters()) as busy,
        connected(node, l1.parameters()) as other,
    ):
        numbers = range(100, 3_100)
        busy.socket.transport.write(b"".join(frame(wire.encode(wire.Ping(n)).encode()) for n in numbers))
        await other.ask(wire.Ping(1), wire.Pong)
        before = node.metrics.requests.value("Ping")
        for number in numbers:
            assert isinstance(await busy.reply(number), wire.Pong)
        assert before < len(numbers)
