"""The reveal agent: brings every batch in which the account committed from its commitment to its settlement.

It works from the store and from L1 alone, so a restarted client takes up where the last one ended; what the venue
pushes only wakes it. The one-time secret leaves the machine only after the sealed root on the own L1 connection is
final and contains the own commitment at the place that the path proves (``docs/protocol.md`` section 6).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from orderbook.wire import BatchStatus, GetBatch, Message, Receipt, Result, Sealed

from .checks import place_of
from .errors import BrokenPromiseError, SealbookError
from .handles import OrderHandle
from .inquiry import Inquiry
from .opening import Opening
from .outcome import Outcome
from .records import BatchRecord
from .states import Created
from .work import LONGEST_PAUSE, REQUEST_SECONDS, Work

__all__ = ["RevealAgent"]

log = logging.getLogger("sealbook.client")
_COUNTING: Final = -1
"""In the place of a batch number: the task of the countdown."""


class RevealAgent:
    """Does the work of one account, until it is cancelled."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._inquiry = Inquiry(work)
        self._opening = Opening(work, self._inquiry)
        self._outcome = Outcome(work)
        self._wake = asyncio.Event()
        self._working: dict[int, asyncio.Task[None]] = {}
        self._poked: set[int] = set()
        self._attempts: dict[int, tuple[int, float]] = {}

    @property
    def problems(self) -> dict[int, SealbookError]:
        """The last thing that went wrong, by batch."""
        return self._work.problems

    def wake(self) -> None:
        """Look again now."""
        self._wake.set()

    def pushed(self, message: Message) -> None:
        """Take what the venue sent by itself: hints, checked like everything else."""
        if not isinstance(message, Sealed | Result | BatchStatus | Receipt):
            return
        try:
            if isinstance(message, Sealed):
                self._work.places[message.batch] = place_of(message)
                self._attempts.pop(message.batch, None)
            elif isinstance(message, Result):
                self._work.results[message.batch] = message
                self._attempts.pop(message.batch, None)
            elif isinstance(message, BatchStatus):
                self._work.asked.pop(message.batch, None)
            elif isinstance(message, Receipt):
                self._work.keeper.receipt(message)
                self._inquiry.foreign(message)
        except BrokenPromiseError as error:
            self._work.problem(message.batch, error)
        if message.batch in self._working:
            self._poked.add(message.batch)
        self.wake()

    async def look_up(self, handle: OrderHandle) -> None:
        """Return when it is known whether the venue has an order, or when its open batch does not hold it."""

        def unanswered() -> bool:
            return isinstance(handle.state, Created)

        while unanswered():
            record = self._work.store.batch(handle.batch)
            if record is None or record.phase != "open":
                return
            self._work.asked.pop(handle.batch, None)
            await self._inquiry.recover(record)
            status = await self._work.link.request(GetBatch(id=0, batch=handle.batch), REQUEST_SECONDS)
            if not unanswered() or (isinstance(status, BatchStatus) and status.phase == "commit"):
                return
            self._attempts.pop(handle.batch, None)
            self.wake()
            await asyncio.sleep(self._work.poll_seconds)

    async def run(self) -> None:
        """Work until cancelled: each batch in a task of its own, so that none waits for another's answer."""
        working = self._working
        try:
            while True:
                self._wake.clear()
                for record in self._work.store.pending():
                    if record.batch not in working and self._due(record.batch):
                        task = working[record.batch] = asyncio.create_task(self._try(record))
                        task.add_done_callback(lambda _, batch=record.batch: self._done(batch))  # type: ignore[misc]
                if self._work.countdown.deadlines and _COUNTING not in working:
                    working[_COUNTING] = asyncio.create_task(self._count_down())
                    working[_COUNTING].add_done_callback(lambda _: working.pop(_COUNTING))
                try:
                    async with asyncio.timeout(self._work.poll_seconds):
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
            head = await asyncio.to_thread(self._work.chain.head)
        except SealbookError as error:
            log.info("countdown: %s", error, extra={"code": error.code})
            return
        for deadline in self._work.countdown.deadlines:
            self._work.count(deadline.batch, deadline.until - self._work.venue.reveal_window, head)

    def _due(self, batch: int) -> bool:
        return asyncio.get_running_loop().time() >= self._attempts.get(batch, (0, 0.0))[1]

    def _done(self, batch: int) -> None:
        """A batch is free again; if something came for it meanwhile, it is looked at once more."""
        self._working.pop(batch, None)
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
                self._work.store.save_batch(after)
                self._attempts.pop(record.batch, None)
                if after.phase not in ("open", "sealed"):
                    self._work.countdown.done(record.batch)
                if after.phase in ("settled", "void"):
                    self._work.forget(record.batch)
                if not after.reason:
                    self._work.problems.pop(record.batch, None)
                log.info("batch %d: %s", after.batch, after.phase, extra={"reason": after.reason})
                self._work.changed(after)
                record = after
        except Exception as error:
            self._work.problem(record.batch, error if isinstance(error, SealbookError) else _unexpected(error))
            failures = self._attempts.get(record.batch, (0, 0.0))[0]
            pause = min(
                self._work.poll_seconds * 2.0 ** min(failures, 10), LONGEST_PAUSE, self._work.urgency(record.batch)
            )
            self._attempts[record.batch] = (failures + 1, asyncio.get_running_loop().time() + pause)

    async def _step(self, record: BatchRecord) -> BatchRecord:
        match record.phase:
            case "open":
                return await self._opening.find_leaf(record)
            case "sealed":
                return await self._opening.open_leaf(record)
            case "revealed" | "missed":
                return await self._outcome.take_result(record)
            case "cleared":
                return await self._outcome.take_proof(record)
            case "proven":
                return await self._outcome.take_settlement(record)
            case _:
                return record


def _unexpected(error: Exception) -> SealbookError:
    """A fault of the SDK itself: the agent goes on with the other batches and tries this one again."""
    log.error("reveal agent", exc_info=error)
    return SealbookError(f"{type(error).__name__} in the reveal agent", code="internal", retryable=True)
