"""Names make orders idempotent; resolve() tells what became of them; other processes on the account are noticed."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from client.dialing import Socket
from client.errors import InputError, NoReplyError, StateError
from client.orders import buy, sell
from client.states import (
    Cancelled,
    Committed,
    Created,
    Expired,
    OrderStatus,
    Settled,
    Unfilled,
)
from orderbook import wire
from tests.orderbook.simulated import SimulatedL1, running

from .conftest import Trader, mining, url_of

Exchange = Callable[[Socket, wire.Message], Awaitable[wire.Reply]]


def lost_reply(real: Exchange) -> Exchange:
    """The venue gets a commitment, and its answer is lost until the time of the call is over (which comes at once)."""

    async def exchange(socket: Socket, message: wire.Message) -> wire.Reply:
        reply = await real(socket, message)
        if isinstance(message, wire.Commit):
            raise TimeoutError
        return reply

    return exchange


def lost_request(real: Exchange) -> Exchange:
    """A commitment is lost on its way to the venue, until the time of the call is over (which comes at once)."""

    async def exchange(socket: Socket, message: wire.Message) -> wire.Reply:
        if isinstance(message, wire.Commit):
            raise TimeoutError
        return await real(socket, message)

    return exchange


async def test_a_repetition_under_the_same_name_is_the_same_order(
    tmp_path: Path, l1: SimulatedL1, alice: Trader
) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node) as client:
        ladder = [sell("ETH/USD", 2, 3_000, client_order_id="high"), buy("ETH/USD", 1, 200, client_order_id="low")]
        made = await client.commit(ladder)
        assert [order.client_order_id for order in made] == ["high", "low"]
        assert await client.commit(ladder) is made
        assert await client.replace(ladder) is made
        leaves = node.state.lifecycle.batch(0).commitments
        assert [event.sequence for event in leaves.values()] == [1]
        for other in (
            [buy("ETH/USD", 2, 200, client_order_id="low")],
            [*ladder, buy("ETH/USD", 2, 200)],
            [sell("ETH/USD", 2, 3_000), buy("ETH/USD", 1, 200, client_order_id="high")],
        ):
            with pytest.raises(InputError) as used:
                await client.replace(other)
            assert used.value.code == "client_order_id_used"
            assert used.value.field.endswith(".client_order_id")
        node.seal_now()
        await made.settled()
        again = await client.commit(ladder)
        assert [order.status for order in again] == [OrderStatus.UNFILLED] * 2
    async with mining(tmp_path, l1) as node, alice.running(url_of(node)) as client:
        again = await client.commit(ladder)
        assert [(order.client_order_id, order.status) for order in again] == [
            ("high", OrderStatus.UNFILLED),
            ("low", OrderStatus.UNFILLED),
        ]


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb", 7])
async def test_names_have_rules(tmp_path: Path, l1: SimulatedL1, alice: Trader, name: str) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node) as client:
        with pytest.raises(InputError) as bad:
            await client.commit([buy("ETH/USD", 1, 200, client_order_id=name)])
        assert (bad.value.code, bad.value.field) == ("bad_client_order_id", "orders[0].client_order_id")
        with pytest.raises(InputError) as twice:
            await client.commit([buy("ETH/USD", 1, 200, client_order_id="a")] * 2)
        assert (twice.value.code, twice.value.field) == ("client_order_id_twice", "orders[1].client_order_id")


async def test_the_handle_tells_everything(tmp_path: Path, l1: SimulatedL1, alice: Trader, bob: Trader) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node) as one, bob.funded(node) as two:
        (bid,) = await one.commit([buy("ETH/USD", 3, 2_100)])
        await two.commit([sell("ETH/USD", 3, 1_900)])
        assert (bid.status, bid.price, bid.fill, bid.transaction) == (OrderStatus.COMMITTED, None, None, None)
        assert bid.receipt is not None
        assert bid.receipt == (await bid.committed()).receipt
        node.seal_now()
        assert await bid.created() == Created()
        assert (await bid.sealed()).index == 0
        await bid.revealed()
        assert (await bid.cleared()).fill == 3
        assert (await bid.proven()).first == 0
        settled = await bid.settled()
        assert await bid.outcome() == settled == bid.state
        assert isinstance(settled, Settled)
        assert (bid.status, bid.price, bid.fill, bid.transaction) == (
            OrderStatus.SETTLED,
            settled.price,
            3,
            settled.transaction,
        )
        for never in (bid.unfilled, bid.rejected, bid.cancelled, bid.expired, bid.reveal_missed):
            with pytest.raises(Exception, match="the order ended as Settled") as ended:
                await never()
            assert ended.value.code == "order_settled"  # type: ignore[attr-defined]


async def test_resolve_finds_a_commitment_whose_answer_was_lost(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """... after the process that sent it is gone."""
    async with mining(tmp_path, l1) as node:
        async with alice.funded(node) as client:
            monkeypatch.setattr(client._link, "_exchange", lost_reply(client._link._exchange))
            with pytest.raises(NoReplyError):
                await client.commit([buy("ETH/USD", 1, 200, client_order_id="x")])
        async with alice.running(url_of(node)) as client:
            order = await client.resolve("x")
            assert isinstance(order.state, Committed)
            assert order is client.commitments[0][0]
            assert (await client.commit([buy("ETH/USD", 1, 200, client_order_id="x")]))[0] is order
            node.seal_now()
            assert isinstance(await order.settled(), Unfilled)
            assert (await client.resolve("x")).status is OrderStatus.UNFILLED
            with pytest.raises(InputError) as unknown:
                await client.resolve("y")
            assert (unknown.value.code, unknown.value.field) == ("unknown_order", "client_order_id")


async def test_an_order_that_never_arrived_can_be_sent_again(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node) as client:
        orders = [buy("ETH/USD", 1, 200, client_order_id="x")]
        monkeypatch.setattr(client._link, "_exchange", lost_request(client._link._exchange))
        with pytest.raises(NoReplyError):
            await client.commit(orders)
        monkeypatch.undo()
        first = await client.resolve("x", within=2.0)
        assert isinstance(first.state, Created)
        (order,) = await client.commit(orders)
        assert order is first
        assert isinstance(order.state, Committed)
        assert order.state.receipt.sequence == 1


async def test_a_process_that_died_before_it_sent_anything(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is in the store and nowhere else: the next process says so, and sends the same bytes."""
    async with mining(tmp_path, l1) as node:
        orders = [buy("ETH/USD", 1, 200, client_order_id="x")]
        async with alice.funded(node) as client:
            monkeypatch.setattr(client._link, "_exchange", lost_request(client._link._exchange))
            with pytest.raises(NoReplyError):
                await client.commit(orders)
            (stored,) = client._store.commitments(0)
        async with alice.running(url_of(node)) as client:
            assert isinstance((await client.resolve("x", within=2.0)).state, Created)
            (order,) = await client.commit(orders)
            assert isinstance(order.state, Committed)
            held = node.state.lifecycle.batch(0).commitments[client.account]
            assert (held.sequence, held.commitment) == (stored.sequence, stored.commitment)


