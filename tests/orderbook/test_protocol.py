"""What a connection can rely on: order of replies, results by item, budgets, TLS, drain and farewell."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage

from orderbook import wire
from orderbook.limits import Limits

from .simulated import OPERATOR, Client, SimulatedL1, connected, funded, running, signed_by_operator

TLS = Path(__file__).parent / "tls"


def own(message: wire.Commit, account: int) -> wire.Commit:
    return wire.Commit(message.id, message.batch, message.sequence, message.commitment, message.signature, account)


async def ended(client: Client) -> tuple[int, str]:
    """Close code and reason, once everything before is read."""
    try:
        while True:
            client.pushed.append(await client.receive())
    except ConnectionClosed as closed:
        return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else (1006, "")


async def test_replies_come_in_the_order_of_the_requests(tmp_path: Path, l1: SimulatedL1) -> None:
    trader = funded(l1, 1)
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.login(trader.key, trader.account)
        sent: list[wire.Request] = []
        for sequence in range(1, 41):
            sent += [trader.commit(client, sequence), wire.GetBatch(client.next_id(), 0)]
        sent.append(trader.commit(client, 1))
        for message in sent:
            await client.socket.send(wire.encode(message))
        replies = [await client.receive() for _ in sent]
    assert [getattr(reply, "id", None) for reply in replies] == [message.id for message in sent]
    assert [type(reply) for reply in replies[:-1]] == [wire.Receipt, wire.BatchStatus] * 40
    assert isinstance(replies[-1], wire.Error)
    assert replies[-1].code == "replayed"


async def test_each_frame_is_answered_in_its_encoding(tmp_path: Path, l1: SimulatedL1) -> None:
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.socket.send(wire.encode(wire.Ping(1)))
        text = await client.socket.recv()
        await client.socket.send(wire.encode_binary(wire.Ping(2)))
        data = await client.socket.recv()
    assert isinstance(text, str)
    assert isinstance(data, bytes)
    first, second = wire.decode_reply(text), wire.decode_reply(data)
    assert isinstance(first, wire.Pong)
    assert isinstance(second, wire.Pong)
    assert (first.id, second.id) == (1, 2)


async def test_several_accounts_on_one_connection(tmp_path: Path, l1: SimulatedL1) -> None:
    one, two, stranger = funded(l1, 1), funded(l1, 2), funded(l1, 3)
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.login(one.key, one.account)
        await client.login(two.key, two.account)
        first = await client.ask(one.commit(client), wire.Receipt)
        second = await client.ask(own(two.commit(client), two.account), wire.Receipt)
        assert (first.account, second.account) == (one.account, two.account)
        assert signed_by_operator(client.domain.receipt(0, two.account, 1, two.commitment), second.signature)
        error = await client.ask(own(stranger.commit(client), stranger.account), wire.Error)
        assert (error.code, error.field) == ("unauthenticated", "account")
        # The commit key decides, not the session: one's commitment is none of two's.
        error = await client.ask(own(one.commit(client, 2), two.account), wire.Error)
        assert (error.code, error.field) == ("bad_signature", "signature")
        node.seal_now()
        places = {(await client.push(wire.Sealed)).commitment for _ in range(2)}
        assert places == {wire.hex_digest(one.commitment), wire.hex_digest(two.commitment)}


async def test_a_connection_has_so_many_accounts(tmp_path: Path, l1: SimulatedL1) -> None:
    one, two = funded(l1, 1), funded(l1, 2)
    limits = Limits(accounts_per_connection=1)
    async with running(tmp_path, l1, limits=limits) as node, connected(node, l1.parameters()) as client:
        await client.login(one.key, one.account)
        digest = client.domain.session(two.account, bytes.fromhex(client.hello.challenge[2:]))
        error = await client.ask(wire.Login(9, two.account, "0x" + two.key.sign(digest).hex()), wire.Error)
        assert (error.code, error.field) == ("unavailable", "account")


async def test_each_item_of_many_has_its_result(tmp_path: Path, l1: SimulatedL1) -> None:
    one, two = funded(l1, 1), funded(l1, 2)
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.login(one.key, one.account)
        await client.login(two.key, two.account)
        bad = wire.Commit(50, 0, 7, wire.hex_digest(one.commitment), "0x" + "00" * 65)
        items = (
            one.commit(client, 1),
            bad,
            own(two.commit(client, 1), two.account),
            wire.GetBatch(51, 9),
            own(two.commit(client, 1), two.account),
            wire.GetResult(52, 0),
        )
        results = await client.ask(wire.Many(99, items), wire.Results)
        assert [reply.id for reply in results.items] == [item.id for item in items]
        codes = [reply.code if isinstance(reply, wire.Error) else type(reply).__name__ for reply in results.items]
        assert codes == ["Receipt", "bad_signature", "Receipt", "unknown_batch", "Receipt", "too_early"]
        assert results.items[2].signature == results.items[4].signature  # type: ignore[union-attr]
        node.seal_now()
        await client.push(wire.Sealed)
        await client.push(wire.Sealed)
        reveals = (one.reveal(client), wire_for(two.reveal(client), two.account))
        opened = await client.ask(wire.Many(100, reveals), wire.Results)
        assert [type(reply) for reply in opened.items] == [wire.Acknowledgement] * 2


def wire_for(reveal: wire.Reveal, account: int) -> wire.Reveal:
    fields = (reveal.id, reveal.batch, reveal.entries, reveal.salt, reveal.secret, reveal.key_position, reveal.key_path)
    return wire.Reveal(*fields, account)


async def test_the_budget_is_told_and_many_takes_as_much_of_it(tmp_path: Path, l1: SimulatedL1) -> None:
    limits = Limits(requests_per_second=0.01, burst=5, strikes=9)
    async with running(tmp_path, l1, limits=limits) as node, connected(node, l1.parameters()) as client:
        budget = client.hello.budget
        assert (budget.requests_per_second, budget.burst, budget.strikes) == (0.01, 5, 9)
        assert (budget.request_bytes, budget.items) == (wire.MAX_REQUEST_BYTES, wire.MAX_ITEMS)
        pong = await client.ask(wire.Ping(1), wire.Pong)
        assert 4 <= pong.budget < 4.5
        await client.ask(wire.Many(2, (wire.GetBatch(3), wire.GetBatch(4))), wire.Results)
        error = await client.ask(wire.Many(5, (wire.GetBatch(6), wire.GetBatch(7), wire.GetBatch(8))), wire.Error)
        assert (error.code, error.field, error.retryable) == ("rate_limited", "items", True)
        assert error.retry_after is not None
        assert 50 < error.retry_after <= 100
        await client.ask(wire.Ping(9), wire.Pong)
        error = await client.ask(wire.Ping(10), wire.Error)
        assert (error.id, error.code) == (10, "rate_limited")


async def test_strangers_give_way_when_the_venue_is_full(tmp_path: Path, l1: SimulatedL1) -> None:
    trader = funded(l1, 1)
    async with (
        running(tmp_path, l1, limits=Limits(connections=2)) as node,
        connected(node, l1.parameters()) as member,
        connected(node, l1.parameters()) as stranger,
    ):
        await member.login(trader.key, trader.account)
        async with connected(node, l1.parameters()) as newcomer:
            await newcomer.ask(wire.Ping(1), wire.Pong)
            assert await ended(stranger) == (1013, "not_logged_in")
            await member.ask(trader.commit(member), wire.Receipt)


async def test_the_oldest_session_of_an_account_gives_way(tmp_path: Path, l1: SimulatedL1) -> None:
    trader = funded(l1, 1)
    async with (
        running(tmp_path, l1, limits=Limits(connections_per_account=1)) as node,
        connected(node, l1.parameters()) as old,
        connected(node, l1.parameters()) as new,
    ):
        await old.login(trader.key, trader.account)
        await new.login(trader.key, trader.account)
        assert await ended(old) == (1008, "too_many_sessions")
        await new.ask(trader.commit(new), wire.Receipt)


async def test_what_was_asked_is_answered_before_the_farewell(tmp_path: Path, l1: SimulatedL1) -> None:
    trader = funded(l1, 1)
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.login(trader.key, trader.account)
        for sequence in range(1, 21):
            await client.socket.send(wire.encode(trader.commit(client, sequence)))
        await client.socket.send(wire.encode(wire.Ping(999)))
        async with connected(node, l1.parameters()) as other:
            while node.metrics.commitments.value() < 20:
                await other.ask(wire.Ping(other.next_id()), wire.Pong)
        closing = asyncio.create_task(node.server.close())
        assert await ended(client) == (1001, "stopping")
        await closing
    kinds = [type(message) for message in client.pushed]
    assert kinds == [wire.Receipt] * 20 + [wire.Pong, wire.Goodbye]


async def test_a_drained_node_ends_when_everything_is_settled(tmp_path: Path, l1: SimulatedL1) -> None:
    trader, late = funded(l1, 1), funded(l1, 2)
    parameters = l1.parameters()
    async with (
        running(tmp_path, l1, batches_per_epoch=16) as node,
        connected(node, parameters) as client,
        connected(node, parameters) as other,
        connected(node, parameters) as operator,
    ):
        await client.login(trader.key, trader.account)
        await other.login(late.key, late.account)
        await operator.login(OPERATOR, 0)
        await client.ask(trader.commit(client), wire.Receipt)
        error = await client.ask(wire.Drain(9), wire.Error)
        assert error.code == "unauthenticated"
        await operator.ask(wire.Drain(1), wire.BatchStatus)
        assert "draining" in node.problems()
        error = await other.ask(late.commit(other), wire.Error)
        assert (error.code, error.retryable) in (("unavailable", True), ("wrong_phase", True))
        await client.push(wire.Sealed)
        await client.ask(trader.reveal(client), wire.Acknowledgement)
        l1.mine(4)
        assert await ended(client) == (1001, "drained")
    final = [message for message in client.pushed if isinstance(message, wire.Result) and message.final]
    assert len(final) == 1
    assert client.pushed[-1] == wire.Goodbye("drained", 5.0)
    assert [(package.first, package.last) for package in l1.settled] == [(0, 0)]


async def test_tls(tmp_path: Path, l1: SimulatedL1) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(TLS / "test-only.crt", TLS / "test-only.key")
    trusting = ssl.create_default_context(cafile=str(TLS / "test-only.crt"))
    async with running(tmp_path, l1, tls=server) as node:
        url = f"wss://localhost:{node.server.port}"
        async with connect(url, ssl=trusting, compression=None) as socket:
            assert isinstance(wire.decode_reply(await socket.recv()), wire.Hello)
            await socket.send(wire.encode(wire.Ping(1)))
            assert isinstance(wire.decode_reply(await socket.recv()), wire.Pong)
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(url, ssl=ssl.create_default_context())
        with pytest.raises(InvalidMessage):
            await connect(f"ws://localhost:{node.server.port}")
