"""A market maker: a two-sided ladder that leans against its inventory, over ten batches, on two accounts as one.

With VENUE, RPC, CONTRACT and L1_KEYS (comma-separated, one for each account) in the environment it quotes at that
venue; without them, in a simulation with other traders, which takes seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

from sealbook import (
    Client,
    Inventory,
    Keys,
    MakerFill,
    Order,
    OrderEndedError,
    Quotes,
    QuoteTick,
    SimTick,
    SimVenue,
    buy,
    sell,
)

MARKET = "ETH/USD"
BATCHES = 10
LEVELS = 5
SIZE = Decimal("0.2")
HALF_SPREAD = Decimal("0.0005")
STEP = Decimal("0.0005")
LEAN = Decimal("0.002")
"""How far the middle moves for each token held above the target, as a share of the price."""
DEPOSITS = {"ETH": "5", "USD": "10000"}


def ladder(tick: QuoteTick, target: Decimal) -> list[Order]:
    """Bids and offers around the last price, shifted down when too much is held, and up when too little."""
    held = tick.inventory["ETH"] - target
    middle = tick.references[MARKET] * (1 - LEAN * held)
    orders = []
    for level in range(LEVELS):
        away = HALF_SPREAD + level * STEP
        orders.append(buy(MARKET, SIZE, (middle * (1 - away)).quantize(Decimal("0.1"))))
        orders.append(sell(MARKET, SIZE, (middle * (1 + away)).quantize(Decimal("0.1"))))
    return orders


async def make(clients: Sequence[Client]) -> None:
    """Quote for ten batches. A lease takes the quotes back if this program goes away."""
    fills: list[MakerFill] = []
    seen: list[Inventory] = []
    async with Quotes(clients, lease=30) as quotes:
        quotes.on_fill(fills.append)
        quotes.on_inventory(seen.append)
        start = await quotes.inventory()
        target, done = start["ETH"], 0
        async for tick in quotes.batches():
            if done == BATCHES:
                break
            result = await quotes.replace(ladder(tick, target))
            done += 1
            lean = tick.inventory["ETH"] - target
            print(
                f"batch {result.batch}: {sum(o is not None for o in result.orders)} quotes, {lean:+} ETH of the target"
            )
            for account, error in result.errors.items():
                print(f"  account {account}: {error.code}: {error.advice}")
        for client in clients:
            for commitment in client.commitments:
                for order in commitment:
                    with contextlib.suppress(OrderEndedError):  # a reveal that was missed has no fill
                        await order.cleared()
        end = await quotes.inventory()
    bought = sum((f.quantity for f in fills if f.side.name == "BUY"), Decimal(0))
    sold = sum((f.quantity for f in fills if f.side.name == "SELL"), Decimal(0))
    print(f"{len(fills)} fills: bought {bought}, sold {sold} ETH; fees {sum((f.fee for f in fills), Decimal(0))} USD")
    print(f"inventory: {start['ETH']} -> {end['ETH']} ETH, {start['USD']} -> {end['USD']} USD")
    assert end["ETH"] - start["ETH"] == bought - sold


def traders(tick: SimTick) -> Sequence[Order]:
    """Everybody else in the simulation: they buy and sell around what they think is right."""
    middle, orders = Decimal(2000), []
    for _ in range(12):
        side = tick.random.choice((buy, sell))
        push = Decimal(tick.random.randrange(0, 40)) / 10_000
        price = middle * (1 + push if side is buy else 1 - push)
        orders.append(side(MARKET, "0.15", price.quantize(Decimal("0.1"))))
    return orders


@contextlib.asynccontextmanager
async def at_venue() -> AsyncIterator[list[Client]]:
    """One client for each L1 key, with funds; keys and stores are kept in the current folder."""
    async with contextlib.AsyncExitStack() as stack:
        clients = []
        for number, key in enumerate(os.environ["L1_KEYS"].split(",")):
            client = await stack.enter_async_context(
                Client.connect(
                    os.environ["VENUE"],
                    rpc=os.environ["RPC"],
                    contract=os.environ["CONTRACT"],
                    account=key,
                    keys=Keys.at(f"maker-{number}.keys"),
                    store=f"maker-{number}.sqlite3",
                )
            )
            await client.register()
            for asset, amount in DEPOSITS.items():
                await client.deposit(asset, amount)
            clients.append(client)
        yield clients


async def trade() -> None:
    async with at_venue() as clients:
        await make(clients)


async def simulate(sim: SimVenue) -> None:
    async with sim.client("maker-0", DEPOSITS) as one, sim.client("maker-1", DEPOSITS) as two:
        await make([one, two])


if __name__ == "__main__":
    if "VENUE" in os.environ:
        asyncio.run(trade())
    else:
        with SimVenue(flow=traders) as venue:
            venue.run(simulate(venue))
