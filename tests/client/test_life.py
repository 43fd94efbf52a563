"""Orders on the way from the commitment to the settlement, through the real node (without proofs)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from decimal import Decimal
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection

from client.errors import (
    InsufficientBalanceError,
    KeyFileError,
    NoReplyError,
    OrderEndedError,
    StateError,
    VenueMismatchError,
    VenueUnreachableError,
)
from client.orders import buy, sell, withdrawal
from client.states import (
    Cancelled,
    Cleared,
    Committed,
    Created,
    Proven,
    Rejected,
    Revealed,
    Sealed,
    Settled,
    Unfilled,
)
from client.store import Store
from client.venue import Venue
from orderbook import wire
from tests.orderbook.simulated import SimulatedL1, running

from .conftest import Trader, end, mining, until_sealed, url_of


async def test_two_orders_from_created_to_settled(tmp_path: Path, l1: SimulatedL1, alice: Trader, bob: Trader) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node) as one, bob.funded(node) as two:
        (bid,) = await one.commit([buy("ETH/USD", "0.005", "2.1")])
        offer, out = await two.commit([sell("ETH/USD", 3, 1_900), withdrawal("USD", "7.5")])
        node.seal_now()
        states = [state async for state in bid]
        assert [type(s) for s in states] == [Created, Committed, Sealed, Revealed, Cleared, Proven, Settled]
        transaction = l1.events[-1][1].transactions[0] if hasattr(l1.events[-1][1], "transactions") else ""
        assert states[-3:] == [Cleared(2_100, 3, 6), Proven(0, 0), Settled(2_100, 3, 6, transaction, True)]
        assert await offer.settled() == Settled(2_100, 3, 6, transaction, True)
        assert await out.settled() == Settled(None, 7_500_000, 0, transaction, True)
        assert (one.problems, two.problems) == ({}, {})
        balances = await two.balances()
        assert balances["ETH"].settled == balances["ETH"].pending == Decimal("9.997")
        assert balances["USD"].settled == Decimal("92.506294")
        assert balances["USD"].proven


async def test_an_order_without_a_match_ends_unfilled(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node) as client:
        (order,) = await client.commit([buy("ETH/USD", 1, 200)])
        node.seal_now()
        settled = await order.settled()
        assert isinstance(settled, Unfilled)
        assert (settled.fill, settled.fee, settled.verified) == (0, 0, True)


async def test_replacing_and_cancelling(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node) as client:
        with pytest.raises(StateError, match="holds no commitment") as none:
            await client.cancel()
        assert none.value.code == "no_commitment"
        (first,) = await client.commit([buy("ETH/USD", 1, 200)])
        with pytest.raises(StateError) as held:
            await client.commit([buy("ETH/USD", 2, 200)])
        assert (held.value.code, held.value.advice) == ("commitment_open", "use replace() or cancel()")
        with pytest.raises(StateError) as open_:
            await client.rekey(log_size=4)
        assert open_.value.code == "commitment_open"
        ladder = await client.quote([buy("ETH/USD", 1, price) for price in range(200, 263)])
        assert await end(first) == Cancelled("replaced")
        await client.cancel()
        assert await end(ladder[0]) == Cancelled("cancelled")
        (last,) = await client.commit([buy("ETH/USD", 4, 200)])
        assert last.batch == first.batch == 0
        node.seal_now()
        assert isinstance(await last.settled(), Unfilled)
        with pytest.raises(OrderEndedError) as ended:
            await first.settled()
        assert (ended.value.code, ended.value.state) == ("order_cancelled", Cancelled("replaced"))
        leaf = node.state.lifecycle.batch(0).leaves
        assert leaf is not None
        assert [(x.account, x.sequence) for x in leaf] == [(2, 4)]


async def test_a_restarted_client_reveals_what_an_earlier_run_committed(
    tmp_path: Path, l1: SimulatedL1, alice: Trader
) -> None:
    async with running(tmp_path, l1) as node:
        async with alice.funded(node) as client:
            await client.commit([sell("ETH/USD", 3, 1_900)])
        node.seal_now()
        await until_sealed(node)
        async with alice.running(url_of(node)) as client:
            ((order,),) = client.commitments
            assert order.entry.quantity == 3
            await order.revealed()
        l1.mine(3)
        async with alice.running(url_of(node)) as client:
            ((order,),) = client.commitments
            assert isinstance(await order.settled(), Unfilled)
            assert client.commitments == ()


async def test_commitments_survive_the_end_of_the_connection_and_of_the_node(
    tmp_path: Path, l1: SimulatedL1, alice: Trader
) -> None:
    async with contextlib.AsyncExitStack() as first, contextlib.AsyncExitStack() as clients:
        node = await first.enter_async_context(mining(tmp_path, l1))
        client = await clients.enter_async_context(alice.funded(node))
        (order,) = await client.commit([buy("ETH/USD", 1, 200)])
        await first.aclose()
        with pytest.raises(VenueUnreachableError) as down:
            await client.commit([buy("ETH/USD", 1, 200)], within=0.2)
        assert (down.value.code, down.value.retryable, down.value.outcome_known) == (
            "venue_unreachable",
            True,
            True,
        )
        async with mining(tmp_path, l1) as node:
            client._link.url = url_of(node)
            node.seal_now()
            assert isinstance(await order.settled(), Unfilled)


async def test_a_rekey_takes_effect_with_the_queue(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node) as client:
        for _ in range(2):
            (order,) = await client.commit([buy("ETH/USD", 1, 200)])
            node.seal_now()
            assert isinstance(await order.settled(), Unfilled)
        await client.rekey(log_size=5)
        assert client._store.key_trees() == ((0, 10), (2, 5))
        (order,) = await client.commit([buy("ETH/USD", 1, 200)])
        node.seal_now()
        assert isinstance(await order.settled(), Unfilled)
        assert node.state.key_root(2, 2) == client._ring.roots[-1]
        assert node.state.key_root(2, 1) == client._ring.roots[0]


async def test_balance_is_checked_before_anything_is_sent(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, caplog: pytest.LogCaptureFixture
) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node, "1", "0.0005") as client:
        with pytest.raises(InsufficientBalanceError) as short:
            await client.commit([sell("ETH/USD", "0.6", "2"), sell("ETH/USD", "0.6", "3")])
        assert str(short.value).startswith("orders[1] debits up to 0.6 ETH and 0.4 are left")
        assert short.value.field == "orders[1]"
        made = await client.commit([sell("ETH/USD", "0.6", "2")])
        assert made.warnings == ("less than the miss fee of 0.001 USD: orders will be dropped, withdrawals not",)
        node.seal_now()
        assert await end(made[0]) == Rejected("miss_fee_cover")


async def test_the_seed_and_the_salt_never_reach_the_log(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with mining(tmp_path, l1) as node, alice.funded(node) as client:
        (order,) = await client.commit([buy("ETH/USD", 1, 200)])
        (record,) = client._store.commitments(0)
        node.seal_now()
        await order.settled()
    said = caplog.text + repr([client, alice.keys, record, order, client._ring])
    for secret in (alice.keys.seed.reveal().hex(), f"{record.salt[0]:x}", str(record.salt[0])):
        assert secret not in said


async def test_a_store_and_keys_of_another_account_are_refused(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, bob: Trader
) -> None:
    async with mining(tmp_path, l1) as node:
        async with alice.funded(node), bob.funded(node):
            pass
        alice.path = bob.path
        with pytest.raises(Exception, match="belongs to account 3") as foreign:
            async with alice.running(url_of(node)):
                pass
        assert foreign.value.code == "store_foreign"  # type: ignore[attr-defined]
        alice.keys = bob.keys
        with pytest.raises(StateError) as wrong:
            async with alice.running(url_of(node)):
                pass
        assert wrong.value.code == "wrong_commit_key"


@pytest.mark.parametrize(
    ("field", "value"), [("chain_id", 1), ("number", 5), ("operator", "0x" + "99" * 20), ("contract", "0x" + "98" * 20)]
)
async def test_another_venue_is_refused(
    tmp_path: Path, l1: SimulatedL1, venue: Venue, field: str, value: object
) -> None:
    trader = Trader("a1", tmp_path, l1, dataclasses.replace(venue, **{field: value}))  # type: ignore[arg-type]
    async with mining(tmp_path, l1) as node:
        with pytest.raises(VenueMismatchError) as mismatch:
            async with trader.running(url_of(node)):
                pass
    assert mismatch.value.field == {"number": "venue"}.get(field, field)
    assert not mismatch.value.retryable


async def test_a_key_tree_that_does_not_cover_the_batch(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with mining(tmp_path, l1) as node, alice.running(url_of(node)) as client:
        await client.register(log_size=0)
        await client.deposit("USD", 10_000_000)
        (order,) = await client.commit([buy("ETH/USD", 1, 200)])
        node.seal_now()
        await order.settled()
        with pytest.raises(KeyFileError) as beyond:
            await client.commit([buy("ETH/USD", 1, 200)])
        assert (beyond.value.code, beyond.value.advice) == ("key_range", "call rekey()")
        assert client.commitments == ()


def test_a_store_is_for_one_process(tmp_path: Path) -> None:
    with Store(tmp_path / "s"), pytest.raises(Exception, match="another process") as locked:
        Store(tmp_path / "s")
    assert locked.value.code == "store_locked"  # type: ignore[attr-defined]


async def test_handles_end_with_their_client(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with mining(tmp_path, l1) as node:
        async with alice.funded(node) as client:
            (order,) = await client.commit([buy("ETH/USD", 1, 200)])
            waiting = asyncio.create_task(order.settled())
            await order.committed()
        with pytest.raises(StateError) as closed:
            await waiting
        assert closed.value.code == "client_closed"
        with pytest.raises(StateError, match="the client is closed"):
            await client.open_batch()


async def test_a_commitment_without_an_answer_is_found_out_later(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue journals the commitment, and its receipt is lost on the way."""
    async with mining(tmp_path, l1) as node, alice.funded(node) as client:
        real = client._link._exchange

        async def deaf(socket: ClientConnection, message: wire.Message) -> wire.Reply:
            reply = await real(socket, message)
            if isinstance(message, wire.Commit):
                raise TimeoutError  # as when the time of the call is over
            return reply

        monkeypatch.setattr(client._link, "_exchange", deaf)
        with pytest.raises(NoReplyError) as unknown:
            await client.commit([buy("ETH/USD", 1, 200)])
        assert (unknown.value.code, unknown.value.outcome_known) == ("no_reply", False)
        monkeypatch.undo()
        ((order,),) = client.commitments
        assert (await order.committed()).receipt.sequence == 1  # the agent asked for the lost receipt
        node.seal_now()
        assert isinstance(await order.settled(), Unfilled)
