"""From what the store knows of a batch to the states of its orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from matching.admission import EntryKind
from orderbook.wire import Fill, Receipt, Result, hex_digest

from .faults import fault_of
from .handles import Commitment, OrderHandle
from .orders import Instruction, Order, Side, Withdrawal
from .records import BatchRecord, CommitmentRecord
from .states import (
    Cancelled,
    Cleared,
    Committed,
    Expired,
    OrderState,
    Proven,
    Rejected,
    Revealed,
    RevealMissed,
    Sealed,
    Settled,
    Unfilled,
)

__all__ = ["NEXT_BATCH", "advance", "receipt_of", "refused", "restored"]

NEXT_BATCH: Final = ("wrong_phase", "unknown_batch")
"""Refusals that say that the batch is closed."""


def advance(account: int, made: Commitment, record: BatchRecord, message: CommitmentRecord) -> None:
    """Move the orders of a commitment to where its batch stands."""
    if message.status == "receipted":
        _all(made, Committed(receipt_of(account, message)))
    if record.phase == "void":
        _all(made, _void(record.reason))
    elif record.phase == "missed":
        # Once something was sent without an answer, only the venue's result tells whether it arrived.
        if record.refusal or not record.sent:
            _all(made, RevealMissed(record.reason, fault_of(record.reason)))
    elif record.phase != "open":
        if message.sequence != record.sequence and record.sequence:
            older = message.sequence < record.sequence
            _all(made, Cancelled("replaced") if older else Expired("not_received"))
            return
        if record.sequence:
            _all(made, Sealed(record.seal_block, record.index))
        if record.acknowledgement:
            _all(made, Revealed())
        if record.result is not None:
            _outcome(made, record, record.result)


def _outcome(made: Commitment, record: BatchRecord, result: Result) -> None:
    if result.outcome == "missing":
        reason = record.reason or "no_acknowledgement"
        _all(made, RevealMissed(reason, fault_of(reason), result.charged))
        return
    _each(made, result, lambda fill: Cleared(_price(fill), fill.fill, fill.fee))
    if record.epoch is not None:
        _all(made, Proven(*record.epoch))
    if record.phase == "settled":
        _each(made, result, lambda fill: _final(fill, record, result))


def _final(fill: Fill, record: BatchRecord, result: Result) -> OrderState:
    if not fill.admitted:
        uncovered = not result.covered and fill.kind != EntryKind.WITHDRAWAL
        return Rejected("miss_fee_cover" if uncovered else "insufficient_balance")
    if fill.fill == 0:
        return Unfilled(record.transaction, _price(fill), verified=record.verified)
    return Settled(_price(fill), fill.fill, fill.fee, record.transaction, record.verified)


def _price(fill: Fill) -> int | None:
    return None if fill.kind == EntryKind.WITHDRAWAL else fill.clearing_price


def _void(reason: str) -> OrderState:
    if reason == "not_received":
        return Expired(reason)
    return Cancelled("not_sealed" if reason == "receipt_not_sealed" else reason)


def _all(made: Commitment, state: OrderState) -> None:
    for handle in made:
        handle.advance(state)


def _each(made: Commitment, result: Result, state: Callable[[Fill], OrderState]) -> None:
    for fill in result.fills:
        made.at(fill.position).advance(state(fill))


def restored(
    account: int,
    record: BatchRecord,
    message: CommitmentRecord,
    observer: Callable[[OrderHandle], None] | None = None,
) -> Commitment:
    """The handles of a commitment that an earlier run made, as far as the store knows."""
    handles = [
        OrderHandle(_instruction(message, i), entry, message.batch, _name(message, i), observer)
        for i, entry in enumerate(message.entries)
    ]
    made = Commitment(message.batch, message.sequence, handles, range(len(handles)), ())
    if message.status == "refused":
        _all(made, refused(message.refusal))
        return made
    advance(account, made, record, message)
    return made


def refused(code: str) -> OrderState:
    """What the venue's refusal of a commitment makes of its orders."""
    return Expired("batch_closed") if code in NEXT_BATCH else Rejected(code)


def _name(message: CommitmentRecord, index: int) -> str:
    """The order's name; orders of stores that had none are named by their place."""
    return message.names[index] if message.names else f"{message.batch}.{message.sequence}.{index}"


def receipt_of(account: int, message: CommitmentRecord) -> Receipt:
    return Receipt(
        0,
        message.batch,
        account,
        message.sequence,
        hex_digest(message.commitment),
        "0x" + message.receipt.hex(),
    )


def _instruction(message: CommitmentRecord, index: int) -> Instruction:
    entry = message.entries[index]
    if entry.kind == EntryKind.WITHDRAWAL:
        return Withdrawal(asset=entry.market, amount=entry.quantity, client_order_id=_name(message, index))
    return Order(
        side=Side(entry.kind),
        market=entry.market,
        quantity=entry.quantity,
        price=entry.price,
        client_order_id=_name(message, index),
    )
