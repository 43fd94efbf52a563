"""The connection to the venue: one WebSocket that is kept alive, with requests that survive its loss.

A request waits for a session, is sent, and is sent again after a reconnect until its time is up: every
request of the protocol may be repeated. So a lost connection shows as delay, and at the end as
:class:`NoReplyError`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from websockets.exceptions import InvalidURI, WebSocketException

from orderbook.errors import WireError
from orderbook.wire import Error, Hello, Login, Message, Reply, Session, decode_reply, encode

from .dialing import Dial, Socket, websocket
from .errors import (
    InputError,
    LinkError,
    NoReplyError,
    SealbookError,
    SignerError,
    StateError,
    VenueMismatchError,
    VenueRefusedError,
    VenueUnreachableError,
)

__all__ = ["Link"]

log = logging.getLogger("sealbook.client")
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
_HANDSHAKE_SECONDS: Final = 10.0
"""The venue is asked for a sign of life this often; one that does not come in this time ends the connection."""
_AGAIN: Final = ("rate_limited", "unavailable")


class _LostError(Exception):
    """The connection ended while a request waited."""


class Link:
    """``check`` judges the venue's greeting (raises to refuse it); ``login`` answers its challenge, or None without an
    account; ``pushed`` takes what the venue sends by itself; ``opened`` and ``lost`` hear of every connection. None may
    block."""

    def __init__(
        self,
        url: str,
        check: Callable[[Hello], None],
        login: Callable[[Hello], Awaitable[Login | None]],
        pushed: Callable[[Message], None],
        opened: Callable[[], None] = lambda: None,
        lost: Callable[[], None] = lambda: None,
        dial: Dial = websocket,
    ) -> None:
        self.url = url
        self.session: Session | None = None
        self._check = check
        self._login = login
        self._pushed = pushed
        self._opened = opened
        self._lost_hook = lost
        self._cause = ""
        """Why the last connection failed, in words; empty while one is there."""
        self._silence = 0.0
        self._heard = 0.0
        self._watch: asyncio.Task[None] | None = None
        self._dial = dial
        self._socket: Socket | None = None
        self._ready = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._next = 1
        self._failure: SealbookError | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Connect, and keep connected, in the background."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Disconnect for good; requests that wait fail with ``client_closed``."""
        await self._end()
        self._failure = StateError("the client is closed", code="client_closed")
        self._lost()
        self._ready.set()

    async def reconnect(self) -> None:
        """Start a new session, for instance for a new account. Requests that wait are sent again in it."""
        await self._end()
        self._lost()
        self.start()

    async def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def expect(self, seconds: float) -> None:
        """From now on, this connection counts as lost when nothing comes for so long."""
        if self._socket is not None:
            self._silence = seconds
            if self._watch is None:
                self._watch = asyncio.create_task(self._listen(self._socket))

    async def _listen(self, socket: Socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            left = self._heard + self._silence - loop.time()
            if left <= 0:
                log.info("venue %s: nothing heard for %g s", self.url, self._silence)
                return socket.abort()
            await asyncio.sleep(left)

    async def request(self, message: Message, within: float = 30.0) -> Reply:
        """The venue's reply to a request (its ``id`` is filled in here).

        :raises VenueUnreachableError: never sent in ``within`` seconds.
        :raises NoReplyError: sent, and no answer in time.
        :raises VenueRefusedError: the venue answered with an error.
        :raises VenueMismatchError: the peer is not the venue that was asked for.
        """
        sent, pause = False, _FIRST_PAUSE
        try:
            async with asyncio.timeout(within):
                while True:
                    socket = await self._connected()
                    sent = True
                    try:
                        reply = await self._exchange(socket, message)
                    except _LostError:
                        # The reader may not have seen the end yet. Sending on a closed socket fails without
                        # giving way to it: asked again at once, the loop would turn here for ever.
                        if self._socket is socket:
                            self._lost()
                        continue
                    if not isinstance(reply, Error):
                        return reply
                    if reply.code not in _AGAIN:
                        raise VenueRefusedError(
                            reply.message, code=reply.code, field=reply.field, retryable=reply.retryable
                        )
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
        except TimeoutError:
            kind: type[LinkError] = NoReplyError if sent else VenueUnreachableError
            raise kind(f"{self.url}: no answer to {type(message).__name__} in {within:g} s{self._cause}") from None

    async def ready(self, within: float) -> None:
        """Wait for a session.

        :raises VenueUnreachableError: not in time.
        :raises VenueMismatchError: the peer is not the venue that was asked for.
        """
        try:
            async with asyncio.timeout(within):
                await self._connected()
        except TimeoutError:
            raise VenueUnreachableError(f"{self.url}: no session in {within:g} s{self._cause}") from None

    async def _connected(self) -> Socket:
        while True:
            if self._failure is not None:
                raise self._failure
            if self._ready.is_set() and self._socket is not None:
                return self._socket
            await self._ready.wait()

    async def _exchange(self, socket: Socket, message: Message) -> Reply:
        number, self._next = self._next, self._next + 1
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            await socket.send(encode(msgspec.structs.replace(message, id=number)))
            return await future
        except WebSocketException:
            raise _LostError from None
        finally:
            self._waiting.pop(number, None)

    # ------------------------------------------------------------------------------------------ background

    async def _run(self) -> None:
        failures = 0
        while self._failure is None:
            try:
                async with self._dial(self.url) as socket:
                    await self._serve(socket)
            except (VenueMismatchError, VenueRefusedError, SignerError) as error:
                if isinstance(error, SignerError) and error.retryable:
                    log.warning("login: %s", error, extra={"code": error.code})
                else:
                    self._failure = error
            except InvalidURI as error:
                self._failure = InputError(f"url: {error}", code="bad_url", field="url")
            except (OSError, WebSocketException, TimeoutError, WireError) as error:
                self._cause = f"; last seen: {type(error).__name__}: {error}"[:300]
                log.info("venue %s: %s", self.url, type(error).__name__)
            except Exception as error:  # a fault of the SDK itself may not leave everybody waiting for ever
                self._cause = f"; last seen: {type(error).__name__}: {error}"[:300]
                log.error("venue %s", self.url, exc_info=error)
            failures = 0 if self._ready.is_set() else failures + 1
            self._lost()
            if self._failure is not None:
                self._ready.set()
                return
            pause = min(_FIRST_PAUSE * 2.0**failures, _LONGEST_PAUSE)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    def _lost(self) -> None:
        if self._ready.is_set():
            self._lost_hook()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._ready.clear()
        self._socket = None
        self.session = None
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(_LostError())

    async def _serve(self, socket: Socket) -> None:
        """One connection: greeting, login, then replies and pushed messages until it ends."""
        async with asyncio.timeout(_HANDSHAKE_SECONDS):
            hello = decode_reply(await socket.recv())
        if not isinstance(hello, Hello):
            raise VenueMismatchError(f"{self.url} does not greet as a venue", field="url")
        self._check(hello)
        reader = asyncio.create_task(self._read(socket))
        self._socket = socket
        try:
            login = asyncio.create_task(self._open_session(socket, hello))
            await asyncio.wait((reader, login), return_when=asyncio.FIRST_COMPLETED)
            if login.done():
                login.result()
                self._cause = ""
                self._ready.set()
                self._opened()
            else:
                login.cancel()
            await reader
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _open_session(self, socket: Socket, hello: Hello) -> None:
        login = await self._login(hello)
        if login is None:
            return
        pause = _FIRST_PAUSE
        while True:
            try:
                reply = await self._exchange(socket, login)
            except _LostError:
                raise ConnectionError from None
            if isinstance(reply, Session):
                self.session = reply
                return
            if not isinstance(reply, Error) or not reply.retryable:
                code, text = (reply.code, reply.message) if isinstance(reply, Error) else ("malformed", "no session")
                raise VenueRefusedError(f"login: {text}", code=code, field="account")
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)

    async def _read(self, socket: Socket) -> None:
        loop = asyncio.get_running_loop()
        async for frame in socket:
            self._heard = loop.time()
            message = decode_reply(frame)
            number = getattr(message, "id", None)
            if number is None:
                self._pushed(message)
                continue
            future = self._waiting.get(number)
            if future is not None and not future.done():
                future.set_result(message)
