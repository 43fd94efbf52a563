"""The clearing figure of `sealbook bench`: one market, from arrays, with fills."""

from __future__ import annotations

import resource
import statistics
import sys
import time

import numpy as np
import numpy.typing as npt

from matching.fast import clear_arrays
from matching.types import Market, Side

__all__ = ["MARKET", "SEED", "book", "run"]

MARKET = Market(lower=1, upper=1_000_000, reference=500_000)
SEED = 20_240_229
REPEATS = 21
Integers = npt.NDArray[np.int64]


def book(orders: int) -> tuple[Integers, Integers, Integers]:
    """Sides, prices and quantities of a crossed book around the reference; the same one for every run."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    sides = generator.integers(int(Side.BUY), int(Side.SELL), orders, endpoint=True)
    prices = MARKET.reference + generator.integers(-2_000, 2_000, orders, endpoint=True)
    # Totals stay below 2^31 lots up to a million orders.
    quantities = generator.integers(1, 2_000, orders, endpoint=True)
    return sides, prices, quantities


def run(orders: int) -> dict[str, int | float | None]:
    """Median seconds of `clear_arrays` over `orders` orders, with the price and volume it gave.

    `peak_memory_bytes` is that of the process. Raises ValueError unless 1 <= orders <= 1,000,000.
    """
    if not 1 <= orders <= 1_000_000:
        raise ValueError(f"orders: {orders} is not in [1, 1000000]")
    sides, prices, quantities = book(orders)
    outcome = clear_arrays(MARKET, sides, prices, quantities)
    seconds = []
    for draw in range(REPEATS):
        start = time.perf_counter()
        clear_arrays(MARKET, sides, prices, quantities, draw)
        seconds.append(time.perf_counter() - start)
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "seconds": statistics.median(seconds),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        "orders": orders,
        "price": outcome.price,
        "volume": outcome.volume,
    }
