"""One WebSocket connection: what waits to be sent, in order, and the set of all connections by account."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from .limits import Limits, TokenBucket
from .metrics import Metrics
from .refusals import refusal
from .sessions import Answer, Session
from .sockets import Socket
from .streams import Key
from .wire import Error, Message, encode, encode_binary


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


class _Reply:
    """A reply that may have to wait for the disk. ``kind``: type of its request, "" if it could not be read."""

    __slots__ = ("kind", "message", "received", "written")

    def __init__(self, answer: Answer, kind: str, received: float) -> None:
        self.message, self.written = answer
        self.kind = kind
        self.received = received

    def outcome(self) -> Message:
        """What is sent, now that the write is over."""
        error = None if self.written is None else self.written.exception()
        if not isinstance(error, Exception):
            return self.message
        return refusal(getattr(self.message, "id", 0), error)


K = TypeVar("K")


class Connection:
    """State of one connection. Everything is sent in the order in which it was put; a reply that waits for the disk
    holds up what comes after it."""

    __slots__ = (
        "_awaited",
        "_emptied",
        "_limits",
        "_loop",
        "_metrics",
        "_more",
        "_queue",
        "binary",
        "bucket",
        "cut",
        "pending",
        "session",
        "socket",
        "strikes",
        "waits_for_turn",
    )

    def __init__(
        self, socket: Socket, session: Session, limits: Limits, metrics: Metrics, more: Callable[[Connection], None]
    ) -> None:
        """``more`` is called when replies went out, so that more requests may be taken."""
        self._more = more
        self.socket = socket
        self.session = session
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._metrics = metrics
        self.bucket = TokenBucket(limits.requests_per_second, limits.burst, self._loop.time())
        self.binary = False
        self.strikes = 0
        self.cut = ""
        """Why the connection is being closed, once it is."""
        self.pending = 0
        """Requests whose reply is not sent."""
        self.waits_for_turn = False
        """Whether its requests are taken in a later turn of the event loop."""
        self._queue: deque[Frame | _Reply] = deque()
        self._awaited: asyncio.Future[None] | None = None
        self._emptied: list[asyncio.Future[None]] = []

    @property
    def waiting(self) -> int:
        """Messages that wait to be sent."""
        return len(self._queue)

    @property
    def may_ask(self) -> bool:
        """Whether another request is taken: not too many are without their reply, and it is not being closed."""
        return self.pending < self._limits.pipeline and not self.cut

    def push(self, frame: Frame) -> bool:
        """Queue a pushed message; False if the client is too far behind."""
        if len(self._queue) >= self._limits.outgoing:
            return False
        self._queue.append(frame)
        self.flush()
        return True

    def reply(self, answer: Answer, kind: str = "", received: float = 0.0) -> None:
        """Queue a reply."""
        self.pending += 1
        self._queue.append(_Reply(answer, kind, received))
        written = answer.written
        if written is None or written.done():
            self.flush()
        elif written is not self._awaited:
            self._awaited = written
            written.add_done_callback(self._written)

    def _written(self, _: asyncio.Future[None]) -> None:
        self._awaited = None
        self.flush()
        self._more(self)

    def flush(self) -> None:
        """Send what is ready and what the socket takes. What the peer is not there for any more is dropped."""
        queue, now = self._queue, self._loop.time()
        while queue and self.socket.has_room:
            item = queue[0]
            if isinstance(item, Frame):
                message = item.encoded(self.binary)
            elif item.written is None or item.written.done():
                message = self._encoded(item, now)
            else:
                break
            queue.popleft()
            self.socket.send_frames((message,))
        if not queue and self._emptied:
            for waiter in self._emptied:
                if not waiter.done():
                    waiter.set_result(None)
            self._emptied = []

    def _encoded(self, reply: _Reply, now: float) -> str | bytes:
        self.pending -= 1
        message = reply.outcome()
        if reply.kind:
            self._metrics.requests.inc(reply.kind)
            self._metrics.request_seconds.observe(now - reply.received, reply.kind)
        if message is not reply.message and isinstance(message, Error):
            self._metrics.refused.inc(message.code)
        return encode_binary(message) if self.binary else encode(message)

    async def drained(self) -> None:
        """Return once everything that was put is sent."""
        while self._queue:
            waiter = self._loop.create_future()
            self._emptied.append(waiter)
            await waiter


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

    def several(self, account: int) -> bool:
        """Whether an account is logged in on more than one connection."""
        return len(self._by_account.get(account, ())) > 1

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
