"""From the seal to the acknowledged reveal. The one-time secret leaves the machine in :meth:`Opening._reveal` only."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from commitments.bundle import Bundle as HashedBundle
from commitments.bundle import Entry as HashedEntry
from commitments.bundle import Kind, commitment
from commitments.types import ZERO, Digest
from orderbook.wire import Acknowledgement, GetPath, Path, Refusal, Reveal, hex_digest

from .book import acceptable
from .chain import SealedBatch
from .checks import (
    LeafPlace,
    check_acknowledgement,
    check_place,
    check_place_signature,
    check_refusal,
    place_of,
)
from .errors import BrokenPromiseError, KeyFileError, LinkError, StoreError, VenueRefusedError
from .inquiry import Inquiry
from .records import BatchRecord, CommitmentRecord
from .work import Work

__all__ = ["Opening", "without_leaf"]

_WRONG_PLACE: Final = ("wrong_path", "wrong_root", "wrong_count", "wrong_index")


class Opening:
    """Part of the reveal agent."""

    def __init__(self, work: Work, inquiry: Inquiry) -> None:
        self._work = work
        self._inquiry = inquiry

    async def find_leaf(self, record: BatchRecord) -> BatchRecord:
        """Wait for a final seal; check that the own leaf is in it."""
        work = self._work
        messages = work.store.commitments(record.batch)
        seal = await asyncio.to_thread(work.chain.final_batch, record.batch)
        if seal is None:
            newest = await asyncio.to_thread(work.chain.batch, record.batch)
            late = newest is not None and await work.late(newest)
            if newest is None and messages and messages[-1].status == "sent":
                await self._inquiry.recover(record)
            return _missed(record, "seal_not_final") if late else record
        late = await work.late(seal)
        own = acceptable(messages)
        place = None
        try:
            place = await self._place(record.batch)
            if place is None:
                return without_leaf(record, own, late)
            check_place(work.venue, work.account, place, seal, [m.commitment for m in own])
            check_place_signature(work.domain, work.venue.operator, work.account, place)
        except BrokenPromiseError as error:
            shown = work.places.pop(record.batch, place)
            if shown is not None and error.code in _WRONG_PLACE:
                work.keeper.path(shown, seal)
            elif error.code == "receipt_not_sealed" and own[-1].receipt:
                work.keeper.left_out(own[-1], seal)
            if error.code in ("wrong_commitment", "receipt_not_sealed") and await self._inquiry.overtaken(record):
                return msgspec.structs.replace(record, phase="void", reason="replaced_elsewhere")
            if late:
                return _missed(record, error.code)
            raise
        except (LinkError, VenueRefusedError) as error:
            if late:
                return _missed(record, error.code)
            if error.code == "wrong_phase":  # the venue has not seen the seal yet
                return record
            raise
        chosen = next(m for m in reversed(own) if m.commitment == place.commitment)
        return msgspec.structs.replace(
            record,
            phase="sealed",
            sequence=chosen.sequence,
            index=place.index,
            siblings=place.siblings,
            seal_block=seal.seal_block,
        )

    async def open_leaf(self, record: BatchRecord) -> BatchRecord:
        """Reveal, unless the window is over."""
        work = self._work
        message = next(m for m in work.store.commitments(record.batch) if m.sequence == record.sequence)
        seal = await asyncio.to_thread(work.chain.final_batch, record.batch)
        if seal is None:
            raise BrokenPromiseError(f"L1 no longer holds the seal of batch {record.batch}", code="seal_reverted")
        # Again, on what L1 holds at this moment: the chain may have been reorganised since the leaf was found.
        place = LeafPlace(record.batch, message.commitment, seal.root, seal.count, record.index, record.siblings)
        check_place(work.venue, work.account, place, seal, [message.commitment])
        if await work.late(seal):
            return _missed(record, self._reason(record))
        if not record.sent:
            record = msgspec.structs.replace(record, sent=True)
            work.store.save_batch(record)
        reply = await self._reveal(record, message, seal)
        if isinstance(reply, Acknowledgement):
            check_acknowledgement(
                work.domain,
                work.venue.operator,
                reply,
                record.batch,
                work.account,
                message.commitment,
            )
            return msgspec.structs.replace(record, phase="revealed", acknowledgement=bytes.fromhex(reply.signature[2:]))
        check_refusal(work.domain, work.venue.operator, reply, record.batch, work.account, message.commitment)
        if record.refusal != reply.reason:
            work.store.save_batch(msgspec.structs.replace(record, refusal=reply.reason))
        raise VenueRefusedError(
            f"the reveal was refused: {reply.message}", code=f"refused_{reply.reason}", retryable=True
        )

    async def _place(self, batch: int) -> LeafPlace | None:
        """Where the venue says the leaf is; None if it says that there is none."""
        if batch in self._work.places:
            return self._work.places[batch]
        try:
            reply = await self._work.link.request(GetPath(id=0, batch=batch), self._work.patience(batch))
        except VenueRefusedError as error:
            if error.code == "not_found":
                return None
            raise
        if not isinstance(reply, Path):
            raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
        return place_of(reply)

    async def _reveal(
        self, record: BatchRecord, message: CommitmentRecord, seal: SealedBatch
    ) -> Acknowledgement | Refusal:
        """Send the opening. The only place from which a one-time secret leaves."""
        work = self._work
        key = await asyncio.to_thread(work.keys.key, await self._key_root(seal), record.batch)
        entries = tuple(HashedEntry(Kind(e.kind), e.market, e.price, e.quantity) for e in message.entries)
        bundle = HashedBundle(entries, message.salt)
        if commitment(work.venue.number, record.batch, work.account, bundle, key.secret) != message.commitment:
            raise StoreError("entries, salt and secret do not give the commitment", code="store_corrupt", field="store")
        reply = await work.link.request(
            Reveal(
                id=0,
                batch=record.batch,
                entries=message.entries,
                salt=hex_digest((*message.salt, 0)),
                secret=hex_digest(key.secret),
                key_position=key.position,
                key_path=tuple(hex_digest(node) for node in key.path),
            ),
            work.patience(record.batch),
        )
        if not isinstance(reply, Acknowledgement | Refusal):
            raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
        return reply

    async def _key_root(self, seal: SealedBatch) -> Digest:
        """The account's key root immediately before the batch: the last one below the seal's queue cut."""
        queue = await asyncio.to_thread(self._work.chain.queue, self._work.account)
        roots = [entry.values for entry in queue if entry.kind == 1 and entry.position < seal.cut]
        if not roots:
            raise KeyFileError("no key root is in force for this batch", code="no_key_root", field="keys")
        return roots[-1]

    def _reason(self, record: BatchRecord) -> str:
        """Why a reveal was missed, as well as it is known."""
        stored = self._work.store.batch(record.batch)
        if stored is not None and stored.refusal:
            return f"refused_{stored.refusal}"
        problem = self._work.problems.get(record.batch)
        return problem.code if problem is not None else "offline"


def without_leaf(record: BatchRecord, own: list[CommitmentRecord], late: bool) -> BatchRecord:
    """The venue says that the batch holds no leaf of this account."""
    newest = own[-1] if own else None
    if newest is None or newest.commitment == ZERO:
        lapsed = newest is not None and newest.status == "leased"
        return msgspec.structs.replace(record, phase="void", reason="lease_lapsed" if lapsed else "cancelled")
    if newest.status == "receipted" and not late:
        raise BrokenPromiseError(
            f"batch {record.batch} was sealed without a commitment for which there is a receipt",
            code="receipt_not_sealed",
        )
    reason = "receipt_not_sealed" if newest.status == "receipted" else "not_received"
    return msgspec.structs.replace(record, phase="void", reason=reason)


def _missed(record: BatchRecord, reason: str) -> BatchRecord:
    return msgspec.structs.replace(record, phase="missed", reason=reason)
