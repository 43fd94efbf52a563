"""The venue's pushed messages in order: numbers checked, losses noticed, and asked for after a reconnect."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from orderbook.wire import (
    Balances,
    BatchStatus,
    Channel,
    ChannelAt,
    Heartbeat,
    Markets,
    Message,
    Receipt,
    Result,
    Sealed,
    Subscribe,
    Subscribed,
)

from .audit import Balance
from .deadlines import Deadline
from .errors import SealbookError
from .handles import OrderHandle
from .link import Link
from .streams import DEFAULT_LIMIT, OrderUpdate, Reason, Stream, Topic
from .venue import Market, Venue

__all__ = ["Feed"]

log = logging.getLogger("sealbook.client")
_KEPT_BATCHES: Final = 64
_PAUSE: Final = 0.5
_SILENCE: Final = 3.0
"""Heartbeats that may fail to come before the connection counts as lost."""


class Feed:
    """Subscribes on every new connection and keeps the state of the streams. ``pushed`` gets every message, missed ones
    included; ``orders`` gives the handles of the account; ``balances`` asks for proven balances."""

    def __init__(
        self,
        venue: Venue,
        link: Link,
        pushed: Callable[[Message], None],
        orders: Callable[[], tuple[OrderHandle, ...]],
        deadlines: Callable[[], tuple[Deadline, ...]],
        balances: Callable[[], Awaitable[dict[str, Balance]]],
    ) -> None:
        self._link = link
        self._pushed = pushed
        self._orders = orders
        self._ask_balances = balances
        self._stream: str | None = None
        self._last: dict[Channel, int] = {}
        self._batches: dict[int, BatchStatus] = {}
        self._markets: tuple[Market, ...] = venue.markets
        self._balances: dict[str, Balance] | None = None
        self._own = False
        self._again = False
        self._reason: Reason = "reconnected"
        self._subscribing: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._batch_topic: Topic[tuple[BatchStatus, ...], BatchStatus] = Topic(
            lambda: tuple(self._batches.values()) or None
        )
        self._market_topic: Topic[tuple[Market, ...], Market] = Topic(lambda: self._markets)
        self._order_topic: Topic[tuple[OrderUpdate, ...], OrderUpdate] = Topic(
            lambda: tuple(_update(order) for order in self._orders())
        )
        self._balance_topic: Topic[dict[str, Balance], dict[str, Balance]] = Topic(lambda: self._balances)
        self._handle_topic: Topic[tuple[OrderHandle, ...], OrderHandle] = Topic(orders)
        self._deadline_topic: Topic[tuple[Deadline, ...], Deadline] = Topic(deadlines)
        self._topics: dict[Channel, Topic[Any, Any]] = {
            "batches": self._batch_topic,
            "markets": self._market_topic,
            "orders": self._order_topic,
            "balances": self._balance_topic,
        }

    # ------------------------------------------------------------------------------------------ for the caller

    def batches(self, limit: int = DEFAULT_LIMIT) -> Stream[tuple[BatchStatus, ...], BatchStatus]:
        """Batches in flight, as the venue tells them. A delta is the new status of one batch."""
        return self._batch_topic.open(limit)

    def markets(self, limit: int = DEFAULT_LIMIT) -> Stream[tuple[Market, ...], Market]:
        """Markets with their reference prices, as the venue tells them. A delta is a market whose price moved."""
        return self._market_topic.open(limit)

    def orders(self, limit: int = DEFAULT_LIMIT) -> Stream[tuple[OrderUpdate, ...], OrderUpdate]:
        """The account's orders, as the client itself has checked them. A delta is the new state of one order."""
        return self._order_topic.open(limit)

    def order_handles(self, limit: int = DEFAULT_LIMIT) -> Stream[tuple[OrderHandle, ...], OrderHandle]:
        """The same with the handles themselves: for what serves orders on to others."""
        return self._handle_topic.open(limit)

    def balances(self, limit: int = DEFAULT_LIMIT) -> Stream[dict[str, Balance], dict[str, Balance]]:
        """The account's balances, proven under the root that L1 holds. A delta holds the assets that changed."""
        stream = self._balance_topic.open(limit)
        if self._own and "balances" not in self._last:
            self._subscribe()
        return stream

    def deadlines(self, limit: int = DEFAULT_LIMIT) -> Stream[tuple[Deadline, ...], Deadline]:
        """The countdown of sealed commitments that wait for their reveal, by the own L1 connection. A delta is one
        step; ``warning`` says that little time is left."""
        return self._deadline_topic.open(limit)

    # ------------------------------------------------------------------------------------------ for the client

    def counted(self, deadline: Deadline) -> None:
        """A countdown went on."""
        self._deadline_topic.changed(deadline)

    def opened(self, own: bool) -> None:
        """A connection is there; ``own``: with a session."""
        self._own = own
        self._subscribe()

    def lost(self) -> None:
        """The connection is gone."""
        if self._subscribing is not None:
            self._subscribing.cancel()
        self._stale("connection_lost")

    def moved(self, order: OrderHandle) -> None:
        """An own order has a new state."""
        self._order_topic.changed(_update(order))
        self._handle_topic.changed(order)

    def take(self, message: Message) -> None:
        """A pushed message: in its turn, again, or after a gap."""
        if isinstance(message, Heartbeat):
            if message.stream == self._stream and any(at.sequence > self._last.get(at.channel, 0) for at in message.at):
                self._gap()
            return
        channel, sequence = channel_of(message), getattr(message, "stream_sequence", None)
        if channel is None:
            return
        self._pushed(message)
        if sequence is None or channel not in self._last or sequence <= self._last[channel]:
            return
        if sequence > self._last[channel] + 1:
            self._gap()
            return
        self._last[channel] = sequence
        self._apply(message)

    async def close(self) -> None:
        """End all streams."""
        for topic in (*self._topics.values(), self._handle_topic, self._deadline_topic):
            topic.close()
        tasks = [task for task in (self._subscribing, self._refreshing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------------------------------------ subscription

    def _gap(self) -> None:
        """Something was lost on a live connection: ask for it."""
        self._stale("gap")
        self._subscribe()

    def _stale(self, reason: Reason) -> None:
        self._reason = "gap" if reason == "gap" else "reconnected"
        for topic in self._topics.values():
            topic.stale(reason)

    def _subscribe(self) -> None:
        if self._subscribing is not None:
            self._subscribing.cancel()
        self._subscribing = asyncio.create_task(self._subscribed())

    async def _subscribed(self) -> None:
        """Subscribe, until it works or the connection is lost."""
        channels: list[Channel] = ["batches", "markets"]
        channels += ["orders"] if self._own else []
        channels += ["balances"] if self._own and self._balance_topic.listened else []
        while True:
            after = tuple(ChannelAt(c, self._last[c]) for c in channels if c in self._last)
            request = Subscribe(id=0, channels=tuple(channels), stream=self._stream, after=after)
            try:
                reply = await self._link.request(request)
                if isinstance(reply, Subscribed):
                    return self._resume(reply)
            except SealbookError as error:
                log.info("subscription: %s", error, extra={"code": error.code})
            await asyncio.sleep(_PAUSE)

    def _resume(self, reply: Subscribed) -> None:
        """The state of the channels that start anew, then what was missed in the others."""
        known, restarted = self._last, self._stream not in (None, reply.stream)
        self._stream, self._last = reply.stream, {at.channel: at.sequence for at in reply.at}
        self._link.expect(reply.heartbeat_seconds * _SILENCE)
        self._keep(reply.batches)
        if reply.markets is not None:
            self._take_markets(reply.markets)
        for result in reply.results:
            self._pushed(result)
        for channel, sequence in self._last.items():
            if channel == "balances":
                self._refresh()
                continue
            missed = None if restarted else 0 if channel in reply.resumed else sequence - known.get(channel, sequence)
            self._topics[channel].begin()
            self._topics[channel].resynced("venue_restarted" if restarted else self._reason, missed)
        for message in reply.missed:
            self._pushed(message)
            self._apply(message)

    # ------------------------------------------------------------------------------------------ state

    def _apply(self, message: Message) -> None:
        if isinstance(message, BatchStatus):
            self._keep((message,))
            self._batch_topic.changed(message)
        elif isinstance(message, Markets):
            self._take_markets(message)
        elif isinstance(message, Balances):
            self._refresh()

    def _keep(self, batches: Iterable[BatchStatus]) -> None:
        for status in batches:
            self._batches[status.batch] = status
        for number in sorted(self._batches)[:-_KEPT_BATCHES]:
            del self._batches[number]

    def _take_markets(self, message: Markets) -> None:
        references = {market.market: market.reference for market in message.markets}
        before = self._markets
        self._markets = tuple(
            dataclasses.replace(market, reference=references.get(market.index, market.reference)) for market in before
        )
        for old, new in zip(before, self._markets, strict=True):
            if old != new:
                self._market_topic.changed(new)

    def _refresh(self) -> None:
        """The venue says that a balance moved: have it proven."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._prove_balances())
        else:
            self._again = True

    async def _prove_balances(self) -> None:
        self._again = True
        while self._again:
            self._again = False
            try:
                found = await self._ask_balances()
            except SealbookError as error:
                log.warning("balances: %s", error, extra={"code": error.code})
                self._again = error.retryable
                await asyncio.sleep(_PAUSE)
                continue
            before, self._balances = self._balances or {}, found
            changed = {symbol: balance for symbol, balance in found.items() if before.get(symbol) != balance}
            if self._balance_topic.is_stale:
                self._balance_topic.resynced(self._reason, None)
            elif changed and before:
                self._balance_topic.changed(changed)
            self._balance_topic.begin()


def channel_of(message: Message) -> Channel | None:
    """The channel of a pushed message."""
    match message:
        case BatchStatus():
            return "batches"
        case Markets():
            return "markets"
        case Receipt() | Sealed() | Result():
            return "orders"
        case Balances():
            return "balances"
        case _:
            return None


def _update(order: OrderHandle) -> OrderUpdate:
    return OrderUpdate(order.client_order_id, order.batch, order.state)
