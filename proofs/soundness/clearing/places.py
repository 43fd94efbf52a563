"""Forgeries against the constraints that say where rows stand and what kind they are."""

from __future__ import annotations

from typing import Final

from ...statement.buses import Tag
from ..forgery import Forgery, Told
from .rows import FULL, ROWS

_SPARE: Final = 61
"""A row on which no table of the ledger says anything."""


def _lie(against: str, falsehood: str, *told: Told, epoch: str = "book") -> Forgery:
    assert epoch in ("book", "bundles swapped") or epoch in ROWS | FULL
    return Forgery(", ".join(map(str, told)) or epoch, falsehood, (against,), epoch, told)


_CELL: Final = {"key": 1, "balance": 1}

ORDERING: Final = frozenset({"ledger.row: end is 0 on all others"})
"""Switches blinding, as in every matrix, and here the order of the bundles too: a forged witness is shown."""

PLACES: Final = (
    _lie(
        "orders: last is a flag",
        "sums of an auction that is closed twice and opened twice in between",
        Told("orders.last", 0, 2),
        Told("orders.last", 1, -2),
        Told("orders.sum.buy_better", 1, 10),
        epoch="three buys",
    ),
    _lie(
        "orders: real rows come first", "a row without an order precedes an auction", epoch="orders after an empty row"
    ),
    _lie("orders: an auction goes on", "sellers are paid and nobody buys", epoch="auction without an end"),
    _lie("orders: one for the auction", "an order in another market's auction", epoch="order in another auction"),
    _lie("orders: allotments start", "one lot less than the rule gives", epoch="one lot less"),
    _lie("orders: the last auction ends", "sellers are paid and nobody buys", epoch="auction that fills its table"),
    *(
        _lie(f"orders: {name} start", "lots are shared that nobody offers", epoch=f"{name} from nowhere")
        for name in ("buy_better", "buy_at", "sell_better", "sell_at")
    ),
    _lie("markets: real is a flag", "a market counted twice and taken back once", epoch="market twice and back"),
    _lie("markets: present is a flag", "one auction in two halves", epoch="auction in halves"),
    _lie("markets: only real rows trade", "a trade without a market", epoch="trade without a market"),
    _lie("markets: only real rows have orders", "a buyer is given lots of nobody", epoch="auction without a market"),
    _lie(
        "markets: no demand above the pivot",
        "a market without orders says that somebody buys",
        Told("markets.buy_better", {"real": 1, "trade": 0, "market": 1}, 5),
    ),
    _lie("markets: no supply at the pivot", "a seller is paid and nobody buys", epoch="sold to nobody"),
    _lie("markets: the price is the pivot", "buyers pay more than their limit", epoch="another price than the pivot"),
    _lie("markets: even: no surplus", "nine lots are sold and five bought", epoch="uneven"),
    _lie("markets: volume is the shorter side", "a volume that was not traded", epoch="volume of one lot more"),
    _lie("markets: equal surplus", "the price with the larger surplus", epoch="larger surplus"),
    _lie("markets: only real rows inform", "buyers pay an unpublished price", epoch="price of a row without a market"),
    _lie(
        "cells: key is a flag",
        "a balance is listed that is not in the state",
        Told("cells.key", _SPARE, -1),
        Told("cells.balance", _SPARE, 1),
        Told("cells.account", _SPARE, 9),
        Told("cells.new0", _SPARE, 777),
    ),
    _lie(
        "cells: balance is a flag", "a slot of no kind", Told("cells.key", _SPARE, 1), Told("cells.balance", _SPARE, -1)
    ),
    _lie("cells: withdrawal is a flag", "a balance changes without an access", epoch="leaf of no slot"),
    _lie("cells: one kind of slot", "a leaf of two slots", epoch="leaf of two slots"),
    _lie(
        "cells: the key's slot is 0",
        "a changed balance is not listed",
        Told("cells.key", {"balance": 1, "account": 2, "asset": 0}, 1),
        Told("cells.asset", _CELL, 2),
        Told("cells.balance", _CELL, 0),
    ),
    _lie(
        "cells: unchanged only at zero",
        "a changed balance is not listed",
        Told("cells.unchanged.inverse", {"balance": 1, "account": 2, "asset": 0}, 0),
    ),
    _lie(
        "queue: key is a flag", "an entry of no kind", Told("queue.key", _SPARE, -1), Told("queue.deposit", _SPARE, 1)
    ),
    _lie(
        "queue: deposit is a flag",
        "an entry of no kind",
        Told("queue.key", _SPARE, 1),
        Told("queue.deposit", _SPARE, -1),
    ),
    _lie("entries: credited is a flag", "an access that counts twice", epoch="nothing credited twice"),
    _lie("entries: proceeds are credited at a run's end", "an access too early", epoch="credited before the end"),
    _lie("entries: a run ends with its group", "one account is paid for another", epoch="run across bundles"),
    _lie("entries: a run has one key", "a withdrawal is paid in lots", epoch="withdrawal credited as lots"),
    _lie("entries: a group starts after the last ended", "a free withdrawal", epoch="first of a group for nothing"),
    _lie(
        "entries: only real rows start groups",
        "two accesses on rows of padding that cancel",
        Told("entries.group_start", _SPARE - 1, 1),
        Told("entries.group_start", _SPARE, -1),
    ),
    _lie("bundles: real rows come first", "a row without a leaf precedes a batch", epoch="bundles after an empty row"),
    _lie("bundles: a batch starts at leaf 0", "a batch without leaf 0", epoch="leaves from 1"),
    _lie("bundles: leaves in order", "sealed leaves that are not in order", epoch="leaves at other places"),
    _lie("bundles: a batch's rows stand together", "two leaves of one account", epoch="batches entangled"),
    _lie("bundles: only real rows are opened", "a missing bundle is executed", epoch="opened without a leaf"),
    _lie("bundles: only a missing reveal is charged", "a fee for a revealed bundle", epoch="charged though revealed"),
    _lie(
        "ledger.row: end is 0 on all others",
        "bundles change places in the auction",
        Told("ledger/row.end", 0, 1),
        Told("ledger/row.end", _SPARE, -1),
        epoch="bundles swapped",
    ),
    Forgery(
        "deposit_repeated",
        "a deposit that is not in the queue",
        ("queue: entry",),
        "deposit_repeated",
        (),
        ("queue: entry",),
        (int(Tag.QUEUE),),
    ),
    Forgery(
        "auction_said_to_have_no_orders",
        "admitted orders take part in no auction",
        ("orders: order",),
        "auction_said_to_have_no_orders",
        (),
        ("entries: order", "orders: order"),
    ),
)
"""One for each."""
