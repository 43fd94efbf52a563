"""States of an order.

::

    Created -> Committed -> Sealed -> Revealed -> Cleared -> Proven -> Settled | Unfilled
       any step before Cleared -> Rejected | Cancelled | Expired | RevealMissed

``Cleared`` and ``Proven`` are the venue's word and provisional: only L1's acceptance of the proof makes ``Settled``
or ``Unfilled`` (or ``Rejected``, for an entry that admission dropped). Prices are ticks, fills lots (a withdrawal:
units of its asset), fees quote units.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar, Final, TypeAlias

from msgspec import Struct

from orderbook.wire import Receipt

__all__ = [
    "Cancelled",
    "Cleared",
    "Committed",
    "Created",
    "Expired",
    "Fault",
    "OrderState",
    "OrderStatus",
    "Proven",
    "Rejected",
    "RevealMissed",
    "Revealed",
    "Sealed",
    "Settled",
    "Unfilled",
    "rank",
]


class OrderStatus(Enum):
    """Names of the states."""

    CREATED = "created"
    COMMITTED = "committed"
    SEALED = "sealed"
    REVEALED = "revealed"
    CLEARED = "cleared"
    PROVEN = "proven"
    SETTLED = "settled"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNFILLED = "unfilled"
    REVEAL_MISSED = "reveal_missed"


class Fault(Enum):
    """On whose side the reason lies, as far as the client can know."""

    TRADER = "trader"
    """This program was not running, or lacks a key."""
    VENUE = "venue"
    """The venue refused, denied or ignored what the client can show."""
    CHAIN = "chain"
    """The own L1 endpoint did not answer, or its chain was not final in time."""
    UNKNOWN = "unknown"
    """Somewhere between client and venue: neither side can be shown to be at fault."""


class Created(Struct, frozen=True, tag="created"):
    """In the store, not confirmed by the venue yet."""

    status: ClassVar[OrderStatus] = OrderStatus.CREATED


class Committed(Struct, frozen=True, tag="committed"):
    """The venue's signed receipt is in the store."""

    status: ClassVar[OrderStatus] = OrderStatus.COMMITTED
    receipt: Receipt


class Sealed(Struct, frozen=True, tag="sealed"):
    """L1 holds a final root that contains the commitment; nothing can be added to the batch any more."""

    status: ClassVar[OrderStatus] = OrderStatus.SEALED
    block: int
    index: int


class Revealed(Struct, frozen=True, tag="revealed"):
    """The venue signed that it has the opened commitment."""

    status: ClassVar[OrderStatus] = OrderStatus.REVEALED


class Cleared(Struct, frozen=True, tag="cleared"):
    """The venue's provisional outcome; ``price`` (without trade the reference price) is None for a withdrawal."""

    status: ClassVar[OrderStatus] = OrderStatus.CLEARED
    price: int | None
    fill: int
    fee: int


class Proven(Struct, frozen=True, tag="proven"):
    """The proof of batches ``first`` .. ``last`` is made and on its way to L1."""

    status: ClassVar[OrderStatus] = OrderStatus.PROVEN
    first: int
    last: int


class Settled(Struct, frozen=True, tag="settled"):
    """L1 accepted the proof of the batch. ``verified``: the fills agree with the proven change of the balances."""

    status: ClassVar[OrderStatus] = OrderStatus.SETTLED
    price: int | None
    fill: int
    fee: int
    transaction: str
    verified: bool


class Unfilled(Struct, frozen=True, tag="unfilled"):
    """Settled without a fill."""

    status: ClassVar[OrderStatus] = OrderStatus.UNFILLED
    transaction: str
    price: int | None = None
    fill: int = 0
    fee: int = 0
    verified: bool = False


class Rejected(Struct, frozen=True, tag="rejected"):
    """Refused by the venue with its code, or dropped at admission: ``insufficient_balance``, ``miss_fee_cover``."""

    status: ClassVar[OrderStatus] = OrderStatus.REJECTED
    reason: str


class Cancelled(Struct, frozen=True, tag="cancelled"):
    """``cancelled`` or ``replaced`` before the seal; ``lease_lapsed``: the venue heard nothing from the maker any more;
    ``replaced_elsewhere``: by another process with the commit key;
    ``not_sealed``: the venue left the confirmed commitment out."""

    status: ClassVar[OrderStatus] = OrderStatus.CANCELLED
    reason: str


class Expired(Struct, frozen=True, tag="expired"):
    """Never in a batch: ``batch_closed``: the only batch that it was for closed first; ``not_received``: it was sent
    without an answer, and the sealed batch does not contain it; ``good_till``: its time was over."""

    status: ClassVar[OrderStatus] = OrderStatus.EXPIRED
    reason: str


class RevealMissed(Struct, frozen=True, tag="reveal_missed"):
    """The commitment was sealed and not opened in time, for ``reason``, by whose ``fault``. ``charged``: units of the
    fee asset that it cost, None if the venue has not told yet."""

    status: ClassVar[OrderStatus] = OrderStatus.REVEAL_MISSED
    reason: str
    fault: Fault
    charged: int | None = None


OrderState: TypeAlias = (
    Created
    | Committed
    | Sealed
    | Revealed
    | Cleared
    | Proven
    | Settled
    | Unfilled
    | Rejected
    | Cancelled
    | Expired
    | RevealMissed
)
_RANK: Final[dict[type, int]] = {Created: 0, Committed: 1, Sealed: 2, Revealed: 3, Cleared: 4, Proven: 5}
TERMINAL: Final = 6
"""Rank of final states."""


def rank(state: OrderState) -> int:
    """Place in the order's life; states only move up."""
    return _RANK.get(type(state), TERMINAL)
