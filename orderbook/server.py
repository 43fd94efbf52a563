"""The WebSocket server: frames in, frames out, and nothing a client does that could reach another client.

A connection has one reader and one writer. Requests are decided in the order in which they come; up to a limit of them
wait for the disk together, and their replies leave in the same order. A client that does not read is cut off when its
queue is full, or when nothing moves for a while; one that keeps sending what is refused is cut off after a number of
strikes; each time with a close reason. What requests mean is the handler's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import secrets
import ssl
from collections.abc import Coroutine, Iterable
from functools import partial
from http import HTTPStatus
from typing import Protocol

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response

from .connections import Connection, Connections, Frame
from .errors import ConfigurationError, WireError
from .limits import Limits
from .metrics import Metrics
from .refusals import refusal
from .sessions import Answer, Session
from .sockets import Socket
from .streams import Key
from .wire import (
    MAX_REQUEST_BYTES,
    Cancel,
    Commit,
    Error,
    ErrorCode,
    Goodbye,
    Heartbeat,
    Hello,
    Login,
    Many,
    Message,
    Ping,
    Pong,
    Receipt,
    Request,
    Results,
    Subscribe,
    decode_request,
)
from .wire import request_id as readable_id

__all__ = ["Handler", "Server", "Session"]

log = logging.getLogger("sealbook.server")
_CLOSE_SECONDS = 2.0
_SWEEP_SECONDS = 1.0
_TURN = 32
"""Messages of one connection that are served before those of the others."""
_POLICY, _TOO_BIG, _GOING_AWAY, _TRY_LATER = 1008, 1009, 1001, 1013


class Handler(Protocol):
    """What requests mean."""

    def hello(self, challenge: bytes) -> Hello: ...

    def now(self) -> float:
        """The venue's clock, seconds since 1970 UTC."""

    def heartbeat(self, session: Session) -> Heartbeat:
        """The last number of each of the session's channels."""

    def shared(self, receipt: Receipt) -> Receipt:
        """A receipt as the account's sessions get it."""

    def handle(self, session: Session, request: Request) -> Answer:
        """Decide a request at once. :class:`RequestError` and :class:`WireError` become an error reply."""


