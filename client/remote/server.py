"""The agent's side: one client, served to programs over WebSockets."""

from __future__ import annotations

import asyncio
import errno
import hmac
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from ..audit import Balance
from ..client import Client
from ..errors import InputError, SealbookError
from ..streams import Delta
from .answers import (
    Answer,
    Attached,
    AvailableAre,
    BalanceLine,
    BalancesAre,
    BatchIs,
    ClaimedIn,
    Counted,
    Done,
    Found,
    HistoryIs,
    Moved,
    Placed,
    ReferencesAre,
    ReportIs,
)
from .calls import (
    MAX_BYTES,
    SCHEMA,
    Attach,
    Call,
    CancelOrders,
    Claim,
    GetAvailable,
    GetHistory,
    GetOpenBatch,
    GetOwnBalances,
    GetReferences,
    GetReport,
    Place,
    RenewLease,
    Resolve,
    TakeLease,
    decode_call,
    encode,
)
from .lines import failure, instruction, told

__all__ = ["AgentServer", "serving"]

log = logging.getLogger("sealbook.agent")
_OUTGOING: Final = 1_024
"""Messages that may wait for a program that does not read; then it is cut off."""
_HISTORY_BATCHES: Final = 16
"""Batches in one answer: 64 orders each fit into a message."""
_LOCAL: Final = ("127.0.0.1", "::1", "localhost")


