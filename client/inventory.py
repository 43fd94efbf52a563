"""What a maker holds, and what traded: the facts that quoting strategies turn on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from .handles import OrderHandle
from .orders import Order, Side
from .venue import Venue

__all__ = ["Inventory", "MakerFill", "QuoteTick", "fill_of"]


@dataclass(frozen=True, slots=True)
class MakerFill:
    """One order's fill in one batch, at the clearing price: as the venue says, checked against the own limits, final
    once L1 has settled the batch (``order.settled()``).

    ``quantity`` in base tokens, ``price`` in quote tokens per base token, ``fee`` in quote tokens.
    """

    batch: int
    account: int
    market: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    order: OrderHandle


@dataclass(frozen=True, slots=True)
class Inventory:
    """Tokens by asset symbol, of all the maker's accounts together: settled balances, moved by the results that are not
    settled yet, with deposits on their way. What the open batch may still take is not subtracted."""

    batch: int
    """The newest batch whose results are in it; -1 if there is none."""
    tokens: Mapping[str, Decimal]

    def __getitem__(self, symbol: str) -> Decimal:
        return self.tokens[symbol]


@dataclass(frozen=True, slots=True)
class QuoteTick:
    """A batch has opened: time to quote. ``closes_at``: seconds since 1970 UTC, None if the venue does not say.

    ``references`` are the last clearing prices by market symbol, in quote tokens per base token.
    """

    batch: int
    closes_at: float | None
    references: Mapping[str, Decimal]
    inventory: Inventory


def fill_of(venue: Venue, account: int, order: OrderHandle) -> MakerFill | None:
    """The fill of an order that is cleared; None without one, and for withdrawals."""
    if not order.fill or order.price is None or not isinstance(order.instruction, Order):
        return None
    market = venue.markets[order.entry.market]
    return MakerFill(
        batch=order.batch,
        account=account,
        market=market.symbol,
        side=Side(order.entry.kind),
        quantity=market.quantity(order.fill),
        price=market.price(order.price),
        fee=market.quote.tokens(order.fee or 0),
        order=order,
    )
