"""The WebSocket server: frames in, frames out, and nothing a client does that could reach another client.

A connection has one reader (requests are served one after the other, in order), one bounded queue of outgoing messages
and one writer. A client that does not read is cut off when its queue is full; one that keeps sending what is refused is
cut off after a number of strikes. What requests mean is the handler's business.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response

from .errors import ConfigurationError, OrderbookError, RequestError, WireError
from .limits import Limits, TokenBucket
from .wire import (
    MAX_REQUEST_BYTES,
    Error,
    ErrorCode,
    Hello,
    Message,
    Request,
    decode_request,
    encode,
    encode_binary,
)
from .wire import request_id as readable_id

log = logging.getLogger("sealbook.server")


@dataclass(eq=False, slots=True)
class Session:
    """One connection as the handler sees it."""

    challenge: bytes
    account: int | None = None
    operator: bool = False
    subscribed: bool = False


class Handler(Protocol):
    """What requests mean."""

    def hello(self, challenge: bytes) -> Hello: ...

    async def handle(self, session: Session, request: Request) -> Message:
        """Answer a request; :class:`RequestError` and :class:`WireError` become an error reply."""


@dataclass(eq=False)
class _Connection:
    socket: ServerConnection
    session: Session
    bucket: TokenBucket
    outgoing: asyncio.Queue[Message]
    binary: bool = False
    strikes: int = 0
    cut: bool = False


class Server:
    """Serves sessions on one address until :meth:`close`."""

    def __init__(self, handler: Handler, limits: Limits | None = None) -> None:
        self._handler = handler
        self._limits = limits or Limits()
        self._connections: dict[_Connection, None] = {}
        self._server: WebSocketServer | None = None
        self._open = False

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._server is not None
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def start(self, host: str, port: int) -> None:
        """Take the address. Connections are refused (503) until :meth:`open`.

        :raises ConfigurationError: ``port_busy`` or ``cannot_listen``.
        """
        try:
            self._server = await serve(
                self._serve,
                host,
                port,
                process_request=self._admit,
                compression=None,
                max_size=4 * MAX_REQUEST_BYTES,
                max_queue=16,
                ping_interval=self._limits.ping_seconds,
                ping_timeout=self._limits.ping_seconds,
                close_timeout=2.0,
                logger=logging.getLogger("sealbook.websockets"),
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ConfigurationError(f"{host}:{port} is in use by another program", code="port_busy") from None
            raise ConfigurationError(
                f"cannot listen on {host}:{port}: {error.strerror}", code="cannot_listen"
            ) from None

    def open(self) -> None:
        """Serve clients from now on."""
        self._open = True

    async def close(self) -> None:
        """Refuse new connections, say goodbye to all others, wait for their end."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def push(self, account: int, message: Message) -> None:
        """Send to every connection of an account."""
        self._send(message, (c for c in self._connections if c.session.account == account and not c.session.operator))

    def broadcast(self, message: Message) -> None:
        """Send to every subscriber."""
        self._send(message, (c for c in self._connections if c.session.subscribed))

    def _send(self, message: Message, connections: Iterable[_Connection]) -> None:
        for connection in list(connections):
            self._enqueue(connection, message)

    def _enqueue(self, connection: _Connection, message: Message) -> None:
        try:
            connection.outgoing.put_nowait(message)
        except asyncio.QueueFull:
            if not connection.cut:
                connection.cut = True
                log.warning("slow consumer cut", extra={"account": connection.session.account})
                connection.socket.transport.abort()

    def _admit(self, connection: ServerConnection, request: HttpRequest) -> Response | None:
        if not self._open:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "the venue is starting\n")
        if len(self._connections) >= self._limits.connections:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections\n")
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        now = asyncio.get_running_loop().time()
        connection = _Connection(
            socket,
            Session(secrets.token_bytes(32)),
            TokenBucket(self._limits.requests_per_second, self._limits.burst, now),
            asyncio.Queue(self._limits.outgoing),
        )
        self._connections[connection] = None
        writer = asyncio.create_task(self._write(connection))
        try:
            self._enqueue(connection, self._handler.hello(connection.session.challenge))
            async for frame in socket:
                close = await self._frame(connection, frame)
                if close is not None:
                    await connection.outgoing.join()
                    await socket.close(*close)
                    return
        except ConnectionClosed:
            pass
        finally:
            self._connections.pop(connection, None)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(self, connection: _Connection) -> None:
        while True:
            message = await connection.outgoing.get()
            try:
                await connection.socket.send(encode_binary(message) if connection.binary else encode(message))
            except ConnectionClosed:
                pass
            finally:
                connection.outgoing.task_done()

    async def _frame(self, connection: _Connection, frame: str | bytes) -> tuple[int, str] | None:
        """Serve one frame; a close code and reason if the connection must end."""
        connection.binary = isinstance(frame, bytes)
        if not connection.bucket.take(asyncio.get_running_loop().time()):
            self._refuse(connection, readable_id(frame), "rate_limited", "too many requests", retryable=True)
            return self._strike(connection, "rate_limited")
        try:
            request = decode_request(frame)
        except WireError as error:
            code: ErrorCode = "too_large" if error.code == "too_large" else "malformed"
            self._refuse(connection, readable_id(frame), code, str(error), error.field)
            return (1009, "too_large") if code == "too_large" else self._strike(connection, "malformed")
        try:
            reply = await self._handler.handle(connection.session, request)
        except (RequestError, WireError) as error:
            self._refuse(connection, request.id, error.code, str(error), error.field, error.retryable)  # type: ignore[arg-type]
            return None
        except OrderbookError as error:
            log.error("request failed: %s", error, extra={"code": error.code})
            self._refuse(connection, request.id, "unavailable", "the venue cannot serve this now", retryable=True)
            return None
        except Exception:
            log.exception("request failed", extra={"request": type(request).__name__})
            self._refuse(connection, request.id, "internal", "a fault of the venue; it is logged there")
            return None
        self._enqueue(connection, reply)
        self._limit_account(connection)
        return None

    def _refuse(
        self,
        connection: _Connection,
        request: int | None,
        code: ErrorCode,
        message: str,
        field_: str = "",
        retryable: bool = False,
    ) -> None:
        self._enqueue(connection, Error(request, code, message[:400], field_[:100], retryable))

    def _strike(self, connection: _Connection, reason: str) -> tuple[int, str] | None:
        connection.strikes += 1
        return (1008, reason) if connection.strikes >= self._limits.strikes else None

    def _limit_account(self, connection: _Connection) -> None:
        """Close the oldest connection of an account that has too many."""
        account = connection.session.account
        if account is None:
            return
        own = [c for c in self._connections if c.session.account == account]
        if len(own) > self._limits.connections_per_account:
            own[0].session.account = None
            own[0].socket.transport.abort()
