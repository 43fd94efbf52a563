"""Orders, markets and outcomes in ticks and lots (docs/protocol.md sections 3 and 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from matching.errors import LimitError, PriceError, QuantityError, TotalError

__all__ = [
    "DRAW_RANGE",
    "PRICE_LIMIT",
    "TOTAL_LIMIT",
    "Lots",
    "Market",
    "Order",
    "Outcome",
    "Side",
    "Ticks",
    "check_draw",
    "check_orders",
]

Ticks: TypeAlias = int
"""A price: quote units per lot."""
Lots: TypeAlias = int
"""A quantity: units of the base asset."""

PRICE_LIMIT = 2**31
"""Every price is below this."""
TOTAL_LIMIT = 2**31
"""The quantities of one side of one book sum to less than this."""
DRAW_RANGE = 2**32
"""A rationing draw u is in [0, 2^32)."""


class Side(IntEnum):
    """The side of an order; the values are the entry kinds of docs/protocol.md section 4."""

    BUY = 2
    SELL = 3


@dataclass(frozen=True, slots=True)
class Order:
    """An admitted order: buy or sell up to `quantity` lots at `price` ticks or better."""

    side: Side
    price: Ticks
    quantity: Lots


@dataclass(frozen=True, slots=True)
class Market:
    """The band [lower, upper] and the reference price of one market in one batch, in ticks.

    Raises LimitError unless 0 < lower <= reference <= upper < 2^31.
    """

    lower: Ticks
    upper: Ticks
    reference: Ticks

    def __post_init__(self) -> None:
        if not 0 < self.lower < PRICE_LIMIT:
            raise LimitError("lower", f"{self.lower} is not in [1, 2^31)")
        if not self.lower <= self.upper < PRICE_LIMIT:
            raise LimitError("upper", f"{self.upper} is not in [lower, 2^31) with lower = {self.lower}")
        if not self.lower <= self.reference <= self.upper:
            raise LimitError("reference", f"{self.reference} is not in [{self.lower}, {self.upper}]")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one book clears to: `fills` has one entry per order, in the order given.

    Without trade `price` is None and volume, surplus and all fills are 0. `surplus` is D - S at the price.
    """

    price: Ticks | None
    volume: Lots
    surplus: Lots
    fills: tuple[Lots, ...]


def check_draw(draw: int) -> None:
    """Raise LimitError unless 0 <= draw < 2^32."""
    if not 0 <= draw < DRAW_RANGE:
        raise LimitError("draw", f"{draw} is not in [0, 2^32)")


def check_orders(market: Market, orders: Sequence[Order]) -> None:
    """Raise PriceError, QuantityError or TotalError for the first number that is out of range."""
    totals = {Side.BUY: 0, Side.SELL: 0}
    for index, order in enumerate(orders):
        if not market.lower <= order.price <= market.upper:
            raise PriceError(f"orders[{index}].price", f"{order.price} is not in [{market.lower}, {market.upper}]")
        if not 0 < order.quantity < TOTAL_LIMIT:
            raise QuantityError(f"orders[{index}].quantity", f"{order.quantity} is not in [1, 2^31)")
        totals[order.side] += order.quantity
    for side, total in totals.items():
        if total >= TOTAL_LIMIT:
            raise TotalError("orders", f"the {side.name.lower()} quantities sum to {total}, not below 2^31")
