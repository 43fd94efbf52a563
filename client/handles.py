"""The handle by which the owner follows an order, and the handles of one commitment together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar, overload

from orderbook.wire import Receipt

from .errors import OrderEndedError, StateError
from .states import (
    TERMINAL,
    Cancelled,
    Cleared,
    Committed,
    Created,
    Expired,
    OrderState,
    OrderStatus,
    Proven,
    Rejected,
    Revealed,
    RevealMissed,
    Sealed,
    Settled,
    Unfilled,
    rank,
)

if TYPE_CHECKING:
    from .orders import Entry, Instruction

__all__ = ["Commitment", "OrderHandle"]

S = TypeVar("S", bound=OrderState)


class OrderHandle:
    """One order on its way. Iterate over its states, or await one of them."""

    def __init__(
        self,
        instruction: Instruction,
        entry: Entry,
        batch: int,
        client_order_id: str,
        observer: Callable[[OrderHandle], None] | None = None,
    ) -> None:
        self.instruction = instruction
        self.entry = entry
        self.batch = batch
        self.client_order_id = client_order_id
        """The caller's name of the order, or one that the SDK chose; unique in the store."""
        self._observer = observer
        self._states: list[OrderState] = [Created()]
        self._closed = False
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"OrderHandle({self.client_order_id!r}, batch={self.batch}, status={self.status.value})"

    # ------------------------------------------------------------------------------------------ now

    @property
    def state(self) -> OrderState:
        """The present state."""
        return self._states[-1]

    @property
    def states(self) -> tuple[OrderState, ...]:
        """All states so far."""
        return tuple(self._states)

    @property
    def status(self) -> OrderStatus:
        """The name of the present state."""
        return self.state.status

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return rank(self.state) == TERMINAL

    @property
    def receipt(self) -> Receipt | None:
        """The venue's signed receipt, once there is one."""
        found = self._seen(Committed)
        return None if found is None else found.receipt

    @property
    def price(self) -> int | None:
        """The clearing price in ticks, once known (a withdrawal has none)."""
        outcome = self._outcome()
        return None if outcome is None else outcome.price

    @property
    def fill(self) -> int | None:
        """Lots filled (a withdrawal: units), once known."""
        outcome = self._outcome()
        return None if outcome is None else outcome.fill

    @property
    def fee(self) -> int | None:
        """Quote units paid in fees, once known."""
        outcome = self._outcome()
        return None if outcome is None else outcome.fee

    @property
    def transaction(self) -> str | None:
        """Hash of the settling transaction, once settled."""
        return self.state.transaction if isinstance(self.state, Settled | Unfilled) else None

    def _outcome(self) -> Cleared | Settled | Unfilled | None:
        return self.state if isinstance(self.state, Settled | Unfilled) else self._seen(Cleared)

    def _seen(self, kind: type[S]) -> S | None:
        return next((state for state in self._states if isinstance(state, kind)), None)

    # ------------------------------------------------------------------------------------------ used by the client

    def advance(self, state: OrderState) -> bool:
        """Move on (used by the client); a state that does not lie ahead is ignored. Whether it moved."""
        if self.ended or rank(state) <= rank(self.state):
            return False
        self._states.append(state)
        self._changed.set()
        self._changed = asyncio.Event()
        if self._observer is not None:
            self._observer(self)
        return True

    def close(self) -> None:
        """The client ends (used by it): nothing will move this handle any more."""
        self._closed = True
        self._changed.set()

    # ------------------------------------------------------------------------------------------ following

    async def events(self) -> AsyncIterator[OrderState]:
        """All states from the first on, each once, until a final one.

        :raises StateError: ``client_closed``: the client ended before the order did.
        """
        seen = 0
        while True:
            changed = self._changed
            while seen < len(self._states):
                state = self._states[seen]
                seen += 1
                yield state
                if rank(state) == TERMINAL:
                    return
            if self._closed:
                raise StateError("the client was closed before the order ended", code="client_closed")
            await changed.wait()

    def __aiter__(self) -> AsyncIterator[OrderState]:
        return self.events()

    async def outcome(self) -> OrderState:
        """Wait for the final state, whichever it is."""
        async for _ in self.events():
            pass
        return self.state

    async def created(self) -> Created:
        """The first state, which every order has: it is in the store."""
        return await self._reach(Created)

    async def committed(self) -> Committed:
        """Wait for the receipt. :raises OrderEndedError: the order ended without one."""
        return await self._reach(Committed)

    async def sealed(self) -> Sealed:
        """Wait for the seal. :raises OrderEndedError: the order ended before it."""
        return await self._reach(Sealed)

    async def revealed(self) -> Revealed:
        """Wait for the venue's acknowledgement. :raises OrderEndedError: the order ended before it."""
        return await self._reach(Revealed)

    async def cleared(self) -> Cleared:
        """Wait for the provisional outcome. :raises OrderEndedError: the order ended before it."""
        return await self._reach(Cleared)

    async def proven(self) -> Proven:
        """Wait for the proof. :raises OrderEndedError: the order ended before it."""
        return await self._reach(Proven)

    async def settled(self) -> Settled | Unfilled:
        """Wait until L1 accepted the batch.

        :raises OrderEndedError: rejected, cancelled, expired, or not revealed in time.
        """
        state = await self.outcome()
        if isinstance(state, Settled | Unfilled):
            return state
        raise OrderEndedError(state)

    async def unfilled(self) -> Unfilled:
        """Wait until L1 accepted the batch without a fill. :raises OrderEndedError: it ended otherwise."""
        return await self._reach(Unfilled)

    async def rejected(self) -> Rejected:
        """Wait for a refusal. :raises OrderEndedError: it ended otherwise."""
        return await self._reach(Rejected)

    async def cancelled(self) -> Cancelled:
        """Wait until it is cancelled or replaced. :raises OrderEndedError: it ended otherwise."""
        return await self._reach(Cancelled)

    async def expired(self) -> Expired:
        """Wait until it can be in no batch any more. :raises OrderEndedError: it ended otherwise."""
        return await self._reach(Expired)

    async def reveal_missed(self) -> RevealMissed:
        """Wait for a missed reveal. :raises OrderEndedError: it ended otherwise."""
        return await self._reach(RevealMissed)

    async def _reach(self, wanted: type[S]) -> S:
        async for state in self.events():
            if isinstance(state, wanted):
                return state
        raise OrderEndedError(self.state)


