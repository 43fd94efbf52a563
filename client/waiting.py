"""Calls that wait: an event loop for somebody who has none, and an order's handle without ``await``."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Protocol, TypeVar

from .handles import OrderHandle
from .states import (
    TERMINAL,
    Cancelled,
    Cleared,
    Committed,
    Created,
    Expired,
    OrderState,
    OrderStatus,
    Proven,
    Rejected,
    Revealed,
    RevealMissed,
    Sealed,
    Settled,
    Unfilled,
    rank,
)

__all__ = ["Portal", "SyncOrder", "ThreadPortal", "opened"]

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

    def created(self) -> Created:
        """The first state, which every order has."""
        return self._portal.call(self.handle.created())

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

    def unfilled(self) -> Unfilled:
        """Wait until L1 accepted the batch without a fill. :raises OrderEndedError: it ended otherwise."""
        return self._portal.call(self.handle.unfilled())

    def rejected(self) -> Rejected:
        """Wait for a refusal. :raises OrderEndedError: it ended otherwise."""
        return self._portal.call(self.handle.rejected())

    def cancelled(self) -> Cancelled:
        """Wait until it is cancelled or replaced. :raises OrderEndedError: it ended otherwise."""
        return self._portal.call(self.handle.cancelled())

    def expired(self) -> Expired:
        """Wait until it can be in no batch any more. :raises OrderEndedError: it ended otherwise."""
        return self._portal.call(self.handle.expired())

    def reveal_missed(self) -> RevealMissed:
        """Wait for a missed reveal. :raises OrderEndedError: it ended otherwise."""
        return self._portal.call(self.handle.reveal_missed())


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
