"""The venue without a network: same client, a clock that jumps, the same result every time; and calls that wait."""

from __future__ import annotations

import asyncio
import gc
import inspect
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from client.blocking import SyncClient, SyncOrder, ThreadPortal, opened
from client.client import Client
from client.errors import InputError, StateError, VenueRefusedError
from client.handles import OrderHandle
from client.history import MarketRow
from client.keys import Keys
from client.orders import Order, buy, sell, withdrawal
from client.sim import SimAsset, SimMarket, SimTerms, SimTick, SimVenue
from client.states import Settled, Unfilled
from client.venue import Venue
from tests.orderbook.simulated import SimulatedL1

from .conftest import TREE, Trader, mining, url_of

FUNDS = {"ETH": "10", "USD": "50000"}


def crowd(tick: SimTick) -> Sequence[Order]:
    """Buyers and sellers around the last price."""
    middle = tick.references["ETH/USD"]
    orders = []
    for _ in range(30):
        away = Decimal(tick.random.randrange(-4000, 4000)).scaleb(-3)
        side = tick.random.choice([buy, sell])
        orders.append(side("ETH/USD", tick.random.randrange(1, 500), middle + away))
    return orders


async def trade(sim: SimVenue, batches: int) -> list[tuple[object, ...]]:
    """A strategy that buys when the price fell; its orders with their outcomes."""
    async with sim.client("alice", FUNDS) as client:
        before = Decimal(2000)
        async for tick in client.quotes.batches():
            price = tick.references["ETH/USD"]
            side = buy if price <= before else sell
            await client.quotes.replace([side("ETH/USD", "0.1", price + (5 if side is buy else -5))])
            before = price
            if tick.batch == batches:
                break
        await client.commitments[-1].settled()
        return [(r.batch, r.side, r.filled, r.price, r.fee, r.phase, r.verified) for r in client.history()]


def run(seed: int, batches: int = 12) -> tuple[list[tuple[object, ...]], list[MarketRow], float]:
    with SimVenue(SimTerms(seed=seed), flow=crowd) as sim:
        rows = sim.run(trade(sim, batches))
        return rows, list(sim.history()), sim.now() - sim.terms.start


def test_a_run_is_the_same_every_time() -> None:
    first = run(7)
    assert first == run(7)
    assert first[0] != run(8)[0]
    rows, markets, elapsed = first
    assert len(rows) == 13
    assert {row[5:] for row in rows} == {("settled", True)}
    assert elapsed == pytest.approx(13 * 10 + 3 + 5)  # batches, beacon, proof of the last one
    assert [m.at for m in markets[::2]] == [
        datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=10 * n) for n in range(1, 14)
    ]


def test_hours_take_seconds() -> None:
    with SimVenue() as sim:

        async def main() -> tuple[float, object]:
            async with sim.client("alice", FUNDS) as client:
                await asyncio.sleep(3600)
                (order,) = await client.commit([buy("ETH/USD", 1, 200_000)])
                return sim.now() - sim.terms.start, await order.settled()

        started = time.monotonic()
        assert sim.run(main())[0] == 3600
        assert time.monotonic() - started < 600


def test_what_is_settled_leaves_the_memory() -> None:
    """The venue's side keeps settled batches in a file, and the client forgets what it is told to forget."""
    with SimVenue(SimTerms(batch_seconds=1, proof_seconds=0)) as sim:

        async def main() -> None:
            async with sim.client("alice", {"ETH": "10", "USD": "50000"}) as client:
                client._keep_batches = 20
                for batch in range(60):
                    (order,) = await client.commit([sell("ETH/USD", "0.001", "2500", client_order_id=str(batch))])
                    assert order.batch == batch
                    await order.outcome()
                held = sim._floor.state.lifecycle.batches._held
                assert len(held) < 40
                rows = await client.market_history(0, 60)
                assert [row.batch for row in rows] == [batch for batch in range(60) for _ in client.venue.markets]
                assert [row.batch for row in client.history()] == list(range(39, 60))
                with pytest.raises(InputError) as forgotten:
                    await client.resolve("5")
                assert forgotten.value.code == "unknown_order"

        sim.run(main())


