"""The program's side: the calls of a client, done by an agent in another process.

::

    async with RemoteClient.connect("ws://127.0.0.1:9645", token="...") as client:
        (order,) = await client.commit([sell("ETH/USD", "0.5", "2000")])

The program may end at any time: the agent goes on, and the next program finds the orders in ``commitments`` or by name.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException

from orderbook.wire import BatchStatus, Entry

from ..audit import Balance
from ..deadlines import Deadline
from ..errors import InputError, NoReplyError, SealbookError, StateError, VenueMismatchError, VenueUnreachableError
from ..handles import Commitment, OrderHandle
from ..orders import Instruction, withdrawal
from ..states import OrderStatus
from ..streams import DEFAULT_LIMIT, OrderUpdate, Stream, Topic
from ..venue import Number, Venue
from .messages import (
    MAX_BYTES,
    Answer,
    Attach,
    Attached,
    BalancesAre,
    BatchIs,
    Call,
    CancelOrders,
    Counted,
    Failed,
    Found,
    GetOpenBatch,
    GetOwnBalances,
    Moved,
    OrderLine,
    Place,
    Placed,
    Resolve,
    decode_answer,
    encode,
    error_of,
    instruction,
    line,
)

__all__ = ["RemoteClient"]

log = logging.getLogger("sealbook.client")
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_MARGIN: Final = 5.0
"""Seconds beyond the agent's own time limit for its answer to arrive."""


