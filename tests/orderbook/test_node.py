"""The node over real sockets: a whole batch, restarts, and each refusal with its code."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from orderbook import wire
from orderbook.errors import ChainMismatchError, ConfigurationError, JournalError
from orderbook.events import ZERO, BatchSealed, OpenedEntry
from orderbook.limits import Limits
from orderbook.server import Server

from .simulated import OPERATOR, Client, SimulatedL1, connected, everything, funded, running, sealed, signed_by_operator


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
