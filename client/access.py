"""What a maker asks of a client besides commitments: prices, funds, leases; and histories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from orderbook.wire import BatchStatus, GetBatch, GetMarkets, Markets

from .audit import Audit
from .errors import BrokenPromiseError
from .history import History, MarketRow, OrderRow, market_rows, order_rows
from .link import Link
from .placing import Desk, open_batch
from .store import Store
from .trading import Trading

__all__ = ["MakerAccess"]


class MakerAccess(Trading):
    """Part of :class:`client.client.Client`."""

    _link: Link
    _store: Store
    _audit: Audit | None
    _clock: Callable[[], float]

    def _demand_desk(self) -> Desk:
        raise NotImplementedError

    def now(self) -> float:
        return self._clock()

    async def open_batch(self) -> BatchStatus:
        return await open_batch(self._link)

    async def references(self) -> dict[str, Decimal]:
        reply = await self._link.request(GetMarkets(id=0))
        if not isinstance(reply, Markets) or len(reply.markets) != len(self.venue.markets):
            raise BrokenPromiseError("the venue answers with other markets", code="wrong_reply")
        markets = zip(self.venue.markets, reply.markets, strict=True)
        return {market.symbol: market.price(now.reference) for market, now in markets}

    async def available_units(self) -> Mapping[int, int]:
        self._demand_desk()
        assert self._audit is not None
        return await self._audit.available()

    def history(self) -> History[OrderRow]:
        """Own orders with an outcome, from the store, oldest first; ``.to_pandas()`` makes a table."""
        return History(OrderRow, order_rows(self.venue, self._store, self._store.records()))

    def history_page(self, first: int, batches: int) -> tuple[tuple[OrderRow, ...], int | None]:
        """Rows of :meth:`history` of so many own batches from number ``first`` on, and the number from which on there
        may be more, None at the end."""
        records = self._store.records(first, batches)
        more = records[-1].batch + 1 if len(records) == batches else None
        return tuple(order_rows(self.venue, self._store, records)), more

    async def market_history(self, first: int, end: int) -> History[MarketRow]:
        """Clearing prices and volumes of the batches from ``first`` up to, not with, ``end``: the venue's word.

        :raises VenueRefusedError: ``unknown_batch``.
        """
        statuses = []
        for batch in range(first, end):
            reply = await self._link.request(GetBatch(id=0, batch=batch))
            if not isinstance(reply, BatchStatus):
                raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
            statuses.append(reply)
        return market_rows(self.venue, statuses)

    async def cancel(self, *, within: float = 30.0) -> None:
        await self._demand_desk().cancel(within)

    async def lease(self, seconds: float, *, within: float = 30.0) -> None:
        await self._demand_desk().lease(seconds, within)

    async def renew_lease(self, *, within: float = 30.0) -> None:
        await self._demand_desk().renew(within)
