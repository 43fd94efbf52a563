"""Placing, replacing and cancelling the account's commitment: saved first, sent, and confirmed by a checked receipt."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Final

import msgspec

from commitments.bundle import Bundle as HashedBundle
from commitments.bundle import Entry as HashedEntry
from commitments.bundle import Kind, commitment
from commitments.types import MODULUS, ZERO, Digest, Salt
from orderbook.wire import BatchStatus, Cancel, Commit, Entry, GetBatch, Lease, Receipt, hex_digest

from .book import Book, end
from .checks import check_receipt
from .errors import BrokenPromiseError, InputError, StateError, VenueRefusedError
from .handles import Commitment, OrderHandle
from .keeper import EvidenceKeeper
from .keys import KeyRing
from .link import Link
from .orders import Bundle
from .records import CommitmentRecord
from .signers import Signer
from .states import Cancelled, Expired
from .store import Store
from .tracking import NEXT_BATCH, refused
from .typed import Messages
from .venue import Venue

__all__ = ["Desk", "open_batch"]

LEAST_LEASE: Final = 0.1
LONGEST_LEASE: Final = 3600.0
"""Seconds, as the protocol has them."""
_WAIT: Final = ("registration_pending", "batch_full")
_PAUSE: Final = 0.25
_LEASE_OVER: Final = ("wrong_phase", "replayed", "not_found")


async def open_batch(link: Link, within: float = 30.0) -> BatchStatus:
    """The batch that collects commitments now."""
    reply = await link.request(GetBatch(id=0), within)
    if not isinstance(reply, BatchStatus):
        raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
    return reply


class Desk:
    """One account's commitments. One message at a time, so that sequence numbers rise in the order of the calls.

    ``take_over``: go on although the venue holds messages that this store does not know.
    """

    def __init__(
        self,
        venue: Venue,
        account: int,
        link: Link,
        store: Store,
        ring: KeyRing,
        signer: Signer,
        book: Book,
        keeper: EvidenceKeeper,
        take_over: bool = False,
    ) -> None:
        self._venue = venue
        self._account = account
        self._link = link
        self._store = store
        self._ring = ring
        self._signer = signer
        self._book = book
        self._keeper = keeper
        self._take_over = take_over
        self._messages = Messages(venue.chain_id, venue.contract)
        self._lease: Lease | None = None
        self.lock = asyncio.Lock()

    async def place(
        self,
        bundle: Bundle,
        warnings: Sequence[str],
        within: float,
        replace: bool,
        only: int | None = None,
    ) -> Commitment:
        """Commit a bundle for the open batch, or for the next one if that closes meanwhile (not with ``only``: then for
        that batch or for none).

        Orders that were placed before under the same names are not placed again.

        :raises StateError: ``commitment_open``: the batch holds a commitment of this account, and it is not to
            ``replace`` that.
        :raises NoReplyError: the outcome is not known; the message is kept in the store.
        """
        deadline = asyncio.get_running_loop().time() + within
        async with self.lock:
            known = self._book.repeated(bundle)
            if known is not None:
                return await self._again(known, deadline)
            names = tuple(item.client_order_id or secrets.token_hex(8) for item in bundle.instructions)
            while True:
                batch = await self._open(deadline)
                if only is not None and batch != only:
                    raise _not_that_batch(only, batch)
                if not replace and self._standing(batch):
                    raise StateError(
                        f"batch {batch} holds a commitment",
                        code="commitment_open",
                        advice="use replace() or cancel()",
                    )
                made = await self._attempt(bundle, names, warnings, batch, deadline, only)
                if made is not None:
                    return made

    async def cancel(self, within: float) -> None:
        """Take back the open batch's commitment.

        :raises StateError: ``no_commitment``.
        """
        deadline = asyncio.get_running_loop().time() + within
        async with self.lock:
            batch = await self._open(deadline)
            if not self._standing(batch):
                raise StateError(f"batch {batch} holds no commitment of this account", code="no_commitment")
            record = await self._signed(batch, ZERO, (0, 0, 0), (), ())
            self._store.save_commitment(record)
            await self._exchange(record, deadline)
            end(self._book.of(batch), Cancelled("cancelled"))

    async def lease(self, seconds: float, within: float) -> None:
        """Leave a cancel with the venue for the open batch's commitment, to be carried out unless :meth:`renew` comes.

        :raises StateError: ``no_commitment``.
        """
        if not LEAST_LEASE <= seconds <= LONGEST_LEASE:
            raise InputError(
                f"seconds: {seconds:g} is not {LEAST_LEASE:g} to {LONGEST_LEASE:g}", code="bad_lease", field="seconds"
            )
        deadline = asyncio.get_running_loop().time() + within
        async with self.lock:
            batch = await self._open(deadline)
            if not self._standing(batch):
                raise StateError(f"batch {batch} holds no commitment of this account", code="no_commitment")
            record = await self._signed(batch, ZERO, (0, 0, 0), (), ())
            self._store.save_commitment(msgspec.structs.replace(record, status="leased"))
            self._lease = Lease(0, batch, record.sequence, "0x" + record.signature.hex(), seconds)
            await self._link.request(self._lease, _left(deadline))

    async def renew(self, within: float) -> None:
        """Tell the venue that the owner of the lease is there; nothing if it is over."""
        lease = self._lease
        if lease is None:
            return
        try:
            await self._link.request(lease, within)
        except VenueRefusedError as error:
            if error.code not in _LEASE_OVER:
                raise
            if self._lease is lease:
                self._lease = None

    async def _open(self, deadline: float) -> int:
        """Number of the open batch.

        :raises StateError: ``account_in_use``: the venue holds a message for it that this store did not send.
        """
        status = await open_batch(self._link, _left(deadline))
        held = status.client_sequence or 0
        if held > self._store.last_sequence:
            if not self._take_over:
                raise StateError(
                    f"the venue holds client sequence {held} for batch {status.batch}, this store ends at "
                    f"{self._store.last_sequence}: another process commits for account {self._account}",
                    code="account_in_use",
                    field="account",
                )
            self._store.next_sequence(held)
        return status.batch

    async def _again(self, made: Commitment, deadline: float) -> Commitment:
        """A repetition: the same message once more, if the venue has not answered it and its batch is open."""
        record = next(m for m in self._store.commitments(made.batch) if m.sequence == made.sequence)
        if record.status == "sent" and await self._open(deadline) == made.batch:
            try:
                receipt = await self._exchange(record, deadline)
            except VenueRefusedError as error:
                if error.code not in NEXT_BATCH:
                    raise
                end([made], refused(error.code))
            else:
                self._book.confirmed(made, receipt)
        return made

    async def _attempt(
        self,
        bundle: Bundle,
        names: tuple[str, ...],
        warnings: Sequence[str],
        batch: int,
        deadline: float,
        only: int | None,
    ) -> Commitment | None:
        """Commit for one batch; None if it closed before and another may be taken."""
        salt = (secrets.randbelow(MODULUS), secrets.randbelow(MODULUS), secrets.randbelow(MODULUS))
        sorted_names = tuple(names[bundle.places.index(position)] for position in range(len(names)))
        record = await self._signed(batch, self._hash(bundle, batch, salt), salt, bundle.entries, sorted_names)
        handles = [
            OrderHandle(item, bundle.entries[place], batch, name, self._book.observer)
            for item, place, name in zip(bundle.instructions, bundle.places, names, strict=True)
        ]
        made = Commitment(batch, record.sequence, handles, bundle.places, warnings)
        self._store.save_commitment(record)
        self._book.add(made)
        try:
            receipt = await self._exchange(record, deadline)
        except VenueRefusedError as error:
            if error.code not in NEXT_BATCH:
                end([made], refused(error.code))
                raise
            if only is not None:
                end([made], Expired("batch_closed"))
                raise _not_that_batch(only, batch + 1) from None
            self._book.drop(made)
            return None
        self._book.confirmed(made, receipt)
        return made

    def _hash(self, bundle: Bundle, batch: int, salt: Salt) -> Digest:
        entries = tuple(HashedEntry(Kind(e.kind), e.market, e.price, e.quantity) for e in bundle.entries)
        secret = self._ring.secret(batch)
        return commitment(self._venue.number, batch, self._account, HashedBundle(entries, salt), secret)

    async def _signed(
        self, batch: int, committed: Digest, salt: Salt, entries: tuple[Entry, ...], names: tuple[str, ...]
    ) -> CommitmentRecord:
        sequence = self._store.next_sequence()
        message = self._messages.commitment(batch, self._account, sequence, committed)
        return CommitmentRecord(
            batch=batch,
            sequence=sequence,
            commitment=committed,
            salt=salt,
            entries=entries,
            signature=await self._signer.sign_message(message),
            names=names,
        )

    async def _exchange(self, record: CommitmentRecord, deadline: float) -> Receipt:
        """Send what is in the store; the checked receipt is in the store before anybody hears of it."""
        signature = "0x" + record.signature.hex()
        message: Commit | Cancel
        if record.commitment == ZERO:
            message = Cancel(0, record.batch, record.sequence, signature)
        else:
            message = Commit(0, record.batch, record.sequence, hex_digest(record.commitment), signature)
        while True:
            try:
                reply = await self._link.request(message, _left(deadline))
                break
            except VenueRefusedError as error:
                if error.code not in _WAIT or _left(deadline) <= _PAUSE:
                    self._store.save_commitment(msgspec.structs.replace(record, status="refused", refusal=error.code))
                    raise
            await asyncio.sleep(_PAUSE)
        if not isinstance(reply, Receipt):
            raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
        self._keeper.receipt(reply)
        check_receipt(
            self._messages.domain,
            self._venue.operator,
            reply,
            record.batch,
            self._account,
            record.sequence,
            record.commitment,
        )
        signed = bytes.fromhex(reply.signature[2:])
        self._store.save_commitment(msgspec.structs.replace(record, status="receipted", receipt=signed))
        return reply

    def _standing(self, batch: int) -> bool:
        """Whether the newest message for a batch that may count is a commitment."""
        alive = [m for m in self._store.commitments(batch) if m.status not in ("refused", "leased")]
        return bool(alive) and alive[-1].commitment != ZERO


def _not_that_batch(wanted: int, open_: int) -> StateError:
    if wanted < open_:
        text = f"batch {wanted} is closed; batch {open_} is open"
        return StateError(text, code="batch_over", field="valid_for_batch")
    return StateError(
        f"batch {wanted} is not open yet; batch {open_} is",
        code="batch_not_open",
        field="valid_for_batch",
        retryable=True,
    )


def _left(deadline: float) -> float:
    """Seconds until a deadline; never zero, so that every request is tried."""
    return max(deadline - asyncio.get_running_loop().time(), 0.05)
