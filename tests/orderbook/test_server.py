"""The server over real sockets: frames that are no messages, budgets, clients that do not read."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from orderbook import wire
from orderbook.limits import Limits

from .simulated import SimulatedL1, connected, everything, funded, refused, running


@pytest.mark.parametrize(
    ("frame", "code", "field", "request_id"),
    [
        ("", "malformed", "", None),
        ("{}", "malformed", "", None),
        ("[1]", "malformed", "", None),
        ('{"type":"no such"}', "malformed", "type", None),
        ('{"type":"get_batch","id":7,"extra":1}', "malformed", "", 7),
        ('{"type":"get_batch","id":7,"batch":-1}', "malformed", "batch", 7),
        ('{"type":"get_batch","id":7,"batch":1.5}', "malformed", "batch", 7),
        ('{"type":"get_batch","id":7,"batch":"1"}', "malformed", "batch", 7),
        ('{"type":"get_batch","id":9007199254740992}', "malformed", "id", None),
        ('{"type":"login","id":7,"account":1048576,"signature":"0x"}', "malformed", "account", 7),
        ('{"type":"login","id":7,"account":2,"signature":"0x00"}', "malformed", "signature", 7),
        ("[" * 10_000, "malformed", "", None),
        (b"\xc1", "malformed", "", None),
    ],
)
async def test_frames_that_are_no_messages(
    tmp_path: Path, l1: SimulatedL1, frame: str | bytes, code: str, field: str, request_id: int | None
) -> None:
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.socket.send(frame)
        error = await client.receive()
        assert isinstance(error, wire.Error)
        assert (error.code, error.field, error.id) == (code, field, request_id)
        await client.ask(wire.GetMarkets(8), wire.Markets)


async def test_oversized_frames_close_the_connection_only(tmp_path: Path, l1: SimulatedL1) -> None:
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as bystander:
        async with connected(node, l1.parameters()) as client:
            await client.socket.send(" " * (wire.MAX_REQUEST_BYTES + 1))
            error = await client.receive()
            assert isinstance(error, wire.Error)
            assert error.code == "too_large"
            with pytest.raises(ConnectionClosed) as closed:
                await client.receive()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1009, "too_large")
        async with connected(node, l1.parameters()) as client:
            await client.socket.send(" " * (8 * wire.MAX_REQUEST_BYTES))
            with pytest.raises(ConnectionClosed) as closed:
                await client.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        await bystander.ask(wire.GetMarkets(8), wire.Markets)


async def test_the_rate_limit_and_its_strikes(tmp_path: Path, l1: SimulatedL1) -> None:
    limits = Limits(requests_per_second=0.001, burst=3, strikes=2)
    async with running(tmp_path, l1, limits=limits) as node, connected(node, l1.parameters()) as client:
        for number in range(3):
            await client.ask(wire.GetMarkets(number), wire.Markets)
        assert await refused(client, wire.GetMarkets(3)) == ("rate_limited", "", True)
        assert await refused(client, wire.GetMarkets(4)) == ("rate_limited", "", True)
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "rate_limited")
        async with connected(node, l1.parameters()) as other:
            await other.ask(wire.GetMarkets(1), wire.Markets)


@pytest.mark.parametrize("back", [False, True], ids=["stays away", "reads again"])
async def test_a_client_that_does_not_read_is_cut(tmp_path: Path, l1: SimulatedL1, back: bool) -> None:
    limits = Limits(outgoing=4, requests_per_second=1e6, burst=10**6)
    async with (
        running(tmp_path, l1, limits=limits) as node,
        connected(node, l1.parameters()) as slow,
        connected(node, l1.parameters()) as good,
    ):
        await slow.ask(wire.Subscribe(1), wire.Subscribed)
        await good.ask(wire.GetMarkets(1), wire.Markets)
        slow.socket.transport.pause_reading()
        status = await good.ask(wire.GetBatch(2), wire.BatchStatus)
        big = msgspec.structs.replace(status, id=None, settle_transactions=("0x" + "00" * 32,) * 3000)
        for number in range(60):
            node.server.broadcast(("batches", 0), big)
            await good.ask(wire.GetMarkets(3 + number), wire.Markets)
            if node.metrics.cut.value("slow_consumer"):
                break
        if back:
            slow.socket.transport.resume_reading()
            with pytest.raises(ConnectionClosed) as closed:
                await everything(slow, [])
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "slow_consumer")
        while len(node.server._connections) > 1:
            await good.ask(wire.GetMarkets(good.next_id() + 100), wire.Markets)


async def test_a_client_that_takes_nothing_for_a_while_is_cut(tmp_path: Path, l1: SimulatedL1) -> None:
    limits = Limits(stall_seconds=0.1, requests_per_second=1e6, burst=10**6)
    async with (
        running(tmp_path, l1, limits=limits) as node,
        connected(node, l1.parameters()) as slow,
        connected(node, l1.parameters()) as good,
    ):
        await slow.ask(wire.Subscribe(1), wire.Subscribed)
        slow.socket.transport.pause_reading()
        status = await good.ask(wire.GetBatch(2), wire.BatchStatus)
        big = msgspec.structs.replace(status, id=None, settle_transactions=("0x" + "00" * 32,) * 3000)
        (stalled,) = node.server._connections.subscribed(("batches", 0))
        while stalled.socket.stalled is None:
            node.server.broadcast(("batches", 0), big)
            await good.ask(wire.GetMarkets(good.next_id() + 100), wire.Markets)
        assert stalled.waiting < limits.outgoing
        while len(node.server._connections) > 1:
            await good.ask(wire.GetMarkets(good.next_id() + 100), wire.Markets)
        assert node.metrics.cut.value("slow_consumer") == 1


async def test_messagepack(tmp_path: Path, l1: SimulatedL1) -> None:
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.socket.send(wire.encode_binary(wire.GetMarkets(5)))
        answer = await client.socket.recv()
        assert isinstance(answer, bytes)
        assert isinstance(wire.decode_reply(answer), wire.Markets)


async def test_too_many_connections(tmp_path: Path, l1: SimulatedL1) -> None:
    from websockets.exceptions import InvalidStatus

    trader = funded(l1, 1)
    async with (
        running(tmp_path, l1, limits=Limits(connections=1)) as node,
        connected(node, l1.parameters()) as client,
    ):
        await client.login(trader.key, trader.account)
        with pytest.raises(InvalidStatus) as caught:
            async with connected(node, l1.parameters()):
                pass
        assert caught.value.response.status_code == 503
        await client.ask(wire.GetMarkets(1), wire.Markets)
