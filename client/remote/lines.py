"""Orders and errors of the SDK as messages, and back."""

from __future__ import annotations

from .. import errors
from ..errors import OrderEndedError, SealbookError
from ..handles import OrderHandle
from ..orders import Instruction, Order, Side, Withdrawal
from ..venue import number
from .answers import Failed, OrderLine
from .calls import Line

__all__ = ["error_of", "failure", "instruction", "line", "told"]


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


def told(order: OrderHandle) -> OrderLine:
    """An order as far as it is."""
    entry = order.entry
    return OrderLine(
        order.client_order_id,
        order.batch,
        0 if order.receipt is None else order.receipt.sequence,
        line(order.instruction, order.client_order_id, "order"),
        (entry.kind, entry.market, entry.price, entry.quantity),
        order.states,
    )


def _text(value: object, field: str) -> int | str:
    checked = number(value, field)
    return checked if isinstance(checked, int) else str(checked)


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
