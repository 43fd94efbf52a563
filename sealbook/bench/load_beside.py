"""What is beside the traffic that ``bench load`` measures: the echo server's baseline, idle connections, no pauses."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Iterator

from websockets.asyncio.client import ClientConnection, connect

from orderbook import wire
from orderbook.memory import settle_in

from .load_client import connected

__all__ = ["echoes", "idle_connections", "without_pauses"]


@contextlib.contextmanager
def without_pauses() -> Iterator[None]:
    """Full collections of this process's garbage would count as delays of the node."""
    thresholds = gc.get_threshold()
    settle_in()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@contextlib.asynccontextmanager
async def idle_connections(port: int, count: int) -> AsyncIterator[None]:
    """Connections that are open and ask for nothing, until the end of the block."""
    async with contextlib.AsyncExitStack() as stack:
        for first in range(0, count, 100):
            opened = [
                connect(f"ws://127.0.0.1:{port}", compression=None, proxy=None, ping_interval=None)
                for _ in range(min(100, count - first))
            ]
            sockets = await asyncio.gather(*opened)
            for socket in sockets:
                stack.push_async_callback(_closed, socket)
            await asyncio.gather(*(socket.recv() for socket in sockets))
        yield


async def _closed(socket: ClientConnection) -> None:
    socket.transport.abort()
    await socket.wait_closed()


async def echoes(port: int, seconds: float, connections: int, depth: int, message: wire.Message) -> float:
    """Messages per second through the echo server, with as many unanswered."""
    data, count = wire.encode_binary(message), 0
    start = time.perf_counter()
    end = start + seconds

    async def lane() -> None:
        nonlocal count
        async with connected(port) as socket:
            for _ in range(depth):
                await socket.send(data)
            while time.perf_counter() < end:
                await socket.recv()
                count += 1
                await socket.send(data)

    await asyncio.gather(*(lane() for _ in range(connections)))
    return count / (time.perf_counter() - start)