def test_a_simulation_that_nobody_closes_leaves_nothing_behind() -> None:
    sim = SimVenue()
    folder = sim._folder
    assert folder.is_dir()
    del sim
    gc.collect()
    assert not folder.exists()


async def test_a_client_keeps_enough_for_a_repetition(tmp_path: Path) -> None:
    with pytest.raises(InputError) as few:
        async with Client.connect(
            "ws://x", rpc="", contract="", keys=Keys.generate(), store=tmp_path / "s", keep_batches=5
        ):
            pass
    assert few.value.field == "keep_batches"


def test_own_markets_and_withdrawals() -> None:
    terms = SimTerms(
        assets=(SimAsset("GOLD", 4), SimAsset("EUR", 4)),
        markets=(SimMarket(base="GOLD", quote="EUR", reference="50", lower="1", upper="1000", fee_ppm=0),),
        fee_asset="EUR",
        batches_per_epoch=2,
    )
    with SimVenue(terms) as sim:

        async def main() -> None:
            async with sim.client("a", {"GOLD": "10", "EUR": "100"}) as a, sim.client("b", {"EUR": "5000"}) as b:
                assert a.venue.market("GOLD/EUR").symbol == "GOLD/EUR"
                (offer, out) = await a.commit([sell("GOLD/EUR", "2", "50"), withdrawal("GOLD", "3")])
                (bid,) = await b.commit([buy("GOLD/EUR", "2", "50")])
                state = await bid.cleared()
                assert (state.price, state.fill) == (50, 20_000)
                await b.next_batch(after=0)
                await b.commit([buy("GOLD/EUR", "1", "40")])
                assert isinstance(await offer.settled(), Settled)
                assert isinstance(await out.settled(), Settled)
                assert len(await a.claim()) == 1
                assert await a.claim() == ()
                assert (await a.balances())["GOLD"].settled == 5
                assert (a.problems, b.problems) == ({}, {})

        sim.run(main())
    for wrong in (
        {"markets": (SimMarket(base="X", quote="EUR", reference="5", lower="1", upper="9"),)},
        {"fee_asset": "DOGE"},
        {"assets": (SimAsset("EUR", 4), SimAsset("EUR", 4))},
    ):
        with pytest.raises(InputError):
            SimVenue(SimTerms(**{"assets": terms.assets, "markets": terms.markets, "fee_asset": "EUR", **wrong}))  # type: ignore[arg-type]
    with pytest.raises(InputError):
        SimTerms(batch_seconds=0)


def test_accounts_live_on_from_run_to_run(tmp_path: Path) -> None:
    with SimVenue(folder=tmp_path) as sim:

        async def commit() -> str:
            async with sim.client("alice", FUNDS) as client:
                (order,) = await client.commit([buy("ETH/USD", 1, 200_000, client_order_id="mine")])
                return order.client_order_id

        async def resolve() -> OrderHandle:
            async with sim.client("alice") as client:
                handle = await client.resolve("mine")
                await handle.settled()
                return handle

        name = sim.run(commit())
        assert isinstance(sim.run(resolve()).state, Unfilled)
        assert name == "mine"
    assert (tmp_path / "alice.store").exists()  # a folder of the caller's is not deleted


