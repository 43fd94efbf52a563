"""Group commit: events that arrive while the disk is busy share the next write."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .batch import Batch
from .errors import JournalError
from .events import Event
from .journal import Journal
from .metrics import Metrics


@dataclass(slots=True, eq=False)
class _Group:
    """What is written together."""

    written: asyncio.Future[None]
    events: list[Event] = field(default_factory=list)
    publish: list[Callable[[], None]] = field(default_factory=list)
    archive: list[Batch] = field(default_factory=list)
    snapshot: bytes | None = None
    """Nothing follows it in the same write."""


class Recorder:
    """Writes events to the journal in the order given, in a thread of its own."""

    def __init__(self, journal: Journal, metrics: Metrics | None = None) -> None:
        self._journal = journal
        self._metrics = metrics or Metrics()
        self._waiting: deque[_Group] = deque()
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
        return sum(len(group.events) for group in self._waiting)

    def submit(
        self,
        events: Sequence[Event],
        publish: Callable[[], None] | None = None,
        archive: Sequence[Batch] = (),
        snapshot: bytes | None = None,
    ) -> asyncio.Future[None]:
        """A future that is done once these events, and all submitted before them, are on disk.

        It is one for all that is written together: whoever may be cancelled shields it. ``archive``: batches that
        the events settle. ``snapshot``: the encoded state right after them. ``publish`` is called just before the
        future is done, in the event loop.
        """
        if self._failed:
            return _failed(asyncio.get_running_loop().create_future())
        if not self._waiting or self._waiting[-1].snapshot is not None:
            self._waiting.append(_Group(asyncio.get_running_loop().create_future()))
            self._wake.set()
        group = self._waiting[-1]
        group.events += events
        if publish is not None:
            group.publish.append(publish)
        group.archive += archive
        group.snapshot = snapshot
        return group.written

    async def run(self) -> None:
        """Write until cancelled.

        :raises JournalError: the journal cannot be written; what waits for it gets the same error, now and later.
        """
        while True:
            await self._wake.wait()
            await self.flush()

    async def flush(self) -> None:
        """Write all that waits."""
        self._wake.clear()
        while self._waiting and not self._failed:
            await self._write(self._waiting.popleft())

    async def _write(self, group: _Group) -> None:
        try:
            if group.events:
                loop, started = asyncio.get_running_loop(), time.monotonic()
                write = loop.run_in_executor(
                    self._thread, self._journal.append, group.events, group.archive, group.snapshot
                )
                await asyncio.shield(write)
                self._metrics.journal_seconds.observe(time.monotonic() - started)
                self._metrics.journal_events.inc(by=len(group.events))
        except Exception:
            self._failed = True
            for lost in (group, *self._waiting):
                _failed(lost.written)
            raise
        except asyncio.CancelledError:
            _failed(group.written)  # the thread may still write it: nobody knows
            raise
        for publish in group.publish:
            publish()
        if not group.written.done():
            group.written.set_result(None)

    def close(self) -> None:
        """Wait for a write in progress, and close the journal."""
        self._thread.shutdown(wait=True)
        self._journal.close()


def _failed(written: asyncio.Future[None]) -> asyncio.Future[None]:
    if not written.done():
        written.set_exception(JournalError("the journal was not written", code="journal_write"))
        written.exception()  # seen: nobody may be waiting any more
    return written
