"""What is written together, and what becomes of it when the disk fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from orderbook.batch import Batch
from orderbook.errors import JournalError
from orderbook.events import BatchOpened, Event
from orderbook.recorder import Recorder


class Disk:
    """In the place of the journal: notes each write, and may hold it up or fail it."""

    def __init__(self) -> None:
        self.writes: list[tuple[list[int], bytes | None]] = []
        self.free = threading.Event()
        self.free.set()
        self.full = False
        self._began = threading.Event()

    async def began(self) -> None:
        """Return once a write has begun."""
        await asyncio.to_thread(self._began.wait)

    def append(self, events: Sequence[Event], archive: Sequence[Batch] = (), snapshot: bytes | None = None) -> None:
        self._began.set()
        self.free.wait()
        if self.full:
            raise JournalError("no room", code="journal_write")
        self.writes.append(([event.batch for event in events], snapshot))  # type: ignore[attr-defined]

    def close(self) -> None: ...


def opened(*numbers: int) -> list[Event]:
    return [BatchOpened(number, 0.0) for number in numbers]


async def test_what_comes_together_is_one_write_and_one_future() -> None:
    disk, told = Disk(), []
    recorder = Recorder(disk)  # type: ignore[arg-type]
    first = recorder.submit(opened(0), lambda: told.append("first"))
    second = recorder.submit(opened(1, 2), lambda: told.append((disk.writes[-1], first.done())))
    assert first is second
    assert (recorder.waiting, first.done()) == (3, False)
    await recorder.flush()
    assert disk.writes == [([0, 1, 2], None)]
    assert told == ["first", (([0, 1, 2], None), False)]
    assert first.done()
    third = recorder.submit([])
    assert third is not first
    await recorder.flush()
    assert third.done()
    assert len(disk.writes) == 1
    recorder.close()


async def test_nothing_follows_a_snapshot_in_its_write() -> None:
    disk = Disk()
    recorder = Recorder(disk)  # type: ignore[arg-type]
    futures = [recorder.submit(opened(0)), recorder.submit(opened(1), snapshot=b"state"), recorder.submit(opened(2))]
    await recorder.flush()
    assert disk.writes == [([0, 1], b"state"), ([2], None)]
    assert (futures[0] is futures[1], futures[1] is futures[2]) == (True, False)
    recorder.close()


async def test_what_arrives_during_a_write_waits_for_the_next() -> None:
    disk = Disk()
    recorder = Recorder(disk)  # type: ignore[arg-type]
    running = asyncio.create_task(recorder.run())
    disk.free.clear()
    first = recorder.submit(opened(0))
    await disk.began()
    second = recorder.submit(opened(1))
    third = recorder.submit(opened(2))
    disk.free.set()
    await first
    assert not second.done()
    await third
    assert disk.writes == [([0], None), ([1, 2], None)]
    running.cancel()
    recorder.close()


async def test_a_disk_that_fails_acknowledges_nothing_any_more() -> None:
    disk = Disk()
    recorder = Recorder(disk)  # type: ignore[arg-type]
    disk.full = True
    futures = [recorder.submit(opened(0), snapshot=b"state"), recorder.submit(opened(1))]
    with pytest.raises(JournalError, match=r"^no room$"):
        await recorder.flush()
    disk.full = False
    futures.append(recorder.submit(opened(2)))
    await recorder.flush()
    assert recorder.failed
    assert disk.writes == []
    for future in futures:
        with pytest.raises(JournalError, match=r"^the journal was not written$"):
            await future
    recorder.close()


async def test_a_cancelled_write_is_not_acknowledged_and_the_rest_is_written() -> None:
    disk = Disk()
    recorder = Recorder(disk)  # type: ignore[arg-type]
    running = asyncio.create_task(recorder.run())
    disk.free.clear()
    first = recorder.submit(opened(0))
    await disk.began()
    second = recorder.submit(opened(1))
    running.cancel()
    with pytest.raises(JournalError, match=r"^the journal was not written$"):
        await first
    disk.free.set()
    await recorder.flush()
    await second
    assert disk.writes == [([0], None), ([1], None)]
    recorder.close()
