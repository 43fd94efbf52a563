"""Connections of a simulation: frames from hand to hand, encoded as on a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

from websockets.exceptions import ConnectionClosedError

from orderbook.wire import Message, encode, encode_binary

__all__ = ["Frame", "Peer", "SimSocket", "dial"]

Frame: TypeAlias = str | bytes


class SimSocket:
    """The client's end."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def send(self, frame: Frame) -> None:
        """:raises ConnectionClosedError: the venue's end is closed."""
        await asyncio.sleep(0)  # a caller that tries again at once must not keep others from running
        if self._peer.closed:
            raise ConnectionClosedError(None, None)
        self._peer.inbox.put_nowait(frame)

    async def recv(self) -> Frame:
        """The next frame. :raises ConnectionClosedError: there will be none."""
        frame = await self._peer.outbox.get()
        if frame is None:
            raise ConnectionClosedError(None, None)
        return frame

    def __aiter__(self) -> SimSocket:
        return self

    async def __anext__(self) -> Frame:
        try:
            return await self.recv()
        except ConnectionClosedError:
            raise StopAsyncIteration from None

    def abort(self) -> None:
        """End the connection."""
        self._peer.close()


class Peer:
    """The venue's end: ``inbox`` holds what the client sent, :meth:`send` answers in the client's encoding."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[Frame] = asyncio.Queue()
        self.outbox: asyncio.Queue[Frame | None] = asyncio.Queue()
        self.binary = False
        self.closed = False

    def send(self, message: Message) -> None:
        if not self.closed:
            self.outbox.put_nowait(encode_binary(message) if self.binary else encode(message))

    def close(self) -> None:
        """Nothing comes through any more, in either direction."""
        if not self.closed:
            self.closed = True
            self.outbox.put_nowait(None)


@contextlib.asynccontextmanager
async def dial(serve: Callable[[Peer], Awaitable[None]]) -> AsyncIterator[SimSocket]:
    """A connection to the venue whose ``serve`` answers it."""
    peer = Peer()
    task = asyncio.ensure_future(serve(peer))
    try:
        yield SimSocket(peer)
    finally:
        peer.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
