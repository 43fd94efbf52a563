"""Bringing a settlement to its end in the fewest transactions.

Query records fill the opening up to the chain's limit of bytes; the last records bring the settlement with them. So a
proof that fits one transaction takes one, and each further 128 KiB take one more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .exchange import Exchange
from .records import HeadChecked
from .transactions import Mined, Sender
from .verifier import WireProof

CALL_BYTES: Final = 1_536
"""Room for a transaction's envelope, the ABI's words and the effects."""


@dataclass(frozen=True)
class Material:
    """All bytes that settle one epoch. ``missing`` is the list of missing leaves, as in the public data."""

    public_data: bytes
    queue_entries: bytes
    missing: bytes
    signatures: bytes
    proof: WireProof


def settle(
    exchange: Exchange,
    sender: Sender,
    material: Material,
    opened: HeadChecked | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> tuple[HeadChecked, list[Mined]]:
    """Send what is not on the chain yet, in order, each transaction as full as it may be.

    :param opened: the opening, if it is on the chain already
    :param progress: told the share of the records that are checked
    :return: the opening, and the transactions that were sent
    :raises contracts.errors.RevertedError: the contract refused one
    """
    mined = []
    if opened is None:
        opened, first = open_settlement(exchange, sender, material)
        mined.append(first)
    if exchange.progress().settled_batches > opened.first_batch:
        return opened, mined
    ticket = exchange.ticket(opened.id)
    if ticket.signatures_pending:
        mined.append(exchange.check_signatures(sender, opened.id, material.missing, material.signatures))
    room = sender.profile.max_transaction_bytes - CALL_BYTES - len(opened.state)
    runs = list(material.proof.pending(ticket.bitmap, room))
    for number, (first_record, records) in enumerate(runs):
        progress(first_record / material.proof.query_count)
        if number + 1 < len(runs):
            mined.append(exchange.check_queries(sender, opened.id, opened.state, first_record, records))
            continue
        mined.append(
            exchange.check_queries_and_settle(sender, opened.id, opened.state, first_record, records, opened.effects)
        )
    if not runs:
        mined.append(exchange.settle(sender, opened.id, opened.effects))
    return opened, mined


def open_settlement(exchange: Exchange, sender: Sender, material: Material) -> tuple[HeadChecked, Mined]:
    """The opening, with the signatures if they fit and with as many query records as fit."""
    proof = material.proof
    room = sender.profile.max_transaction_bytes - CALL_BYTES
    room -= len(material.public_data) + len(material.queue_entries) + len(proof.head)
    signatures = material.signatures if len(material.signatures) <= room else b""
    count = max(0, (room - len(signatures)) // proof.record_length)
    queries = proof.queries[: count * proof.record_length]
    return exchange.open_settlement(
        sender, material.public_data, material.queue_entries, signatures, proof.head, queries
    )
