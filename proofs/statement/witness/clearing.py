"""From admitted orders to an auction: the fast clearing and its certificate, in the tables' terms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matching.certificate import build_certificate
from matching.fast import clear_arrays
from matching.rationing import phase
from matching.types import Market as Band
from matching.types import Order as Limit
from matching.types import Side, Ticks

from ...layout import Block, Column, Integers, Row, elements, exact, numbers
from .inputs import Market
from .rules import Auction, Book, Order


def clear(market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
    """The published rule on one market's admitted orders."""
    book = Book.of(orders)
    sides = np.where(book.buys, int(Side.BUY), int(Side.SELL))
    prices, quantities = (array.astype(np.int64) for array in (book.prices, book.quantities))
    outcome = clear_arrays(Band(market.lower, market.upper, reference), sides, prices, quantities, draw)
    return describe(market, reference, draw, book, outcome.price, outcome.fills.tolist())


def describe(
    market: Market,
    reference: int,
    draw: int,
    orders: Sequence[Order],
    price: Ticks | None,
    fills: Sequence[int],
) -> Auction:
    """The certificate's numbers for a price (None: no trade) and fills, whether they follow the rule or not."""
    limits = _gathered(Book.of(orders), price, market.lower)
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


def _gathered(book: Book, price: Ticks | None, lower: Ticks) -> list[Limit]:
    """A few orders with the same lots above, at, below and one tick beside the pivot: those of the same certificate."""
    middle = price
    if middle is None:
        # The certificate of no trade looks at the highest buy.
        middle = int(book.prices[book.buys].max()) if book.buys.any() else lower - 1
    sums = dict.fromkeys(((side, distance) for side in Side for distance in range(-2, 3)), 0)
    distances = np.clip(book.prices - middle, -2, 2).tolist()
    for buy, distance, quantity in zip(book.buys.tolist(), distances, book.quantities.tolist(), strict=True):
        sums[Side.BUY if buy else Side.SELL, distance] += quantity
    return [Limit(side, middle + distance, lots) for (side, distance), lots in sums.items() if lots]


def market_row(market: Market, reference: int, orders: int, auction: Auction, fee: int) -> Row:
    """The row of one auction of so many orders in the market table, but for where and when it is."""
    trade, surplus = auction.trade, auction.surplus
    row: Row = {
        "real": 1, "trade": int(trade), "present": int(orders > 0), "reference": reference, "price": auction.price,
        "volume": auction.volume, "base": market.base, "quote": market.quote, "lower": market.lower,
        "upper": market.upper, "fee_ppm": market.fee_ppm, "buy_better": auction.buy_better, "buy_at": auction.buy_at,
        "sell_better": auction.sell_better, "sell_at": auction.sell_at, "beyond": auction.beyond,
        "pivot": auction.pivot, "even": int(trade and surplus == 0), "buy_pressure": int(trade and surplus > 0),
        "sell_pressure": int(trade and surplus < 0), "up": int(auction.neighbour == 1),
        "down": int(auction.neighbour == -1), "phase": auction.phase, "fee": fee,
    }  # fmt: skip
    if not (trade and surplus):
        return row
    demand, supply = auction.buy_better + auction.buy_at, auction.sell_better + auction.sell_at
    better, opposite = (
        (auction.buy_better, supply + auction.beyond - auction.buy_better)
        if surplus > 0
        else (auction.sell_better, demand + auction.beyond - auction.sell_better)
    )
    if auction.volume != better:
        reason = "by_volume"
    elif opposite != abs(surplus):
        reason = "by_surplus"
    else:
        reason = "by_reference"
    return {**row, reason: 1}


def order_rows(number: int, book: Book, auction: Auction) -> Block:
    """The rows of one auction in the order table."""
    size, pivot = len(book), exact([auction.pivot])
    ration_buys = not (auction.trade and auction.surplus < 0)
    edge = np.where(book.buys, book.prices - pivot, pivot - book.prices)
    better, at, fills = edge > 0, edge == 0, exact(auction.fills)
    if len(fills) != size:
        raise ValueError(f"{len(fills)} fills for {size} orders")
    rationed = at & (book.buys == ration_buys)
    beyond = (edge == -1) & (auction.neighbour == np.where(book.buys, -1, 1))
    gained = np.where(rationed, fills, 0)
    chosen = {
        "buy_better": book.buys & better,
        "buy_at": book.buys & at,
        "sell_better": ~book.buys & better,
        "sell_at": ~book.buys & at,
        "beyond": beyond,
    }
    ones = np.ones(size, dtype=np.uint64)
    shared = {
        "auction": number, "pivot": auction.pivot, "neighbour": auction.neighbour, "ration_buys": int(ration_buys),
        "lots": auction.lots, "wanted": auction.wanted, "phase": auction.phase,
    }  # fmt: skip
    return {
        "real": ones, "last": (np.arange(size) == size - 1).astype(np.uint64), "buy": book.buys.astype(np.uint64),
        "number": elements(book.numbers), "price": elements(book.prices), "quantity": elements(book.quantities),
        "fill": elements(fills), "better": better.astype(np.uint64), "at": at.astype(np.uint64),
        "claim": _running(np.where(rationed, book.quantities, 0)), "allotted": _running(gained),
        "gained": elements(gained), **{name: np.repeat(numbers([value]), size) for name, value in shared.items()},
        **{f"sum.{name}": _running(np.where(rows, book.quantities, 0)) for name, rows in chosen.items()},
    }  # fmt: skip


def _running(values: Integers) -> Column:
    """Running sums as field elements."""
    return elements(np.cumsum(values))
