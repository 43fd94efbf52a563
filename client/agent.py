"""The reveal agent: brings every batch in which the account committed from its commitment to its settlement.

It works from the store and from L1 alone, so a restarted client takes up where the last one ended; what the
venue pushes only wakes it. The one-time secret leaves the machine in one place, :meth:`RevealAgent._reveal`,
and only after the sealed root on the own L1 connection is final and contains the own commitment at the place
that the path proves (``docs/protocol.md`` section 6).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from commitments.bundle import Bundle as HashedBundle
from commitments.bundle import Entry as HashedEntry
from commitments.bundle import Kind, commitment
from commitments.receipts import Domain, recover
from commitments.types import ZERO, Digest
from orderbook.wire import (
    Acknowledgement,
    BatchStatus,
    GetBatch,
    GetPath,
    GetReceipt,
    GetResult,
    Message,
    Path,
    Receipt,
    Refusal,
    Result,
    Reveal,
    Sealed,
    digest_of,
    hex_digest,
)

from .book import acceptable
from .chain import Chain, SealedBatch
from .checks import (
    LeafPlace,
    check_acknowledgement,
    check_place,
    check_place_signature,
    check_receipt,
    check_refusal,
    check_result,
    place_of,
)
from .deadlines import Countdown, Deadline
from .errors import (
    BrokenPromiseError,
    KeyFileError,
    LinkError,
    SealbookError,
    StateError,
    StoreError,
    VenueRefusedError,
)
from .handles import OrderHandle
from .keeper import EvidenceKeeper
from .keys import KeyRing
from .link import Link
from .states import Created
from .store import BatchRecord, CommitmentRecord, Store
from .venue import Venue

__all__ = ["RevealAgent"]

log = logging.getLogger("sealbook.client")
_LONGEST_PAUSE: Final = 15.0
_ATTEMPTS: Final = 8
COUNTING: Final = -1
"""In the place of a batch number: the task of the countdown."""
_WRONG_PLACE: Final = ("wrong_path", "wrong_root", "wrong_count", "wrong_index")
_REQUEST_SECONDS: Final = 10.0
_LOOK_UP_SECONDS: Final = 3.0


class Auditor(Protocol):
    """Compares settled balances with the own fills."""

    async def settled(self, batch: int) -> bool:
        """Whether the balances proven after this batch agree with the own results.

        :raises BrokenPromiseError: ``balance_change`` if they do not; other errors: not provable yet.
        """


class RevealAgent:
    """``changed`` hears of every batch whose record changed."""

    def __init__(
        self,
        venue: Venue,
        account: int,
        chain: Chain,
        link: Link,
        store: Store,
        keys: KeyRing,
        commit_address: str,
        auditor: Auditor,
        keeper: EvidenceKeeper,
        changed: Callable[[BatchRecord], None],
        poll_seconds: float,
        countdown: Countdown,
    ) -> None:
        self._venue = venue
        self._account = account
        self._chain = chain
        self._link = link
        self._store = store
        self._keys = keys
        self._commit_address = commit_address
        self._auditor = auditor
        self._keeper = keeper
        self._changed = changed
        self._poll_seconds = poll_seconds
        self.countdown = countdown
        self._domain = Domain(venue.chain_id, venue.contract)
        self._wake = asyncio.Event()
        self._poked: set[int] = set()
        self._places: dict[int, LeafPlace] = {}
        self._results: dict[int, Result] = {}
        self._asked: dict[int, float] = {}
        self._attempts: dict[int, tuple[int, float]] = {}
        self.problems: dict[int, SealbookError] = {}
        """The last thing that went wrong, by batch."""

    def wake(self) -> None:
        """Look again now."""
        self._wake.set()

    def pushed(self, message: Message) -> None:
        """Take what the venue sent by itself: hints, checked like everything else."""
        if not isinstance(message, Sealed | Result | BatchStatus | Receipt):
            return
        try:
            if isinstance(message, Sealed):
                self._places[message.batch] = place_of(message)
                self._attempts.pop(message.batch, None)
            elif isinstance(message, Result):
                self._results[message.batch] = message
                self._attempts.pop(message.batch, None)
            elif isinstance(message, BatchStatus):
                self._asked.pop(message.batch, None)
            elif isinstance(message, Receipt):
                self._keeper.receipt(message)
                self._foreign(message)
        except BrokenPromiseError as error:
            self._problem(message.batch, error)
        self._poked.add(message.batch)
        self.wake()

    async def look_up(self, handle: OrderHandle) -> None:
        """Return when it is known whether the venue has an order, or when its open batch does not hold it."""

        def unanswered() -> bool:
            return isinstance(handle.state, Created)

        while unanswered():
            record = self._store.batch(handle.batch)
            if record is None or record.phase != "open":
                return
            self._asked.pop(handle.batch, None)
            await self._recover_receipt(record)
            status = await self._link.request(GetBatch(id=0, batch=handle.batch), _REQUEST_SECONDS)
            if not unanswered() or (isinstance(status, BatchStatus) and status.phase == "commit"):
                return
            self._attempts.pop(handle.batch, None)
            self.wake()
            await asyncio.sleep(self._poll_seconds)

    async def run(self) -> None:
        """Work until cancelled: each batch in a task of its own, so that none waits for another's answer."""
        working: dict[int, asyncio.Task[None]] = {}
        try:
            while True:
                self._wake.clear()
                for record in self._store.pending():
                    if record.batch not in working and self._due(record.batch):
                        task = working[record.batch] = asyncio.create_task(self._try(record))
                        task.add_done_callback(lambda _, batch=record.batch: self._done(working, batch))  # type: ignore[misc]
                if self.countdown.deadlines and COUNTING not in working:
                    working[COUNTING] = asyncio.create_task(self._count_down())
                    working[COUNTING].add_done_callback(lambda _: working.pop(COUNTING))
                try:
                    async with asyncio.timeout(self._poll_seconds):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            for task in working.values():
                task.cancel()
            await asyncio.gather(*working.values(), return_exceptions=True)

    async def _count_down(self) -> None:
        """Deadlines go on while a batch's task waits for an answer."""
        try:
            head = await asyncio.to_thread(self._chain.head)
        except SealbookError as error:
            log.info("countdown: %s", error, extra={"code": error.code})
            return
        for deadline in self.countdown.deadlines:
            self._count(deadline.batch, deadline.until - self._venue.reveal_window, head)

    def _count(self, batch: int, seal_block: int, head: int) -> Deadline:
        problem = self.problems.get(batch)
        now = asyncio.get_running_loop().time()
        return self.countdown.look(batch, seal_block, head, "" if problem is None else problem.code, now)

    def _due(self, batch: int) -> bool:
        return asyncio.get_running_loop().time() >= self._attempts.get(batch, (0, 0.0))[1]

    def _done(self, working: dict[int, asyncio.Task[None]], batch: int) -> None:
        """A batch is free again; if something came for it meanwhile, it is looked at once more."""
        working.pop(batch, None)
        if batch in self._poked:
            self._poked.discard(batch)
            self.wake()

    async def _try(self, record: BatchRecord) -> None:
        """One step of a batch, and as many more as follow at once; errors are noted and the step is tried
        again.
        """
        try:
            while True:
                after = await self._step(record)
                if after == record:
                    return
                self._store.save_batch(after)
                self._attempts.pop(record.batch, None)
                if after.phase not in ("open", "sealed"):
                    self.countdown.done(record.batch)
                if not after.reason:
                    self.problems.pop(record.batch, None)
                log.info("batch %d: %s", after.batch, after.phase, extra={"reason": after.reason})
                self._changed(after)
                record = after
        except Exception as error:
            self._problem(record.batch, error if isinstance(error, SealbookError) else _unexpected(error))
            failures = self._attempts.get(record.batch, (0, 0.0))[0]
            pause = min(self._poll_seconds * 2.0 ** min(failures, 10), _LONGEST_PAUSE, self._urgency(record.batch))
            self._attempts[record.batch] = (failures + 1, asyncio.get_running_loop().time() + pause)

    def _urgency(self, batch: int) -> float:
        """The longest pause that a running deadline leaves: several attempts must fit into what is left."""
        left = [d.seconds_left for d in self.countdown.deadlines if d.batch == batch and d.seconds_left is not None]
        return max(self._poll_seconds, left[0] / _ATTEMPTS) if left else _LONGEST_PAUSE

    def _patience(self, batch: int) -> float:
        """Seconds to wait for an answer of the venue: fewer when the deadline is near."""
        return min(_REQUEST_SECONDS, max(_LOOK_UP_SECONDS, self._urgency(batch)))

    def _problem(self, batch: int, error: SealbookError) -> None:
        earlier = self.problems.get(batch)
        self.problems[batch] = error
        if earlier is None or (earlier.code, str(earlier)) != (error.code, str(error)):
            log.warning("batch %d: %s", batch, error, extra={"code": error.code})

    async def _step(self, record: BatchRecord) -> BatchRecord:
        match record.phase:
            case "open":
                return await self._find_leaf(record)
            case "sealed":
                return await self._open_leaf(record)
            case "revealed" | "missed":
                return await self._take_result(record)
            case "cleared":
                return await self._take_proof(record)
            case "proven":
                return await self._take_settlement(record)
            case _:
                return record

    # ------------------------------------------------------------------------------------------ seal

    async def _find_leaf(self, record: BatchRecord) -> BatchRecord:
        """Wait for a final seal; check that the own leaf is in it."""
        messages = self._store.commitments(record.batch)
        seal = await asyncio.to_thread(self._chain.final_batch, record.batch)
        if seal is None:
            newest = await asyncio.to_thread(self._chain.batch, record.batch)
            late = newest is not None and await self._late(newest)
            if newest is None and messages and messages[-1].status == "sent":
                await self._recover_receipt(record)
            return _missed(record, "seal_not_final") if late else record
        late = await self._late(seal)
        own = acceptable(messages)
        place = None
        try:
            place = await self._place(record.batch)
            if place is None:
                return self._without_leaf(record, own, late)
            check_place(self._venue, self._account, place, seal, [m.commitment for m in own])
            check_place_signature(self._domain, self._venue.operator, self._account, place)
        except BrokenPromiseError as error:
            shown = self._places.pop(record.batch, place)
            if shown is not None and error.code in _WRONG_PLACE:
                self._keeper.path(shown, seal)
            elif error.code == "receipt_not_sealed" and own[-1].receipt:
                self._keeper.left_out(own[-1], seal)
            if error.code in ("wrong_commitment", "receipt_not_sealed") and await self._overtaken(record):
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

    async def _place(self, batch: int) -> LeafPlace | None:
        """Where the venue says the leaf is; None if it says that there is none."""
        if batch in self._places:
            return self._places[batch]
        try:
            reply = await self._link.request(GetPath(id=0, batch=batch), self._patience(batch))
        except VenueRefusedError as error:
            if error.code == "not_found":
                return None
            raise
        if not isinstance(reply, Path):
            raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
        return place_of(reply)

    def _without_leaf(self, record: BatchRecord, own: list[CommitmentRecord], late: bool) -> BatchRecord:
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

    async def _recover_receipt(self, record: BatchRecord) -> None:
        """A message without an answer: the venue tells whether it has it."""
        if not self._may_ask(record.batch):
            return
        receipt = await self._held(record.batch)
        if receipt is None or self._foreign(receipt):
            return
        for message in self._store.commitments(record.batch):
            if (message.sequence, hex_digest(message.commitment)) == (receipt.sequence, receipt.commitment):
                signed = bytes.fromhex(receipt.signature[2:])
                self._store.save_commitment(msgspec.structs.replace(message, status="receipted", receipt=signed))
                self._changed(record)

    async def _held(self, batch: int) -> Receipt | None:
        """The venue's receipt for the newest message that it holds of this account, checked."""
        try:
            reply = await self._link.request(GetReceipt(id=0, batch=batch), _LOOK_UP_SECONDS)
        except VenueRefusedError as error:
            if error.code == "not_found":
                return None
            raise
        if not isinstance(reply, Receipt):
            raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
        self._keeper.receipt(reply)
        committed = digest_of(reply.commitment, "commitment")
        check_receipt(self._domain, self._venue.operator, reply, batch, self._account, reply.sequence, committed)
        return reply

    async def _overtaken(self, record: BatchRecord) -> bool:
        """Whether the own commit key signed a later message for the batch, in another process."""
        receipt = await self._held(record.batch)
        return receipt is not None and self._foreign(receipt)

    def _foreign(self, receipt: Receipt) -> bool:
        """Whether a receipt is for a message of the own commit key that this store did not send."""
        if receipt.sequence <= self._store.last_sequence or receipt.commit_signature is None:
            return False
        digest = self._domain.commitment(
            receipt.batch, self._account, receipt.sequence, digest_of(receipt.commitment, "commitment")
        )
        signer = recover(digest, bytes.fromhex(receipt.commit_signature[2:]))
        if signer is None or signer.lower() != self._commit_address.lower():
            raise BrokenPromiseError(
                f"batch {receipt.batch}: the venue shows a message that the commit key did not sign",
                code="receipt_contents",
                field="commit_signature",
            )
        self._problem(
            receipt.batch,
            StateError(
                f"another process committed for account {self._account}: client sequence {receipt.sequence}",
                code="account_in_use",
                field="account",
            ),
        )
        return True

    # ------------------------------------------------------------------------------------------ reveal

    async def _open_leaf(self, record: BatchRecord) -> BatchRecord:
        message = next(m for m in self._store.commitments(record.batch) if m.sequence == record.sequence)
        seal = await asyncio.to_thread(self._chain.final_batch, record.batch)
        if seal is None:
            raise BrokenPromiseError(f"L1 no longer holds the seal of batch {record.batch}", code="seal_reverted")
        # Again, on what L1 holds at this moment: the chain may have been reorganised since the leaf was found.
        place = LeafPlace(record.batch, message.commitment, seal.root, seal.count, record.index, record.siblings)
        check_place(self._venue, self._account, place, seal, [message.commitment])
        if await self._late(seal):
            return _missed(record, self._reason(record))
        reply = await self._reveal(record, message, seal)
        if isinstance(reply, Acknowledgement):
            check_acknowledgement(
                self._domain, self._venue.operator, reply, record.batch, self._account, message.commitment
            )
            return msgspec.structs.replace(record, phase="revealed", acknowledgement=bytes.fromhex(reply.signature[2:]))
        check_refusal(self._domain, self._venue.operator, reply, record.batch, self._account, message.commitment)
        if record.refusal != reply.reason:
            self._store.save_batch(msgspec.structs.replace(record, refusal=reply.reason))
        raise VenueRefusedError(
            f"the reveal was refused: {reply.message}", code=f"refused_{reply.reason}", retryable=True
        )

    async def _reveal(
        self, record: BatchRecord, message: CommitmentRecord, seal: SealedBatch
    ) -> Acknowledgement | Refusal:
        """Send the opening. The only place from which a one-time secret leaves."""
        key = await asyncio.to_thread(self._keys.key, await self._key_root(seal), record.batch)
        entries = tuple(HashedEntry(Kind(e.kind), e.market, e.price, e.quantity) for e in message.entries)
        bundle = HashedBundle(entries, message.salt)
        if commitment(self._venue.number, record.batch, self._account, bundle, key.secret) != message.commitment:
            raise StoreError("entries, salt and secret do not give the commitment", code="store_corrupt", field="store")
        reply = await self._link.request(
            Reveal(
                id=0,
                batch=record.batch,
                entries=message.entries,
                salt=hex_digest((*message.salt, 0)),
                secret=hex_digest(key.secret),
                key_position=key.position,
                key_path=tuple(hex_digest(node) for node in key.path),
            ),
            self._patience(record.batch),
        )
        if not isinstance(reply, Acknowledgement | Refusal):
            raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
        return reply

    async def _key_root(self, seal: SealedBatch) -> Digest:
        """The account's key root immediately before the batch: the last one below the seal's queue cut."""
        queue = await asyncio.to_thread(self._chain.queue, self._account)
        roots = [entry.values for entry in queue if entry.kind == 1 and entry.position < seal.cut]
        if not roots:
            raise KeyFileError("no key root is in force for this batch", code="no_key_root", field="keys")
        return roots[-1]

    async def _late(self, seal: SealedBatch) -> bool:
        """Whether the reveal window is over; the countdown goes on with it."""
        head = await asyncio.to_thread(self._chain.head)
        return head > self._count(seal.number, seal.seal_block, head).until

    def _reason(self, record: BatchRecord) -> str:
        """Why a reveal was missed, as well as it is known."""
        stored = self._store.batch(record.batch)
        if stored is not None and stored.refusal:
            return f"refused_{stored.refusal}"
        problem = self.problems.get(record.batch)
        return problem.code if problem is not None else "offline"

    # ------------------------------------------------------------------------------------------ outcome

    async def _take_result(self, record: BatchRecord) -> BatchRecord:
        try:
            result = await self._result(record.batch)
        except VenueRefusedError as error:
            if error.code == "not_found" and record.phase == "missed":
                own = acceptable(self._store.commitments(record.batch))
                return self._without_leaf(record, own, late=True)
            raise
        if result is None:
            return record
        entries = next((m.entries for m in self._store.commitments(record.batch) if m.sequence == record.sequence), ())
        check_result(self._venue, self._account, entries, result)
        reason = record.reason
        if result.outcome == "missing" and record.acknowledgement:
            reason = "acknowledged_but_missing"
        return msgspec.structs.replace(record, phase="cleared", result=result, reason=reason)

    async def _take_proof(self, record: BatchRecord) -> BatchRecord:
        """Wait until the venue says that the batch is proven, or L1 that it is settled."""
        seal = await asyncio.to_thread(self._chain.final_batch, record.batch)
        if seal is not None and seal.epoch is not None:
            settlement = await asyncio.to_thread(self._chain.settlement, seal.epoch)
            last = settlement.first_batch + settlement.batches - 1
            return msgspec.structs.replace(record, phase="proven", epoch=(settlement.first_batch, last))
        if not self._may_ask(record.batch):
            return record
        reply = await self._link.request(GetBatch(id=0, batch=record.batch), _REQUEST_SECONDS)
        if not isinstance(reply, BatchStatus):
            raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
        if reply.phase not in ("settle", "settled") or reply.epoch is None:
            return record
        return msgspec.structs.replace(record, phase="proven", epoch=reply.epoch)

    async def _take_settlement(self, record: BatchRecord) -> BatchRecord:
        """Wait until L1 accepted the batch finally, then compare the proven balances with the own fills."""
        seal = await asyncio.to_thread(self._chain.final_batch, record.batch)
        if seal is None or seal.epoch is None:
            return record
        settlement = await asyncio.to_thread(self._chain.settlement, seal.epoch)
        if record.result is None or not record.result.final:
            self._results.pop(record.batch, None)
            result = await self._result(record.batch, fresh=True)
            if result is None or not result.final:
                return record
            entries = next(
                (m.entries for m in self._store.commitments(record.batch) if m.sequence == record.sequence),
                (),
            )
            check_result(self._venue, self._account, entries, result)
            record = msgspec.structs.replace(record, result=result)
            self._store.save_batch(record)
        if record.reason == "acknowledged_but_missing":
            message = next(m for m in self._store.commitments(record.batch) if m.sequence == record.sequence)
            await asyncio.to_thread(self._keeper.missing, record, message, seal.epoch)
        try:
            verified, reason = await self._auditor.settled(record.batch), record.reason
        except BrokenPromiseError as error:
            if error.code != "balance_change":
                raise
            self._problem(record.batch, error)
            verified, reason = False, error.code
        return msgspec.structs.replace(
            record, phase="settled", transaction=settlement.transaction, verified=verified, reason=reason
        )

    def _may_ask(self, batch: int) -> bool:
        """Whether the venue may be asked about a batch again: once a second, or when it said that something changed."""
        now = asyncio.get_running_loop().time()
        if now < self._asked.get(batch, 0.0):
            return False
        self._asked[batch] = now + max(1.0, self._poll_seconds)
        return True

    async def _result(self, batch: int, fresh: bool = False) -> Result | None:
        """The venue's result, if it has one: pushed, or asked for once a second at most."""
        if batch in self._results and not fresh:
            return self._results[batch]
        if not self._may_ask(batch):
            return None
        try:
            reply = await self._link.request(GetResult(id=0, batch=batch), _REQUEST_SECONDS)
        except VenueRefusedError as error:
            if error.code in ("too_early", "wrong_phase"):
                return None
            raise
        if not isinstance(reply, Result) or reply.batch != batch:
            raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
        return reply


def _missed(record: BatchRecord, reason: str) -> BatchRecord:
    return msgspec.structs.replace(record, phase="missed", reason=reason)


def _unexpected(error: Exception) -> SealbookError:
    """A fault of the SDK itself: the agent goes on with the other batches and tries this one again."""
    log.error("reveal agent", exc_info=error)
    return SealbookError(f"{type(error).__name__} in the reveal agent", code="internal", retryable=True)
