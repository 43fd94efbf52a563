"""An event loop whose clock jumps: when nothing is ready to run, it is at once the time of the next timer.

A program of hours takes the seconds that its own work takes, and runs the same way every time: there are no threads
(what is sent to one runs at once, in place), and time passes only while everybody waits.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVarTuple, Unpack

__all__ = ["VirtualLoop"]

Ts = TypeVarTuple("Ts")
_Events = list[tuple[selectors.SelectorKey, int]]


class _Selector(selectors.BaseSelector):
    """Does not wait: where an ordinary selector would sleep, it moves the clock."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.now = 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> _Events:
        events = self._real.select(0)
        if events or timeout is None:
            # Without a timer only the outside world (a socket, a signal) can go on: wait for it.
            return events or self._real.select(None)
        self.now += max(timeout, 0.0)
        return events

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module. :meth:`time` starts at 0."""

    def __init__(self) -> None:
        selector = _Selector()
        super().__init__(selector)
        self._virtual = selector

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._virtual.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], Any], *args: *Ts
    ) -> asyncio.Future[Any]:
        """Run ``func`` now, in this thread."""
        future: asyncio.Future[Any] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future
