"""The operator's own view of a batch's order books while reveals arrive. Never published, never logged."""

from __future__ import annotations

from matching.ladder import Ladder
from matching.types import Market, Order, Side

from .batch import Batch
from .ledger import Ledger
from .parameters import VenueParameters


def ladders(parameters: VenueParameters, ledger: Ledger, batch: Batch) -> tuple[Ladder, ...]:
    """One ladder per market over the orders revealed so far, before admission, around the present references."""
    books = tuple(
        Ladder(Market(market.lower, market.upper, reference))
        for market, reference in zip(parameters.markets, ledger.references, strict=True)
    )
    for account, reveal in sorted(batch.reveals.items()):
        for number, book in enumerate(books):
            orders = [
                Order(Side(entry.kind), entry.price, entry.quantity)
                for entry in reveal.entries
                if entry.kind in (Side.BUY, Side.SELL) and entry.market == number
            ]
            if orders:
                book.add(account, orders)
    return books
