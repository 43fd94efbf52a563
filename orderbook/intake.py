"""Taking requests from connections: budgets, strikes, turns; what a request means is the handler's business."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final, Protocol

from .closing import POLICY, TOO_BIG, Closing
from .connections import Connection, Connections
from .errors import WireError
from .limits import Limits
from .metrics import Metrics
from .refusals import refusal
from .sessions import Answer, Session
from .wire import (
    Cancel,
    Commit,
    Error,
    ErrorCode,
    Heartbeat,
    Hello,
    Login,
    Many,
    Ping,
    Pong,
    Receipt,
    Request,
    Results,
    Subscribe,
    decode_request,
)
from .wire import request_id as readable_id

__all__ = ["Handler", "Intake"]

_TURN: Final = 32
"""Messages of one connection that are served before those of the others."""


class Handler(Protocol):
    """What requests mean."""

    def hello(self, challenge: bytes) -> Hello: ...

    def now(self) -> float:
        """The venue's clock, seconds since 1970 UTC."""

    def heartbeat(self, session: Session) -> Heartbeat:
        """The last number of each of the session's channels."""

    def shared(self, receipt: Receipt) -> Receipt:
        """A receipt as the account's sessions get it."""

    def handle(self, session: Session, request: Request) -> Answer:
        """Decide a request at once. :class:`RequestError` and :class:`WireError` become an error reply."""


class Intake:
    """Serves what arrives on all connections, each in its order."""

    def __init__(
        self, handler: Handler, limits: Limits, metrics: Metrics, connections: Connections, closing: Closing
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._metrics = metrics
        self._connections = connections
        self._closing = closing

    def arrived(self, connection: Connection) -> None:
        """Messages are in the inbox, or there is room for more requests."""
        if connection.socket.inbox and not connection.waits_for_turn:
            self.take(connection)

    def writable(self, connection: Connection) -> None:
        """The client takes what is sent again."""
        connection.flush()
        self.arrived(connection)

    def take(self, connection: Connection) -> None:
        """Serve what has arrived: some of it, then it is the turn of the others."""
        connection.waits_for_turn = False
        socket, now = connection.socket, asyncio.get_running_loop().time()
        for _ in range(_TURN):
            if not socket.inbox or not connection.may_ask:
                break
            self._message(connection, socket.inbox.popleft(), now)
        else:
            if socket.inbox:
                connection.waits_for_turn = True
                asyncio.get_running_loop().call_soon(self.take, connection)
        socket.pace()

    def _message(self, connection: Connection, data: str | bytes, now: float) -> None:
        """Serve one message."""
        connection.binary = isinstance(data, bytes)
        pause = connection.bucket.take(now)
        if pause:
            refused = _error(data, "rate_limited", "too many requests", retryable=True, retry_after=pause)
            return self._strike(connection, refused)
        try:
            request = decode_request(data)
        except WireError as error:
            code: ErrorCode = "too_large" if error.code == "too_large" else "malformed"
            self._strike(connection, _error(data, code, str(error), error.field))
            if code == "too_large":
                self._closing.expel(connection, TOO_BIG, "too_large")
            return None
        if isinstance(request, Many):
            pause = connection.bucket.take(now, len(request.items) - 1)
            if pause:
                text = f"{len(request.items)} requests at once are more than the rate budget holds now"
                refused = Error(request.id, "rate_limited", text, "items", True, retry_after=pause)
                return self._strike(connection, refused)
        return self._answer(connection, request, now)

    def _answer(self, connection: Connection, request: Request, received: float) -> None:
        try:
            if isinstance(request, Ping):
                answer = Answer(Pong(request.id, self._handler.now(), connection.bucket.left(received)))
            else:
                answer = self._handler.handle(connection.session, request)
        except Exception as error:
            answer = Answer(refusal(request.id, error))
        if isinstance(answer.message, Error):
            self._metrics.refused.inc(answer.message.code)
        connection.reply(answer, type(request).__name__, received)
        if isinstance(request, Commit | Cancel | Many):
            self._share(answer)
        elif isinstance(request, Login | Subscribe):
            self._connections.refresh(connection)
            if isinstance(request, Login):
                self._limit_account(request.account)

    def _share(self, answer: Answer) -> None:
        """The sessions of an account learn what one of them sent, if there are several, and once it is on disk."""
        message, written = answer
        for part in message.items if isinstance(message, Results) else (message,):
            if not isinstance(part, Receipt) or not self._connections.several(part.account):
                continue
            if written is None:
                self._tell(part)
            else:
                written.add_done_callback(partial(self._tell_written, part))

    def _tell_written(self, receipt: Receipt, written: asyncio.Future[None]) -> None:
        if not written.cancelled() and written.exception() is None:
            self._tell(receipt)

    def _tell(self, receipt: Receipt) -> None:
        self._closing.deliver(self._handler.shared(receipt), self._connections.of(receipt.account))

    def _strike(self, connection: Connection, error: Error) -> None:
        self._metrics.refused.inc(error.code)
        connection.reply(Answer(error))
        connection.strikes += 1
        if connection.strikes >= self._limits.strikes:
            self._closing.expel(connection, POLICY, error.code)

    def _limit_account(self, account: int) -> None:
        """Close the oldest connection of an account that has too many."""
        own = [connection for connection in self._connections.of(account) if not connection.cut]
        if len(own) > self._limits.connections_per_account:
            self._closing.cut(own[0], POLICY, "too_many_sessions")


def _error(
    data: str | bytes,
    code: ErrorCode,
    message: str,
    field: str = "",
    retryable: bool = False,
    retry_after: float | None = None,
) -> Error:
    return Error(readable_id(data), code, message[:400], field[:100], retryable, retry_after)