class RemoteClient:
    """Made by :meth:`connect`. Each call is repeated over a new connection if one is lost: names make that safe."""

    def __init__(self, url: str, token: str, tls: ssl.SSLContext | None) -> None:
        self.url = url
        self.account = 0
        self.venue: Venue
        self._token = token
        self._tls = tls
        self._orders: dict[str, OrderHandle] = {}
        self._commitments: dict[tuple[int, tuple[str, ...]], Commitment] = {}
        self._deadlines: dict[int, Deadline] = {}
        self._order_topic: Topic[tuple[OrderUpdate, ...], OrderUpdate] = Topic(self._live)
        self._lagging: set[asyncio.Task[None]] = set()
        self._socket: ClientConnection | None = None
        self._ready = asyncio.Event()
        self._failure: SealbookError | None = None
        self._cause = ""
        self._waiting: dict[int, asyncio.Future[Answer | None]] = {}
        self._next = 1
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"RemoteClient({self.url}, account={self.account})"

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls, url: str, *, token: str, tls: ssl.SSLContext | None = None, within: float = 30.0
    ) -> AsyncIterator[RemoteClient]:
        """Connect to an agent.

        :param url: the agent's address, ``ws://`` or ``wss://``.
        :param token: the content of the agent's token file.
        :param tls: for ``wss://``: which certificates are trusted.
        :raises VenueUnreachableError: no agent there in time.
        :raises StateError: ``agent_token``: not this agent's token.
        """
        client = cls(url, token.strip(), tls)
        client._task = asyncio.create_task(client._run())
        try:
            await client._connected(within)
            yield client
        finally:
            await client._stop()

    async def _stop(self) -> None:
        assert self._task is not None
        tasks = [self._task, *self._lagging]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._failure = StateError("the client is closed", code="client_closed")
        self._lost()
        self._ready.set()
        self._order_topic.close()
        for order in self._orders.values():
            order.close()

    # ------------------------------------------------------------------------------------------ trading

    @property
    def commitments(self) -> tuple[Commitment, ...]:
        """Commitments that are not at their end."""
        return tuple(made for made in self._commitments.values() if not made.ended)

    @property
    def deadlines(self) -> tuple[Deadline, ...]:
        """Sealed commitments that wait for their reveal by the agent."""
        return tuple(sorted(self._deadlines.values(), key=lambda deadline: deadline.until))

    async def commit(
        self,
        orders: Sequence[Instruction],
        *,
        check_balance: bool = True,
        valid_for_batch: int | None = None,
        within: float = 60.0,
    ) -> Commitment:
        """As :meth:`client.client.Client.commit`."""
        return await self._place(orders, False, check_balance, valid_for_batch, within)

    async def replace(
        self,
        orders: Sequence[Instruction],
        *,
        check_balance: bool = True,
        valid_for_batch: int | None = None,
        within: float = 60.0,
    ) -> Commitment:
        """As :meth:`client.client.Client.replace`."""
        return await self._place(orders, True, check_balance, valid_for_batch, within)

    async def quote(self, ladder: Sequence[Instruction], *, within: float = 60.0) -> Commitment:
        """As :meth:`client.client.Client.quote`."""
        return await self.replace(ladder, check_balance=False, within=within)

    async def withdraw(self, asset: int | str, amount: Number, *, within: float = 60.0) -> OrderHandle:
        """As :meth:`client.client.Client.withdraw`."""
        (handle,) = await self.commit([withdrawal(asset, amount)], within=within)
        return handle

    async def cancel(self, *, within: float = 30.0) -> None:
        """As :meth:`client.client.Client.cancel`."""
        await self._ask(CancelOrders(0, within), within)

    async def resolve(self, client_order_id: str, *, within: float = 30.0) -> OrderHandle:
        """As :meth:`client.client.Client.resolve`."""
        found = await self._ask(Resolve(0, client_order_id, within), within)
        assert isinstance(found, Found)
        return self._take(found.order)

    async def balances(self) -> dict[str, Balance]:
        """As :meth:`client.client.Client.balances`: the agent has checked the proofs."""
        found = await self._ask(GetOwnBalances(0), 30.0)
        assert isinstance(found, BalancesAre)
        return {b.symbol: Balance(b.symbol, b.settled, b.pending, b.proven) for b in found.balances}

    async def open_batch(self) -> BatchStatus:
        """As :meth:`client.client.Client.open_batch`."""
        found = await self._ask(GetOpenBatch(0), 30.0)
        assert isinstance(found, BatchIs)
        return found.status

    def orders(self, limit: int = DEFAULT_LIMIT) -> Stream[tuple[OrderUpdate, ...], OrderUpdate]:
        """The account's orders as a stream of events."""
        return self._order_topic.open(limit)

    async def _place(
        self,
        orders: Sequence[Instruction],
        replace: bool,
        check_balance: bool,
        valid_for_batch: int | None,
        within: float,
    ) -> Commitment:
        # Every order gets a name here, so that a repetition over a new connection is the same order.
        lines = tuple(
            line(item, item.client_order_id or secrets.token_hex(8), f"orders[{i}]") for i, item in enumerate(orders)
        )
        placed = await self._ask(Place(0, lines, replace, check_balance, valid_for_batch, within), within)
        assert isinstance(placed, Placed)
        handles = [self._take(order) for order in placed.orders]
        return self._together(handles, placed.warnings)

    # ------------------------------------------------------------------------------------------ handles

    def _together(self, handles: Sequence[OrderHandle], warnings: Sequence[str] = ()) -> Commitment:
        names = tuple(sorted(handle.client_order_id for handle in handles))
        key = (handles[0].batch, names)
        if key not in self._commitments:
            sequence = max(0 if h.receipt is None else h.receipt.sequence for h in handles)
            self._commitments[key] = Commitment(handles[0].batch, sequence, handles, range(len(handles)), warnings)
        for old in [k for k, made in self._commitments.items() if made.ended and k != key]:
            del self._commitments[old]
        return self._commitments[key]

    def _take(self, told: OrderLine) -> OrderHandle:
        """The handle of an order, brought to where the agent says that it is."""
        handle = self._orders.get(told.name)
        if handle is None or handle.batch != told.batch:
            handle = OrderHandle(instruction(told.line), Entry(*told.entry), told.batch, told.name, self._moved)
            self._orders[told.name] = handle
        for state in told.states:
            handle.advance(state)
        if handle.status not in (OrderStatus.CREATED, OrderStatus.COMMITTED, OrderStatus.SEALED):
            self._deadlines.pop(handle.batch, None)
        if handle.ended:
            self._orders.pop(told.name, None)
        return handle

    def _moved(self, handle: OrderHandle) -> None:
        self._order_topic.changed(OrderUpdate(handle.client_order_id, handle.batch, handle.state))

    def _live(self) -> tuple[OrderUpdate, ...]:
        return tuple(OrderUpdate(o.client_order_id, o.batch, o.state) for o in self._orders.values())

    # ------------------------------------------------------------------------------------------ connection

    async def _connected(self, within: float) -> ClientConnection:
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

    async def _ask(self, call: Call, within: float) -> Answer:
        """The agent's answer, over as many connections as it takes.

        :raises SealbookError: the agent's own error, or that it did not answer.
        """
        deadline = asyncio.get_running_loop().time() + within + _MARGIN
        sent = False
        while True:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            try:
                socket = await self._connected(left)
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
        number, self._next = self._next, self._next + 1
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            async with asyncio.timeout_at(deadline):
                await socket.send(encode(msgspec.structs.replace(call, id=number)))
                return await future
        except WebSocketException:
            return None
        except TimeoutError:
            raise NoReplyError(f"{self.url}: no answer to {type(call).__name__}") from None
        finally:
            self._waiting.pop(number, None)

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                headers = {"Authorization": f"Bearer {self._token}"}
                async with connect(
                    self.url,
                    additional_headers=headers,
                    max_size=MAX_BYTES,
                    compression=None,
                    proxy=None,
                    ssl=self._tls,
                ) as socket:
                    failures = 0
                    await self._serve(socket)
            except InvalidStatus as error:
                if error.response.status_code == 401:
                    self._failure = StateError(
                        "the agent does not know this token",
                        code="agent_token",
                        field="token",
                        advice="pass the content of the agent's token file",
                    )
                    self._ready.set()
                    return
                log.info("agent %s: %s", self.url, error)
            except InvalidURI as error:
                self._failure = InputError(f"url: {error}", code="bad_url", field="url")
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
            self._order_topic.stale("connection_lost")
        self._ready.clear()
        self._socket = None
        for future in self._waiting.values():
            if not future.done():
                future.set_result(None)

    async def _serve(self, socket: ClientConnection) -> None:
        await socket.send(encode(Attach(0)))
        async for frame in socket:
            answer = decode_answer(frame)
            if isinstance(answer, Moved):
                self._take(answer.order)
            elif isinstance(answer, Counted):
                self._count(answer.deadline)
            elif isinstance(answer, Attached):
                self._attached(socket, answer)
            elif answer.id == 0 and isinstance(answer, Failed):
                self._failure = error_of(answer)
                return
            elif (future := self._waiting.get(answer.id)) is not None and not future.done():
                future.set_result(answer)

    def _attached(self, socket: ClientConnection, answer: Attached) -> None:
        if self.account not in (0, answer.account):
            raise VenueMismatchError(f"the agent serves account {answer.account} now, not {self.account}")
        self.account, self.venue = answer.account, answer.venue
        self._deadlines = {deadline.batch: deadline for deadline in answer.deadlines}
        batches: dict[tuple[int, int], list[OrderHandle]] = {}
        for order in answer.orders:
            batches.setdefault((order.batch, order.sequence), []).append(self._take(order))
        for handles in batches.values():
            self._together(handles)
        told = {order.name for order in answer.orders}
        for name in [name for name in self._orders if name not in told]:
            task = asyncio.create_task(self._catch_up(name))
            self._lagging.add(task)
            task.add_done_callback(self._lagging.discard)
        self._socket = socket
        self._ready.set()
        self._order_topic.resynced("reconnected", None)

    async def _catch_up(self, name: str) -> None:
        """An order came to its end while no connection was there."""
        with contextlib.suppress(SealbookError):
            await self.resolve(name)

    def _count(self, deadline: Deadline) -> None:
        if deadline.blocks_left == 0:
            self._deadlines.pop(deadline.batch, None)
        else:
            self._deadlines[deadline.batch] = deadline
