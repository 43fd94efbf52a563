"""Asking the venue which messages it holds of the account: lost receipts, and messages of other processes."""

from __future__ import annotations

import msgspec

from commitments.receipts import recover
from orderbook.wire import GetReceipt, Receipt, digest_of, hex_digest

from .checks import check_receipt
from .errors import BrokenPromiseError, StateError, VenueRefusedError
from .records import BatchRecord
from .work import LOOK_UP_SECONDS, Work

__all__ = ["Inquiry"]


class Inquiry:
    """Part of the reveal agent."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def recover(self, record: BatchRecord) -> None:
        """A message without an answer: the venue tells whether it has it."""
        if not self._work.may_ask(record.batch):
            return
        receipt = await self._held(record.batch)
        if receipt is None or self.foreign(receipt):
            return
        for message in self._work.store.commitments(record.batch):
            if (message.sequence, hex_digest(message.commitment)) == (receipt.sequence, receipt.commitment):
                signed = bytes.fromhex(receipt.signature[2:])
                self._work.store.save_commitment(msgspec.structs.replace(message, status="receipted", receipt=signed))
                self._work.changed(record)

    async def overtaken(self, record: BatchRecord) -> bool:
        """Whether the own commit key signed a later message for the batch, in another process."""
        receipt = await self._held(record.batch)
        return receipt is not None and self.foreign(receipt)

    def foreign(self, receipt: Receipt) -> bool:
        """Whether a receipt is for a message of the own commit key that this store did not send."""
        own = self._work.store.commitments(receipt.batch)
        committed = digest_of(receipt.commitment, "commitment")
        if receipt.commit_signature is None or any(
            (message.sequence, message.commitment) == (receipt.sequence, committed) for message in own
        ):
            return False
        digest = self._work.domain.commitment(receipt.batch, self._work.account, receipt.sequence, committed)
        signer = recover(digest, bytes.fromhex(receipt.commit_signature[2:]))
        if signer is None or signer.lower() != self._work.commit_address.lower():
            raise BrokenPromiseError(
                f"batch {receipt.batch}: the venue shows a message that the commit key did not sign",
                code="receipt_contents",
                field="commit_signature",
            )
        self._work.problem(
            receipt.batch,
            StateError(
                f"another process committed for account {self._work.account}: client sequence {receipt.sequence}",
                code="account_in_use",
                field="account",
            ),
        )
        return True

    async def _held(self, batch: int) -> Receipt | None:
        """The venue's receipt for the newest message that it holds of this account, checked."""
        try:
            reply = await self._work.link.request(GetReceipt(id=0, batch=batch), LOOK_UP_SECONDS)
        except VenueRefusedError as error:
            if error.code == "not_found":
                return None
            raise
        if not isinstance(reply, Receipt):
            raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
        self._work.keeper.receipt(reply)
        committed = digest_of(reply.commitment, "commitment")
        check_receipt(
            self._work.domain, self._work.venue.operator, reply, batch, self._work.account, reply.sequence, committed
        )
        return reply
