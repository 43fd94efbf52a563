"""One WebSocket connection: what waits to be sent, in order, and the set of all connections by account."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TypeAlias, TypeVar

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from .limits import Limits, TokenBucket
from .sessions import Session
from .streams import Key
from .wire import Message, encode, encode_binary


class Frame:
    """A message for many connections, encoded once per encoding."""

    __slots__ = ("_binary", "_text", "message")

    def __init__(self, message: Message) -> None:
        self.message = message
        self._text: str | None = None
        self._binary: bytes | None = None

    def encoded(self, binary: bool) -> str | bytes:
        """The bytes of a binary frame, or the text of a text frame."""
        if binary:
            if self._binary is None:
                self._binary = encode_binary(self.message)
            return self._binary
        if self._text is None:
            self._text = encode(self.message)
        return self._text


K = TypeVar("K")
Reply: TypeAlias = Message | asyncio.Task[Message]
"""A reply, or what will become one."""


class Connection:
    """State of one connection. Everything is sent in the order in which it was put; a reply that is not known yet
    holds up what comes after it."""

    __slots__ = ("_queue", "_room", "binary", "bucket", "cut", "pending", "sending", "session", "socket", "strikes")

    def __init__(self, socket: ServerConnection, session: Session, limits: Limits, now: float) -> None:
        self.socket = socket
        self.session = session
        self.bucket = TokenBucket(limits.requests_per_second, limits.burst, now)
        self.binary = False
        self.strikes = 0
        self.cut = ""
        """Why the connection is being closed, once it is."""
        self.pending = 0
        """Requests without their reply."""
        self.sending: float | None = None
        """Since when the message in hand waits for the client to take it."""
        self._queue: asyncio.Queue[Frame | Reply] = asyncio.Queue(limits.outgoing)
        self._room = asyncio.Semaphore(limits.pipeline)

    @property
    def waiting(self) -> int:
        """Messages that wait to be sent."""
        return self._queue.qsize()

    def push(self, frame: Frame) -> bool:
        """Queue a pushed message; False if the client is too far behind."""
        try:
            self._queue.put_nowait(frame)
        except asyncio.QueueFull:
            return False
        return True

    async def reply(self, reply: Reply) -> None:
        """Queue a reply; waits while too many are pending, so that no more requests are read."""
        await self._room.acquire()
        self.pending += 1
        await self._queue.put(reply)

    async def run(self) -> None:
        """Send until cancelled. What the peer is not there for any more is dropped."""
        loop = asyncio.get_running_loop()
        while True:
            item = await self._queue.get()
            try:
                if isinstance(item, Frame):
                    data = item.encoded(self.binary)
                else:
                    message = await item if isinstance(item, asyncio.Task) else item
                    data = encode_binary(message) if self.binary else encode(message)
                self.sending = loop.time()
                await self.socket.send(data)
            except ConnectionClosed:
                pass
            finally:
                self.sending = None
                if not isinstance(item, Frame):
                    self.pending -= 1
                    self._room.release()
                self._queue.task_done()

    async def drained(self) -> None:
        """Return once everything that was put is sent."""
        await self._queue.join()


class Connections:
    """All connections, in the order of their arrival, and by account."""

    def __init__(self) -> None:
        self._all: dict[Connection, None] = {}
        self._by_account: dict[int, dict[Connection, None]] = {}
        self._by_channel: dict[Key, dict[Connection, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._all))

    def add(self, connection: Connection) -> None:
        self._all[connection] = None

    def remove(self, connection: Connection) -> None:
        self._all.pop(connection, None)
        for account in connection.session.accounts:
            _discard(self._by_account, account, connection)
        for key in connection.session.channels:
            _discard(self._by_channel, key, connection)

    def refresh(self, connection: Connection) -> None:
        """Take over what a request changed in the connection's session."""
        if connection not in self._all:
            return
        for key in connection.session.channels:
            self._by_channel.setdefault(key, {})[connection] = None
        for account in connection.session.accounts:
            self._by_account.setdefault(account, {})[connection] = None

    def of(self, account: int) -> list[Connection]:
        """Connections on which an account is logged in, oldest first."""
        return list(self._by_account.get(account, ()))

    def subscribed(self, key: Key) -> list[Connection]:
        """Connections to which a channel is pushed."""
        return list(self._by_channel.get(key, ()))

    def oldest_stranger(self) -> Connection | None:
        """The oldest connection without a login that is not being closed."""
        return next((c for c in self._all if c.session.account is None and not c.cut), None)


def _discard(index: dict[K, dict[Connection, None]], key: K, connection: Connection) -> None:
    held = index.get(key, {})
    held.pop(connection, None)
    if not held:
        index.pop(key, None)