async def test_two_stores_with_the_same_numbers(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    """The other process used the same client sequence: the venue refuses, and nobody accuses it of anything."""
    async with mining(tmp_path, l1) as node:
        async with alice.funded(node):
            pass
        copy = tmp_path / "copy" / alice.path.name
        copy.parent.mkdir()
        for name in os.listdir(tmp_path):
            if name.startswith(alice.path.name):
                shutil.copy2(tmp_path / name, copy.parent / name)
        first = alice.path
        async with alice.running(url_of(node)) as one:
            alice.path = copy
            async with alice.running(url_of(node), take_over=True) as two:
                (mine,) = await one.commit([buy("ETH/USD", 1, 200)])
                two._store.next_sequence()
                (other,) = await two.commit([buy("ETH/USD", 2, 200)])
                assert other.receipt is not None
                assert mine.receipt is not None
                assert other.receipt.sequence > mine.receipt.sequence
                one._store.next_sequence()
                one._store.next_sequence()
                node.seal_now()
                assert await mine.cancelled() == Cancelled("replaced_elsewhere")
                assert isinstance(await other.settled(), Unfilled)
        alice.path = first


async def test_an_order_that_never_arrived_expires_with_its_batch(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, bob: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node) as client, bob.funded(node) as other:
        orders = [buy("ETH/USD", 1, 200, client_order_id="x")]
        monkeypatch.setattr(client._link, "_exchange", lost_request(client._link._exchange))
        with pytest.raises(NoReplyError):
            await client.commit(orders)
        monkeypatch.undo()
        await other.commit([buy("ETH/USD", 1, 200)])
        node.seal_now()
        order = await client.resolve("x")
        assert await order.expired() == Expired("not_received")
        (again,) = await client.commit(orders)
        assert again.batch == 1
        assert isinstance(again.state, Committed)


async def test_valid_for_one_batch(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node) as client:
        for batch, code in ((1, "batch_not_open"), (-1, "batch_over")):
            with pytest.raises(StateError) as other:
                await client.commit([buy("ETH/USD", 1, 200)], valid_for_batch=batch)
            assert (other.value.code, other.value.field) == (code, "valid_for_batch")
        real = client._link._exchange

        async def closing(socket: Socket, message: wire.Message) -> wire.Reply:
            if isinstance(message, wire.Commit):
                node.seal_now()
                await asyncio.sleep(0.2)
            return await real(socket, message)

        client._link._exchange = closing  # type: ignore[method-assign]
        with pytest.raises(StateError) as over:
            await client.commit([buy("ETH/USD", 1, 200, client_order_id="now")], valid_for_batch=0)
        assert over.value.code == "batch_over"
        order = await client.resolve("now")
        assert order.state == Expired("batch_closed")


async def test_an_order_that_a_draining_venue_does_not_take_stays_created(
    tmp_path: Path, l1: SimulatedL1, alice: Trader
) -> None:
    async with running(tmp_path, l1) as node, alice.funded(node) as client:
        alice.chain.lag = 1_000
        await client.commit([buy("ETH/USD", 1, 200)])
        node.seal_now()
        while node.state.lifecycle.batch(0).seal is None:  # noqa: ASYNC110 - the node tells nobody
            await asyncio.sleep(0.01)
        node.drain()  # and it waits for the reveal
        with pytest.raises(NoReplyError):
            await client.commit([buy("ETH/USD", 1, 200, client_order_id="x")], within=2)
        assert isinstance((await client.resolve("x", within=0.5)).state, Created)


async def test_a_copy_of_the_store_is_refused(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    """Two processes, two stores, one account: the venue's client sequence shows it."""
    async with mining(tmp_path, l1) as node:
        async with alice.funded(node):
            pass
        copy = tmp_path / "copy" / alice.path.name
        copy.parent.mkdir()
        for name in os.listdir(tmp_path):
            if name.startswith(alice.path.name):
                shutil.copy2(tmp_path / name, copy.parent / name)
        async with alice.running(url_of(node)) as client:
            (order,) = await client.commit([buy("ETH/USD", 1, 200)])
            alice.path = copy
            async with alice.running(url_of(node)) as other:
                for call in (other.commit, other.replace):
                    with pytest.raises(StateError) as used:
                        await call([buy("ETH/USD", 2, 200)])
                    assert used.value.code == "account_in_use"
                    assert "sealbook agent" in used.value.advice
            async with alice.running(url_of(node), take_over=True) as other:
                (mine,) = await other.commit([buy("ETH/USD", 2, 200)])
                while 0 not in client.problems:  # noqa: ASYNC110 - the problem tells nobody
                    await asyncio.sleep(0.01)
                assert client.problems[0].code == "account_in_use"
                node.seal_now()
                assert isinstance(await mine.settled(), Unfilled)
                assert await order.cancelled() == Cancelled("replaced_elsewhere")
