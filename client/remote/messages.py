"""Messages between an agent and the programs that trade through it, one JSON object in each WebSocket text frame.

A program shows the agent's token in the header of its connection. The agent answers every request once, with its
``id``, and pushes :class:`Moved` and :class:`Counted` to all programs. Numbers in orders are as the SDK takes them: an
integer is lots, ticks or units, text is a decimal of tokens.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from orderbook.wire import BatchStatus

from .. import errors
from ..deadlines import Deadline
from ..errors import InputError, OrderEndedError, SealbookError
from ..orders import Instruction, Order, Side, Withdrawal
from ..states import OrderState
from ..venue import Venue, number

__all__ = [
    "Attach",
    "Attached",
    "BalanceLine",
    "BalancesAre",
    "BatchIs",
    "CancelOrders",
    "Counted",
    "Done",
    "Failed",
    "Found",
    "GetOpenBatch",
    "GetOwnBalances",
    "Line",
    "Moved",
    "OrderLine",
    "Place",
    "Placed",
    "Resolve",
    "decode_answer",
    "decode_call",
    "error_of",
    "failure",
    "instruction",
    "line",
]

MAX_BYTES: Final = 1 << 20
SCHEMA: Final = 1


class Line(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An order or a withdrawal (``market`` is then the asset). ``name`` is its client order id."""

    side: Literal["buy", "sell", "withdraw"]
    market: int | str
    quantity: int | str
    name: str
    price: int | str | None = None
    slippage: str | None = None


class OrderLine(Struct, frozen=True):
    """An order as the agent holds it: its integer entry, and its states so far."""

    name: str
    batch: int
    sequence: int
    line: Line
    entry: tuple[int, int, int, int]
    states: tuple[OrderState, ...]


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


Call: TypeAlias = Attach | Place | CancelOrders | Resolve | GetOwnBalances | GetOpenBatch


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


class Moved(Message, frozen=True, tag="moved"):
    """Pushed: an order has a new state."""

    order: OrderLine


class Counted(Message, frozen=True, tag="counted"):
    """Pushed: a countdown to a reveal went on."""

    deadline: Deadline


Answer: TypeAlias = Attached | Placed | Done | Found | BalancesAre | BatchIs | Failed | Moved | Counted
_CALL: Final[msgspec.json.Decoder[Call]] = msgspec.json.Decoder(Call)
_ANSWER: Final[msgspec.json.Decoder[Answer]] = msgspec.json.Decoder(Answer)


def decode_call(data: str | bytes) -> Call:
    """A program's request. :raises msgspec.DecodeError: it is none."""
    return _CALL.decode(data)


def decode_answer(data: str | bytes) -> Answer:
    """An agent's message. :raises msgspec.DecodeError: it is none."""
    return _ANSWER.decode(data)


def encode(message: Message) -> str:
    """JSON text of a message."""
    return msgspec.json.encode(message).decode()


# ---------------------------------------------------------------------------------------------- orders


def line(item: Instruction, name: str, field: str) -> Line:
    """An order as a line.

    :raises InputError: a number that is none.
    """
    if isinstance(item, Withdrawal):
        return Line("withdraw", item.asset, _text(item.amount, f"{field}.amount"), name)
    return Line(
        "buy" if item.side is Side.BUY else "sell",
        item.market,
        _text(item.quantity, f"{field}.quantity"),
        name,
        None if item.price is None else _text(item.price, f"{field}.price"),
        item.slippage,
    )


def instruction(item: Line) -> Instruction:
    """A line as an order."""
    if item.side == "withdraw":
        return Withdrawal(asset=item.market, amount=item.quantity, client_order_id=item.name)
    return Order(
        side=Side.BUY if item.side == "buy" else Side.SELL,
        market=item.market,
        quantity=item.quantity,
        price=item.price,
        slippage=item.slippage,
        client_order_id=item.name,
    )


def _text(value: object, field: str) -> int | str:
    checked = number(value, field)
    return checked if isinstance(checked, int) else str(checked)


# ---------------------------------------------------------------------------------------------- errors


def failure(request: int, error: SealbookError) -> Failed:
    """An error as a message."""
    return Failed(
        request,
        type(error).__name__,
        str(error.args[0]) if error.args else str(error),
        error.code,
        error.field,
        error.retryable,
        error.outcome_known,
        error.advice,
    )


def error_of(failed: Failed) -> SealbookError:
    """The same error again, of the same class."""
    kind = getattr(errors, failed.kind, SealbookError)
    if not (isinstance(kind, type) and issubclass(kind, SealbookError)) or kind is OrderEndedError:
        kind = SealbookError
    error = kind.__new__(kind)
    SealbookError.__init__(
        error,
        failed.message,
        code=failed.code,
        field=failed.field,
        retryable=failed.retryable,
        advice=failed.advice,
    )
    error.outcome_known = failed.outcome_known
    return error


def demand_schema(call: Attach) -> None:
    """:raises InputError: ``agent_schema``."""
    if call.schema != SCHEMA:
        raise InputError(
            f"the agent speaks schema {SCHEMA}, not {call.schema}",
            code="agent_schema",
            field="schema",
            advice="run the same version of sealbook on both sides",
        )
