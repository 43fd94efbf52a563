"""Lies against single constraints: a few cells each; what follows from them is found by :mod:`..repair`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..forgery import Forgery, Told

Row = int | Mapping[str, int]
_SPARE: Final = 61
"""A row on which no table of the ledger says anything."""


def _to(column: str, row: Row, value: int) -> Told:
    return Told(column, row, value)


def _by(column: str, row: Row, amount: int) -> Told:
    return Told(column, row, amount, added=True)


def _lie(against: str, falsehood: str, *told: Told, epoch: str = "book") -> Forgery:
    return Forgery(", ".join(map(str, told)) or epoch, falsehood, (against,), epoch, told)


_IDLE: Final = {"real": 1, "trade": 0, "market": 1}
_TRADE: Final = {"trade": 1}
_WITHDRAWAL: Final = {"withdraw": 1, "first": 1}

REQUESTS: Final = (
    _lie(
        "entries: buy is a flag", "an order without a price withdraws what was never debited",
        _to("entries.buy", _WITHDRAWAL, -1), _to("entries.sell", _WITHDRAWAL, 1), epoch="withdrawals",
    ),
    _lie(
        "entries: sell is a flag", "a malformed entry withdraws what was never debited",
        _to("entries.sell", _WITHDRAWAL, -1), _to("entries.buy", _WITHDRAWAL, 1), epoch="withdrawals",
    ),
    _lie(
        "entries: quantity or amount", "an order of minus five lots is admitted",
        _to("entries.quantity", {"sell": 1, "price": 106}, -5),
    ),
    _lie("entries: fee is rounded up", "a buyer's debit has one unit of fee less", _by("entries.fee", {"buy": 1}, -1)),
    _lie(
        "entries: fee is rounded up by less than one", "a buyer's debit has one unit of fee more",
        _by("entries.fee", {"buy": 1}, 1),
    ),
    _lie(
        "entries: groups rise", "an asset is debited in two groups",
        _to("entries.group_end", _WITHDRAWAL, 1), _to("entries.group_start", {"buy": 1, "position": 2}, 1),
    ),
    _lie(
        "entries: the rest runs down", "an order is weighed against more than is left",
        _by("entries.rest", {"buy": 1, "position": 2, "market": 0}, 50),
    ),
    _lie(
        "entries: admitted is a flag", "a withdrawal happens twice", _to("entries.admitted", _WITHDRAWAL, 2),
    ),
    _lie(
        "entries: runs rise", "a bundle with entries out of order is opened", epoch="buy before withdrawal",
    ),
    _lie(
        "entries: bundles in the order of their numbers", "bundles change places in the auction", epoch="bundles swapped"
    ),
    _lie(
        "entries: asset of the withdrawal, above", "a withdrawal of asset 30 is opened", epoch="withdrawal of asset 30"
    ),
    _lie(
        "bundles: accounts 0 and 1 do not trade", "the insurance fund has a leaf", epoch="leaf of account 1"
    ),
    *(
        _lie(f"{name}: later than before", "a slot is read before it is written", epoch=f"{name}: swapped")
        for name in (
            "entries: group", "entries: target", "bundles: key", "bundles: funds", "bundles: insurance",
            "markets: fees", "queue: slot",
        )
    ),
    _lie("bundles: header", "a header that no salt gives", _by("bundles.header0", {"opened": 1}, 1)),
    _lie("bundles: commitment", "a commitment that is not the bundle's", _by("bundles.commitment0", {"opened": 1}, 1)),
    _lie("bundles: leaf", "a leaf that is not the commitment's", _by("bundles.leaf0", {"opened": 1}, 1)),
    _lie("bundles: key leaf", "a key leaf without its secret", _by("bundles.secret0", {"opened": 1}, 1)),
    _lie("bundles: key leaf under its root", "a secret of the operator's own", _by("bundles.secret0", {"opened": 1}, 1)),
    _lie("entries: pair of entries", "entries that were not committed", _by("entries.after0", {"last": 1, "pair": 1}, 1)),
    _lie("entries: market of the order", "another fee is paid", _by("entries.clearing_fee", {"buy": 1}, 1)),
)  # fmt: skip

AUCTION: Final = (
    _lie(
        "orders: better or worse by at least one tick", "an order better than the price counts as worse",
        epoch="better order passed over",
    ),
    _lie("markets: pivot not below the band", "a pivot below the band", _to("markets.pivot", _IDLE, 5)),
    _lie("markets: pivot not above the band", "a pivot above the band", _to("markets.pivot", _IDLE, 2000)),
    _lie(
        "markets: a trade has a volume", "a trade of nothing", _to("markets.trade", _IDLE, 1),
        _to("markets.even", {"market": 1, "real": 1}, 1),
        _to("markets.fees.before", {"market": 1, "real": 1}, 4 << 26),
        _to("cells.until", {"balance": 1, "account": 0, "asset": 0}, (4 << 26) + 1), epoch="book, pivot at the reference",
    ),
    _lie(
        "markets: pressure is at least one lot", "a book in balance clears at its highest price",
        _to("markets.even", _TRADE, 0), _to("markets.buy_pressure", _TRADE, 1), _to("markets.up", _TRADE, 1),
        _to("markets.by_volume", _TRADE, 1), _to("markets.down", _TRADE, 0), epoch="even at the top",
    ),
    _lie(
        "markets: the reason holds", "a book in balance clears away from the reference",
        _to("markets.up", _TRADE, 1), _to("markets.down", _TRADE, 0), epoch="even at the top",
    ),
    _lie("markets: the phase is rounded down", "rationing with another phase", _by("markets.phase", _TRADE, 1)),
    _lie("markets: by less than one", "rationing with another phase", _by("markets.phase", _TRADE, -1)),
    _lie("markets: the phase is a number", "a phase that wraps around the field", epoch="phase below zero"),
    _lie("markets: below the wanted lots", "a phase that wraps around the field", epoch="phase above the lots"),
    _lie("markets: fee is a number", "a fee that wraps around the field", epoch="market fee wraps"),
    _lie("markets: fee is rounded up", "a fee of one unit less", _by("markets.fee", _IDLE, -1)),
    _lie("markets: fee is rounded up by less than one", "a fee of one unit more", _by("markets.fee", _IDLE, 1)),
    _lie("cells: asset number below 16", "a balance is taken for a withdrawal: no miss fee is paid", epoch="shadow balance"),
)  # fmt: skip
