"""The entries of an epoch's opened bundles, side by side in arrays, and what follows from them alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from commitments import _native
from commitments.bundle import Kind

from ...layout import Block, Column, Integers, elements, exact
from .inputs import Market, OpenedLeaf


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened leaf: its row in the bundle table and the place of its batch in the epoch."""

    number: int
    batch: int
    leaf: OpenedLeaf


class Entries:
    """Row i of each array is row i of the entry table; ``offsets[j]`` is the first row of the j-th opened bundle."""

    def __init__(
        self, opened: Sequence[Opened], markets: Sequence[Market], fee_per_lot: Callable[[int, int], int]
    ) -> None:
        flat = [entry for item in opened for entry in item.leaf.entries]
        self.sizes = np.array([len(item.leaf.entries) for item in opened], dtype=np.int64)
        self.offsets = [0, *np.cumsum(self.sizes).tolist()]
        self.bundle = np.repeat(np.arange(len(opened)), self.sizes)
        self.position = np.arange(len(flat)) - np.array(self.offsets[:-1], dtype=np.int64)[self.bundle]
        kind = np.array([int(entry.kind) for entry in flat], dtype=np.int64)
        self.withdraw, self.buy, self.sell = (kind == k for k in (Kind.WITHDRAWAL, Kind.BUY, Kind.SELL))
        self.order = ~self.withdraw
        self.market = np.array([entry.market for entry in flat], dtype=np.int64)
        self.price = exact([entry.price for entry in flat])
        self.quantity = exact([entry.quantity for entry in flat])
        # A withdrawal has the market behind the last one, of which nothing is known.
        self.place = np.where(self.order, self.market, len(markets))
        self.bands = {
            name: np.array([*(getattr(m, name) for m in markets), 0], dtype=np.int64)[self.place]
            for name in ("base", "quote", "lower", "upper", "fee_ppm")
        }
        self.asset = np.where(self.withdraw, self.market, np.where(self.buy, self.bands["quote"], self.bands["base"]))
        self.code = kind + 256 * self.market + 65536 * self.price
        self._runs(kind)
        self._debits(fee_per_lot)

    def _runs(self, kind: Integers) -> None:
        """Where bundles, groups and runs start and end, and the lots of each run up to each row."""
        count = len(kind)
        self.first, self.last = self.position == 0, np.ones(count, dtype=bool)
        self.last[:-1] = self.first[1:]
        self.group_start = self._starts(self.asset)
        run_start = self._starts(self.asset * 65536 + np.where(self.order, self.market * 256, 0) + kind)
        self.group_end, self.run_end = np.ones(count, dtype=bool), np.ones(count, dtype=bool)
        self.group_end[:-1] = self.group_start[1:]
        self.run_end[:-1] = self._starts(4 * self.market + kind)[1:]
        lots = np.cumsum(self.quantity)
        starts = np.maximum.accumulate(np.where(run_start, np.arange(count), 0))
        self.run_quantity = lots - (lots - self.quantity)[starts]

    def _starts(self, key: Integers) -> Integers:
        """Rows whose key is another than that of the row before, or that start a bundle."""
        starts: Integers = self.first.copy()
        starts[1:] |= key[1:] != key[:-1]
        return starts

    def _debits(self, fee_per_lot: Callable[[int, int], int]) -> None:
        buys = np.flatnonzero(self.buy)
        asked = list(zip(self.price[buys].tolist(), self.bands["fee_ppm"][buys].tolist(), strict=True))
        known = {one: fee_per_lot(*one) for one in dict.fromkeys(asked)}
        paid = exact([known[one] for one in asked])
        self.fee = np.zeros(len(self.price), dtype=paid.dtype)
        self.fee[buys] = paid
        self.debit = np.where(self.buy, self.quantity * (self.price + self.fee), self.quantity)

    def pairs(self) -> tuple[Column, Column]:
        """Code and quantity of each row's partner where the row starts a pair and has one, as field elements."""
        second = np.zeros((2, len(self.code)), dtype=np.uint64)
        has = np.flatnonzero((self.position % 2 == 0) & ~self.last)
        second[0, has], second[1, has] = elements(self.code)[has + 1], elements(self.quantity)[has + 1]
        return second[0], second[1]

    def chain(self, headers: Column) -> tuple[Column, Column, Column]:
        """The hash chains from the bundles' headers, all side by side: before and after each row, and the bodies."""
        before, after = np.zeros((2, len(self.code), 4), dtype=np.uint64)
        values = np.stack([elements(self.code), elements(self.quantity), *self.pairs()], axis=1)
        offsets, running = np.array(self.offsets[:-1], dtype=np.int64), headers.copy()
        for pair in range(0, int(self.sizes.max(initial=0)), 2):
            live = np.flatnonzero(self.sizes > pair)
            rows, two = offsets[live] + pair, self.sizes[live] > pair + 1
            before[rows] = running[live]
            after[rows] = running[live] = _native.compress_many(running[live], values[rows])
            before[rows[two] + 1] = after[rows[two] + 1] = after[rows[two]]
        return before, after, running

    def block(self, opened: Sequence[Opened]) -> Block:
        """The columns of the entry table that follow from the entries."""
        numbers, batches, accounts = (
            exact(values)[self.bundle]
            for values in (
                [item.number for item in opened],
                [item.batch for item in opened],
                [item.leaf.account for item in opened],
            )
        )
        second_code, second_quantity = self.pairs()
        columns = {
            "withdraw": self.withdraw, "buy": self.buy, "sell": self.sell, "number": np.arange(len(self.code)),
            "position": self.position + 1, "bundle": numbers, "account": accounts, "batch": batches,
            "count": self.sizes[self.bundle], "first": self.first, "last": self.last, "price": self.price,
            "quantity": self.quantity, "market": self.market, "pair": self.position % 2 == 0,
            "run_quantity": self.run_quantity, "group_start": self.group_start, "group_end": self.group_end,
            "run_end": self.run_end, "fee": self.fee, **self.bands,
        }  # fmt: skip
        made = {name: elements(values) for name, values in columns.items()}
        return {**made, "second.code": second_code, "second.quantity": second_quantity}
