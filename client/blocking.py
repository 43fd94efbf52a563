"""The client without ``await``, for scripts and notebooks.

::

    with SyncClient.connect(url, rpc=..., contract=..., keys=..., store=...) as client:
        order = client.commit([buy("ETH/USD", "0.5", "2000")])[0]
        print(order.settled())

The client works in a thread of its own, so reveals go out in time whatever the script does. What has no method here is
reached by ``client.run(client.asynchronous.quotes.replace(ladder))``.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Protocol, TypeVar

from commitments.types import KEY_DEPTH
from orderbook.wire import BatchStatus

from .audit import Balance
from .client import Client
from .handles import OrderHandle
from .history import History, MarketRow, OrderRow
from .keys import Progress
from .orders import Instruction
from .states import (
    TERMINAL,
    Cleared,
    Committed,
    OrderState,
    OrderStatus,
    Proven,
    Revealed,
    Sealed,
    Settled,
    Unfilled,
    rank,
)
from .venue import Number, Venue

__all__ = ["Portal", "SyncClient", "SyncOrder", "ThreadPortal"]

T = TypeVar("T")


class Portal(Protocol):
    """Runs coroutines for somebody who does not."""

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end; the result, or what it raises."""


class ThreadPortal:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sealbook-client", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End loop and thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class SyncOrder:
    """An order's handle whose methods wait."""

    def __init__(self, portal: Portal, handle: OrderHandle) -> None:
        self._portal = portal
        self.handle = handle

    def __repr__(self) -> str:
        return repr(self.handle)

    @property
    def state(self) -> OrderState:
        """The present state."""
        return self.handle.state

    @property
    def status(self) -> OrderStatus:
        """The name of the present state."""
        return self.handle.status

    @property
    def fill(self) -> int | None:
        """Lots filled, once known."""
        return self.handle.fill

    @property
    def price(self) -> int | None:
        """The clearing price in ticks, once known."""
        return self.handle.price

    @property
    def transaction(self) -> str | None:
        """Hash of the settling transaction, once settled."""
        return self.handle.transaction

    def __iter__(self) -> Iterator[OrderState]:
        """All states from the first on, as they come, until a final one."""
        events = self.handle.events()
        while True:
            state = self._portal.call(_next(events))
            if state is None:
                return
            yield state
            if rank(state) == TERMINAL:
                return

    def outcome(self) -> OrderState:
        """Wait for the final state, whichever it is."""
        return self._portal.call(self.handle.outcome())

    def committed(self) -> Committed:
        """Wait for the receipt."""
        return self._portal.call(self.handle.committed())

    def sealed(self) -> Sealed:
        """Wait for the seal."""
        return self._portal.call(self.handle.sealed())

    def revealed(self) -> Revealed:
        """Wait for the venue's acknowledgement."""
        return self._portal.call(self.handle.revealed())

    def cleared(self) -> Cleared:
        """Wait for the provisional outcome."""
        return self._portal.call(self.handle.cleared())

    def proven(self) -> Proven:
        """Wait for the proof."""
        return self._portal.call(self.handle.proven())

    def settled(self) -> Settled | Unfilled:
        """Wait until L1 accepted the batch."""
        return self._portal.call(self.handle.settled())


