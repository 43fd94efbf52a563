"""How a client gets a connection: a WebSocket, or whatever carries frames in its place."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol, TypeAlias

from websockets.asyncio.client import ClientConnection, connect

from orderbook.wire import MAX_REPLY_BYTES

from .errors import InputError

__all__ = ["Dial", "Socket", "security", "websocket"]

_HANDSHAKE_SECONDS: Final = 10.0
_PING_SECONDS: Final = 10.0


class Socket(Protocol):
    """One connection. ``websockets.exceptions.ConnectionClosed`` says that it has ended; iteration just ends."""

    async def send(self, message: str | bytes, /) -> None:
        """Send a frame."""

    async def recv(self) -> str | bytes:
        """The next frame."""

    def abort(self) -> None:
        """End the connection at once, without a goodbye."""

    def __aiter__(self) -> AsyncIterator[str | bytes]: ...


Dial: TypeAlias = Callable[[str], AbstractAsyncContextManager[Socket]]
"""From the venue's address to a connection that lasts as long as the context."""


def security(url: str, tls: ssl.SSLContext | None) -> ssl.SSLContext | bool | None:
    """What :func:`websockets.asyncio.client.connect` takes as ``ssl``: the system's certificates where none are given.

    :raises InputError: certificates for a connection that uses none.
    """
    if url.lower().startswith("wss:"):
        return True if tls is None else tls
    if tls is not None:
        raise InputError(f"tls is given, but {url} is not wss://", code="tls_unused", field="url")
    return None


class _WebSocket(ClientConnection):
    def abort(self) -> None:
        self.transport.abort()


@contextlib.asynccontextmanager
async def websocket(url: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Socket]:
    """A WebSocket; pings and their answers show that it is alive. ``tls``: for ``wss://``, instead of the system's
    certificates."""
    async with connect(
        url,
        create_connection=_WebSocket,
        max_size=MAX_REPLY_BYTES,
        open_timeout=_HANDSHAKE_SECONDS,
        ping_interval=_PING_SECONDS,
        ping_timeout=_PING_SECONDS,
        compression=None,
        proxy=None,
        ssl=security(url, tls),
    ) as socket:
        assert isinstance(socket, _WebSocket)
        yield socket
