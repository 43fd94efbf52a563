"""The program's connection to an agent: kept alive, with calls that survive its loss."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable
from typing import Final

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException

from ..dialing import security
from ..errors import InputError, NoReplyError, SealbookError, StateError, VenueUnreachableError
from .answers import Answer, Attached, Counted, Failed, Moved, decode_answer
from .calls import MAX_BYTES, Attach, Call, encode
from .lines import error_of

__all__ = ["AgentConnection"]

log = logging.getLogger("sealbook.client")
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_MARGIN: Final = 5.0
"""Seconds beyond the agent's own time limit for its answer to arrive."""


class AgentConnection:
    """``attached`` hears of every new connection (a SealbookError that it raises ends it for good), ``pushed`` of what
    the agent tells by itself, ``lost`` of every connection that ended. A call is repeated over a new connection if one
    is lost: names make that safe."""

    def __init__(
        self,
        url: str,
        token: str,
        tls: ssl.SSLContext | None,
        attached: Callable[[Attached], None],
        pushed: Callable[[Moved | Counted], None],
        lost: Callable[[], None],
    ) -> None:
        self.url = url
        self._token = token
        self._security = security(url, tls)
        self._attached = attached
        self._pushed = pushed
        self._lost_hook = lost
        self._socket: ClientConnection | None = None
        self._ready = asyncio.Event()
        self._failure: SealbookError | None = None
        self._cause = ""
        self._waiting: dict[int, asyncio.Future[Answer | None]] = {}
        self._next = 1
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Connect, and keep connected, in the background."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Disconnect for good; calls that wait fail with ``client_closed``."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._failure = StateError("the client is closed", code="client_closed")
        self._lost()
        self._ready.set()

    async def ready(self, within: float) -> ClientConnection:
        """Wait for the agent.

        :raises VenueUnreachableError: not there in time.
        :raises SealbookError: why it never will be.
        """
        try:
            async with asyncio.timeout(within):
                while self._socket is None or not self._ready.is_set():
                    if self._failure is not None:
                        raise self._failure
                    await self._ready.wait()
                return self._socket
        except TimeoutError:
            raise VenueUnreachableError(
                f"{self.url}: no agent in {within:g} s{self._cause}",
                advice="check the address, and that the agent runs",
            ) from None

    async def ask(self, call: Call, within: float) -> Answer:
        """The agent's answer, over as many connections as it takes.

        :raises SealbookError: the agent's own error, or that it did not answer.
        """
        deadline = asyncio.get_running_loop().time() + within + _MARGIN
        sent = False
        while True:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            try:
                socket = await self.ready(left)
            except VenueUnreachableError:
                if sent:
                    raise NoReplyError(f"{self.url}: no answer to {type(call).__name__}") from None
                raise
            sent = True
            answer = await self._exchange(socket, call, deadline)
            if isinstance(answer, Failed):
                raise error_of(answer)
            if answer is not None:
                return answer

    async def _exchange(self, socket: ClientConnection, call: Call, deadline: float) -> Answer | None:
        """The answer over this connection; None if it ended."""
        number, self._next = self._next, self._next + 1
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            async with asyncio.timeout_at(deadline):
                await socket.send(encode(msgspec.structs.replace(call, id=number)))
                return await future
        except WebSocketException:
            # The reader may not have seen the end yet. Sending on a closed socket fails without giving way to it:
            # asked again at once, the loop would turn here for ever.
            if self._socket is socket:
                self._lost()
            return None
        except TimeoutError:
            raise NoReplyError(f"{self.url}: no answer to {type(call).__name__}") from None
        finally:
            self._waiting.pop(number, None)

    # ------------------------------------------------------------------------------------------ background

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                async with connect(
                    self.url,
                    additional_headers={"Authorization": f"Bearer {self._token}"},
                    max_size=MAX_BYTES,
                    compression=None,
                    proxy=None,
                    ssl=self._security,
                ) as socket:
                    failures = 0
                    await self._serve(socket)
            except InvalidStatus as error:
                self._cause = f"; last seen: {error}"[:300]
                if error.response.status_code == 401:
                    self._failure = StateError(
                        "the agent does not know this token",
                        code="agent_token",
                        field="token",
                        advice="pass the content of the agent's token file",
                    )
            except InvalidURI as error:
                self._failure = InputError(f"url: {error}", code="bad_url", field="url")
            except SealbookError as error:
                self._failure = error
            except (OSError, WebSocketException, TimeoutError, msgspec.DecodeError) as error:
                self._cause = f"; last seen: {type(error).__name__}: {error}"[:300]
                log.info("agent %s: %s", self.url, type(error).__name__)
            self._lost()
            if self._failure is not None:
                self._ready.set()
                return
            failures += 1
            await asyncio.sleep(min(_FIRST_PAUSE * 2.0**failures, _LONGEST_PAUSE) * random.uniform(0.5, 1.0))

    def _lost(self) -> None:
        if self._ready.is_set():
            self._lost_hook()
        self._ready.clear()
        self._socket = None
        for future in self._waiting.values():
            if not future.done():
                future.set_result(None)

    async def _serve(self, socket: ClientConnection) -> None:
        await socket.send(encode(Attach(0)))
        async for frame in socket:
            answer = decode_answer(frame)
            if isinstance(answer, Moved | Counted):
                self._pushed(answer)
            elif isinstance(answer, Attached):
                self._attached(answer)
                self._socket = socket
                self._ready.set()
            elif answer.id == 0 and isinstance(answer, Failed):
                raise error_of(answer)
            elif (future := self._waiting.get(answer.id)) is not None and not future.done():
                future.set_result(answer)
