"""Ending connections, so that a client which still reads learns why, and one that does not holds nothing up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable
from typing import Final

from websockets.exceptions import ConnectionClosed

from .connections import Connection, Frame
from .metrics import Metrics
from .wire import Goodbye, Message

__all__ = ["CLOSE_SECONDS", "GOING_AWAY", "POLICY", "TOO_BIG", "TRY_LATER", "Closing"]

log = logging.getLogger("sealbook.server")
CLOSE_SECONDS: Final = 2.0
"""How long a client is waited for that does not take its last messages, or does not close its end."""
POLICY, TOO_BIG, GOING_AWAY, TRY_LATER = 1008, 1009, 1001, 1013


class Closing:
    """The connections that are being ended."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self, connection: Connection, code: int, reason: str) -> None:
        """End a connection at once, whatever its client does."""
        if connection.cut:
            return
        log.warning("connection cut", extra={"account": connection.session.account, "reason": reason})
        self._mark(connection, reason)
        self._start(_end(connection, code, reason))

    def expel(self, connection: Connection, code: int, reason: str) -> None:
        """End a connection whose client broke a rule, once it has its replies."""
        if connection.cut:
            return
        self._mark(connection, reason)
        self._start(_finish(connection, code, reason))

    def dismiss(self, connection: Connection, farewell: Goodbye) -> None:
        """End a connection because the venue stops, once it has its replies."""
        if connection.cut:
            return
        connection.cut = farewell.reason
        connection.push(Frame(farewell))
        self._start(_finish(connection, GOING_AWAY, farewell.reason))

    def deliver(self, message: Message, connections: Iterable[Connection]) -> None:
        """Send to connections; one that is too far behind is cut."""
        frame = Frame(message)
        for connection in connections:
            if not connection.push(frame):
                self.cut(connection, POLICY, "slow_consumer")

    async def over(self) -> None:
        """Return when all of them are ended."""
        await asyncio.gather(*self._tasks)

    def _mark(self, connection: Connection, reason: str) -> None:
        connection.cut = reason
        self._metrics.cut.inc(reason)

    def _start(self, ending: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(ending)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _finish(connection: Connection, code: int, reason: str) -> None:
    """Send what waits, then end the connection."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.drained()
    await _end(connection, code, reason)


async def _end(connection: Connection, code: int, reason: str) -> None:
    """Send a close frame; do not wait long for a client that does not read it."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.socket.close(code, reason)
    except (TimeoutError, ConnectionClosed):
        connection.socket.transport.abort()