def test_history_as_tables() -> None:
    pandas = pytest.importorskip("pandas")
    with SimVenue(SimTerms(seed=3), flow=crowd) as sim:
        sim.run(trade(sim, 5))

        async def tables() -> None:
            async with sim.client("alice") as client:
                orders = client.history().to_pandas()
                assert list(orders.columns[:6]) == ["batch", "client_order_id", "market", "side", "limit", "quantity"]
                assert list(orders["batch"]) == list(range(6))
                assert orders["filled"].dtype == float
                exact = client.history().to_pandas(exact=True)
                assert exact["quantity"][0] == Decimal("0.1")
                told = (await client.market_history(0, 3)).to_pandas()
                mine = sim.history().to_pandas()
                assert list(told["price"]) == list(mine["price"][: len(told)])
                assert pandas.api.types.is_datetime64_any_dtype(mine["at"])
                empty = client.history()[:0]
                assert empty == ()
                with pytest.raises(VenueRefusedError) as unknown:
                    await client.market_history(0, 1000)
                assert unknown.value.code == "unknown_batch"

        sim.run(tables())


def test_without_pandas_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with SimVenue() as sim, pytest.raises(StateError) as caught:
        sim.history().to_pandas()
    assert (caught.value.code, "sealbook[pandas]" in caught.value.advice) == ("no_pandas", True)


def test_calls_that_wait_in_a_simulation() -> None:
    with SimVenue() as sim, sim.sync_client("alice", FUNDS) as client:
        (order,) = client.commit([buy("ETH/USD", 1, 200_000)])
        assert [type(state).__name__ for state in order][-1] == "Unfilled"
        assert isinstance(order.settled(), Unfilled)
        assert (order.fill, order.status.value) == (0, "unfilled")
        assert client.balances()["ETH"].settled == 10
        assert client.available()["USD"] == 50_000
        assert client.history()[0].market == "ETH/USD"
        assert client.open_batch().batch == client.next_batch().batch == 1
        result = client.run(client.asynchronous.quotes.replace([buy("ETH/USD", 1, 200_000)]))
        assert result.complete
        client.cancel()
        assert client.resolve(order.handle.client_order_id).state == order.state


async def test_calls_that_wait_on_a_real_connection(tmp_path: Path, l1: SimulatedL1, venue: Venue) -> None:
    trader = Trader("a1", tmp_path, l1, venue)
    async with mining(tmp_path, l1) as node:

        def script() -> tuple[object, str]:
            portal = ThreadPortal()
            try:
                with opened(portal, lambda: trader.running(url_of(node))) as made:
                    client = SyncClient(portal, made)
                    client.register(log_size=TREE)
                    client.deposit("USD", "100")
                    (order,) = client.commit([buy("ETH/USD", 1, 200)])
                    assert isinstance(order, SyncOrder)
                    order.committed()
                    loop.call_soon_threadsafe(node.seal_now)
                    return order.settled(), repr(client)
            finally:
                portal.close()

        loop = asyncio.get_running_loop()
        state, shown = await asyncio.to_thread(script)
        assert isinstance(state, Unfilled)
        assert "Client" in shown


def test_the_page_shows_what_runs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulation.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("Unfilled(")


def test_the_facade_has_every_method_of_the_client() -> None:
    def public(kind: type) -> dict[str, inspect.Signature]:
        found = inspect.getmembers(kind, inspect.isfunction)
        return {name: inspect.signature(f) for name, f in found if not name.startswith("_")}

    asynchronous, facade = public(Client), public(SyncClient)
    waiting = {n for n in asynchronous if inspect.iscoroutinefunction(getattr(Client, n))}
    special = {"lease", "renew_lease", "available_units"}  # of makers, who run a loop
    assert waiting - facade.keys() == special
    shown = {name for name, _ in inspect.getmembers(Client, lambda member: isinstance(member, property))}
    assert {name for name in shown if not hasattr(SyncClient, name)} == {"quotes"}
    awaited = {name for name, _ in inspect.getmembers(OrderHandle, inspect.iscoroutinefunction)}
    assert {name for name in awaited if not name.startswith("_") and not hasattr(SyncOrder, name)} == set()
    for name in waiting - special:
        assert list(asynchronous[name].parameters.values()) == list(facade[name].parameters.values()), name
