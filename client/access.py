"""What a maker asks of a client besides commitments: the next batch, prices, funds, leases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final, cast

from orderbook.wire import BatchStatus, GetBatch, GetMarkets, Markets

from .audit import Audit
from .errors import BrokenPromiseError
from .history import History, MarketRow, OrderRow, market_rows, order_rows
from .link import Link
from .placing import Desk, open_batch
from .quotes import Quotes
from .store import Store
from .venue import Venue

if TYPE_CHECKING:
    from .client import Client

__all__ = ["MakerAccess"]

_LOOK_SECONDS: Final = 0.25


class MakerAccess:
    """Part of :class:`client.client.Client`."""

    venue: Venue
    _link: Link
    _store: Store
    _audit: Audit | None
    _clock: Callable[[], float]
    _quotes: Quotes | None = None

    def _demand_desk(self) -> Desk:
        raise NotImplementedError

    def now(self) -> float:
        """Seconds since 1970 UTC; in a simulation, the simulation's."""
        return self._clock()

    @property
    def quotes(self) -> Quotes:
        """Quotes of this account alone, without a lease; see :class:`client.quotes.Quotes` for more."""
        if self._quotes is None:
            self._quotes = Quotes([cast("Client", self)])
        return self._quotes

    async def next_batch(self, after: int | None = None) -> BatchStatus:
        """The open batch, as soon as it is another one than ``after``."""
        while True:
            status = await open_batch(self._link)
            if status.batch != after:
                return status
            left = _LOOK_SECONDS if status.closes_at is None else status.closes_at - self.now()
            await asyncio.sleep(max(left, _LOOK_SECONDS))

    async def references(self) -> dict[str, Decimal]:
        """The last clearing price of each market, by symbol, in quote tokens per base token: the venue's word."""
        reply = await self._link.request(GetMarkets(id=0))
        if not isinstance(reply, Markets) or len(reply.markets) != len(self.venue.markets):
            raise BrokenPromiseError("the venue answers with other markets", code="wrong_reply")
        markets = zip(self.venue.markets, reply.markets, strict=True)
        return {market.symbol: market.price(now.reference) for market, now in markets}

    async def available_units(self) -> Mapping[int, int]:
        """Units by asset that orders can count on: settled balances, moved by results that are not settled yet, and
        deposits on their way."""
        self._demand_desk()
        assert self._audit is not None
        return await self._audit.available()

    async def available(self) -> dict[str, Decimal]:
        """:meth:`available_units` in tokens, by asset symbol."""
        units = await self.available_units()
        return {asset.symbol: asset.tokens(units.get(asset.index, 0)) for asset in self.venue.assets}

    def history(self) -> History[OrderRow]:
        """Own orders with an outcome, from the store, oldest first; ``.to_pandas()`` makes a table."""
        return order_rows(self.venue, self._store)

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

    async def lease(self, seconds: float, *, within: float = 30.0) -> None:
        """Have the venue cancel the open batch's commitment once it has heard nothing of :meth:`renew_lease` for
        ``seconds``. The cancel is signed now, so the venue could carry it out earlier: that is the price of a lease.

        :raises StateError: ``no_commitment``.
        """
        await self._demand_desk().lease(seconds, within)

    async def renew_lease(self, *, within: float = 30.0) -> None:
        """The lease begins anew; nothing if there is none."""
        await self._demand_desk().renew(within)
