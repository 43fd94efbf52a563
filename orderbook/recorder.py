"""Group commit: events that arrive while the disk is busy share the next write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .batch import Batch
from .errors import JournalError
from .events import Event
from .journal import Journal
from .metrics import Metrics


@dataclass(frozen=True, slots=True)
class _Entry:
    """One submission."""

    events: Sequence[Event]
    publish: Callable[[], None]
    future: asyncio.Future[None]
    archive: Sequence[Batch]
    snapshot: bytes | None


class Recorder:
    """Writes events to the journal in the order given, in a thread of its own."""

    def __init__(self, journal: Journal, metrics: Metrics | None = None) -> None:
        self._journal = journal
        self._metrics = metrics or Metrics()
        self._waiting: list[_Entry] = []
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._failed = False

    @property
    def failed(self) -> bool:
        """Whether the journal could not be written; nothing is acknowledged any more."""
        return self._failed

    @property
    def waiting(self) -> int:
        """Events that wait to be written."""
        return sum(len(entry.events) for entry in self._waiting)

    def submit(
        self,
        events: Sequence[Event],
        publish: Callable[[], None],
        archive: Sequence[Batch] = (),
        snapshot: bytes | None = None,
    ) -> asyncio.Future[None]:
        """A future that is done once these events, and all submitted before them, are on disk.

        ``archive``: batches that they settle. ``snapshot``: the encoded state right after them. ``publish`` is
        called just before the future is done, in the event loop.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._failed:
            future.set_exception(_unwritten())
            return future
        self._waiting.append(_Entry(events, publish, future, archive, snapshot))
        self._wake.set()
        return future

    async def run(self) -> None:
        """Write until cancelled.

        :raises JournalError: the journal cannot be written; what waits for it gets the same error, now and later.
        """
        while True:
            await self._wake.wait()
            await self.flush()

    async def flush(self) -> None:
        """Write what waits."""
        self._wake.clear()
        if self._failed:
            return
        group = self._next_group()
        events = [event for entry in group for event in entry.events]
        archive = [batch for entry in group for batch in entry.archive]
        try:
            if events:
                loop, started = asyncio.get_running_loop(), time.monotonic()
                write = loop.run_in_executor(self._thread, self._journal.append, events, archive, group[-1].snapshot)
                await asyncio.shield(write)
                self._metrics.journal_seconds.observe(time.monotonic() - started)
                self._metrics.journal_events.inc(by=len(events))
        except BaseException as error:
            self._failed = isinstance(error, Exception)
            for entry in [*group, *self._waiting]:
                if not entry.future.done():
                    entry.future.set_exception(_unwritten())
                    entry.future.exception()  # seen: nobody may be waiting any more
            raise
        for entry in group:
            entry.publish()
            if not entry.future.done():
                entry.future.set_result(None)
        if self._waiting:
            self._wake.set()

    def _next_group(self) -> list[_Entry]:
        """What is written together: all that waits, but nothing after a snapshot."""
        for count, entry in enumerate(self._waiting, 1):
            if entry.snapshot is not None:
                group, self._waiting = self._waiting[:count], self._waiting[count:]
                return group
        group, self._waiting = self._waiting, []
        return group

    def close(self) -> None:
        """Wait for a write in progress, and close the journal."""
        self._thread.shutdown(wait=True)
        self._journal.close()


def _unwritten() -> JournalError:
    return JournalError("the journal was not written", code="journal_write")
