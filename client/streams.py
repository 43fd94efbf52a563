"""What a strategy listens to: markets, batches, own orders, own balances, as typed events in bounded queues.

::

    async with client.streams.batches() as stream:
        async for event in stream:
            match event:
                case Snapshot(state=batches): ...
                case Delta(change=batch): ...
                case Resynced(state=batches, missed=missed): ...
                case Stale(reason=reason): ...

Every stream begins with a :class:`Snapshot`. A :class:`Delta` changes one thing. :class:`Stale`: the connection is lost
or something is missing; the state may be old until :class:`Resynced` brings it up to date and tells what was lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from msgspec import Struct

from .errors import InputError
from .states import OrderState

__all__ = ["Delta", "Event", "OrderUpdate", "Reason", "Resynced", "Snapshot", "Stale", "Stream", "Topic"]

DEFAULT_LIMIT: Final = 256
T = TypeVar("T")
D = TypeVar("D")
Reason: TypeAlias = Literal["connection_lost", "reconnected", "gap", "venue_restarted", "slow_consumer"]


class OrderUpdate(Struct, frozen=True):
    """An own order and its newest state."""

    client_order_id: str
    batch: int
    state: OrderState


class Snapshot(Struct, Generic[T], frozen=True):
    """The whole state. ``sequence`` numbers the events of a topic; the stream begins here."""

    sequence: int
    state: T


class Delta(Struct, Generic[D], frozen=True):
    """One change; ``sequence`` is one above that of the event before."""

    sequence: int
    change: D


class Resynced(Struct, Generic[T], frozen=True):
    """The state is whole again. ``missed``: messages that were lost and never will be seen: 0 if what was missed
    follows as deltas, None if nobody knows how many. ``slow_consumer``: the queue was full and was emptied."""

    sequence: int
    reason: Reason
    missed: int | None
    state: T


class Stale(Struct, frozen=True):
    """From here on the state may be old: ``connection_lost``, or ``gap``: a message is missing."""

    sequence: int
    reason: Reason


Event: TypeAlias = Snapshot[T] | Delta[D] | Resynced[T] | Stale


class Topic(Generic[T, D]):
    """One thing that can be listened to. ``state`` gives the whole of it at this moment, None while it is not known."""

    def __init__(self, state: Callable[[], T | None]) -> None:
        self._state = state
        self._streams: dict[Stream[T, D], None] = {}
        self._sequence = 0
        self._stale = False

    @property
    def listened(self) -> bool:
        """Whether anybody listens."""
        return bool(self._streams)

    @property
    def is_stale(self) -> bool:
        """Whether the state may be old."""
        return self._stale

    def open(self, limit: int = DEFAULT_LIMIT) -> Stream[T, D]:
        """A new stream; it begins with the state as soon as that is known."""
        if limit < 1:
            raise InputError(f"limit: {limit} is not at least 1", field="limit")
        stream: Stream[T, D] = Stream(limit, self._overflow, self._forget)
        self._streams[stream] = None
        self._begin(stream)
        return stream

    def begin(self) -> None:
        """The state is known: streams that wait for it begin."""
        for stream in self._streams:
            self._begin(stream)

    def changed(self, change: D) -> None:
        """Something changed."""
        self._put(lambda sequence: Delta(sequence, change))

    def stale(self, reason: Reason) -> None:
        """The state may be old from now on."""
        if not self._stale:
            self._stale = True
            self._put(lambda sequence: Stale(sequence, reason))

    def resynced(self, reason: Reason, missed: int | None) -> None:
        """The state is whole again, if it was not."""
        state = self._state()
        if not self._stale or state is None:
            return
        self._stale = False
        self._put(lambda sequence: Resynced(sequence, reason, missed, state))

    def close(self) -> None:
        """End all streams."""
        for stream in list(self._streams):
            stream.close()

    def _begin(self, stream: Stream[T, D]) -> None:
        state = self._state()
        if stream.begun or state is None:
            return
        stream.put(Snapshot(self._sequence, state))
        if self._stale:
            stream.put(Stale(self._sequence, "connection_lost"))

    def _put(self, event: Callable[[int], Event[T, D]]) -> None:
        self._sequence += 1
        for stream in self._streams:
            if stream.begun:
                stream.put(event(self._sequence))

    def _forget(self, stream: Stream[T, D]) -> None:
        self._streams.pop(stream, None)

    def _overflow(self, lost: int) -> Event[T, D] | None:
        state = self._state()
        return None if state is None else Resynced(self._sequence, "slow_consumer", lost, state)


class Stream(Generic[T, D]):
    """Events of one topic. What is not taken waits in a queue of ``limit``; when it is full, the present state takes
    the place of all that waits. For one reader; ends when it or the client is closed."""

    def __init__(
        self,
        limit: int,
        overflow: Callable[[int], Event[T, D] | None],
        forget: Callable[[Stream[T, D]], None],
    ) -> None:
        self._events: deque[Event[T, D]] = deque()
        self._limit = limit
        self._overflow = overflow
        self._forget = forget
        self._arrived = asyncio.Event()
        self._closed = False
        self.begun = False
        """Whether it has had its snapshot."""

    async def __aenter__(self) -> Stream[T, D]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[Event[T, D]]:
        return self

    async def __anext__(self) -> Event[T, D]:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._events.popleft()

    @property
    def waiting(self) -> int:
        """Events that were not taken yet."""
        return len(self._events)

    def put(self, event: Event[T, D]) -> None:
        """Used by the topic."""
        self.begun = self.begun or isinstance(event, Snapshot)
        if len(self._events) >= self._limit:
            lost = sum(1 for waiting in self._events if isinstance(waiting, Delta)) + isinstance(event, Delta)
            whole = self._overflow(lost)
            self._events.clear()
            event = event if whole is None else whole
        self._events.append(event)
        self._arrived.set()

    def close(self) -> None:
        """Take no more events; what waits can still be read."""
        self._closed = True
        self._forget(self)
        self._arrived.set()
