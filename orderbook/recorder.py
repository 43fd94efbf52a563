"""Group commit: events that arrive while the disk is busy share the next write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from .errors import JournalError
from .events import Event
from .journal import Journal
from .metrics import Metrics


class Recorder:
    """Writes events to the journal in the order given, in a thread of its own."""

    def __init__(self, journal: Journal, metrics: Metrics | None = None) -> None:
        self._journal = journal
        self._metrics = metrics or Metrics()
        self._waiting: list[tuple[Sequence[Event], Callable[[], None], asyncio.Future[None]]] = []
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
        return sum(len(events) for events, _, _ in self._waiting)

    def submit(self, events: Sequence[Event], publish: Callable[[], None]) -> asyncio.Future[None]:
        """A future that is done once these events, and all submitted before them, are on disk.

        ``publish`` is called just before, in the event loop.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._failed:
            future.set_exception(_unwritten())
            return future
        self._waiting.append((events, publish, future))
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
        group, self._waiting = self._waiting, []
        events = [event for part, _, _ in group for event in part]
        try:
            if events:
                loop, started = asyncio.get_running_loop(), time.monotonic()
                await asyncio.shield(loop.run_in_executor(self._thread, self._journal.append, events))
                self._metrics.journal_seconds.observe(time.monotonic() - started)
                self._metrics.journal_events.inc(by=len(events))
        except BaseException as error:
            self._failed = isinstance(error, Exception)
            group += self._waiting
            for _, _, future in group:
                if not future.done():
                    future.set_exception(_unwritten())
                    future.exception()  # seen: nobody may be waiting any more
            raise
        for _, publish, future in group:
            publish()
            if not future.done():
                future.set_result(None)

    def close(self) -> None:
        """Wait for a write in progress, and close the journal."""
        self._thread.shutdown(wait=True)
        self._journal.close()


def _unwritten() -> JournalError:
    return JournalError("the journal was not written", code="journal_write")
