"""A market maker with many accounts, each with a whole ladder, replaced in every batch: does one process keep up?

The venue and all clients run in one process and on a simulated clock; what is measured is the real time that the work
of each batch takes, of all of them together: signing, stores, encoding, receipts, the seal, reveals, clearing,
settlement, and every check of the clients. If that is longer than the time between two batches, the maker falls behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from client.client import Client
from client.handles import Commitment
from client.inventory import QuoteTick
from client.orders import Order, buy, sell
from client.quotes import Quotes
from client.sim import SimTerms, SimTick, SimVenue
from client.states import Rejected, Settled, Unfilled
from commitments.types import MAX_ENTRIES

from ..errors import BenchError
from .process import Report

__all__ = ["MakerWork", "maker_job"]

_FUNDS: Final = {"ETH": "5000", "BTC": "200", "USD": "20000000"}
_MARKETS: Final = ("ETH/USD", "BTC/USD")
_STEP: Final = Decimal("0.0002")
"""Distance of two levels, as a share of the price."""


@dataclass(frozen=True, slots=True)
class MakerWork:
    """An hour: ``batches`` of ``batch_seconds``. ``orders`` of other traders come to each."""

    accounts: int = 16
    batches: int = 360
    batch_seconds: float = 10.0
    orders: int = 100

    def check(self) -> None:
        """:raises BenchError: out of range."""
        if not 1 <= self.accounts <= 128 or not 1 <= self.batches <= 4_000 or not 0 <= self.orders <= 256:
            raise BenchError("1 to 128 accounts, 1 to 4000 batches and up to 256 orders are possible")
        if self.batch_seconds < 1:
            raise BenchError("batch_seconds: at least 1")


def maker_job(report: Report, work: MakerWork) -> dict[str, Any]:
    """Quote for ``work.batches`` batches.

    ``behind``: batches whose work took longer than ``batch_seconds``. ``complete``: batches in which every account's
    ladder was committed. ``lost``: commitments without a settlement. Seconds of the processor do not depend on what
    else the machine does; the others include its disk.
    """
    seconds: list[float] = []
    busy: list[float] = []
    settled = complete = lost = 0
    fills = 0

    def count(_: object) -> None:
        nonlocal fills
        fills += 1

    def flow(tick: SimTick) -> Sequence[Order]:
        return [_taker(tick.random, tick.references) for _ in range(work.orders)]

    async def main() -> None:
        nonlocal settled, complete, lost
        async with contextlib.AsyncExitStack() as stack:
            clients: list[Client] = []
            for number in range(work.accounts):
                report("opening accounts", number / work.accounts)
                name, batches = f"maker-{number}", work.batches + 64
                clients.append(await stack.enter_async_context(sim.client(name, _FUNDS, batches=batches)))
            report("waiting for the deposits", None)
            for client in clients:  # a seal applies a limited number of registrations and deposits
                while not (await client.balances())["USD"].settled:  # noqa: ASYNC110 - in simulated time
                    await asyncio.sleep(work.batch_seconds)
            quotes = await stack.enter_async_context(Quotes(clients, lease=3 * work.batch_seconds))
            quotes.on_fill(count)
            before, worked = time.perf_counter(), time.process_time()
            made: list[Commitment] = []
            quoted = 0
            async for tick in quotes.batches():
                now, work_now = time.perf_counter(), time.process_time()
                if quoted:
                    seconds.append(now - before)
                    busy.append(work_now - worked)
                before, worked = now, work_now
                if quoted == work.batches:
                    break
                quoted += 1
                report("quoting", tick.batch / work.batches)
                result = await quotes.replace(_ladder(tick, work.accounts * MAX_ENTRIES))
                complete += result.complete and len(result.commitments) == work.accounts
                settled += sum(map(_settled, made))
                made = [c for c in made if not c.ended] + list(result.commitments.values())
            for commitment in made:
                for order in commitment:
                    await order.outcome()
            settled += sum(map(_settled, made))
            lost = work.batches * work.accounts - settled

    terms = SimTerms(batch_seconds=work.batch_seconds)
    # On a disk: what is committed is on it before it is sent, and that takes its time.
    with tempfile.TemporaryDirectory() as folder, SimVenue(terms, flow=flow, folder=Path(folder)) as sim:
        sim.run(main())
        elapsed = sim.now() - sim.terms.start
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "accounts": work.accounts,
        "ladder": work.accounts * MAX_ENTRIES,
        "batches": work.batches,
        "batch_interval_seconds": work.batch_seconds,
        "simulated_seconds": elapsed,
        "mean_batch_cpu_seconds": statistics.mean(busy),
        "mean_batch_seconds": statistics.mean(seconds),
        "worst_batch_seconds": max(seconds),
        "headroom": work.batch_seconds / max(seconds),
        "behind": sum(value > work.batch_seconds for value in seconds),
        "complete": complete,
        "settled": settled,
        "lost": lost,
        "fills": fills,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
    }


def _settled(commitment: Commitment) -> bool:
    """Whether L1 has settled it; single orders may have been dropped at admission."""
    return all(isinstance(order.state, Settled | Unfilled | Rejected) for order in commitment)


def _ladder(tick: QuoteTick, orders: int) -> list[Order]:
    """Half of it bids, half offers, on all markets, around the last prices."""
    per_side = orders // (2 * len(_MARKETS))
    ladder = []
    for market in _MARKETS:
        price, size = tick.references[market], "0.1" if market == "ETH/USD" else "0.005"
        for level in range(1, per_side + 1):
            away = _STEP * ((level - 1) % 50 + 1)
            ladder.append(buy(market, size, _round(price * (1 - away), market)))
            ladder.append(sell(market, size, _round(price * (1 + away), market)))
    return ladder


def _taker(source: random.Random, references: dict[str, Decimal]) -> Order:
    market = source.choice(_MARKETS)
    side = source.choice((buy, sell))
    away = Decimal(source.randrange(-40, 41)) / 10_000
    size = "0.3" if market == "ETH/USD" else "0.01"
    return side(market, size, _round(references[market] * (1 + away), market))


def _round(price: Decimal, market: str) -> Decimal:
    """A price of the market's grid: units of 10^-6 USD for lots of 10^-3 ETH or 10^-5 BTC."""
    return price.quantize(Decimal("0.001") if market == "ETH/USD" else Decimal("0.1"))
