"""The node over real sockets: a whole batch, restarts, and each refusal with its code."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from orderbook import wire
from orderbook.errors import ChainMismatchError, ConfigurationError, EndpointDownError, JournalError, ProverError
from orderbook.events import ZERO, BatchSealed, OpenedEntry
from orderbook.l1 import SettlementPackage
from orderbook.limits import Limits
from orderbook.parameters import VenueParameters
from orderbook.server import Server
from orderbook.state import VenueState

from .simulated import (
    OPERATOR,
    Client,
    HonestPackages,
    SimulatedL1,
    Trader,
    connected,
    running,
    signed_by_operator,
)


@pytest.fixture
def l1(parameters: VenueParameters) -> SimulatedL1:
    return SimulatedL1(replace(parameters, operator=OPERATOR.address))


def funded(l1: SimulatedL1, name: int, batch: int = 0) -> Trader:
    trader = Trader(l1, name, batch)
    l1.deposit(trader.account, 0, 10**6)
    l1.deposit(trader.account, 1, 10**9)
    return trader


async def refused(client: Client, request: wire.Message) -> tuple[str, str, bool]:
    error = await client.ask(request, wire.Error)
    return (error.code, error.field, error.retryable)


async def sealed(operator: Client) -> None:
    await operator.ask(wire.SealNow(operator.next_id()), wire.BatchStatus)


async def test_a_batch_from_commitment_to_settlement(tmp_path: Path, l1: SimulatedL1) -> None:
    buyer, seller = funded(l1, 1), funded(l1, 2)
    buyer.entries = (OpenedEntry(2, 0, 20_010, 5),)
    seller.entries = (OpenedEntry(3, 0, 20_000, 7),)
    parameters = l1.parameters()
    async with (
        running(tmp_path, l1) as node,
        connected(node, parameters) as one,
        connected(node, parameters) as two,
        connected(node, parameters) as operator,
    ):
        assert one.hello == wire.Hello(
            2,
            parameters.venue,
            parameters.chain_id,
            parameters.contract,
            OPERATOR.address,
            one.hello.challenge,
            Limits().budget(),
        )
        await operator.login(OPERATOR, 0)
        assert (await operator.ask(wire.Subscribe(1), wire.Subscribed)).batches[-1].phase == "commit"
        for client, trader in ((one, buyer), (two, seller)):
            session = await client.login(trader.key, trader.account)
            assert (session.open_batch, session.sequence) == (0, 0)
            receipt = await client.ask(trader.commit(client), wire.Receipt)
            digest = client.domain.receipt(0, trader.account, 1, trader.commitment)
            assert signed_by_operator(digest, receipt.signature)
        await sealed(operator)
        for client, trader in ((one, buyer), (two, seller)):
            notice = await client.push(wire.Sealed)
            path = await client.ask(wire.GetPath(client.next_id(), 0), wire.Path)
            assert (notice.index, notice.siblings, notice.root) == (path.index, path.siblings, path.root)
            assert notice.commitment == wire.hex_digest(trader.commitment)
            assert notice.reveal_until == notice.seal_block + parameters.reveal_window
            acknowledged = await client.ask(trader.reveal(client), wire.Acknowledgement)
            digest = client.domain.acknowledgement(0, trader.account, trader.commitment)
            assert signed_by_operator(digest, acknowledged.signature)
        l1.mine(4)
        result = await one.push(wire.Result)
        assert (result.final, result.outcome) == (False, "opened")
        assert [(f.fill, f.clearing_price, f.fee) for f in result.fills] == [(5, 20_000, 50)]
        assert result.changes == ((0, 5), (1, -100_050))
        final = await one.push(wire.Result, lambda r: r.final)
        assert msgspec.structs.replace(final, final=False, stream_sequence=2) == result
        status = await operator.push(wire.BatchStatus, lambda s: s.batch == 0 and s.phase == "settled")
        assert (status.count, status.epoch, status.settle_gas, status.proof_seconds) == (2, (0, 0), 5, 0.25)
        assert [(m.price, m.volume) for m in status.markets] == [(20_000, 5), (30_000, 0)]
        balances = await two.ask(wire.GetBalances(two.next_id()), wire.Balances)
        assert (balances.settled_batches, balances.root) == (1, wire.hex_digest(node.state.tree.root))
        assert {leaf.asset: leaf.amount for leaf in balances.balances} == {0: 0, 1: 0} | dict(balances.pending)
        markets = await two.ask(wire.GetMarkets(two.next_id()), wire.Markets)
        assert markets.markets[0].reference == 20_000


async def test_phases_seen_by_a_subscriber(tmp_path: Path, l1: SimulatedL1) -> None:
    trader = funded(l1, 1)
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.ask(wire.Subscribe(1), wire.Subscribed)
        await client.login(trader.key, trader.account)
        await client.ask(trader.commit(client), wire.Receipt)
        node.seal_now()
        await client.push(wire.Sealed)
        await client.ask(trader.reveal(client), wire.Acknowledgement)
        l1.mine(4)
        await client.push(wire.BatchStatus, lambda s: s.batch == 0 and s.phase == "settled")
        seen = [s.phase for s in client.pushed if isinstance(s, wire.BatchStatus) and s.batch == 0]
        assert list(dict.fromkeys(seen)) == ["seal", "reveal", "beacon", "clear", "prove", "settle"]


async def test_a_missing_reveal_is_charged_after_the_deadline(tmp_path: Path, l1: SimulatedL1) -> None:
    trader = funded(l1, 1)
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.login(trader.key, trader.account)
        await client.ask(trader.commit(client), wire.Receipt)
        node.seal_now()
        notice = await client.push(wire.Sealed)
        status = await client.ask(wire.GetBatch(client.next_id(), 0), wire.BatchStatus)
        assert (status.phase, status.missing) == ("reveal", ())
        l1.mine(notice.reveal_until + 1 - l1.block)
        result = await client.push(wire.Result)
        assert (result.outcome, result.charged, result.changes) == ("missing", 1_000, ((1, -1_000),))
        refusal = await client.ask(trader.reveal(client), wire.Refusal)
        assert refusal.reason == "late"
        digest = client.domain.refusal(0, trader.account, trader.commitment, "late")
        assert signed_by_operator(digest, refusal.signature)
        status = await client.ask(wire.GetBatch(client.next_id(), 0), wire.BatchStatus)
        assert status.missing == (wire.MissingLeaf(trader.account, wire.hex_digest(trader.commitment), True),)


async def test_nothing_accepted_is_lost_in_a_restart(tmp_path: Path, l1: SimulatedL1) -> None:
    one, two = funded(l1, 1), funded(l1, 2)
    parameters = l1.parameters()
    async with running(tmp_path, l1) as node, connected(node, parameters) as client:
        await client.login(one.key, one.account)
        first = await client.ask(one.commit(client), wire.Receipt)
    async with (
        running(tmp_path, l1) as node,
        connected(node, parameters) as client,
        connected(node, parameters) as other,
    ):
        session = await client.login(one.key, one.account)
        assert (session.open_batch, session.sequence) == (0, 1)
        again = await client.ask(one.commit(client), wire.Receipt)
        assert again.signature == first.signature
        await other.login(two.key, two.account)
        await other.ask(two.commit(other), wire.Receipt)
        node.seal_now()
        await client.push(wire.Sealed)
        acknowledged = await client.ask(one.reveal(client), wire.Acknowledgement)
    async with (
        running(tmp_path, l1) as node,
        connected(node, parameters) as client,
        connected(node, parameters) as other,
    ):
        await client.login(one.key, one.account)
        again_revealed = await client.ask(one.reveal(client), wire.Acknowledgement)
        assert again_revealed.signature == acknowledged.signature
        await other.login(two.key, two.account)
        await other.ask(wire.GetPath(other.next_id(), 0), wire.Path)
        await other.ask(two.reveal(other), wire.Acknowledgement)
        l1.mine(4)
        await other.push(wire.Result, lambda r: r.final)
    assert l1.seals == [l1.seals[0]]
    assert [(p.first, p.last) for p in l1.settled] == [(0, 0)]


async def test_batches_are_proven_together(tmp_path: Path, l1: SimulatedL1) -> None:
    prover = HonestPackages()
    async with (
        running(tmp_path, l1, prover=prover, batches_per_epoch=3) as node,
        connected(node, l1.parameters()) as operator,
    ):
        await operator.login(OPERATOR, 0)
        await operator.ask(wire.Subscribe(operator.next_id()), wire.Subscribed)
        for number in range(3):
            await sealed(operator)
            await operator.push(wire.BatchStatus, lambda s, n=number: s.batch == n + 1)  # type: ignore[misc]
            while node.state.lifecycle.batch(number).seal is None:
                await operator.push(wire.BatchStatus)
        await operator.push(wire.BatchStatus, lambda s: s.batch == 2 and s.phase == "settled")
    assert prover.calls == [(0, 2)]


async def test_an_outage_of_l1_is_survived(tmp_path: Path, l1: SimulatedL1) -> None:
    trader = funded(l1, 1)
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.login(trader.key, trader.account)
        l1.down = True
        await client.ask(trader.commit(client), wire.Receipt)
        node.seal_now()
        l1.down = False
        await client.push(wire.Sealed)


async def test_a_seal_of_somebody_else_stops_the_node(tmp_path: Path, l1: SimulatedL1) -> None:
    async with running(tmp_path, l1):
        pass
    l1.mine()
    l1._emit(BatchSealed(0, ZERO, 3, 0, l1.block, "0x" + "00" * 32))
    with pytest.raises(ChainMismatchError, match="a seal of batch 0 that this node did not make"):
        async with running(tmp_path, l1):
            pass


async def test_a_second_node_on_the_same_data_or_port(tmp_path: Path, l1: SimulatedL1) -> None:
    async with running(tmp_path, l1) as node:
        with pytest.raises(JournalError) as locked:
            async with running(tmp_path, l1):
                pass
        assert locked.value.code == "journal_locked"
        with pytest.raises(ConfigurationError) as busy:
            await Server(node.server._handler).start("127.0.0.1", node.server.port)
        assert busy.value.code == "port_busy"


# ---------------------------------------------------------------------------------------- refusals


async def test_commitments_that_are_refused(tmp_path: Path, l1: SimulatedL1) -> None:
    trader, other = funded(l1, 1), funded(l1, 2)
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        commit = trader.commit(client)
        assert await refused(client, commit) == ("unauthenticated", "", False)
        await client.login(trader.key, trader.account)
        change = msgspec.structs.replace
        stranger = change(commit, signature=other.commit(client).signature)
        assert await refused(client, stranger) == ("bad_signature", "signature", False)
        assert await refused(client, change(commit, sequence=2)) == ("bad_signature", "signature", False)
        assert await refused(client, change(commit, signature="0x" + "00" * 65)) == (
            "bad_signature",
            "signature",
            False,
        )
        assert await refused(client, change(commit, commitment="0x" + "00" * 32)) == (
            "malformed",
            "commitment",
            False,
        )
        assert await refused(client, change(commit, commitment="0x" + "ff" * 32)) == (
            "malformed",
            "commitment",
            False,
        )
        assert await refused(client, trader.commit(client, batch=9)) == ("unknown_batch", "batch", False)
        await client.ask(trader.commit(client, sequence=5), wire.Receipt)
        assert await refused(client, trader.commit(client, sequence=4)) == ("replayed", "sequence", False)
        digest = client.domain.commitment(0, trader.account, 6, ZERO)
        cancel = wire.Cancel(client.next_id(), 0, 6, "0x" + trader.key.sign(digest).hex())
        assert (await client.ask(cancel, wire.Receipt)).commitment == wire.hex_digest(ZERO)
        node.seal_now()
        state = await client.ask(wire.Subscribe(client.next_id()), wire.Subscribed)
        if state.batches[-1].batch == 0:
            await client.push(wire.BatchStatus, lambda s: s.batch == 1)
        assert await refused(client, trader.commit(client, sequence=7)) == ("wrong_phase", "batch", True)


async def test_logins_that_are_refused(tmp_path: Path, l1: SimulatedL1) -> None:
    trader, other = funded(l1, 1), funded(l1, 2)
    parameters = l1.parameters()
    async with running(tmp_path, l1) as node, connected(node, parameters) as client:
        assert await refused(client, wire.Login(1, 99, "0x" + "00" * 65)) == (
            "not_registered",
            "account",
            True,
        )
        digest = client.domain.session(trader.account, bytes.fromhex(client.hello.challenge[2:]))
        signature = "0x" + other.key.sign(digest).hex()
        assert await refused(client, wire.Login(2, trader.account, signature)) == (
            "bad_signature",
            "signature",
            False,
        )
        old = client.hello.challenge
        async with connected(node, parameters) as second:
            digest = second.domain.session(trader.account, bytes.fromhex(old[2:]))
            replayed = wire.Login(3, trader.account, "0x" + trader.key.sign(digest).hex())
            assert await refused(second, replayed) == ("bad_signature", "signature", False)
        assert await refused(client, wire.Login(4, 0, signature)) == ("bad_signature", "signature", False)
        await client.login(trader.key, trader.account)
        assert await refused(client, wire.Login(5, trader.account, signature)) == ("replayed", "type", False)
        assert await refused(client, wire.SealNow(6)) == ("unauthenticated", "", False)
        assert await refused(client, wire.GetResult(7, 0)) == ("too_early", "", True)
        assert await refused(client, wire.GetPath(8, 0)) == ("wrong_phase", "batch", True)
        assert await refused(client, wire.GetBatch(9, 44)) == ("unknown_batch", "batch", False)


async def test_reveals_that_are_refused(tmp_path: Path, l1: SimulatedL1) -> None:
    trader, bystander = funded(l1, 1), funded(l1, 2)
    trader.entries = (
        OpenedEntry(2, 0, 20_000, 5),
        OpenedEntry(3, 0, 20_000, 5),
    )  # quote before base: not in order
    parameters = l1.parameters()
    change = msgspec.structs.replace
    async with running(tmp_path, l1) as node, connected(node, parameters) as client:
        await client.login(trader.key, trader.account)
        assert await refused(client, trader.reveal(client)) == ("wrong_phase", "batch", True)
        await client.ask(trader.commit(client), wire.Receipt)
        node.seal_now()
        await client.push(wire.Sealed)
        reveal = trader.reveal(client)
        for bad, reason in (
            (change(reveal, entries=(wire.Entry(2, 0, 20_000, 6),)), "commitment_mismatch"),
            (change(reveal, salt=wire.hex_digest((1, 1, 1, 0))), "commitment_mismatch"),
            (change(reveal, salt=wire.hex_digest((1, 1, 1, 1))), "malformed_bundle"),
            (change(reveal, key_position=4), "key_mismatch"),
            (change(reveal, key_path=reveal.key_path[:-1]), "key_mismatch"),
            (reveal, "malformed_bundle"),
        ):
            refusal = await client.ask(bad, wire.Refusal)
            digest = client.domain.refusal(0, trader.account, trader.commitment, reason)
            assert (refusal.reason, signed_by_operator(digest, refusal.signature)) == (reason, True)
        assert refusal.message == "entries[1]: not in the order (debited asset, market, kind)"
        async with connected(node, parameters) as other:
            await other.login(bystander.key, bystander.account)
            refusal = await other.ask(bystander.reveal(other), wire.Refusal)
            assert (refusal.reason, refusal.commitment) == ("no_leaf", wire.hex_digest(ZERO))
            assert await refused(other, wire.GetPath(9, 0)) == ("not_found", "", False)


async def test_a_registration_out_of_reach(tmp_path: Path, l1: SimulatedL1) -> None:
    early = funded(l1, 1)
    for _ in range(l1.parameters().queue_per_batch):
        l1.deposit(early.account, 0, 1)
    late = funded(l1, 2)
    async with running(tmp_path, l1, empty_batches=False) as node, connected(node, l1.parameters()) as client:
        await client.login(late.key, late.account)
        assert await refused(client, late.commit(client)) == ("registration_pending", "", True)


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


async def test_what_is_not_on_disk_is_not_acknowledged(tmp_path: Path, l1: SimulatedL1) -> None:
    trader = funded(l1, 1)
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.login(trader.key, trader.account)
        node._recorder._journal.close()
        await client.socket.send(wire.encode(trader.commit(client)))
        answers: list[wire.Reply] = []
        with pytest.raises(ConnectionClosed) as closed:
            await everything(client, answers)
        assert [a.code for a in answers if isinstance(a, wire.Error)] in (["unavailable"], [])
        assert not any(isinstance(a, wire.Receipt) for a in answers)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


async def everything(client: Client, answers: list[wire.Reply]) -> None:
    while True:
        answers.append(await client.receive())


async def test_a_node_that_stops_says_goodbye(tmp_path: Path, l1: SimulatedL1) -> None:
    async with connected_to_stopped(tmp_path, l1) as client:
        assert await client.receive() == wire.Goodbye("stopping", 5.0)
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "stopping")


@contextlib.asynccontextmanager
async def connected_to_stopped(folder: Path, l1: SimulatedL1) -> AsyncIterator[Client]:
    async with contextlib.AsyncExitStack() as stack:
        async with running(folder, l1) as node:
            client = await stack.enter_async_context(connected(node, l1.parameters()))
        yield client


async def test_an_epoch_that_is_too_large_is_proven_in_parts(tmp_path: Path, l1: SimulatedL1) -> None:
    class Limited(HonestPackages):
        async def prove(self, state: VenueState, first: int, last: int) -> tuple[SettlementPackage, float]:
            if last > first:
                self.calls.append((first, last))
                raise ProverError("no tier holds it", code="epoch_too_large")
            return await super().prove(state, first, last)

    prover = Limited()
    async with (
        running(tmp_path, l1, prover=prover, batches_per_epoch=2) as node,
        connected(node, l1.parameters()) as operator,
    ):
        await operator.login(OPERATOR, 0)
        await operator.ask(wire.Subscribe(operator.next_id()), wire.Subscribed)
        for number in range(2):
            await sealed(operator)
            while node.state.lifecycle.batch(number).seal is None:
                await operator.push(wire.BatchStatus)
        await operator.push(wire.BatchStatus, lambda s: s.batch == 0 and s.phase == "settled")
    assert prover.calls == [(0, 1), (0, 0)]
    assert [(p.first, p.last) for p in l1.settled] == [(0, 0)]


async def test_a_lost_proof_is_made_again(tmp_path: Path, l1: SimulatedL1) -> None:
    prover = HonestPackages()

    class Down(SimulatedL1):
        def settle(self, package: SettlementPackage) -> None:
            raise EndpointDownError("the endpoint does not answer")

    down = Down(l1.parameters())
    async with running(tmp_path, down, prover=prover) as node, connected(node, l1.parameters()) as client:
        await client.ask(wire.Subscribe(1), wire.Subscribed)
        node.seal_now()
        await client.push(wire.BatchStatus, lambda s: s.phase == "settle")
    (stored,) = (tmp_path / "epochs").iterdir()
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    down.__class__ = SimulatedL1
    async with running(tmp_path, down, prover=prover) as node, connected(node, l1.parameters()) as client:
        await client.ask(wire.Subscribe(1), wire.Subscribed)
        status = await client.ask(wire.GetBatch(2, 0), wire.BatchStatus)
        if status.phase != "settled":
            await client.push(wire.BatchStatus, lambda s: s.batch == 0 and s.phase == "settled")
    assert prover.calls == [(0, 0), (0, 0)]