class Commitment(Sequence[OrderHandle]):
    """The handles of one commitment, in the order in which the orders were given."""

    def __init__(
        self,
        batch: int,
        sequence: int,
        orders: Sequence[OrderHandle],
        places: Sequence[int],
        warnings: Sequence[str],
    ) -> None:
        self.batch = batch
        self.sequence = sequence
        self.orders = tuple(orders)
        self.warnings = tuple(warnings)
        """What the SDK thinks the caller should know, in words."""
        self._places = tuple(places)

    def __repr__(self) -> str:
        return f"Commitment(batch={self.batch}, sequence={self.sequence}, orders={len(self.orders)})"

    @overload
    def __getitem__(self, index: int) -> OrderHandle: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[OrderHandle]: ...

    def __getitem__(self, index: int | slice) -> OrderHandle | Sequence[OrderHandle]:
        return self.orders[index]

    def __len__(self) -> int:
        return len(self.orders)

    def __iter__(self) -> Iterator[OrderHandle]:
        return iter(self.orders)

    def at(self, position: int) -> OrderHandle:
        """The handle of the bundle's entry ``position`` (entries are sorted as the protocol demands)."""
        return self.orders[self._places.index(position)]

    @property
    def ended(self) -> bool:
        """Whether all orders have a final state."""
        return all(order.ended for order in self.orders)

    async def settled(self) -> tuple[Settled | Unfilled, ...]:
        """Wait for all orders; see :meth:`OrderHandle.settled`."""
        return tuple([await order.settled() for order in self.orders])
