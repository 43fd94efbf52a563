"""Orders that stand for more than one batch: how much of each may still be committed.

A commitment is for one batch, so an order that is good till cancelled is committed again in every batch. What is in a
batch whose result is not known counts as if it were filled: the total never exceeds what was asked for, however long
results take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .errors import InputError
from .handles import OrderHandle
from .orders import Instruction, Order, entry_of
from .states import Cleared, Settled, Unfilled
from .venue import Venue

__all__ = ["StandingLadder", "StandingOrder"]


@dataclass(eq=False)
class StandingOrder:
    """One order of a standing ladder. ``total`` and ``filled`` in lots."""

    instruction: Order
    total: int
    filled: int = 0
    committed: list[OrderHandle] = field(default_factory=list)
    """Handles whose outcome is not in ``filled`` yet."""

    def remaining(self, batch: int) -> int:
        """Lots that may be in ``batch``: what is filled, or could be in other batches, is taken off."""
        elsewhere = sum(handle.entry.quantity for handle in self.committed if handle.batch != batch)
        return max(self.total - self.filled - elsewhere, 0)

    def take_in(self) -> None:
        """Book the outcome of handles that have one."""
        open_: list[OrderHandle] = []
        for handle in self.committed:
            if isinstance(handle.state, Settled | Unfilled) or handle.fill is not None:
                self.filled += handle.fill or 0
            elif not handle.ended:
                open_.append(handle)
        self.committed = open_

    @property
    def done(self) -> bool:
        """Whether nothing is left to be traded."""
        return self.filled >= self.total


class StandingLadder:
    """A ladder that stands until it is filled, replaced or cancelled, or its time is over.

    ``refresh``: quote the whole ladder in every batch, whatever was filled before.
    """

    def __init__(self, venue: Venue, ladder: Sequence[Instruction], good_till: float | None, refresh: bool) -> None:
        self.good_till = good_till
        self.refresh = refresh
        self.orders: list[StandingOrder] = []
        for place, item in enumerate(ladder):
            if not isinstance(item, Order):
                raise InputError(f"orders[{place}]: a withdrawal cannot stand", field=f"orders[{place}]")
            if item.client_order_id is not None:
                raise InputError(
                    f"orders[{place}]: a standing order is committed many times and has no client_order_id",
                    field=f"orders[{place}].client_order_id",
                )
            self.orders.append(StandingOrder(item, entry_of(venue, item, f"orders[{place}]").quantity))

    def take_in(self) -> None:
        """Book all outcomes that are known."""
        for order in self.orders:
            order.take_in()

    def due(self, batch: int) -> tuple[list[StandingOrder], list[Instruction]]:
        """What is to be in ``batch``: the standing orders, and each one's instruction with the quantity left."""
        found = [(order, order.total if self.refresh else order.remaining(batch)) for order in self.orders]
        left = [(order, lots) for order, lots in found if lots > 0]
        return [order for order, _ in left], [_sized(order.instruction, lots) for order, lots in left]

    @property
    def done(self) -> bool:
        """Whether all of it is filled."""
        return not self.refresh and all(order.done for order in self.orders)

    def over(self, now: float) -> bool:
        """Whether its time is over."""
        return self.good_till is not None and now >= self.good_till


def _sized(order: Order, lots: int) -> Order:
    return Order(side=order.side, market=order.market, quantity=lots, price=order.price, slippage=order.slippage)


def settled_or_cleared(handle: OrderHandle) -> bool:
    """Whether an order's outcome is known, provisionally at least."""
    return handle.ended or isinstance(handle.state, Cleared) or handle.fill is not None
