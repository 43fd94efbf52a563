"""A program's handles of the orders that an agent holds, moved by what the agent tells."""

from __future__ import annotations

from collections.abc import Sequence

from orderbook.wire import Entry

from ..deadlines import Deadline
from ..handles import Commitment, OrderHandle
from ..states import OrderStatus
from ..streams import OrderUpdate, Topic
from .answers import OrderLine
from .lines import instruction

__all__ = ["Mirror"]


class Mirror:
    """One account's orders, commitments and deadlines. Orders at their end are forgotten here; who holds a handle keeps
    it."""

    def __init__(self) -> None:
        self.topic: Topic[tuple[OrderUpdate, ...], OrderUpdate] = Topic(self._live)
        self._orders: dict[str, OrderHandle] = {}
        self._commitments: dict[tuple[int, tuple[str, ...]], Commitment] = {}
        self._deadlines: dict[int, Deadline] = {}

    @property
    def commitments(self) -> tuple[Commitment, ...]:
        """Those that are not at their end."""
        return tuple(made for made in self._commitments.values() if not made.ended)

    @property
    def deadlines(self) -> tuple[Deadline, ...]:
        """The nearest first."""
        return tuple(sorted(self._deadlines.values(), key=lambda deadline: deadline.until))

    def close(self) -> None:
        """Nothing moves any more."""
        self.topic.close()
        for order in self._orders.values():
            order.close()

    def begin(self, orders: Sequence[OrderLine], deadlines: Sequence[Deadline]) -> tuple[str, ...]:
        """All that the agent has on its way. Gives the names of orders that were, and came to their end unseen."""
        self._deadlines = {deadline.batch: deadline for deadline in deadlines}
        batches: dict[tuple[int, int], list[OrderHandle]] = {}
        for order in orders:
            batches.setdefault((order.batch, order.sequence), []).append(self.take(order))
        for handles in batches.values():
            self.together(handles)
        told = {order.name for order in orders}
        return tuple(name for name in self._orders if name not in told)

    def together(self, handles: Sequence[OrderHandle], warnings: Sequence[str] = ()) -> Commitment:
        """The commitment that these orders make up."""
        names = tuple(sorted(handle.client_order_id for handle in handles))
        key = (handles[0].batch, names)
        if key not in self._commitments:
            sequence = max(0 if h.receipt is None else h.receipt.sequence for h in handles)
            self._commitments[key] = Commitment(handles[0].batch, sequence, handles, range(len(handles)), warnings)
        for old in [k for k, made in self._commitments.items() if made.ended and k != key]:
            del self._commitments[old]
        return self._commitments[key]

    def take(self, told: OrderLine) -> OrderHandle:
        """The handle of an order, brought to where the agent says that it is."""
        handle = self._orders.get(told.name)
        if handle is None or handle.batch != told.batch:
            handle = OrderHandle(instruction(told.line), Entry(*told.entry), told.batch, told.name, self._moved)
            self._orders[told.name] = handle
        for state in told.states:
            handle.advance(state)
        if handle.status not in (OrderStatus.CREATED, OrderStatus.COMMITTED, OrderStatus.SEALED):
            self._deadlines.pop(handle.batch, None)
        if handle.ended:
            self._orders.pop(told.name, None)
        return handle

    def count(self, deadline: Deadline) -> None:
        """A countdown went on."""
        if deadline.blocks_left == 0:
            self._deadlines.pop(deadline.batch, None)
        else:
            self._deadlines[deadline.batch] = deadline

    def _moved(self, handle: OrderHandle) -> None:
        self.topic.changed(OrderUpdate(handle.client_order_id, handle.batch, handle.state))

    def _live(self) -> tuple[OrderUpdate, ...]:
        return tuple(OrderUpdate(o.client_order_id, o.batch, o.state) for o in self._orders.values())
