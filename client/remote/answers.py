"""What an agent tells a program: one answer to each call, and by itself :class:`Moved` and :class:`Counted`."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from orderbook.wire import BatchStatus

from ..deadlines import Deadline
from ..history import OrderRow
from ..states import OrderState
from ..venue import Venue
from .calls import Line, Message

__all__ = [
    "Answer",
    "Attached",
    "AvailableAre",
    "BalanceLine",
    "BalancesAre",
    "BatchIs",
    "ClaimedIn",
    "Counted",
    "Done",
    "Failed",
    "Found",
    "HistoryIs",
    "Moved",
    "OrderLine",
    "Placed",
    "ReferencesAre",
    "ReportIs",
    "decode_answer",
]


class OrderLine(Struct, frozen=True):
    """An order as the agent holds it: its integer entry, and its states so far."""

    name: str
    batch: int
    sequence: int
    line: Line
    entry: tuple[int, int, int, int]
    states: tuple[OrderState, ...]


class Attached(Message, frozen=True, tag="attached"):
    """The agent's account, its venue, and its orders on their way."""

    id: int
    account: int
    venue: Venue
    orders: tuple[OrderLine, ...]
    deadlines: tuple[Deadline, ...]


class Placed(Message, frozen=True, tag="placed"):
    """The orders are committed; in the order in which they were given."""

    id: int
    orders: tuple[OrderLine, ...]
    warnings: tuple[str, ...]


class Done(Message, frozen=True, tag="done"):
    """It is done."""

    id: int


class Found(Message, frozen=True, tag="found"):
    """An order."""

    id: int
    order: OrderLine


class BalanceLine(Struct, frozen=True):
    """See :class:`client.audit.Balance`."""

    symbol: str
    settled: Decimal
    pending: Decimal
    proven: bool


class BalancesAre(Message, frozen=True, tag="balances"):
    """All assets."""

    id: int
    balances: tuple[BalanceLine, ...]


class BatchIs(Message, frozen=True, tag="open_batch"):
    """As the venue tells it."""

    id: int
    status: BatchStatus


class AvailableAre(Message, frozen=True, tag="available"):
    """Asset and units, of each asset of which there is any."""

    id: int
    units: tuple[tuple[int, int], ...]


class ReferencesAre(Message, frozen=True, tag="references"):
    """Market symbol and price, of all markets."""

    id: int
    prices: tuple[tuple[str, Decimal], ...]


class HistoryIs(Message, frozen=True, tag="history"):
    """Rows of whole batches, oldest first; ``more``: from which batch on to ask for the rest, None at the end."""

    id: int
    rows: tuple[OrderRow, ...]
    more: int | None


class Failed(Message, frozen=True, tag="failed"):
    """The call failed at the agent, with this error of the SDK."""

    id: int
    kind: str
    message: str
    code: str
    field: str
    retryable: bool
    outcome_known: bool
    advice: str


class ReportIs(Message, frozen=True, tag="report"):
    """``problems``: batch, and what went wrong last in it; ``evidence``: files on the agent's machine; ``proofs``:
    epoch, and the checks of its proof that failed."""

    id: int
    problems: tuple[tuple[int, Failed], ...]
    evidence: tuple[str, ...]
    proofs: tuple[tuple[int, tuple[str, ...]], ...]


class ClaimedIn(Message, frozen=True, tag="claimed"):
    """Hashes of the transactions; none if nothing was left to claim."""

    id: int
    transactions: tuple[str, ...]


class Moved(Message, frozen=True, tag="moved"):
    """Pushed: an order has a new state."""

    order: OrderLine


class Counted(Message, frozen=True, tag="counted"):
    """Pushed: a countdown to a reveal went on."""

    deadline: Deadline


Answer: TypeAlias = (
    Attached
    | Placed
    | Done
    | Found
    | BalancesAre
    | BatchIs
    | AvailableAre
    | ReferencesAre
    | HistoryIs
    | ReportIs
    | ClaimedIn
    | Failed
    | Moved
    | Counted
)
_ANSWER: Final[msgspec.json.Decoder[Answer]] = msgspec.json.Decoder(Answer)


def decode_answer(data: str | bytes) -> Answer:
    """An agent's message. :raises msgspec.DecodeError: it is none."""
    return _ANSWER.decode(data)
