"""The WebSocket server: frames in, frames out, and nothing a client does that could reach another client.

Requests are decided in the order in which they come; up to a limit of them wait for the disk together, and their
replies leave in the same order. A client that does not read is cut off when its queue is full, or when nothing moves
for a while; one that keeps sending what is refused is cut off after a number of strikes; each time with a close reason.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
import ssl
from functools import partial
from http import HTTPStatus

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response

from .closing import CLOSE_SECONDS, POLICY, TRY_LATER, Closing
from .connections import Connection, Connections, Frame
from .errors import ConfigurationError
from .intake import Handler, Intake
from .limits import Limits
from .metrics import Metrics
from .sessions import Session
from .sockets import Socket
from .streams import Key
from .wire import MAX_REQUEST_BYTES, Goodbye, Message

__all__ = ["Server"]

_SWEEP_SECONDS = 1.0


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
        self._closing = Closing(self._metrics)
        self._intake = Intake(handler, self._limits, self._metrics, self._connections, self._closing)
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
                close_timeout=CLOSE_SECONDS,
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
        farewell = Goodbye("drained" if reason == "drained" else "stopping", retry_after)
        self._server.close(close_connections=False)
        for connection in self._connections:
            while connection.socket.inbox and connection.may_ask:
                self._intake.take(connection)
            self._closing.dismiss(connection, farewell)
        await self._closing.over()
        for half_open in list(self._half_open):
            half_open.transport.abort()
        for task in (self._sweeper, self._beater):
            if task is not None:
                task.cancel()
        await self._server.wait_closed()

    def push(self, account: int, message: Message) -> None:
        """Send to every connection of an account."""
        self._closing.deliver(message, self._connections.of(account))

    def broadcast(self, key: Key, message: Message) -> None:
        """Send to every subscriber of a channel."""
        self._closing.deliver(message, self._connections.subscribed(key))

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

    async def _beat(self) -> None:
        """Sign of life to subscribers."""
        while True:
            await asyncio.sleep(self._limits.heartbeat_seconds)
            for connection in self._connections:
                if connection.session.channels:
                    self._closing.deliver(self._handler.heartbeat(connection.session), [connection])

    async def _sweep(self) -> None:
        """Cut off clients that take nothing of what is sent to them."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            before = loop.time() - self._limits.stall_seconds
            for connection in self._connections:
                if connection.socket.stalled is not None and connection.socket.stalled < before:
                    self._closing.cut(connection, POLICY, "slow_consumer")

    def _admit(self, connection: ServerConnection, request: HttpRequest) -> Response | None:
        if not self._open:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "the venue is starting or stopping\n")
        if len(self._connections) >= self._limits.connections:
            stranger = self._connections.oldest_stranger()
            if stranger is None:
                return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections\n")
            self._closing.cut(stranger, TRY_LATER, "not_logged_in")
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        assert isinstance(socket, Socket)
        self._half_open.pop(socket, None)
        connection = Connection(
            socket, Session(secrets.token_bytes(32)), self._limits, self._metrics, self._intake.arrived
        )
        self._connections.add(connection)
        try:
            connection.push(Frame(self._handler.hello(connection.session.challenge)))
            socket.serve(partial(self._intake.arrived, connection), partial(self._intake.writable, connection))
            await socket.wait_closed()
        finally:
            self._connections.remove(connection)