class Server:
    """Serves sessions on one address until :meth:`close`. With ``tls``: over TLS only."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits | None = None,
        metrics: Metrics | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._handler = handler
        self._limits = limits or Limits()
        self._metrics = metrics or Metrics()
        self._tls = tls
        self._connections = Connections()
        self._closing: set[asyncio.Task[None]] = set()
        self._server: WebSocketServer | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._beater: asyncio.Task[None] | None = None
        self._half_open: dict[ServerConnection, None] = {}
        self._open = False

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._server is not None
        return int(next(iter(self._server.sockets)).getsockname()[1])

    @property
    def is_open(self) -> bool:
        """Whether clients are served."""
        return self._open

    async def start(self, host: str, port: int) -> None:
        """Take the address. Connections are refused (503) until :meth:`open`.

        :raises ConfigurationError: ``port_busy`` or ``cannot_listen``.
        """
        server = self

        class Guarded(Socket):
            """Counts connections that are not WebSockets yet: half-open ones must not use up the machine."""

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                server._half_open[self] = None
                super().connection_made(transport)
                if len(server._half_open) > server._limits.handshakes:
                    server._metrics.cut.inc("handshakes")
                    self.transport.abort()

            def connection_lost(self, exc: Exception | None) -> None:
                server._half_open.pop(self, None)
                super().connection_lost(exc)

        try:
            self._server = await serve(
                self._serve,
                host,
                port,
                process_request=self._admit,
                create_connection=Guarded,
                compression=None,
                max_size=2 * MAX_REQUEST_BYTES,
                open_timeout=self._limits.handshake_seconds,
                ping_interval=self._limits.ping_seconds,
                ping_timeout=self._limits.ping_seconds,
                close_timeout=_CLOSE_SECONDS,
                backlog=1024,
                ssl=self._tls,
                ssl_handshake_timeout=self._limits.handshake_seconds if self._tls is not None else None,
                logger=logging.getLogger("sealbook.websockets"),
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ConfigurationError(f"{host}:{port} is in use by another program", code="port_busy") from None
            raise ConfigurationError(
                f"cannot listen on {host}:{port}: {error.strerror}", code="cannot_listen"
            ) from None
        self._sweeper = asyncio.create_task(self._sweep())
        self._beater = asyncio.create_task(self._beat())

    def open(self) -> None:
        """Serve clients from now on."""
        self._open = True

    async def close(self, reason: str = "stopping", retry_after: float = 5.0) -> None:
        """Refuse new connections, answer what was asked, say goodbye, wait for the end of all connections."""
        self._open = False
        if self._server is None:
            return
        farewell = Frame(Goodbye("drained" if reason == "drained" else "stopping", retry_after))
        self._server.close(close_connections=False)
        for connection in self._connections:
            if not connection.cut:
                self._take(connection)
                connection.cut = reason
                connection.push(farewell)
                self._close_later(_finish(connection, _GOING_AWAY, reason))
        await asyncio.gather(*self._closing)
        for half_open in list(self._half_open):
            half_open.transport.abort()
        for task in (self._sweeper, self._beater):
            if task is not None:
                task.cancel()
        await self._server.wait_closed()

    def push(self, account: int, message: Message) -> None:
        """Send to every connection of an account."""
        self._send(message, self._connections.of(account))

    def broadcast(self, key: Key, message: Message) -> None:
        """Send to every subscriber of a channel."""
        self._send(message, self._connections.subscribed(key))

    def subscribed(self, key: Key) -> bool:
        """Whether a channel has a subscriber."""
        return bool(self._connections.subscribed(key))

    def observe(self) -> None:
        """Bring the gauges of connections and queues up to date."""
        waiting = [connection.waiting for connection in self._connections]
        self._metrics.connections.set(len(waiting))
        self._metrics.handshakes.set(len(self._half_open))
        self._metrics.outgoing_waiting.set(sum(waiting))
        self._metrics.outgoing_longest.set(max(waiting, default=0))
        self._metrics.requests_pending.set(sum(connection.pending for connection in self._connections))

    def _send(self, message: Message, connections: Iterable[Connection]) -> None:
        frame = Frame(message)
        for connection in connections:
            if not connection.push(frame):
                self._cut(connection, _POLICY, "slow_consumer")

    def _cut(self, connection: Connection, code: int, reason: str) -> None:
        """Close a connection whatever its client does; a client that still reads learns why."""
        if connection.cut:
            return
        self._metrics.cut.inc(reason)
        log.warning("connection cut", extra={"account": connection.session.account, "reason": reason})
        connection.cut = reason
        self._close_later(_end(connection, code, reason))

    def _close_later(self, ending: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(ending)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _beat(self) -> None:
        """Sign of life to subscribers."""
        while True:
            await asyncio.sleep(self._limits.heartbeat_seconds)
            for connection in self._connections:
                if connection.session.channels:
                    self._send(self._handler.heartbeat(connection.session), [connection])

    async def _sweep(self) -> None:
        """Cut off clients that take nothing of what is sent to them."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            before = loop.time() - self._limits.stall_seconds
            for connection in self._connections:
                if connection.socket.stalled is not None and connection.socket.stalled < before:
                    self._cut(connection, _POLICY, "slow_consumer")

    def _admit(self, connection: ServerConnection, request: HttpRequest) -> Response | None:
        if not self._open:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "the venue is starting or stopping\n")
        if len(self._connections) >= self._limits.connections:
            stranger = self._connections.oldest_stranger()
            if stranger is None:
                return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections\n")
            self._cut(stranger, _TRY_LATER, "not_logged_in")
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        assert isinstance(socket, Socket)
        self._half_open.pop(socket, None)
        connection = Connection(socket, Session(secrets.token_bytes(32)), self._limits, self._metrics, self._arrived)
        self._connections.add(connection)
        try:
            connection.push(Frame(self._handler.hello(connection.session.challenge)))
            socket.serve(partial(self._arrived, connection), partial(self._writable, connection))
            await socket.wait_closed()
        finally:
            self._connections.remove(connection)

    def _arrived(self, connection: Connection) -> None:
        if connection.socket.inbox and not connection.waits_for_turn:
            self._take(connection)

    def _writable(self, connection: Connection) -> None:
        connection.flush()
        self._arrived(connection)

    def _take(self, connection: Connection) -> None:
        """Serve what has arrived: some of it, then it is the turn of the others."""
        connection.waits_for_turn = False
        socket, now = connection.socket, asyncio.get_running_loop().time()
        for _ in range(_TURN):
            if not socket.inbox or not connection.may_ask:
                break
            self._message(connection, socket.inbox.popleft(), now)
        else:
            if socket.inbox:
                connection.waits_for_turn = True
                asyncio.get_running_loop().call_soon(self._take, connection)
        socket.pace()

    def _message(self, connection: Connection, data: str | bytes, now: float) -> None:
        """Serve one message."""
        connection.binary = isinstance(data, bytes)
        pause = connection.bucket.take(now)
        if pause:
            refused = _error(data, "rate_limited", "too many requests", retryable=True, retry_after=pause)
            return self._strike(connection, refused)
        try:
            request = decode_request(data)
        except WireError as error:
            code: ErrorCode = "too_large" if error.code == "too_large" else "malformed"
            self._strike(connection, _error(data, code, str(error), error.field))
            if code == "too_large":
                self._expel(connection, _TOO_BIG, "too_large")
            return None
        if isinstance(request, Many):
            pause = connection.bucket.take(now, len(request.items) - 1)
            if pause:
                text = f"{len(request.items)} requests at once are more than the rate budget holds now"
                refused = Error(request.id, "rate_limited", text, "items", True, retry_after=pause)
                return self._strike(connection, refused)
        return self._answer(connection, request, now)

    def _answer(self, connection: Connection, request: Request, received: float) -> None:
        try:
            if isinstance(request, Ping):
                answer = Answer(Pong(request.id, self._handler.now(), connection.bucket.left(received)))
            else:
                answer = self._handler.handle(connection.session, request)
        except Exception as error:
            answer = Answer(refusal(request.id, error))
        if isinstance(answer.message, Error):
            self._metrics.refused.inc(answer.message.code)
        connection.reply(answer, type(request).__name__, received)
        if isinstance(request, Commit | Cancel | Many):
            self._share(answer)
        elif isinstance(request, Login | Subscribe):
            self._connections.refresh(connection)
            if isinstance(request, Login):
                self._limit_account(request.account)

    def _share(self, answer: Answer) -> None:
        """The sessions of an account learn what one of them sent, if there are several, and once it is on disk."""
        message, written = answer
        for part in message.items if isinstance(message, Results) else (message,):
            if not isinstance(part, Receipt) or not self._connections.several(part.account):
                continue
            if written is None:
                self._tell(part)
            else:
                written.add_done_callback(partial(self._tell_written, part))

    def _tell_written(self, receipt: Receipt, written: asyncio.Future[None]) -> None:
        if not written.cancelled() and written.exception() is None:
            self._tell(receipt)

    def _tell(self, receipt: Receipt) -> None:
        self._send(self._handler.shared(receipt), self._connections.of(receipt.account))

    def _strike(self, connection: Connection, error: Error) -> None:
        self._metrics.refused.inc(error.code)
        connection.reply(Answer(error))
        connection.strikes += 1
        if connection.strikes >= self._limits.strikes:
            self._expel(connection, _POLICY, error.code)

    def _expel(self, connection: Connection, code: int, reason: str) -> None:
        """Close a connection whose client broke a rule, once it has its replies."""
        if connection.cut:
            return
        connection.cut = reason
        self._metrics.cut.inc(reason)
        self._close_later(_finish(connection, code, reason))

    def _limit_account(self, account: int) -> None:
        """Close the oldest connection of an account that has too many."""
        own = [connection for connection in self._connections.of(account) if not connection.cut]
        if len(own) > self._limits.connections_per_account:
            self._cut(own[0], _POLICY, "too_many_sessions")


def _error(
    data: str | bytes,
    code: ErrorCode,
    message: str,
    field: str = "",
    retryable: bool = False,
    retry_after: float | None = None,
) -> Error:
    return Error(readable_id(data), code, message[:400], field[:100], retryable, retry_after)


async def _finish(connection: Connection, code: int, reason: str) -> None:
    """Send what waits, then end the connection."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await connection.drained()
    await _end(connection, code, reason)


async def _end(connection: Connection, code: int, reason: str) -> None:
    """Send a close frame; do not wait long for a client that does not read it."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await connection.socket.close(code, reason)
    except (TimeoutError, ConnectionClosed):
        connection.socket.transport.abort()
