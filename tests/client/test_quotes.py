"""Makers: one commitment per batch over all markets, several accounts as one, quotes that stand, leases, callbacks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from client.client import Client
from client.errors import CapExceededError, InputError, OrderEndedError, StateError
from client.inventory import Inventory, MakerFill
from client.orders import Order, Side, buy, sell, withdrawal
from client.quotes import Quotes
from client.sim import SimTerms, SimTick, SimVenue
from client.states import Cancelled, Committed, Settled, Unfilled
from commitments.types import QUANTITY_CAP

FUNDS = {"ETH": "100", "BTC": "5", "USD": "400000"}


@pytest.fixture
def sim() -> Iterator[SimVenue]:
    with SimVenue() as venue:
        yield venue


def ladder(levels: int, size: str = "0.1", middle: int = 2000, market: str = "ETH/USD") -> list[Order]:
    bids = [buy(market, size, str(middle - 1 - level)) for level in range(levels)]
    return bids + [sell(market, size, str(middle + 1 + level)) for level in range(levels)]


@contextlib.asynccontextmanager
async def accounts(sim: SimVenue, count: int) -> AsyncIterator[list[Client]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(sim.client(f"maker-{i}", FUNDS)) for i in range(count)]


def test_a_ladder_over_all_markets_is_one_commitment(sim: SimVenue) -> None:
    async def main() -> None:
        async with sim.client("maker", FUNDS) as client:
            both = [*ladder(16), *ladder(16, "0.01", 60_000, "BTC/USD")]
            result = await client.quotes.replace(both)
            assert result.complete
            assert [made.sequence for made in result.commitments.values()] == [1]
            assert [o.instruction for o in result.orders if o is not None] == both
            again = await client.quotes.replace(ladder(32))
            assert again.batch == result.batch == 0
            assert result.orders[0] is not None
            assert result.orders[0].state == Cancelled("replaced")
            settled = await again.commitments[client.account].settled()
            assert {type(state) for state in settled} == {Unfilled}
            with pytest.raises(CapExceededError) as many:
                await client.quotes.replace(ladder(33))
            assert many.value.field == "orders[64]"

    sim.run(main())


def test_several_accounts_are_one_maker(sim: SimVenue) -> None:
    async def main() -> None:
        async with accounts(sim, 3) as clients, Quotes(clients) as quotes:
            big = ladder(80)
            result = await quotes.replace(big)
            assert result.complete
            assert sorted(result.commitments) == [c.account for c in clients]
            assert sum(len(made) for made in result.commitments.values()) == len(big) == 160
            assert max(len(made) for made in result.commitments.values()) <= 64
            assert [o.instruction for o in result.orders if o is not None] == big
            small = await quotes.replace(ladder(1))
            assert sum(len(made) for made in small.commitments.values()) == 2
            assert small.batch == 0
            quoting = {account for account, made in small.commitments.items() if made}
            for client in clients:  # whoever has no part any more has taken back its commitment
                messages = client._store.commitments(0)
                assert any(messages[-1].commitment) == (client.account in quoting)
            held = await quotes.inventory()
            assert held["ETH"] == 300
            assert held.batch == -1

    sim.run(main())


def test_a_share_that_fails_is_told_item_by_item(sim: SimVenue) -> None:
    async def main() -> None:
        async with accounts(sim, 2) as clients, Quotes(clients) as quotes:
            sim.unplug(clients[1])
            result = await quotes.replace(ladder(40), within=2)
            assert not result.complete
            assert list(result.errors) == [clients[1].account]
            assert result.errors[clients[1].account].code in ("venue_unreachable", "no_reply")
            assert not result.errors[clients[1].account].outcome_known or result.errors[clients[1].account].retryable
            missing = sum(order is None for order in result.orders)
            assert missing == 80 - len(result.commitments[clients[0].account])
            sim.unplug(clients[0])
            with pytest.raises(Exception, match="no answer"):
                await quotes.replace(ladder(1), within=2)

    sim.run(main())


def test_fills_and_inventory(sim: SimVenue) -> None:
    fills: list[MakerFill] = []
    seen: list[Inventory] = []

    async def main() -> None:
        async with sim.client("maker", FUNDS) as maker, sim.client("taker", FUNDS) as taker:
            maker.quotes.on_fill(fills.append)

            async def told(inventory: Inventory) -> None:
                seen.append(inventory)

            maker.quotes.on_inventory(lambda _: 1 // 0)  # a strategy's fault does not stop the quotes
            maker.quotes.on_inventory(told)
            await maker.quotes.replace(ladder(3))
            (order,) = await taker.commit([buy("ETH/USD", "0.25", "2010")])
            state = await order.settled()
            assert isinstance(state, Settled)
            assert state.fill == 250

    sim.run(main())
    assert {(fill.batch, fill.market, fill.side) for fill in fills} == {(0, "ETH/USD", Side.SELL)}
    assert sum(fill.quantity for fill in fills) == Decimal("0.25")
    paid = sum((fill.quantity * fill.price - fill.fee for fill in fills), Decimal(0))
    (inventory,) = seen
    assert inventory.batch == 0
    assert inventory["ETH"] == Decimal("99.75")
    assert inventory["USD"] == 400_000 + paid


def flow(tick: SimTick) -> Sequence[Order]:
    """Somebody sells 0.4 ETH in every batch, whatever the price."""
    return [sell("ETH/USD", "0.4", "1900")]


def test_good_till_cancelled_never_trades_more_than_was_asked_for() -> None:
    with SimVenue(flow=flow) as sim:

        async def main() -> None:
            async with sim.client("maker", FUNDS) as maker:
                traded: list[MakerFill] = []
                maker.quotes.on_fill(traded.append)
                await maker.quotes.replace([buy("ETH/USD", "1", "2000")], gtc=True)
                (order,) = maker.quotes.standing
                async with asyncio.timeout(300):
                    while maker.quotes.standing:  # noqa: ASYNC110 - in simulated time
                        await asyncio.sleep(1)
                assert [fill.quantity for fill in traded] == [Decimal("0.4"), Decimal("0.4"), Decimal("0.2")]
                assert (order.total, order.filled) == (1000, 1000)
                await asyncio.sleep(60)
                assert (await maker.available())["ETH"] == 101

        sim.run(main())


def test_quotes_that_are_refreshed_are_whole_in_every_batch() -> None:
    with SimVenue(flow=flow) as sim:

        async def main() -> None:
            async with sim.client("maker", FUNDS) as maker:
                traded: list[MakerFill] = []
                maker.quotes.on_fill(traded.append)
                await maker.quotes.replace([buy("ETH/USD", "0.3", "2000")], gtc=True, refresh=True)
                await asyncio.sleep(65)
                assert [fill.quantity for fill in traded] == [Decimal("0.3")] * 6
                assert [fill.batch for fill in traded] == list(range(6))
                await maker.quotes.cancel()
                await asyncio.sleep(60)
                assert len(traded) == 6
                assert maker.quotes.standing == ()

        sim.run(main())


def test_good_till_time(sim: SimVenue) -> None:
    async def main() -> None:
        async with sim.client("maker", FUNDS) as maker:
            end = datetime.fromtimestamp(sim.now() + 34, UTC)
            await maker.quotes.replace([buy("ETH/USD", "1", "1500")], gtt=end)
            await asyncio.sleep(100)
            batches = {record.batch for record in map(maker._store.batch, range(10)) if record is not None}
            assert batches == {0, 1, 2, 3}
            assert any(maker._store.commitments(2)[-1].commitment)
            assert not any(maker._store.commitments(3)[-1].commitment)  # taken back when the time was over
            with pytest.raises(InputError) as late:
                await maker.quotes.replace([buy("ETH/USD", "1", "1500")], gtt=end)
            assert late.value.field == "gtt"

    sim.run(main())


def test_valid_for_one_batch(sim: SimVenue) -> None:
    async def main() -> None:
        async with sim.client("maker", FUNDS) as maker:
            result = await maker.quotes.replace(ladder(1), valid_for_batch=0)
            assert result.batch == 0
            status = await maker.next_batch(after=0)
            assert status.batch == 1
            with pytest.raises(StateError) as over:
                await maker.quotes.replace(ladder(1), valid_for_batch=0)
            assert over.value.code == "batch_over"
            with pytest.raises(StateError) as early:
                await maker.quotes.replace(ladder(1), valid_for_batch=5)
            assert early.value.code == "batch_not_open"

    sim.run(main())


def test_quotes_do_not_outlive_their_lease(sim: SimVenue) -> None:
    async def main() -> None:
        async with accounts(sim, 2) as clients, Quotes(clients, lease=3) as quotes:
            first = await quotes.replace(ladder(40))
            await asyncio.sleep(8)  # renewed: they stay until the batch closes
            assert isinstance(await first.commitments[clients[0].account][0].sealed(), object)
            second = await quotes.replace(ladder(40))
            sim.unplug(clients[1])
            await asyncio.sleep(12)
            held, gone = (second.commitments[client.account][0] for client in clients)
            assert (await held.sealed()).index == 0
            sim.plug(clients[1])
            with pytest.raises(OrderEndedError) as ended:
                await gone.settled()
            assert ended.value.state == Cancelled("lease_lapsed")
            third = await quotes.replace(ladder(1))  # the account quotes again
            assert third.complete

    sim.run(main())


def test_a_batch_that_closes_before_the_lease_is_taken(sim: SimVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with sim.client("maker", FUNDS) as maker, Quotes([maker], lease=3) as quotes:
            honest = maker.lease

            async def late(seconds: float, *, within: float = 30.0) -> None:
                await maker.next_batch(after=0)
                await honest(seconds, within=within)

            monkeypatch.setattr(maker, "lease", late)
            result = await quotes.replace(ladder(1))
            assert (result.batch, result.complete) == (0, True)
            await result.commitments[maker.account].settled()

    sim.run(main())


def test_a_lease_alone(sim: SimVenue) -> None:
    async def main() -> None:
        async with sim.client("maker", FUNDS) as maker:
            with pytest.raises(StateError) as none:
                await maker.lease(2)
            assert none.value.code == "no_commitment"
            await maker.renew_lease()
            (order,) = await maker.commit([buy("ETH/USD", "1", "1500")])
            await maker.lease(2)
            with pytest.raises(StateError) as held:  # a lease does not make room for another commitment
                await maker.commit([buy("ETH/USD", "1", "1500")])
            assert held.value.code == "commitment_open"
            made = await maker.replace([buy("ETH/USD", "2", "1500")])  # and does not follow a replacement
            assert order.state == Cancelled("replaced")
            await made[0].sealed()
            await maker.renew_lease()

    sim.run(main())


def test_ticks_name_every_batch() -> None:
    with SimVenue(SimTerms(batch_seconds=5), flow=flow) as sim:

        async def main() -> None:
            async with sim.client("maker", FUNDS) as maker:
                found = []
                async for tick in maker.quotes.batches():
                    found.append(tick)
                    await maker.quotes.replace([buy("ETH/USD", "0.1", "1950")])
                    if tick.batch == 5:
                        break
                assert [tick.batch for tick in found] == list(range(6))
                assert found[0].references["ETH/USD"] == 2000
                assert found[-1].references["ETH/USD"] == 1900
                assert found[-1].inventory["ETH"] > 100
                assert found[1].closes_at == pytest.approx(sim.terms.start + 10)

        sim.run(main())


def test_ladders_that_are_not_possible(sim: SimVenue) -> None:
    async def main() -> None:
        async with accounts(sim, 2) as clients:
            with pytest.raises(InputError):
                Quotes([])
            with pytest.raises(InputError):
                Quotes([clients[0], clients[0]])
            quotes = Quotes(clients)
            for arguments in ({"gtc": True, "valid_for_batch": 0}, {"refresh": True}):
                with pytest.raises(InputError):
                    await quotes.replace(ladder(1), **arguments)  # type: ignore[arg-type]
            with pytest.raises(InputError, match="cannot stand") as out:
                await quotes.replace([buy("ETH/USD", 1, 200_000), withdrawal("ETH", 1)], gtc=True)
            assert out.value.field == "orders[1]"
            with pytest.raises(InputError, match="client_order_id"):
                await quotes.replace([buy("ETH/USD", 1, "2000", client_order_id="a")], gtc=True)
            with pytest.raises(InputError) as off:
                await quotes.replace([*ladder(1), buy("ETH/USD", "0.00001", "2000")])
            assert off.value.field == "orders[2].quantity"
            # Two accounts hold twice what one bundle may hold on one side of a market.
            result = await quotes.replace([buy("ETH/USD", QUANTITY_CAP, 200_000)] * 2)
            assert all(order is not None and isinstance(order.state, Committed) for order in result.orders)
            with pytest.raises(CapExceededError):
                await quotes.replace([buy("ETH/USD", QUANTITY_CAP, 200_000)] * 3)

    sim.run(main())
