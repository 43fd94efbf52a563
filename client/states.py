"""States of an order, and the handle by which its owner follows it.

::

    Created -> Committed -> Sealed -> Revealed -> Cleared -> Settled | Unfilled
       any step before Cleared -> Rejected | Cancelled | RevealMissed

``Cleared`` is provisional: only L1's acceptance of the proof makes ``Settled`` or ``Unfilled``. Prices are
ticks, fills lots (a withdrawal: units of its asset), fees quote units.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, overload

from .errors import OrderEndedError, StateError

if TYPE_CHECKING:
    from orderbook.wire import Receipt

    from .orders import Entry, Instruction

__all__ = [
    "Cancelled",
    "Cleared",
    "Commitment",
    "Committed",
    "Created",
    "OrderHandle",
    "OrderState",
    "Rejected",
    "RevealMissed",
    "Revealed",
    "Sealed",
    "Settled",
    "Unfilled",
]


@dataclass(frozen=True, slots=True)
class Created:
    """In the store, not confirmed by the venue yet."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The venue's signed receipt is in the store."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Sealed:
    """L1 holds a final root that contains the commitment; nothing can be added to the batch any more."""

    block: int
    index: int


@dataclass(frozen=True, slots=True)
class Revealed:
    """The venue signed that it has the opened commitment."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """The venue's provisional outcome; ``price`` (without trade the reference price) is None for a
    withdrawal.
    """

    price: int | None
    fill: int
    fee: int


@dataclass(frozen=True, slots=True)
class Settled:
    """L1 accepted the proof of the batch. ``verified``: the fills agree with the proven change of the
    balances.
    """

    price: int | None
    fill: int
    fee: int
    transaction: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Unfilled:
    """Settled without a fill."""

    transaction: str
    price: int | None = None
    fill: int = 0
    fee: int = 0
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never in a batch, or dropped at admission: ``insufficient_balance``, ``miss_fee_cover``, or the venue's
    code.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """``cancelled`` or ``replaced`` before the seal, or ``not_sealed``: the venue left the commitment out."""

    reason: str


@dataclass(frozen=True, slots=True)
class RevealMissed:
    """The commitment was sealed and not opened in time, for ``reason``. ``charged``: units of the fee asset that it
    cost, None if the venue has not told yet."""

    reason: str
    charged: int | None = None


OrderState: TypeAlias = (
    Created | Committed | Sealed | Revealed | Cleared | Settled | Unfilled | Rejected | Cancelled | RevealMissed
)
_RANK: Final[dict[type, int]] = {Created: 0, Committed: 1, Sealed: 2, Revealed: 3, Cleared: 4}
_TERMINAL: Final = 5
S = TypeVar("S", Committed, Sealed, Revealed, Cleared)


def rank(state: OrderState) -> int:
    """Place in the order's life; states only move up."""
    return _RANK.get(type(state), _TERMINAL)


class OrderHandle:
    """One order on its way. Iterate over its states, or await one of them."""

    def __init__(self, instruction: Instruction, entry: Entry, batch: int) -> None:
        self.instruction = instruction
        self.entry = entry
        self.batch = batch
        self._states: list[OrderState] = [Created()]
        self._closed = False
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"OrderHandle(batch={self.batch}, state={type(self.state).__name__})"

    @property
    def state(self) -> OrderState:
        """The present state."""
        return self._states[-1]

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return rank(self.state) == _TERMINAL

    def advance(self, state: OrderState) -> bool:
        """Move on (used by the client); a state that does not lie ahead is ignored. Whether it moved."""
        if self.ended or rank(state) <= rank(self.state):
            return False
        self._states.append(state)
        self._changed.set()
        self._changed = asyncio.Event()
        return True

    def close(self) -> None:
        """The client ends (used by it): nothing will move this handle any more."""
        self._closed = True
        self._changed.set()

    async def states(self) -> AsyncIterator[OrderState]:
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
                if rank(state) == _TERMINAL:
                    return
            if self._closed:
                raise StateError(
                    "the client was closed before the order ended",
                    code="client_closed",
                    advice="connect again with the same store: the order is in client.commitments",
                )
            await changed.wait()

    def __aiter__(self) -> AsyncIterator[OrderState]:
        return self.states()

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

    async def settled(self) -> Settled | Unfilled:
        """Wait until L1 accepted the batch.

        :raises OrderEndedError: rejected, cancelled, or not revealed in time.
        """
        async for state in self.states():
            if isinstance(state, Settled | Unfilled):
                return state
        raise OrderEndedError(self.state)

    async def _reach(self, wanted: type[S]) -> S:
        async for state in self.states():
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
