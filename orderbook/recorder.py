"""Group commit: events that arrive while the disk is busy share the next write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from .events import Event
from .journal import Journal


class Recorder:
    """Writes events to the journal in the order given, in a thread of its own.

    ``published`` is called in the event loop with each event once it is on disk.
    """

    def __init__(self, journal: Journal, published: Callable[[Event], None]) -> None:
        self._journal = journal
        self._published = published
        self._waiting: list[tuple[Sequence[Event], asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")

    def submit(self, events: Sequence[Event]) -> asyncio.Future[None]:
        """A future that is done once these events, and all submitted before them, are on disk."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((events, future))
        self._wake.set()
        return future

    async def run(self) -> None:
        """Write until cancelled.

        :raises JournalError: the journal cannot be written; every waiting future gets the same error.
        """
        while True:
            await self._wake.wait()
            await self.flush()

    async def flush(self) -> None:
        """Write what waits."""
        self._wake.clear()
        group, self._waiting = self._waiting, []
        events = [event for part, _ in group for event in part]
        try:
            if events:
                loop = asyncio.get_running_loop()
                await asyncio.shield(loop.run_in_executor(self._thread, self._journal.append, events))
        except BaseException as error:
            for _, future in group:
                if not future.done():
                    future.set_exception(error if isinstance(error, Exception) else RuntimeError("stopped"))
                    future.exception()
            raise
        for event in events:
            self._published(event)
        for _, future in group:
            if not future.done():
                future.set_result(None)

    def close(self) -> None:
        """Wait for a write in progress, and close the journal."""
        self._thread.shutdown(wait=True)
        self._journal.close()
