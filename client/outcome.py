"""From the reveal to the settlement: the venue's result, the proof, and the proven balances."""

from __future__ import annotations

import asyncio

import msgspec

from orderbook.wire import BatchStatus, GetBatch, GetResult, Result

from .book import acceptable
from .checks import check_result
from .errors import BrokenPromiseError, VenueRefusedError
from .opening import without_leaf
from .records import BatchRecord
from .work import REQUEST_SECONDS, Work

__all__ = ["Outcome"]


class Outcome:
    """Part of the reveal agent."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def take_result(self, record: BatchRecord) -> BatchRecord:
        """Take the venue's result, checked against the own entries."""
        work = self._work
        try:
            result = await self._result(record.batch)
        except VenueRefusedError as error:
            if error.code == "not_found" and record.phase == "missed":
                own = acceptable(work.store.commitments(record.batch))
                return without_leaf(record, own, late=True)
            raise
        if result is None:
            return record
        entries = next((m.entries for m in work.store.commitments(record.batch) if m.sequence == record.sequence), ())
        check_result(work.venue, work.account, entries, result)
        reason = record.reason
        if result.outcome == "missing" and record.acknowledgement:
            reason = "acknowledged_but_missing"
        return msgspec.structs.replace(record, phase="cleared", result=result, reason=reason)

    async def take_proof(self, record: BatchRecord) -> BatchRecord:
        """Wait until the venue says that the batch is proven, or L1 that it is settled."""
        seal = await asyncio.to_thread(self._work.chain.final_batch, record.batch)
        if seal is not None and seal.epoch is not None:
            settlement = await asyncio.to_thread(self._work.chain.settlement, seal.epoch)
            last = settlement.first_batch + settlement.batches - 1
            return msgspec.structs.replace(record, phase="proven", epoch=(settlement.first_batch, last))
        if not self._work.may_ask(record.batch):
            return record
        reply = await self._work.link.request(GetBatch(id=0, batch=record.batch), REQUEST_SECONDS)
        if not isinstance(reply, BatchStatus):
            raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
        if reply.phase not in ("settle", "settled") or reply.epoch is None:
            return record
        return msgspec.structs.replace(record, phase="proven", epoch=reply.epoch)

    async def take_settlement(self, record: BatchRecord) -> BatchRecord:
        """Wait until L1 accepted the batch finally, then compare the proven balances with the own fills."""
        work = self._work
        seal = await asyncio.to_thread(work.chain.final_batch, record.batch)
        if seal is None or seal.epoch is None:
            return record
        settlement = await asyncio.to_thread(work.chain.settlement, seal.epoch)
        if record.result is None or not record.result.final:
            work.results.pop(record.batch, None)
            result = await self._result(record.batch, fresh=True)
            if result is None or not result.final:
                return record
            entries = next(
                (m.entries for m in work.store.commitments(record.batch) if m.sequence == record.sequence),
                (),
            )
            check_result(work.venue, work.account, entries, result)
            record = msgspec.structs.replace(record, result=result)
            work.store.save_batch(record)
        if record.reason == "acknowledged_but_missing":
            message = next(m for m in work.store.commitments(record.batch) if m.sequence == record.sequence)
            await asyncio.to_thread(work.keeper.missing, record, message, seal.epoch)
        try:
            verified, reason = await work.auditor.settled(record.batch), record.reason
        except BrokenPromiseError as error:
            if error.code != "balance_change":
                raise
            work.problem(record.batch, error)
            verified, reason = False, error.code
        return msgspec.structs.replace(
            record, phase="settled", transaction=settlement.transaction, verified=verified, reason=reason
        )

    async def _result(self, batch: int, fresh: bool = False) -> Result | None:
        """The venue's result, if it has one: pushed, or asked for once a second at most."""
        if batch in self._work.results and not fresh:
            return self._work.results[batch]
        if not self._work.may_ask(batch):
            return None
        try:
            reply = await self._work.link.request(GetResult(id=0, batch=batch), REQUEST_SECONDS)
        except VenueRefusedError as error:
            if error.code in ("too_early", "wrong_phase"):
                return None
            raise
        if not isinstance(reply, Result) or reply.batch != batch:
            raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
        return reply
