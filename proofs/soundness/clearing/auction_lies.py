"""Lies about orders and markets: the price, its certificate, rationing and fees."""

from __future__ import annotations

from typing import Final

from ..forgery import Told
from .telling import by, lie, to

_IDLE: Final = {"real": 1, "trade": 0, "market": 1}
_TRADE: Final = {"trade": 1}
_ORDERS: Final = {"market": 0, "real": 1}


def _phantom(side: str) -> tuple[Told, ...]:
    """A trade of five lots in a market without orders."""
    cells = {
        "trade": 1,
        "even": 1,
        "buy_better": 5,
        side: 5,
        "volume": 5,
        "pivot": 1010,
        "fees.before": 4 << 26,
        "present": 0,
    }
    fees = to("cells.until", {"balance": 1, "account": 0, "asset": 0}, (4 << 26) + 1)
    return (*(to(f"markets.{name}", {"market": 1, "real": 1}, value) for name, value in cells.items()), fees)


AUCTION_LIES: Final = (
    lie("markets: up is a flag", "a neighbour of another kind", to("markets.up", _TRADE, -1), epoch="even"),
    lie("markets: down is a flag", "a neighbour of another kind", to("markets.down", _TRADE, -1), epoch="even"),
    lie(
        "markets: by_volume is a flag",
        "two reasons against one",
        to("markets.by_volume", _TRADE, -1),
        to("markets.by_surplus", _TRADE, 1),
        epoch="tie",
    ),
    lie(
        "markets: by_surplus is a flag",
        "two reasons against one",
        to("markets.by_volume", _TRADE, 1),
        to("markets.by_surplus", _TRADE, -1),
        epoch="tie",
    ),
    lie(
        "markets: by_reference is a flag",
        "a tie goes to the price further from the reference",
        to("markets.by_volume", _TRADE, 1),
        to("markets.by_surplus", _TRADE, 1),
        to("markets.by_reference", _TRADE, -1),
        epoch="tie beyond the reference",
    ),
    lie(
        "markets: equal volume",
        "the surplus decides although volumes differ",
        to("markets.by_volume", _TRADE, 0),
        to("markets.by_surplus", _TRADE, 1),
    ),
    lie(
        "markets: sell pressure looks down",
        "no neighbour is asked",
        to("markets.down", _TRADE, 0),
        epoch="sell pressure",
    ),
    lie(
        "markets: even and no neighbour: at the reference",
        "a book in balance clears away from the reference",
        to("markets.up", _TRADE, 0),
        to("markets.down", _TRADE, 0),
        epoch="even at the top",
    ),
    lie(
        "orders: better or worse by at least one tick",
        "an order better than the price counts as worse",
        epoch="better order passed over",
    ),
    lie("markets: pivot not below the band", "a pivot below the band", to("markets.pivot", _IDLE, 5)),
    lie("markets: pivot not above the band", "a pivot above the band", to("markets.pivot", _IDLE, 2000)),
    lie(
        "markets: a trade has a volume",
        "a trade of nothing",
        to("markets.trade", _IDLE, 1),
        to("markets.even", {"market": 1, "real": 1}, 1),
        to("markets.fees.before", {"market": 1, "real": 1}, 4 << 26),
        to("cells.until", {"balance": 1, "account": 0, "asset": 0}, (4 << 26) + 1),
        epoch="book, pivot at the reference",
    ),
    lie(
        "markets: pressure is at least one lot",
        "a book in balance clears at its highest price",
        to("markets.even", _TRADE, 0),
        to("markets.buy_pressure", _TRADE, 1),
        to("markets.up", _TRADE, 1),
        to("markets.by_volume", _TRADE, 1),
        to("markets.down", _TRADE, 0),
        epoch="even at the top",
    ),
    lie(
        "markets: the reason holds",
        "a book in balance clears away from the reference",
        to("markets.up", _TRADE, 1),
        to("markets.down", _TRADE, 0),
        epoch="even at the top",
    ),
    lie("markets: the phase is rounded down", "rationing with another phase", by("markets.phase", _TRADE, 1)),
    lie("markets: by less than one", "rationing with another phase", by("markets.phase", _TRADE, -1)),
    lie("markets: the phase is a number", "a phase that wraps around the field", epoch="phase below zero"),
    lie("markets: below the wanted lots", "a phase that wraps around the field", epoch="phase above the lots"),
    lie("markets: fee is a number", "a fee that wraps around the field", epoch="market fee wraps"),
    lie("markets: fee is rounded up", "a fee of one unit less", by("markets.fee", _IDLE, -1)),
    lie("markets: fee is rounded up by less than one", "a fee of one unit more", by("markets.fee", _IDLE, 1)),
    lie(
        "orders: adjacent only at zero",
        "an order further out counts as the neighbour",
        to("orders.adjacent.inverse", {"buy": 0, "price": 106}, 0),
    ),
    lie("orders: allotments add up", "one lot more than there is", by("orders.gained", 1, 1)),
    lie("markets: without orders all sums are 0 (2)", "a trade that nobody sells in", *_phantom("sell_better")),
    lie("markets: without orders all sums are 0 (3)", "a trade that nobody sells in", *_phantom("sell_at")),
    lie(
        "markets: level.empty only at zero",
        "lots are shared among one more than there are",
        to("markets.level.empty.inverse", _ORDERS, 0),
        epoch="no crossing",
    ),
    lie(
        "markets: level.empty only at zero",
        "lots are shared among one more than there are",
        to("markets.level.empty.inverse", _ORDERS, 0),
        by("markets.phase", _ORDERS, 1),
        epoch="no crossing",
    ),
    lie(
        "orders: last is a flag",
        "sums of an auction that is closed twice and opened twice in between",
        to("orders.last", 0, 2),
        to("orders.last", 1, -2),
        to("orders.sum.buy_better", 1, 10),
        epoch="three buys",
    ),
    lie(
        "orders: real rows up to the last auction's end",
        "sellers are paid and nobody buys",
        epoch="auction without an end",
    ),
    lie("orders: allotted is a number", "a buyer is made to sell 2^36 lots", epoch="many lots"),
    lie("orders: one for the auction", "an order in another market's auction", epoch="order in another auction"),
    lie("orders: allotments start", "one lot less than the rule gives", epoch="one lot less"),
    *(
        lie(f"orders: {name} start", "lots are shared that nobody offers", epoch=f"{name} from nowhere")
        for name in ("buy_better", "buy_at", "sell_better", "sell_at")
    ),
    lie("markets: real is a flag", "a market counted twice and taken back once", epoch="market twice and back"),
    lie("markets: present is a flag", "one auction in two halves", epoch="auction in halves"),
    lie("markets: only real rows trade", "a trade without a market", epoch="trade without a market"),
    lie("markets: only real rows have orders", "a buyer is given lots of nobody", epoch="auction without a market"),
    lie(
        "markets: no demand above the pivot",
        "a market without orders says that somebody buys",
        to("markets.buy_better", {"real": 1, "trade": 0, "market": 1}, 5),
    ),
    lie("markets: no supply at the pivot", "a seller is paid and nobody buys", epoch="sold to nobody"),
    lie("markets: the price is the pivot", "buyers pay more than their limit", epoch="another price than the pivot"),
    lie("markets: even: no surplus", "nine lots are sold and five bought", epoch="uneven"),
    lie("markets: volume is the shorter side", "a volume that was not traded", epoch="volume of one lot more"),
    lie("markets: equal surplus", "the price with the larger surplus", epoch="larger surplus"),
    lie("markets: only real rows inform", "buyers pay an unpublished price", epoch="price of a row without a market"),
    lie(
        "markets: trade is a flag",
        "a price one tick below the band is admitted: an access that counts minus once takes back its range check",
        to("markets.trade", _IDLE, -1),
        to("markets.even", {"market": 1, "real": 1}, -1),
        to("markets.pivot", {"market": 1, "real": 1}, 1010),
        to("markets.fees.before", {"market": 1, "real": 1}, (4 << 26) + 1),
        epoch="price_below_the_band",
    ),
)
"""One or more for each constraint."""
