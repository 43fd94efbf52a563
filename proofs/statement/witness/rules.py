"""The rule by which batches are executed, one method for each decision.

The builder runs on :class:`Rules`. A test that attacks the proof overrides one method and lets the production prover
prove the result; every other number is then recomputed from the lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from matching.fees import fee_per_lot

from ...layout import Integers, exact
from .inputs import Market


@dataclass(frozen=True, slots=True)
class Order:
    """An admitted order as the auction sees it; ``number`` is its row in the entry table."""

    number: int
    buy: bool
    price: int
    quantity: int


class Book(Sequence[Order]):
    """The admitted orders of one auction, side by side in arrays of shape (orders,)."""

    def __init__(self, numbers: Integers, buys: npt.NDArray[np.bool_], prices: Integers, quantities: Integers) -> None:
        self.numbers = numbers
        self.buys = buys
        self.prices = prices
        self.quantities = quantities

    @classmethod
    def of(cls, orders: Sequence[Order]) -> Book:
        """Orders as a book; a book is one."""
        if isinstance(orders, Book):
            return orders
        numbers, prices, quantities = (
            exact([getattr(o, name) for o in orders]) for name in ("number", "price", "quantity")
        )
        return cls(numbers, np.array([o.buy for o in orders], dtype=bool), prices, quantities)

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> Order: ...
    @overload
    def __getitem__(self, place: slice) -> list[Order]: ...
    def __getitem__(self, place: int | slice) -> Order | list[Order]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        number, price, quantity = (int(array[place]) for array in (self.numbers, self.prices, self.quantities))
        return Order(number, bool(self.buys[place]), price, quantity)


@dataclass(frozen=True, slots=True)
class Auction:
    """The outcome of one market in one batch with the certificate that the ``markets`` and ``orders`` tables hold."""

    trade: bool
    price: int
    """Clearing price; without trade the reference."""
    volume: int
    pivot: int
    buy_better: int
    buy_at: int
    sell_better: int
    sell_at: int
    neighbour: int
    beyond: int
    lots: int
    wanted: int
    phase: int
    fills: tuple[int, ...]

    @property
    def surplus(self) -> int:
        return self.buy_better + self.buy_at - self.sell_better - self.sell_at


class Rules:
    """The published rule (``docs/protocol.md`` sections 8 and 9)."""

    def covers(self, funds: int, miss_fee: int) -> bool:
        """Whether the account's orders take part: its fee balance covers a missing reveal."""
        return funds >= miss_fee

    def admits(self, rest: int, debit: int) -> bool:
        """Whether an entry fits into what earlier entries left."""
        return rest >= debit

    def fee_per_lot(self, price: int, fee_ppm: int) -> int:
        return fee_per_lot(price, fee_ppm)

    def miss_charge(self, funds: int, miss_fee: int) -> int:
        return min(funds, miss_fee)

    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        """Clear one market."""
        from .clearing import clear

        return clear(market, reference, draw, orders)
