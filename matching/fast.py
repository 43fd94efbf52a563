"""The clearing rule over arrays: the fast twin of `matching.reference`.

With one event per order, at its limit for a sell and one tick above it for a buy, the surplus is
z(p) = D(L) - (quantities of the events at or below p): one sort and one running sum give every sign change
of z, and the closed form of docs/protocol.md section 9 the price.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from matching.errors import LimitError, PriceError, QuantityError, TotalError
from matching.rationing import phase
from matching.types import TOTAL_LIMIT, Lots, Market, Order, Outcome, Side, Ticks, check_draw

__all__ = ["ArrayOutcome", "clear", "clear_arrays", "order_arrays"]

Integers: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

_QUANTITY_BITS = 31
_QUANTITY_MASK = (1 << _QUANTITY_BITS) - 1


@dataclass(frozen=True, slots=True, eq=False)
class ArrayOutcome:
    """As `matching.types.Outcome`; `fills` is int64 of shape (orders,)."""

    price: Ticks | None
    volume: Lots
    surplus: Lots
    fills: Integers


def clear_arrays(
    market: Market,
    sides: npt.NDArray[np.integer[Any]],
    prices: npt.NDArray[np.integer[Any]],
    quantities: npt.NDArray[np.integer[Any]],
    draw: int = 0,
) -> ArrayOutcome:
    """Clear one book given as three integer arrays of shape (orders,): Side values, ticks, lots.

    Orders at the price are rationed in array order. Raises LimitError (or a subclass) for arrays of other
    shapes or kinds and for numbers out of range.
    """
    check_draw(draw)
    is_buy, price_of, quantity_of, bought, sold = _checked(market, sides, prices, quantities)
    price = _clearing_price(market, is_buy, price_of, quantity_of, bought, sold)
    if price is None:
        return ArrayOutcome(None, 0, 0, np.zeros(len(price_of), dtype=np.int64))
    at_price = price_of == price
    better = np.where(is_buy, price_of > price, price_of < price)
    fills: Integers = np.where(better, quantity_of, 0)
    better_buys = int(fills[is_buy].sum())
    better_sells = int(fills.sum()) - better_buys
    buys, sells = np.flatnonzero(at_price & is_buy), np.flatnonzero(at_price & ~is_buy)
    demand = better_buys + int(quantity_of[buys].sum())
    supply = better_sells + int(quantity_of[sells].sum())
    volume = min(demand, supply)
    fills[buys] = _ration(quantity_of[buys], volume - better_buys, draw)
    fills[sells] = _ration(quantity_of[sells], volume - better_sells, draw)
    return ArrayOutcome(price, volume, demand - supply, fills)


def order_arrays(orders: Sequence[Order]) -> tuple[Integers, Integers, Integers]:
    """Sides, prices and quantities of a list of orders, as `clear_arrays` takes them.

    Raises LimitError for numbers that do not fit 64 bits.
    """
    try:
        table = np.array([(order.side, order.price, order.quantity) for order in orders], dtype=np.int64)
    except OverflowError:
        raise LimitError("orders", "a price or quantity does not fit 64 bits") from None
    sides, prices, quantities = table.reshape(-1, 3).T
    return sides, prices, quantities


def clear(market: Market, orders: Sequence[Order], draw: int = 0) -> Outcome:
    """`clear_arrays` with the interface of `matching.reference.clear`."""
    result = clear_arrays(market, *order_arrays(orders), draw)
    return Outcome(result.price, result.volume, result.surplus, tuple(result.fills.tolist()))


def _checked(
    market: Market,
    sides: npt.NDArray[np.integer[Any]],
    prices: npt.NDArray[np.integer[Any]],
    quantities: npt.NDArray[np.integer[Any]],
) -> tuple[Flags, Integers, Integers, Lots, Lots]:
    named = (("sides", sides), ("prices", prices), ("quantities", quantities))
    for name, array in named:
        if array.ndim != 1 or len(array) != len(prices):
            raise LimitError(name, f"shape {array.shape} where ({len(prices)},) is needed")
        if array.dtype.kind not in "iu":
            raise LimitError(name, f"dtype {array.dtype} is not an integer type")
    is_buy = sides == Side.BUY
    bad = ~(is_buy | (sides == Side.SELL))
    if bad.any():
        index = int(bad.argmax())
        raise LimitError(f"orders[{index}].side", f"{sides[index]} is neither buy (2) nor sell (3)")
    bad = (prices < market.lower) | (prices > market.upper)
    if bad.any():
        index = int(bad.argmax())
        reason = f"{prices[index]} is not in [{market.lower}, {market.upper}]"
        raise PriceError(f"orders[{index}].price", reason)
    bad = (quantities < 1) | (quantities >= TOTAL_LIMIT)
    if bad.any():
        index = int(bad.argmax())
        raise QuantityError(f"orders[{index}].quantity", f"{quantities[index]} is not in [1, 2^31)")
    # Unsigned or narrow input becomes int64 only here, where the checks have made that exact.
    quantity_of = quantities.astype(np.int64, copy=False)
    bought = int(quantity_of[is_buy].sum())
    sold = int(quantity_of.sum()) - bought
    for side, total in ((Side.BUY, bought), (Side.SELL, sold)):
        if total >= TOTAL_LIMIT:
            raise TotalError("orders", f"the {side.name.lower()} quantities sum to {total}, not below 2^31")
    return is_buy, prices.astype(np.int64, copy=False), quantity_of, bought, sold


def _clearing_price(
    market: Market, is_buy: Flags, prices: Integers, quantities: Integers, bought: Lots, sold: Lots
) -> Ticks | None:
    if bought == 0 or sold == 0:
        return None
    # One key per event, price above quantity: sorting plain integers is several times cheaper than argsort.
    # The event of a buy at 2^31 - 1 is at 2^31, so keys stay at or below 2^62 + 2^31.
    events = np.sort(((prices + is_buy) << _QUANTITY_BITS) | quantities)
    passed = np.cumsum(events & _QUANTITY_MASK)
    reached = int(events[np.searchsorted(passed, bought, side="left")]) >> _QUANTITY_BITS
    exceeded = int(events[np.searchsorted(passed, bought, side="right")]) >> _QUANTITY_BITS

    def rank(price: Ticks) -> tuple[Lots, Lots]:
        demand = int(quantities[is_buy & (prices >= price)].sum())
        supply = int(quantities[~is_buy & (prices <= price)].sum())
        return min(demand, supply), -abs(demand - supply)

    # z > 0 below `reached`, z = 0 from there to `exceeded`, z < 0 from `exceeded` on.
    if reached < exceeded:
        price = min(max(market.reference, reached), exceeded - 1)
        return price if rank(price)[0] > 0 else None
    above, below = reached - 1, reached
    rank_above, rank_below = rank(above), rank(below)
    if max(rank_above, rank_below)[0] == 0:
        return None
    if rank_above != rank_below:
        return above if rank_above > rank_below else below
    return above if market.reference <= above else below


def _ration(quantities: Integers, available: Lots, draw: int) -> Integers:
    cumulative = np.cumsum(quantities)
    wanted = int(cumulative[-1]) if len(cumulative) else 0
    if wanted == 0 or available == wanted:
        return quantities
    # cumulative * available + phi < 2^62 + 2^31: exact in int64.
    upto = (cumulative * available + phase(draw, wanted)) // wanted
    return np.diff(upto, prepend=0)
