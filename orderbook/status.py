"""Figures and health over plain HTTP, on an address of their own: ``/metrics``, ``/health``, ``/ready``.

For the operator's monitoring, not for clients: bind it where only that can reach it.
"""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from .errors import ConfigurationError
from .metrics import CONTENT_TYPE

_REQUEST_SECONDS: Final = 5.0
_MAX_LINES: Final = 64


class StatusServer:
    """``metrics`` gives the text of ``/metrics``; ``problems`` what keeps the venue from serving clients: empty if it
    is ready. ``/health`` answers 200 as long as the process does."""

    def __init__(self, metrics: Callable[[], str], problems: Callable[[], list[str]]) -> None:
        self._metrics = metrics
        self._problems = problems
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, host: str, port: int) -> None:
        """Take the address.

        :raises ConfigurationError: ``port_busy`` or ``cannot_listen``.
        """
        try:
            self._server = await asyncio.start_server(self._serve, host, port, limit=4096)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ConfigurationError(f"{host}:{port} is in use by another program", code="port_busy") from None
            reason = f"cannot listen on {host}:{port}: {error.strerror}"
            raise ConfigurationError(reason, code="cannot_listen") from None

    async def close(self) -> None:
        """Give the address back."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                words = (await reader.readline()).split()
                for _ in range(_MAX_LINES):
                    if not (await reader.readline()).strip():
                        break
                writer.write(self._response(words))
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass  # a client that sends no request, or does not wait for its answer
        finally:
            writer.close()

    def _response(self, words: list[bytes]) -> bytes:
        if len(words) < 2 or words[0] not in (b"GET", b"HEAD"):
            return _answer(HTTPStatus.METHOD_NOT_ALLOWED, "application/json", _json({"error": "GET only"}))
        match words[1].split(b"?")[0]:
            case b"/metrics":
                return _answer(HTTPStatus.OK, CONTENT_TYPE, self._metrics())
            case b"/health":
                return _answer(HTTPStatus.OK, "application/json", _json({"healthy": True}))
            case b"/ready":
                problems = self._problems()
                status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
                return _answer(status, "application/json", _json({"ready": not problems, "problems": problems}))
            case _:
                return _answer(HTTPStatus.NOT_FOUND, "application/json", _json({"error": "not found"}))


def _json(value: object) -> str:
    return json.dumps(value) + "\n"


def _answer(status: HTTPStatus, kind: str, text: str) -> bytes:
    body = text.encode()
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body
