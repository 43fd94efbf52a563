"""The server's end of a WebSocket: messages are handed over as they arrive, many at a time, and frames leave together.

The library's own ``recv`` and ``send`` cost a task switch for each message; everything else (handshake, pings, closing)
stays the library's business.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from .corked import corked

__all__ = ["Socket"]

_INBOX_HIGH, _INBOX_LOW = 32, 8
"""Messages that wait to be taken when reading stops, and when it goes on."""
_WRITE_HIGH: Final = 65_536
"""Bytes that may wait to be sent before no more are given to the socket."""
_DATA: Final = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


class Socket(ServerConnection):
    """``inbox`` holds whole messages in order: text as str, binary as bytes."""

    def __init__(self, protocol: ServerProtocol, server: Server, **options: Any) -> None:
        super().__init__(protocol, server, **options)
        self.inbox: deque[str | bytes] = deque()
        self.stalled: float | None = None
        """Since when the peer takes nothing of what is sent, on the loop's clock."""
        self._arrived: Callable[[], None] | None = None
        self._writable: Callable[[], None] | None = None
        self._parts: bytearray | None = None
        """The message of which only some fragments are here."""
        self._text = False
        self._reading = True
        self._end: asyncio.TimerHandle | None = None

    def serve(self, arrived: Callable[[], None], writable: Callable[[], None]) -> None:
        """From now on ``arrived`` is called when messages are in the inbox, ``writable`` when the peer reads again."""
        self._arrived, self._writable = arrived, writable
        if self.inbox:
            arrived()

    def pace(self) -> None:
        """Stop reading while too many messages wait in the inbox."""
        waiting = len(self.inbox)
        if self._reading and waiting >= _INBOX_HIGH:
            self._reading = False
            self.transport.pause_reading()
        elif not self._reading and waiting <= _INBOX_LOW:
            self._reading = True
            self.transport.resume_reading()

    @property
    def has_room(self) -> bool:
        """Whether more may be sent now. If not, ``writable`` tells when."""
        if self.paused:
            return False
        if self.transport.get_write_buffer_size() < _WRITE_HIGH:
            return True
        # What was gathered in this turn has not reached the transport, which knows whether the peer keeps up.
        if self._writable is not None:
            self.loop.call_soon(self._writable)
        return False

    def send_frames(self, messages: Iterable[str | bytes]) -> None:
        """Send messages, or drop them if the connection is not open any more."""
        protocol = self.protocol
        if protocol.state is not OPEN:
            return
        for message in messages:
            if isinstance(message, str):
                protocol.send_text(message.encode())
            else:
                protocol.send_binary(message)
        self.send_data()

    # ------------------------------------------------------------------------------------------ the library's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(corked(transport))

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.inbox and self._arrived is not None:
            self._arrived()
        if self.protocol.close_expected() and self._end is None:
            # The peer has to end a connection that broke the protocol; it does not get for ever.
            self._end = self.loop.call_later(self.close_timeout or 0.0, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(exc)
        if self._writable is not None:
            self._writable()

    def process_event(self, event: Frame | Request | Response) -> None:
        if isinstance(event, Frame) and event.opcode in _DATA:
            self._assemble(event)
        else:
            super().process_event(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.stalled = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.stalled = None
        if self._writable is not None:
            self._writable()

    def _assemble(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._text = frame.opcode is Opcode.TEXT
            if frame.fin:
                self._complete(frame.data)
            else:
                self._parts = bytearray(frame.data)
            return
        assert self._parts is not None
        self._parts += frame.data
        if frame.fin:
            data, self._parts = self._parts, None
            self._complete(data)

    def _complete(self, data: bytes | bytearray | memoryview) -> None:
        if not self._text:
            self.inbox.append(bytes(data))
            return
        try:
            self.inbox.append(bytes(data).decode())
        except UnicodeDecodeError as error:
            self.protocol.fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
            self.send_data()
