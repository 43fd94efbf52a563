"""What a program asks of an agent, one JSON object in each WebSocket text frame.

A program shows the agent's token in the header of its connection. The agent answers every request once, with its
``id``: :mod:`client.remote.answers`. Numbers in orders are as the SDK takes them: an integer is lots, ticks or units,
text is a decimal of tokens.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

__all__ = [
    "Attach",
    "Call",
    "CancelOrders",
    "Claim",
    "GetAvailable",
    "GetHistory",
    "GetOpenBatch",
    "GetOwnBalances",
    "GetReferences",
    "GetReport",
    "Line",
    "Message",
    "Place",
    "RenewLease",
    "Resolve",
    "TakeLease",
    "decode_call",
    "encode",
]

MAX_BYTES: Final = 1 << 20
SCHEMA: Final = 2


class Line(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An order or a withdrawal (``market`` is then the asset). ``name`` is its client order id."""

    side: Literal["buy", "sell", "withdraw"]
    market: int | str
    quantity: int | str
    name: str
    price: int | str | None = None
    slippage: str | None = None


class Message(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", omit_defaults=True):
    """Base of all messages."""


class Attach(Message, frozen=True, tag="attach"):
    """First request."""

    id: int
    schema: int = SCHEMA


class Place(Message, frozen=True, tag="place"):
    """Commit orders, or with ``replace`` put them in the place of the open batch's commitment. A repetition under the
    same names is the same commitment."""

    id: int
    orders: tuple[Line, ...]
    replace: bool
    check_balance: bool
    valid_for_batch: int | None
    within: float


class CancelOrders(Message, frozen=True, tag="cancel"):
    """Take back the open batch's commitment."""

    id: int
    within: float


class Resolve(Message, frozen=True, tag="resolve"):
    """What became of an order."""

    id: int
    name: str
    within: float


class GetOwnBalances(Message, frozen=True, tag="get_balances"):
    """Proven balances."""

    id: int


class GetOpenBatch(Message, frozen=True, tag="get_open_batch"):
    """The batch that collects commitments now."""

    id: int


class TakeLease(Message, frozen=True, tag="lease"):
    """Lease the open batch's commitment for so many seconds. The program renews it, not the agent: it is the program's
    silence that ends it."""

    id: int
    seconds: float
    within: float


class RenewLease(Message, frozen=True, tag="renew_lease"):
    """The program is there."""

    id: int
    within: float


class GetAvailable(Message, frozen=True, tag="get_available"):
    """What orders can count on."""

    id: int


class GetReferences(Message, frozen=True, tag="get_references"):
    """The last clearing prices."""

    id: int


class GetHistory(Message, frozen=True, tag="get_history"):
    """Own orders with an outcome, of the batches from ``first`` on."""

    id: int
    first: int


class Claim(Message, frozen=True, tag="claim"):
    """Claim withdrawals on L1, of one settled epoch or of all; they go to the account's owner, whoever asks."""

    id: int
    epoch: int | None


class GetReport(Message, frozen=True, tag="get_report"):
    """What the agent's checks have found."""

    id: int


Call: TypeAlias = (
    Attach
    | Place
    | CancelOrders
    | Resolve
    | GetOwnBalances
    | GetOpenBatch
    | TakeLease
    | RenewLease
    | GetAvailable
    | GetReferences
    | GetHistory
    | GetReport
    | Claim
)
_CALL: Final[msgspec.json.Decoder[Call]] = msgspec.json.Decoder(Call)


def decode_call(data: str | bytes) -> Call:
    """A program's request. :raises msgspec.DecodeError: it is none."""
    return _CALL.decode(data)


def encode(message: Message) -> str:
    """JSON text of a message."""
    return msgspec.json.encode(message).decode()
