"""A trader's day at a venue: an order with a name, its whole life, what happens when something goes wrong.

Takes the venue's addresses from the environment, as `sealbook demo --keep` prints them: VENUE, RPC, CONTRACT, L1_KEY.
Keys and store are made in the current folder and used again the next time. Run it again after killing it at any
point: it finds out what became of its order.
"""

from __future__ import annotations

import asyncio
import os

from sealbook import (
    Client,
    Delta,
    Keys,
    OrderEndedError,
    RevealMissed,
    SealbookError,
    Settled,
    Snapshot,
    Unfilled,
    sell,
)

NAME = "day-1"
"""The order's name: committing it twice is committing it once."""


async def main() -> None:
    async with Client.connect(
        os.environ["VENUE"],
        rpc=os.environ["RPC"],
        contract=os.environ["CONTRACT"],
        account=os.environ["L1_KEY"],
        keys=Keys.at("trader.keys"),  # in earnest: with a password, and a copy elsewhere
        store="trader.sqlite3",
    ) as client:
        await client.register()
        if not await holds(client, "ETH"):
            await client.deposit("ETH", "2")
        watching = asyncio.create_task(watch(client))
        await trade(client)
        watching.cancel()
        for symbol, balance in (await client.balances()).items():
            print(f"{symbol}: {balance.settled.normalize():f}", "proven" if balance.proven else "not proven")


async def holds(client: Client, symbol: str) -> bool:
    return (await client.balances())[symbol].settled > 0


async def watch(client: Client) -> None:
    """Say how far the venue's batches are, and warn when a reveal gets late."""
    async with client.streams.batches() as batches, client.streams.deadlines() as deadlines:

        async def count_down() -> None:
            async for event in deadlines:
                if isinstance(event, Delta) and event.change.warning:
                    print(f"hurry: {event.change.blocks_left} blocks left to reveal batch {event.change.batch}")

        counting = asyncio.create_task(count_down())
        try:
            async for event in batches:
                match event:
                    case Snapshot(state=known):
                        print("batches in flight:", ", ".join(f"{b.batch} ({b.phase})" for b in known))
                    case Delta(change=batch) if batch.phase in ("reveal", "settled"):
                        print(f"batch {batch.batch}: {batch.phase}")
        finally:
            counting.cancel()


async def trade(client: Client) -> None:
    market = client.venue.market("ETH/USD")
    try:
        (order,) = await client.commit([sell("ETH/USD", "0.5", "2400", client_order_id=NAME)])
    except SealbookError as error:
        # Every error says whether it may have taken effect, and what to do.
        print(f"{error.code}: {error} (retryable: {error.retryable}, outcome known: {error.outcome_known})")
        if error.outcome_known:
            raise
        order = await client.resolve(NAME)
    (again,) = await client.commit([sell("ETH/USD", "0.5", "2400", client_order_id=NAME)])
    assert again.receipt == order.receipt
    async for state in order.events():
        print("order:", state.status.value)
    match order.state:
        case Settled(price=price, fill=fill, verified=verified) if price is not None:
            print(f"sold {market.quantity(fill)} ETH at {market.price(price)}, verified: {verified}")
            print(f"transaction {order.transaction}")
        case Unfilled():
            print("nobody paid the price; the proof shows that nobody could have been matched")
        case RevealMissed(reason=reason, fault=fault, charged=charged):
            print(f"missed the reveal: {reason}, fault of the {fault.value}, charged {charged}")
        case other:
            raise OrderEndedError(other)


if __name__ == "__main__":
    asyncio.run(main())
