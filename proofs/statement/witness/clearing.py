"""From admitted orders to an auction: the fast clearing and its certificate, in the tables' terms."""

from __future__ import annotations

from collections.abc import Sequence

from matching.certificate import build_certificate
from matching.fast import clear as fast_clear
from matching.rationing import phase
from matching.types import Market as Band
from matching.types import Order as Limit
from matching.types import Side, Ticks

from .inputs import Market
from .rules import Auction, Order


def clear(market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
    """The published rule on one market's admitted orders."""
    limits = [_limit(order) for order in orders]
    outcome = fast_clear(Band(market.lower, market.upper, reference), limits, draw)
    return describe(market, reference, draw, orders, outcome.price, outcome.fills)


def describe(
    market: Market,
    reference: int,
    draw: int,
    orders: Sequence[Order],
    price: Ticks | None,
    fills: Sequence[int],
) -> Auction:
    """The certificate's numbers for a price (None: no trade) and fills, whether they follow the rule or not."""
    limits = [_limit(order) for order in orders]
    shown = build_certificate(Band(market.lower, market.upper, reference), limits, price, draw)
    buys_rationed = shown.rationed is Side.BUY
    # The tables divide by the lots at the level: where there are none they take 1, which changes no fill.
    wanted = (shown.buys_at if buys_rationed else shown.sells_at) or 1
    return Auction(
        trade=shown.trade,
        price=shown.pivot if shown.trade else reference,
        volume=shown.volume if shown.trade else 0,
        pivot=shown.pivot,
        buy_better=shown.buys_better,
        buy_at=shown.buys_at,
        sell_better=shown.sells_better,
        sell_at=shown.sells_at,
        neighbour=shown.direction.value,
        beyond=shown.neighbour,
        lots=shown.available,
        wanted=wanted,
        phase=phase(draw, wanted),
        fills=tuple(fills),
    )


def _limit(order: Order) -> Limit:
    return Limit(Side.BUY if order.buy else Side.SELL, order.price, order.quantity)
