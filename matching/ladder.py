"""The engine's ladder of price levels while reveals arrive. Internal: it is never published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sortedcontainers import SortedDict

from matching import fast
from matching.errors import LadderError, TotalError
from matching.types import TOTAL_LIMIT, Lots, Market, Order, Outcome, Side, Ticks, check_orders

__all__ = ["Ladder"]


class Ladder:
    """The admitted orders of one market and batch, by account, with the depth of every price level.

    One account has one bundle per batch. Adding or removing a bundle costs O(log levels) per order.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._bundles: SortedDict[int, tuple[Order, ...]] = SortedDict()
        self._levels: dict[Side, SortedDict[int, int]] = {side: SortedDict() for side in Side}
        self._totals = dict.fromkeys(Side, 0)

    def add(self, account: int, orders: Sequence[Order]) -> None:
        """Add an account's orders. Nothing changes if this raises.

        Raises LadderError if the account's are there already, LimitError (or a subclass) for numbers out of
        range, the totals of the whole ladder included.
        """
        if account in self._bundles:
            raise LadderError("account", f"the orders of account {account} are already in the ladder")
        check_orders(self._market, orders)
        for side in Side:
            total = self._totals[side] + sum(order.quantity for order in orders if order.side is side)
            if total >= TOTAL_LIMIT:
                raise TotalError("orders", f"the {side.name.lower()} total would be {total}, not below 2^31")
        self._bundles[account] = tuple(orders)
        for order in orders:
            self._change(order, order.quantity)

    def remove(self, account: int) -> tuple[Order, ...]:
        """Take an account's orders out and return them. Raises LadderError if there are none."""
        if account not in self._bundles:
            raise LadderError("account", f"there are no orders of account {account} in the ladder")
        orders: tuple[Order, ...] = self._bundles.pop(account)
        for order in orders:
            self._change(order, -order.quantity)
        return orders

    def _change(self, order: Order, quantity: Lots) -> None:
        levels = self._levels[order.side]
        depth = levels.get(order.price, 0) + quantity
        if depth:
            levels[order.price] = depth
        else:
            del levels[order.price]
        self._totals[order.side] += quantity

    @property
    def best_bid(self) -> Ticks | None:
        """The highest buy limit."""
        bids = self._levels[Side.BUY]
        return bids.peekitem(-1)[0] if bids else None

    @property
    def best_ask(self) -> Ticks | None:
        """The lowest sell limit."""
        asks = self._levels[Side.SELL]
        return asks.peekitem(0)[0] if asks else None

    def depth(self, side: Side) -> list[tuple[Ticks, Lots]]:
        """(price, lots) of every level, best first."""
        levels = list(self._levels[side].items())
        return levels[::-1] if side is Side.BUY else levels

    def indicative(self) -> Outcome:
        """What the ladder would clear to now, with one order per level; `fills` is empty."""
        levels = [Order(side, price, lots) for side in Side for price, lots in self._levels[side].items()]
        outcome = fast.clear(self._market, levels)
        return Outcome(outcome.price, outcome.volume, outcome.surplus, ())

    def clear(self, draw: int) -> tuple[Outcome, Mapping[int, tuple[Lots, ...]]]:
        """The outcome with fills in the order (account, position), and the same fills by account."""
        orders = [order for bundle in self._bundles.values() for order in bundle]
        outcome = fast.clear(self._market, orders, draw)
        fills: dict[int, tuple[Lots, ...]] = {}
        start = 0
        for account, bundle in self._bundles.items():
            fills[account] = outcome.fills[start : start + len(bundle)]
            start += len(bundle)
        return outcome, MappingProxyType(fills)
