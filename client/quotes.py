"""Quotes of a market maker: a whole ladder over all markets, as one commitment per batch and account.

::

    async with Quotes([client], lease=15) as quotes:
        quotes.on_fill(lambda fill: print(fill))
        async for tick in quotes.batches():
            await quotes.replace(ladder_for(tick))

A maker with more than 64 orders gives several accounts: the same call spreads the ladder over them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Final

from .errors import InputError, SealbookError
from .fillwatch import FillCallback, FillWatch, InventoryCallback
from .inventory import Inventory, QuoteTick
from .ladder import CLIENT_CLOSED, LadderDesk, QuoteResult
from .orders import Instruction, demand_orders
from .placing import LEAST_LEASE, LONGEST_LEASE
from .standing import StandingLadder, StandingOrder

if TYPE_CHECKING:
    from .trading import Trading

__all__ = ["QuoteResult", "Quotes"]

log = logging.getLogger("sealbook.quotes")
_SECOND: Final = 1.0


class Quotes:
    """One maker over the accounts of ``clients``, all at one venue: clients of this process, or of agents.

    ``lease``: seconds after which the venue takes quotes out of the open batch when it hears nothing from this program
    any more; None: they stay. Use it as a context, or call :meth:`close`.
    """

    def __init__(self, clients: Sequence[Trading], *, lease: float | None = None) -> None:
        if not isinstance(clients, Sequence):
            raise InputError("clients is no list", field="clients", advice="write Quotes([client]), in brackets")
        if lease is not None and not (isinstance(lease, int | float) and LEAST_LEASE <= lease <= LONGEST_LEASE):
            raise InputError(f"lease: {lease!r} is not {LEAST_LEASE:g} to {LONGEST_LEASE:g} seconds", field="lease")
        numbers = [client.account for client in clients if client.account]
        if not clients or len({id(c) for c in clients}) != len(clients) or len(set(numbers)) != len(numbers):
            raise InputError("a maker needs one or more different accounts", field="clients")
        if len({(c.venue.chain_id, c.venue.contract.lower()) for c in clients}) != 1:
            raise InputError("the accounts are at different venues", field="clients")
        self.clients = tuple(clients)
        self._standing: StandingLadder | None = None
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._fills = FillWatch(self.clients, self._wake.set)
        self._desk = LadderDesk(self.clients, lease, self._fills.watch)

    async def __aenter__(self) -> Quotes:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop keeping quotes. Those in the open batch stay there: until their lease is over, if they have one."""
        task, self._keeping, self._standing = self._keeping, None, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._desk.close()
        await self._fills.close()

    # ------------------------------------------------------------------------------------------ callbacks

    def on_fill(self, callback: FillCallback) -> None:
        """Call ``callback`` with every fill of these quotes, as soon as the batch is cleared."""
        _demand_callable(callback)
        self._fills.on_fill.append(callback)

    def on_inventory(self, callback: InventoryCallback) -> None:
        """Call ``callback`` with what the accounts hold, after every cleared batch in which they quoted."""
        _demand_callable(callback)
        self._fills.on_inventory.append(callback)

    async def inventory(self) -> Inventory:
        """What the accounts hold together."""
        return await self._fills.inventory()

    # ------------------------------------------------------------------------------------------ quoting

    async def batches(self) -> AsyncIterator[QuoteTick]:
        """A tick for every batch that opens from now on, the open one first. One that was over before the caller came
        back is left out."""
        batch: int | None = None
        while True:
            status = await self.clients[0].next_batch(batch)
            batch = status.batch
            references = await self.clients[0].references()
            yield QuoteTick(batch, status.closes_at, references, await self.inventory())

    async def replace(
        self,
        ladder: Sequence[Instruction],
        *,
        valid_for_batch: int | None = None,
        gtc: bool = False,
        gtt: datetime | None = None,
        refresh: bool = False,
        within: float = 60.0,
    ) -> QuoteResult:
        """Put this ladder in the place of all quotes: in the open batch, and of what stood for later ones.

        Without more it is for the open batch alone, or with ``valid_for_batch`` for that one or none. With ``gtc``
        (good till cancelled) or ``gtt`` (good till that time) it is committed again in every batch until it is filled;
        with ``refresh`` too, whole in every batch. Balances are not checked: the venue drops what does not fit, order
        by order.

        :raises InputError: an order that is not possible, or more of them than the accounts can hold; nothing was sent.
        :raises StateError: ``batch_over``, ``batch_not_open``: another batch than ``valid_for_batch`` is open.
        :raises SealbookError: the reason, if no account could commit its part; a part that failed is in ``errors``.
        """
        if sum((valid_for_batch is not None, gtc, gtt is not None)) > 1:
            raise InputError("give one of valid_for_batch, gtc and gtt", field="gtc")
        demand_orders(ladder)
        if gtt is not None and not isinstance(gtt, datetime):
            raise InputError(f"gtt: a {type(gtt).__name__} is no time", field="gtt", advice="give a datetime")
        if refresh and not (gtc or gtt):
            raise InputError("refresh is for quotes that stand: gtc or gtt", field="refresh")
        standing = None
        if gtc or gtt is not None:
            end = None if gtt is None else gtt.timestamp()
            if end is not None and end <= self.clients[0].now():
                raise InputError(f"gtt: {gtt} is over", field="gtt")
            standing = StandingLadder(self.clients[0].venue, ladder, end, refresh)
        async with self._lock:
            self._standing = standing
            if standing is None:
                return await self._desk.commit(ladder, valid_for_batch, within)
            result = await self._commit_standing(standing, within)
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._keep())
        self._wake.set()
        return result

    async def cancel(self, *, within: float = 30.0) -> None:
        """Take all quotes back: out of the open batch, and what stands for later ones. None at all is no error."""
        async with self._lock:
            self._standing = None
            await self._desk.withdraw(within)

    @property
    def standing(self) -> tuple[StandingOrder, ...]:
        """Orders that stand beyond the open batch, with what is filled of each."""
        return () if self._standing is None else tuple(self._standing.orders)

    # ------------------------------------------------------------------------------------------ standing

    async def _commit_standing(self, standing: StandingLadder, within: float) -> QuoteResult:
        batch = (await self.clients[0].open_batch()).batch
        standing.take_in()
        orders, ladder = standing.due(batch)
        if not ladder:
            return QuoteResult(batch, (), {}, {})
        result = await self._desk.commit(ladder, None, within)
        for order, handle in zip(orders, result.orders, strict=True):
            if handle is not None:
                order.committed.append(handle)
        return result

    async def _keep(self) -> None:
        """Commit the standing ladder again in every batch, and again when results free what was in doubt."""
        batch: int | None = None
        while (standing := self._standing) is not None:
            try:
                status = await self._next_or_woken(batch)
                standing.take_in()
                if standing.done:
                    self._standing = None
                    return
                if standing.over(self.clients[0].now()):
                    await self.cancel()
                    return
                batch = status
                orders, ladder = standing.due(batch)
                wanted = [(order, getattr(item, "quantity", 0)) for order, item in zip(orders, ladder, strict=True)]
                present = [(o, h.entry.quantity) for o in standing.orders for h in o.committed if h.batch == batch]
                if wanted and (not present if standing.refresh else wanted != present):
                    async with self._lock:
                        if standing is self._standing:
                            await self._commit_standing(standing, 30.0)
            except SealbookError as error:
                if error.code == CLIENT_CLOSED:
                    return
                log.warning("quotes: %s", error, extra={"code": error.code})
                if error.retryable:
                    batch = None  # not committed yet: try again in the same batch
                await asyncio.sleep(_SECOND)

    async def _next_or_woken(self, batch: int | None) -> int:
        """The open batch, once it is another one, results came in, or the ladder's time is over."""
        self._wake.clear()
        waits = [
            asyncio.ensure_future(self.clients[0].next_batch(batch)),
            asyncio.ensure_future(self._wake.wait()),
        ]
        standing = self._standing
        left = None
        if standing is not None and standing.good_till is not None:
            left = max(standing.good_till - self.clients[0].now(), 0.0)
        try:
            await asyncio.wait(waits, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return (await self.clients[0].open_batch()).batch


def _demand_callable(callback: object) -> None:
    if not callable(callback):
        raise InputError("callback: nothing that can be called", field="callback", advice="give a function")
