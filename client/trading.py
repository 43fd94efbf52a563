"""What one can do with an account, wherever its keys and store are.

These calls :class:`client.client.Client` and :class:`client.remote.agent.RemoteClient` have in common, and
:class:`client.quotes.Quotes` needs no others.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from orderbook.wire import BatchStatus

from .errors import InputError
from .handles import Commitment, OrderHandle
from .orders import Instruction, demand_orders, withdrawal
from .quotes import Quotes
from .venue import Number, Venue

__all__ = ["Trading"]

_LOOK_SECONDS: Final = 0.25


class Trading(ABC):
    """One account."""

    venue: Venue
    """Markets, assets and parameters, from L1."""
    account: int
    """Account number; 0 before there is one."""
    _quotes: Quotes | None = None

    def now(self) -> float:
        """Seconds since 1970 UTC; in a simulation, the simulation's."""
        return time.time()

    @property
    def quotes(self) -> Quotes:
        """Quotes of this account alone, without a lease; see :class:`client.quotes.Quotes` for more."""
        if self._quotes is None:
            self._quotes = Quotes([self])
        return self._quotes

    # ------------------------------------------------------------------------------------------ orders

    async def commit(
        self,
        orders: Sequence[Instruction],
        *,
        check_balance: bool = True,
        valid_for_batch: int | None = None,
        within: float = 60.0,
    ) -> Commitment:
        """Commit orders and withdrawals for the open batch (or the next, if it closes meanwhile).

        With ``valid_for_batch``: for that batch or for none. Orders with a ``client_order_id`` are committed once: a
        repetition gives the handles of the first time, and sends what was not answered again.

        :raises InputError: an order that is not possible; nothing was sent.
        :raises StateError: ``batch_over``, ``batch_not_open``: another batch than ``valid_for_batch`` is open.
        :raises StateError: ``commitment_open``: the batch holds a commitment already.
        :raises NoReplyError: the outcome is not known; the handle is in ``commitments``, or ``resolve()`` tells.
        """
        _demand(orders, valid_for_batch)
        return await self._place(orders, False, check_balance, valid_for_batch, within)

    async def replace(
        self,
        orders: Sequence[Instruction],
        *,
        check_balance: bool = True,
        valid_for_batch: int | None = None,
        within: float = 60.0,
    ) -> Commitment:
        """Put these orders in the place of the open batch's commitment, if there is one: all of it, at once."""
        _demand(orders, valid_for_batch)
        return await self._place(orders, True, check_balance, valid_for_batch, within)

    async def quote(self, ladder: Sequence[Instruction], *, within: float = 60.0) -> Commitment:
        """A market maker's whole ladder over all markets, as one commitment for the open batch; call it every batch.

        Balances are not checked: what does not fit is dropped by the venue, entry by entry.
        """
        return await self.replace(ladder, check_balance=False, within=within)

    async def withdraw(self, asset: int | str, amount: Number, *, within: float = 60.0) -> OrderHandle:
        """Commit a withdrawal alone; put it among the orders of :meth:`commit` to trade in the same batch."""
        (handle,) = await self.commit([withdrawal(asset, amount)], within=within)
        return handle

    @abstractmethod
    async def cancel(self, *, within: float = 30.0) -> None:
        """Take back the open batch's commitment.

        :raises StateError: ``no_commitment`` if there is none, or it is sealed.
        """

    @abstractmethod
    async def _place(
        self,
        orders: Sequence[Instruction],
        replace: bool,
        check_balance: bool,
        valid_for_batch: int | None,
        within: float,
    ) -> Commitment:
        """:meth:`commit`, or :meth:`replace`."""

    # ------------------------------------------------------------------------------------------ for makers

    @abstractmethod
    async def lease(self, seconds: float, *, within: float = 30.0) -> None:
        """Have the venue cancel the open batch's commitment once it has heard nothing of :meth:`renew_lease` for
        ``seconds``. The cancel is signed now, so the venue could carry it out earlier: that is the price of a lease.

        :raises StateError: ``no_commitment``.
        """

    @abstractmethod
    async def renew_lease(self, *, within: float = 30.0) -> None:
        """The lease begins anew; nothing if there is none."""

    @abstractmethod
    async def open_batch(self) -> BatchStatus:
        """The batch that collects commitments now."""

    async def next_batch(self, after: int | None = None) -> BatchStatus:
        """The open batch, as soon as it is another one than ``after``."""
        while True:
            status = await self.open_batch()
            if status.batch != after:
                return status
            left = _LOOK_SECONDS if status.closes_at is None else status.closes_at - self.now()
            await asyncio.sleep(max(left, _LOOK_SECONDS))

    @abstractmethod
    async def references(self) -> dict[str, Decimal]:
        """The last clearing price of each market, by symbol, in quote tokens per base token: the venue's word."""

    @abstractmethod
    async def available_units(self) -> Mapping[int, int]:
        """Units by asset that orders can count on: settled balances, moved by results that are not settled yet, and
        deposits on their way."""

    async def available(self) -> dict[str, Decimal]:
        """:meth:`available_units` in tokens, by asset symbol."""
        units = await self.available_units()
        return {asset.symbol: asset.tokens(units.get(asset.index, 0)) for asset in self.venue.assets}


def _demand(orders: Sequence[Instruction], batch: int | None) -> None:
    demand_orders(orders)
    if batch is not None and not isinstance(batch, int):
        raise InputError(
            f"valid_for_batch: {batch!r} is no batch number",
            field="valid_for_batch",
            advice="the number of open_batch(), an integer",
        )
