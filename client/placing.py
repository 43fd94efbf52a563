"""Placing, replacing and cancelling the account's commitment: saved first, sent, and confirmed by a checked
receipt.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from commitments.bundle import Bundle as HashedBundle
from commitments.bundle import Entry as HashedEntry
from commitments.bundle import Kind, commitment
from commitments.types import MODULUS, ZERO, Digest, Salt
from orderbook.wire import BatchStatus, Cancel, Commit, Entry, GetBatch, Receipt, hex_digest

from .agent import acceptable
from .checks import check_receipt
from .errors import BrokenPromiseError, StateError, VenueRefusedError
from .keys import KeyRing
from .link import Link
from .orders import Bundle
from .signers import Signer
from .states import Cancelled, Commitment, Committed, OrderHandle, Rejected
from .store import BatchRecord, CommitmentRecord, Store
from .tracking import advance, restored
from .typed import Messages
from .venue import Venue

__all__ = ["Desk", "open_batch"]

_NEXT_BATCH: Final = ("wrong_phase", "unknown_batch")
_WAIT: Final = ("registration_pending", "batch_full")
_PAUSE: Final = 0.25


async def open_batch(link: Link, within: float = 30.0) -> BatchStatus:
    """The batch that collects commitments now."""
    reply = await link.request(GetBatch(id=0), within)
    if not isinstance(reply, BatchStatus):
        raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
    return reply


class Desk:
    """One account's commitments. One message at a time, so that sequence numbers rise in the order of the
    calls.
    """

    def __init__(self, venue: Venue, account: int, link: Link, store: Store, ring: KeyRing, signer: Signer) -> None:
        self._venue = venue
        self._account = account
        self._link = link
        self._store = store
        self._ring = ring
        self._signer = signer
        self._messages = Messages(venue.chain_id, venue.contract)
        self._live: dict[int, list[Commitment]] = {}
        self.lock = asyncio.Lock()
        for record in store.pending():
            messages = acceptable(store.commitments(record.batch))
            self._live[record.batch] = [restored(account, record, m) for m in messages if m.commitment != ZERO]

    @property
    def commitments(self) -> tuple[Commitment, ...]:
        """Commitments that are not at their end, oldest batch first."""
        return tuple(made for batch in sorted(self._live) for made in self._live[batch] if not made.ended)

    def changed(self, record: BatchRecord) -> None:
        """A batch moved on: so do the handles of its orders."""
        messages = {message.sequence: message for message in self._store.commitments(record.batch)}
        for made in self._live.get(record.batch, []):
            advance(made, record, messages[made.sequence])
        if record.phase in ("settled", "void"):
            self._live.pop(record.batch, None)

    def demand_vacant(self, batch: int) -> None:
        """:raises StateError: ``commitment_open``: the batch holds a commitment of this account."""
        if self._standing(batch):
            raise StateError(
                f"batch {batch} holds a commitment",
                code="commitment_open",
                advice="use replace() or cancel()",
            )

    async def place(
        self, bundle: Bundle, warnings: Sequence[str], within: float, demand: Callable[[int], None]
    ) -> Commitment:
        """Commit a bundle for the open batch, or for the next one if that closes meanwhile.

        ``demand`` may refuse a batch. Raises NoReplyError with the message kept in the store if the outcome is not
        known.
        """
        deadline = asyncio.get_running_loop().time() + within
        async with self.lock:
            while True:
                batch = (await open_batch(self._link, _left(deadline))).batch
                demand(batch)
                made = await self._attempt(bundle, warnings, batch, deadline)
                if made is not None:
                    return made

    async def cancel(self, within: float) -> None:
        """Take back the open batch's commitment.

        :raises StateError: ``no_commitment``.
        """
        deadline = asyncio.get_running_loop().time() + within
        async with self.lock:
            batch = (await open_batch(self._link, _left(deadline))).batch
            if not self._standing(batch):
                raise StateError(f"batch {batch} holds no commitment of this account", code="no_commitment")
            await self._send(await self._signed(batch, ZERO, (0, 0, 0), ()), deadline)
            _end(self._live.get(batch, []), "cancelled")

    async def _attempt(self, bundle: Bundle, warnings: Sequence[str], batch: int, deadline: float) -> Commitment | None:
        """Commit for one batch; None if it closed before."""
        salt = (secrets.randbelow(MODULUS), secrets.randbelow(MODULUS), secrets.randbelow(MODULUS))
        record = await self._signed(batch, self._hash(bundle, batch, salt), salt, bundle.entries)
        handles = [
            OrderHandle(item, bundle.entries[place], batch)
            for item, place in zip(bundle.instructions, bundle.places, strict=True)
        ]
        made = Commitment(batch, record.sequence, handles, bundle.places, warnings)
        self._live.setdefault(batch, []).append(made)
        try:
            receipt = await self._send(record, deadline)
        except VenueRefusedError as error:
            if error.code in _NEXT_BATCH:
                self._live[batch].remove(made)
                return None
            for handle in handles:
                handle.advance(Rejected(error.code))
            raise
        _end((earlier for earlier in self._live.get(batch, []) if earlier is not made), "replaced")
        for handle in handles:
            handle.advance(Committed(receipt))
        return made

    def _hash(self, bundle: Bundle, batch: int, salt: Salt) -> Digest:
        entries = tuple(HashedEntry(Kind(e.kind), e.market, e.price, e.quantity) for e in bundle.entries)
        secret = self._ring.secret(batch)
        return commitment(self._venue.number, batch, self._account, HashedBundle(entries, salt), secret)

    async def _signed(self, batch: int, committed: Digest, salt: Salt, entries: tuple[Entry, ...]) -> CommitmentRecord:
        session = self._link.session
        floor = session.sequence if session is not None and session.open_batch == batch else 0
        sequence = self._store.next_sequence(floor)
        message = self._messages.commitment(batch, self._account, sequence, committed)
        return CommitmentRecord(
            batch=batch,
            sequence=sequence,
            commitment=committed,
            salt=salt,
            entries=entries,
            signature=await self._signer.sign_message(message),
        )

    async def _send(self, record: CommitmentRecord, deadline: float) -> Receipt:
        """The message is in the store before a byte leaves, the receipt before anybody hears of it."""
        self._store.save_commitment(record)
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
        alive = [message for message in self._store.commitments(batch) if message.status != "refused"]
        return bool(alive) and alive[-1].commitment != ZERO


def _end(commitments: Iterable[Commitment], reason: str) -> None:
    for made in commitments:
        for handle in made:
            handle.advance(Cancelled(reason))


def _left(deadline: float) -> float:
    """Seconds until a deadline; never zero, so that every request is tried."""
    return max(deadline - asyncio.get_running_loop().time(), 0.05)
