"""The clearing rule, step by step as docs/protocol.md section 9 states it. Slow and plain on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from matching.rationing import ration
from matching.types import Lots, Market, Order, Outcome, Side, Ticks, check_draw, check_orders

__all__ = ["candidate_prices", "clear", "clear_exhaustive", "clearing_price", "demand", "supply"]


def demand(orders: Iterable[Order], price: Ticks) -> Lots:
    """D(p): the buy quantities with limit >= p."""
    return sum(order.quantity for order in orders if order.side is Side.BUY and order.price >= price)


def supply(orders: Iterable[Order], price: Ticks) -> Lots:
    """S(p): the sell quantities with limit <= p."""
    return sum(order.quantity for order in orders if order.side is Side.SELL and order.price <= price)


def candidate_prices(market: Market, orders: Iterable[Order]) -> list[Ticks]:
    """Prices, ascending, that are enough to look at.

    D and S are constant between limits; the first and the last price of every constant stretch are here,
    and R. An extreme price of any set the rule forms, the price nearest to R, and both sides of a change
    of sign are among them.
    """
    prices = {market.lower, market.upper, market.reference}
    for order in orders:
        prices |= {order.price, order.price + 1 if order.side is Side.BUY else order.price - 1}
    return sorted(price for price in prices if market.lower <= price <= market.upper)


def clearing_price(market: Market, orders: Sequence[Order], prices: Iterable[Ticks]) -> Ticks | None:
    """Rules 1 to 4 over `prices` (ascending: the whole grid, or the candidates); None without trade."""
    depth = {price: (demand(orders, price), supply(orders, price)) for price in prices}

    def volume(price: Ticks) -> Lots:
        return min(depth[price])

    def surplus(price: Ticks) -> Lots:
        return depth[price][0] - depth[price][1]

    # 1. Maximise V.
    remaining = _best(depth, lambda price: -volume(price))
    if volume(remaining[0]) == 0:
        return None
    # 2. Among those, minimise |z|.
    remaining = _best(remaining, lambda price: abs(surplus(price)))
    # 3. One-sided pressure.
    if all(surplus(price) > 0 for price in remaining):
        return remaining[-1]
    if all(surplus(price) < 0 for price in remaining):
        return remaining[0]
    # 4. The price nearest to R.
    if all(surplus(price) != 0 for price in remaining):
        last_positive = max(price for price in remaining if surplus(price) > 0)
        first_negative = min(price for price in remaining if surplus(price) < 0)
        return last_positive if market.reference <= last_positive else first_negative
    return min(remaining, key=lambda price: abs(price - market.reference))


def _best(prices: Iterable[Ticks], cost: Callable[[Ticks], int]) -> list[Ticks]:
    listed = list(prices)
    least = min(map(cost, listed))
    return [price for price in listed if cost(price) == least]


def clear(market: Market, orders: Sequence[Order], draw: int = 0) -> Outcome:
    """Clear a book; orders at the price are rationed in the order given. `draw` is u, in [0, 2^32).

    Raises LimitError (or a subclass) for numbers out of range.
    """
    check_draw(draw)
    check_orders(market, orders)
    return _outcome(orders, clearing_price(market, orders, candidate_prices(market, orders)), draw)


def clear_exhaustive(market: Market, orders: Sequence[Order], draw: int = 0) -> Outcome:
    """As `clear`, looking at every price of the grid: for small grids."""
    check_draw(draw)
    check_orders(market, orders)
    return _outcome(orders, clearing_price(market, orders, range(market.lower, market.upper + 1)), draw)


def _outcome(orders: Sequence[Order], price: Ticks | None, draw: int) -> Outcome:
    if price is None:
        return Outcome(None, 0, 0, (0,) * len(orders))
    bought, sold = demand(orders, price), supply(orders, price)
    volume = min(bought, sold)
    fills = [0] * len(orders)
    strictly_better = {Side.BUY: demand(orders, price + 1), Side.SELL: supply(orders, price - 1)}
    for index, order in enumerate(orders):
        if order.price > price if order.side is Side.BUY else order.price < price:
            fills[index] = order.quantity
    for side in Side:
        level = [index for index, order in enumerate(orders) if order.side is side and order.price == price]
        shares = ration([orders[index].quantity for index in level], volume - strictly_better[side], draw)
        for index, share in zip(level, shares, strict=True):
            fills[index] = share
    return Outcome(price, volume, bought - sold, tuple(fills))