class AgentServer:
    """Answers calls with a client; pushes what its orders do to every program."""

    def __init__(self, client: Client, token: str) -> None:
        self._client = client
        self._token = token
        self._programs: dict[asyncio.Queue[Answer | None], ServerConnection] = {}

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Let in who knows the token."""
        shown = request.headers.get("Authorization", "")
        if not hmac.compare_digest(shown.encode(), f"Bearer {self._token}".encode()):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "wrong token\n")
        return None

    async def handle(self, socket: ServerConnection) -> None:
        """Serve one program until it leaves."""
        outgoing: asyncio.Queue[Answer | None] = asyncio.Queue(_OUTGOING)
        self._programs[outgoing] = socket
        writer = asyncio.create_task(self._write(socket, outgoing))
        calls: set[asyncio.Task[None]] = set()
        try:
            async for frame in socket:
                task = asyncio.create_task(self._call(frame, outgoing))
                calls.add(task)
                task.add_done_callback(calls.discard)
        except ConnectionClosed:
            pass
        finally:
            del self._programs[outgoing]
            writer.cancel()
            # A call goes on without its caller: what was asked for is done, and found again under its names.
            await asyncio.gather(writer, *calls, return_exceptions=True)

    async def push(self) -> None:
        """Tell all programs what happens, until cancelled."""

        async def orders() -> None:
            async with self._client.streams.order_handles() as stream:
                async for event in stream:
                    if isinstance(event, Delta):
                        self._tell(Moved(told(event.change)))

        async def deadlines() -> None:
            async with self._client.streams.deadlines() as stream:
                async for event in stream:
                    if isinstance(event, Delta):
                        self._tell(Counted(event.change))

        await asyncio.gather(orders(), deadlines())

    def _tell(self, message: Answer) -> None:
        for outgoing, socket in self._programs.items():
            try:
                outgoing.put_nowait(message)
            except asyncio.QueueFull:
                socket.transport.abort()

    async def _write(self, socket: ServerConnection, outgoing: asyncio.Queue[Answer | None]) -> None:
        while (message := await outgoing.get()) is not None:
            try:
                await socket.send(encode(message))
            except ConnectionClosed:
                return

    async def _call(self, frame: str | bytes, outgoing: asyncio.Queue[Answer | None]) -> None:
        number = 0
        try:
            call = decode_call(frame)
            number = call.id
            answer = await self._answer(call)
        except msgspec.DecodeError as error:
            answer = failure(number, InputError(f"not a message of an agent: {error}", code="malformed"))
        except SealbookError as error:
            answer = failure(number, error)
        except Exception as error:
            log.error("call failed", exc_info=error)
            text = f"{type(error).__name__} in the agent; it is logged there"
            answer = failure(number, SealbookError(text, code="internal"))
        await outgoing.put(answer)

    async def _answer(self, call: Call) -> Answer:
        client = self._client
        match call:
            case Attach():
                _demand_schema(call)
                orders = tuple(told(order) for made in client.commitments for order in made)
                return Attached(call.id, client.account, client.venue, orders, client.deadlines)
            case Place():
                place = client.replace if call.replace else client.commit
                made = await place(
                    [instruction(item) for item in call.orders],
                    check_balance=call.check_balance,
                    valid_for_batch=call.valid_for_batch,
                    within=call.within,
                )
                by_name = {order.client_order_id: order for order in made}
                return Placed(call.id, tuple(told(by_name[item.name]) for item in call.orders), made.warnings)
            case CancelOrders():
                await client.cancel(within=call.within)
                return Done(call.id)
            case Resolve():
                return Found(call.id, told(await client.resolve(call.name, within=call.within)))
            case GetOwnBalances():
                return BalancesAre(call.id, tuple(_balance(b) for b in (await client.balances()).values()))
            case GetOpenBatch():
                return BatchIs(call.id, await client.open_batch())
            case TakeLease():
                await client.lease(call.seconds, within=call.within)
                return Done(call.id)
            case RenewLease():
                await client.renew_lease(within=call.within)
                return Done(call.id)
            case GetAvailable():
                return AvailableAre(call.id, tuple((await client.available_units()).items()))
            case GetReferences():
                return ReferencesAre(call.id, tuple((await client.references()).items()))
            case GetHistory():
                rows, more = client.history_page(call.first, _HISTORY_BATCHES)
                return HistoryIs(call.id, rows, more)
            case Claim():
                return ClaimedIn(call.id, await client.claim(call.epoch))
            case GetReport():
                return ReportIs(
                    call.id,
                    tuple((batch, failure(call.id, error)) for batch, error in sorted(client.problems.items())),
                    tuple(map(str, client.evidence)),
                    tuple((epoch, verdict.faults) for epoch, verdict in client.proofs.verdicts.items()),
                )


def _demand_schema(call: Attach) -> None:
    """:raises InputError: ``agent_schema``."""
    if call.schema != SCHEMA:
        raise InputError(
            f"the agent speaks schema {SCHEMA}, not {call.schema}",
            code="agent_schema",
            field="schema",
            advice="run the same version of sealbook on both sides",
        )


def _balance(balance: Balance) -> BalanceLine:
    return BalanceLine(balance.symbol, balance.settled, balance.pending, balance.proven)


@asynccontextmanager
async def serving(
    client: Client, host: str, port: int, token: str, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve programs while the context lasts; gives the port.

    :raises InputError: ``agent_needs_tls``: an address that others can reach, without TLS; ``cannot_listen``.
    """
    if tls is None and host not in _LOCAL:
        raise InputError(
            f"{host} can be reached by others, and without TLS they could read the token",
            code="agent_needs_tls",
            field="listen",
            advice="give a certificate, or listen on 127.0.0.1 and connect through a tunnel",
        )
    server = AgentServer(client, token)
    try:
        listener = await serve(
            server.handle,
            host,
            port,
            process_request=server.admit,
            compression=None,
            max_size=MAX_BYTES,
            ssl=tls,
            logger=logging.getLogger("sealbook.websockets"),
        )
    except OSError as error:
        reason = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror
        raise InputError(f"cannot listen on {host}:{port}: {reason}", code="cannot_listen", field="listen") from None
    pushing = asyncio.create_task(server.push())
    try:
        yield int(next(iter(listener.sockets)).getsockname()[1])
    finally:
        listener.close()
        await listener.wait_closed()
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)
