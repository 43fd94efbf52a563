"""A back-test: does it pay to buy what fell and to sell what rose? The same client as at a real venue, without one.

Prices come from a random walk that the other traders follow; put recorded orders in the place of `Crowd`. Every run
with one seed gives the same numbers. With pandas (`pip install 'sealbook[pandas]'`) a table is shown as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from decimal import Decimal

from sealbook import Client, Order, SimTerms, SimTick, SimVenue, StateError, buy, sell

MARKET = "ETH/USD"
SIZE = "0.2"
CENT = Decimal("0.01")


class Crowd:
    """Other traders around a price that wanders; they know it, the strategy does not."""

    def __init__(self, start: Decimal) -> None:
        self.value = start

    def __call__(self, tick: SimTick) -> Sequence[Order]:
        self.value *= 1 + Decimal(tick.random.randrange(-20, 21)) / 10_000
        orders = []
        for _ in range(40):
            side = tick.random.choice((buy, sell))
            away = 1 + Decimal(tick.random.randrange(-15, 16)) / 10_000
            orders.append(side(MARKET, tick.random.randrange(50, 500), (self.value * away).quantize(CENT)))
        return orders


async def strategy(client: Client, batches: int) -> None:
    """One order per batch, against the last move, with room for half a percent."""
    before: Decimal | None = None
    async for tick in client.quotes.batches():
        if tick.batch >= batches:
            break
        price = tick.references[MARKET]
        if before is not None and price != before:
            side, room = (buy, Decimal("1.005")) if price < before else (sell, Decimal("0.995"))
            await client.quotes.replace([side(MARKET, SIZE, (price * room).quantize(CENT))])
        before = price
    for commitment in client.commitments:
        for order in commitment:
            await order.outcome()


def backtest(seed: int, batches: int) -> dict[str, Decimal | int]:
    """Run it; profit is valued at the last price."""
    with SimVenue(SimTerms(seed=seed), flow=Crowd(Decimal(2000))) as sim:

        async def main() -> dict[str, Decimal | int]:
            async with sim.client("strategy", {"ETH": "20", "USD": "40000"}) as client:
                start = await client.available()
                await strategy(client, batches)
                end, history = await client.available(), client.history()
                last = (await client.references())[MARKET]
                try:
                    print(history.to_pandas().groupby("side")[["filled", "fee"]].sum())
                except StateError as error:
                    print(error)
                profit = end["USD"] - start["USD"] + (end["ETH"] - start["ETH"]) * last
                fills = [row for row in history if row.filled]
                fees = sum((row.fee for row in fills), Decimal(0))
                return {"batches": batches, "fills": len(fills), "fees": fees, "profit": profit, "last": last}

        return sim.run(main())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Back-test a strategy against a simulated venue.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batches", type=int, default=360, help="of ten seconds each (default 360: an hour)")
    options = parser.parse_args()
    for name, value in backtest(options.seed, options.batches).items():
        print(f"{name:>8}: {value}")
