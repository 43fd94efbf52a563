"""What became of quotes: fills and inventory, told to callbacks as soon as a batch is cleared."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import StateError
from .handles import Commitment, OrderHandle
from .inventory import Inventory, MakerFill, fill_of
from .standing import settled_or_cleared

if TYPE_CHECKING:
    from .trading import Trading

__all__ = ["FillCallback", "FillWatch", "InventoryCallback"]

log = logging.getLogger("sealbook.quotes")
FillCallback: TypeAlias = Callable[[MakerFill], Awaitable[None] | None]
InventoryCallback: TypeAlias = Callable[[Inventory], Awaitable[None] | None]


class FillWatch:
    """Watches commitments of the accounts of ``clients``; ``cleared`` is called when one has its outcome."""

    def __init__(self, clients: Sequence[Trading], cleared: Callable[[], None]) -> None:
        self._clients = tuple(clients)
        self._cleared = cleared
        self.on_fill: list[FillCallback] = []
        self.on_inventory: list[InventoryCallback] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._last = -1

    async def close(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def inventory(self) -> Inventory:
        """What the accounts hold together."""
        symbols: dict[str, Decimal] = {}
        for client in self._clients:
            for symbol, tokens in (await client.available()).items():
                symbols[symbol] = symbols.get(symbol, Decimal(0)) + tokens
        return Inventory(self._last, symbols)

    def watch(self, batch: int, commitments: Mapping[int, Commitment]) -> None:
        """Tell of the fills of a batch, then of what they left; ``commitments`` by account."""
        task = asyncio.create_task(self._watch(batch, commitments))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self, batch: int, commitments: Mapping[int, Commitment]) -> None:
        venue, traded = self._clients[0].venue, False
        for account, made in commitments.items():
            for handle in made:
                await _outcome(handle)
                fill = fill_of(venue, account, handle)
                traded = traded or handle.fill is not None
                if fill is not None:
                    for callback in self.on_fill:
                        await _called(callback, fill)
        self._cleared()
        if not traded:
            return
        self._last = max(self._last, batch)
        if self.on_inventory:
            inventory = await self.inventory()
            for told in self.on_inventory:
                await _called(told, inventory)


async def _outcome(handle: OrderHandle) -> None:
    """Wait until an order is cleared, or can be no more."""
    if settled_or_cleared(handle):
        return
    try:
        async for _ in handle.events():
            if settled_or_cleared(handle):
                return
    except StateError:
        return  # the client was closed


async def _called(callback: Callable[[Any], Any], fact: object) -> None:
    """A strategy's fault must not stop the quotes."""
    try:
        result = callback(fact)
        if inspect.isawaitable(result):
            await result
    except Exception:
        log.exception("a callback failed")
