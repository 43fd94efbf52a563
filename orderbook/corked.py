"""A transport that gathers what is written in one turn of the event loop into one write.

Replies that were waiting for the same disk write leave together: a system call for each connection, not each message.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

__all__ = ["corked"]


class _Corked:
    """Everything but writing goes to the transport itself."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        self._size += len(data)

    def write_eof(self) -> None:
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size() + self._size

    def _flush(self) -> None:
        if self._parts:
            parts, self._parts, self._size = self._parts, [], 0
            self._transport.write(b"".join(parts))


def corked(transport: asyncio.BaseTransport) -> asyncio.Transport:
    """The transport with gathered writes."""
    return cast(asyncio.Transport, _Corked(cast(asyncio.Transport, transport)))