class SyncClient:
    """A client whose methods wait; see :class:`client.client.Client` for what they do."""

    client_type: ClassVar[type[Client]] = Client

    def __init__(self, portal: Portal, client: Client) -> None:
        self._portal = portal
        self.asynchronous = client
        """The client underneath."""

    def __repr__(self) -> str:
        return f"Sync{self.asynchronous!r}"

    @classmethod
    @contextlib.contextmanager
    def connect(cls, url: str, **options: Any) -> Iterator[SyncClient]:
        """As :meth:`client.client.Client.connect`; the client works until the exit."""
        portal = ThreadPortal()
        try:
            with opened(portal, lambda: cls.client_type.connect(url, **options)) as made:
                yield cls(portal, made)
        finally:
            portal.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run any coroutine of the client underneath to its end."""
        return self._portal.call(work)

    @property
    def venue(self) -> Venue:
        """Markets, assets and parameters, from L1."""
        return self.asynchronous.venue

    @property
    def account(self) -> int:
        """Account number; 0 before :meth:`register`."""
        return self.asynchronous.account

    # ------------------------------------------------------------------------------------------ L1

    def register(self, *, log_size: int = KEY_DEPTH, progress: Progress | None = None) -> int:
        return self.run(self.asynchronous.register(log_size=log_size, progress=progress))

    def rekey(self, *, log_size: int = KEY_DEPTH, progress: Progress | None = None) -> str:
        return self.run(self.asynchronous.rekey(log_size=log_size, progress=progress))

    def deposit(self, asset: int | str, amount: Number) -> str:
        return self.run(self.asynchronous.deposit(asset, amount))

    def claim(self, epoch: int | None = None) -> tuple[str, ...]:
        return self.run(self.asynchronous.claim(epoch))

    def balances(self) -> dict[str, Balance]:
        return self.run(self.asynchronous.balances())

    def available(self) -> dict[str, Decimal]:
        return self.run(self.asynchronous.available())

    def references(self) -> dict[str, Decimal]:
        return self.run(self.asynchronous.references())

    # ------------------------------------------------------------------------------------------ orders

    def open_batch(self) -> BatchStatus:
        return self.run(self.asynchronous.open_batch())

    def next_batch(self, after: int | None = None) -> BatchStatus:
        return self.run(self.asynchronous.next_batch(after))

    def commit(
        self,
        orders: Sequence[Instruction],
        *,
        check_balance: bool = True,
        valid_for_batch: int | None = None,
        within: float = 60.0,
    ) -> list[SyncOrder]:
        return self._orders(
            self.asynchronous.commit(
                orders, check_balance=check_balance, valid_for_batch=valid_for_batch, within=within
            )
        )

    def replace(
        self,
        orders: Sequence[Instruction],
        *,
        check_balance: bool = True,
        valid_for_batch: int | None = None,
        within: float = 60.0,
    ) -> list[SyncOrder]:
        return self._orders(
            self.asynchronous.replace(
                orders, check_balance=check_balance, valid_for_batch=valid_for_batch, within=within
            )
        )

    def quote(self, ladder: Sequence[Instruction], *, within: float = 60.0) -> list[SyncOrder]:
        return self._orders(self.asynchronous.quote(ladder, within=within))

    def withdraw(self, asset: int | str, amount: Number, *, within: float = 60.0) -> SyncOrder:
        return SyncOrder(self._portal, self.run(self.asynchronous.withdraw(asset, amount, within=within)))

    def cancel(self, *, within: float = 30.0) -> None:
        self.run(self.asynchronous.cancel(within=within))

    def resolve(self, client_order_id: str, *, within: float = 30.0) -> SyncOrder:
        return SyncOrder(self._portal, self.run(self.asynchronous.resolve(client_order_id, within=within)))

    def history(self) -> History[OrderRow]:
        """Own orders with an outcome."""
        return self.asynchronous.history()

    def market_history(self, first: int, end: int) -> History[MarketRow]:
        return self.run(self.asynchronous.market_history(first, end))

    def _orders(self, work: Coroutine[Any, Any, Sequence[OrderHandle]]) -> list[SyncOrder]:
        return [SyncOrder(self._portal, handle) for handle in self.run(work)]


async def _next(events: AsyncIterator[OrderState]) -> OrderState | None:
    return await anext(events, None)


@contextlib.contextmanager
def opened(portal: Portal, make: Callable[[], contextlib.AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """An asynchronous context as an ordinary one."""
    context: list[contextlib.AbstractAsyncContextManager[T]] = []

    async def enter() -> T:
        context.append(make())
        return await context[0].__aenter__()

    async def leave() -> None:
        await context[0].__aexit__(None, None, None)

    value = portal.call(enter())
    try:
        yield value
    finally:
        portal.call(leave())
