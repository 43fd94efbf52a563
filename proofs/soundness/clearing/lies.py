"""Lies against single constraints: a few cells each; what follows from them is found by :mod:`..repair`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
        "entries: buy is a flag",
        "an order without a price withdraws what was never debited",
        _to("entries.buy", _WITHDRAWAL, -1),
        _to("entries.sell", _WITHDRAWAL, 1),
        epoch="withdrawals",
    ),
    _lie(
        "entries: sell is a flag",
        "a malformed entry withdraws what was never debited",
        _to("entries.sell", _WITHDRAWAL, -1),
        _to("entries.buy", _WITHDRAWAL, 1),
        epoch="withdrawals",
    ),
    _lie(
        "entries: quantity or amount",
        "an order of minus five lots is admitted",
        _to("entries.quantity", {"sell": 1, "price": 106}, -5),
    ),
    _lie("entries: fee is rounded up", "a buyer's debit has one unit of fee less", _by("entries.fee", {"buy": 1}, -1)),
    _lie(
        "entries: fee is rounded up by less than one",
        "a buyer's debit has one unit of fee more",
        _by("entries.fee", {"buy": 1}, 1),
    ),
    _lie(
        "entries: run_end is a flag",
        "proceeds are counted three times, and taken back elsewhere",
        _to("entries.run_end", {"bundle": 0, "first": 1}, 2),
        _to("entries.run_end", {"bundle": 1, "first": 1}, -2),
        _to("entries.run_quantity", {"bundle": 0, "position": 2}, 0),
        _to("entries.run_quantity", {"bundle": 1, "position": 2}, 8),
        epoch="two runs",
    ),
    _lie(
        "entries: group_end is a flag",
        "a group that ends twice",
        _to("entries.group_end", {"bundle": 0, "first": 1}, 2),
        _to("entries.group_start", {"bundle": 0, "position": 2}, 2),
        _to("entries.group_end", {"bundle": 1, "first": 1}, -2),
        _to("entries.group_start", {"bundle": 1, "position": 2}, -2),
        epoch="two groups",
    ),
    _lie(
        "entries: groups rise",
        "an asset is debited in two groups",
        _to("entries.group_end", _WITHDRAWAL, 1),
        _to("entries.group_start", {"buy": 1, "position": 2}, 1),
    ),
    _lie(
        "entries: the rest runs down",
        "an order is weighed against more than is left",
        _by("entries.rest", {"buy": 1, "position": 2, "market": 0}, 50),
    ),
    _lie(
        "entries: admitted is a flag",
        "a withdrawal happens twice",
        _to("entries.admitted", _WITHDRAWAL, 2),
    ),
    _lie(
        "entries: runs rise",
        "a bundle with entries out of order is opened",
        epoch="buy before withdrawal",
    ),
    _lie(
        "entries: bundles in the order of their numbers",
        "bundles change places in the auction",
        epoch="bundles swapped",
    ),
    _lie(
        "entries: asset of the withdrawal, above", "a withdrawal of asset 30 is opened", epoch="withdrawal of asset 30"
    ),
    _lie("bundles: accounts 0 and 1 do not trade", "the insurance fund has a leaf", epoch="leaf of account 1"),
    *(
        _lie(f"{name}: later than before", "a slot is read before it is written", epoch=f"{name}: swapped")
        for name in (
            "entries: group",
            "entries: target",
            "bundles: key",
            "bundles: funds",
            "bundles: insurance",
            "markets: fees",
            "queue: slot",
        )
    ),
    _lie("bundles: header", "a header that no salt gives", _by("bundles.header0", {"opened": 1}, 1)),
    _lie("bundles: commitment", "a commitment that is not the bundle's", _by("bundles.commitment0", {"opened": 1}, 1)),
    _lie("bundles: leaf", "a leaf that is not the commitment's", _by("bundles.leaf0", {"opened": 1}, 1)),
    _lie("bundles: key leaf", "a key leaf without its secret", _by("bundles.secret0", {"opened": 1}, 1)),
    _lie(
        "bundles: key leaf under its root", "a secret of the operator's own", _by("bundles.secret0", {"opened": 1}, 1)
    ),
    _lie(
        "entries: pair of entries", "entries that were not committed", _by("entries.after0", {"last": 1, "pair": 1}, 1)
    ),
    _lie("entries: market of the order", "another fee is paid", _by("entries.clearing_fee", {"buy": 1}, 1)),
)

_FREE_ROW: Final = -2
"""A row of the hashes on which there is no node."""
_STATE_ROOT: Final = {"nodes.state": 1, "nodes.place": 0}


def _each_element() -> Iterator[Forgery]:
    """Lies that there are for each element of a digest."""
    for i in range(4):
        number = "" if i == 0 else f" ({i + 1})"
        yield _lie(
            f"nodes: a right child that is not touched stays{number}",
            "an untouched part of the state changes",
            _by(f"poseidon2.in{4 + i}", _STATE_ROOT, 1),
        )
        yield _lie(
            f"nodes: a left child that is not touched stays{number}",
            "an untouched part of the state changes",
            _by(f"poseidon2.in{i}", {"nodes.state": 1, "nodes.left": 0, "nodes.right": 1}, 1),
        )
        for side in ("left", "right"):
            yield _lie(
                f"nodes: the {side} child is under the same root{number}",
                "a key path changes its root",
                _by(f"nodes.old_{side}{i}", {"nodes.key": 1, f"nodes.{side}": 0}, 1),
            )
        yield _lie(
            f"nodes: a root is the root{number}",
            "a key path under a root that is not its own",
            _to("nodes.key", _FREE_ROW, 1),
            _to("nodes.root", _FREE_ROW, 1),
            _to(f"nodes.old{i}", _FREE_ROW, 1),
        )


NODES: Final = (
    *_each_element(),
    _lie(
        "nodes: only key paths have roots of their own",
        "a state that L1 does not know",
        _to("nodes.state", _FREE_ROW, 1),
        _to("nodes.root", _FREE_ROW, 1),
    ),
    _lie(
        "nodes: a root is at level 0",
        "a key path that is too short",
        _to("nodes.key", _FREE_ROW, 1),
        _to("nodes.root", _FREE_ROW, 1),
        _to("nodes.place", _FREE_ROW, 5 << 20),
    ),
    _lie(
        "nodes: the left child is asked for once or not",
        "one balance has two histories",
        _to("nodes.left", {"nodes.state": 1, "nodes.place": 23 << 20, "nodes.index": 17}, 2),
        epoch="two histories, left",
    ),
    _lie(
        "nodes: the right child is asked for once or not",
        "one balance has two histories",
        _to("nodes.right", {"nodes.state": 1, "nodes.place": 23 << 20, "nodes.index": 17}, 2),
        epoch="two histories, right",
    ),
)

_LAST: Final = {"last": 1}
AUCTION: Final = (
    _lie("markets: up is a flag", "a neighbour of another kind", _to("markets.up", _TRADE, -1), epoch="even"),
    _lie("markets: down is a flag", "a neighbour of another kind", _to("markets.down", _TRADE, -1), epoch="even"),
    _lie(
        "markets: by_volume is a flag",
        "two reasons against one",
        _to("markets.by_volume", _TRADE, -1),
        _to("markets.by_surplus", _TRADE, 1),
        epoch="tie",
    ),
    _lie(
        "markets: by_surplus is a flag",
        "two reasons against one",
        _to("markets.by_volume", _TRADE, 1),
        _to("markets.by_surplus", _TRADE, -1),
        epoch="tie",
    ),
    _lie(
        "markets: by_reference is a flag",
        "a tie goes to the price further from the reference",
        _to("markets.by_volume", _TRADE, 1),
        _to("markets.by_surplus", _TRADE, 1),
        _to("markets.by_reference", _TRADE, -1),
        epoch="tie beyond the reference",
    ),
    _lie(
        "markets: equal volume",
        "the surplus decides although volumes differ",
        _to("markets.by_volume", _TRADE, 0),
        _to("markets.by_surplus", _TRADE, 1),
    ),
    _lie(
        "markets: sell pressure looks down",
        "no neighbour is asked",
        _to("markets.down", _TRADE, 0),
        epoch="sell pressure",
    ),
    _lie(
        "markets: even and no neighbour: at the reference",
        "a book in balance clears away from the reference",
        _to("markets.up", _TRADE, 0),
        _to("markets.down", _TRADE, 0),
        epoch="even at the top",
    ),
    _lie(
        "orders: better or worse by at least one tick",
        "an order better than the price counts as worse",
        epoch="better order passed over",
    ),
    _lie("markets: pivot not below the band", "a pivot below the band", _to("markets.pivot", _IDLE, 5)),
    _lie("markets: pivot not above the band", "a pivot above the band", _to("markets.pivot", _IDLE, 2000)),
    _lie(
        "markets: a trade has a volume",
        "a trade of nothing",
        _to("markets.trade", _IDLE, 1),
        _to("markets.even", {"market": 1, "real": 1}, 1),
        _to("markets.fees.before", {"market": 1, "real": 1}, 4 << 26),
        _to("cells.until", {"balance": 1, "account": 0, "asset": 0}, (4 << 26) + 1),
        epoch="book, pivot at the reference",
    ),
    _lie(
        "markets: pressure is at least one lot",
        "a book in balance clears at its highest price",
        _to("markets.even", _TRADE, 0),
        _to("markets.buy_pressure", _TRADE, 1),
        _to("markets.up", _TRADE, 1),
        _to("markets.by_volume", _TRADE, 1),
        _to("markets.down", _TRADE, 0),
        epoch="even at the top",
    ),
    _lie(
        "markets: the reason holds",
        "a book in balance clears away from the reference",
        _to("markets.up", _TRADE, 1),
        _to("markets.down", _TRADE, 0),
        epoch="even at the top",
    ),
    _lie("markets: the phase is rounded down", "rationing with another phase", _by("markets.phase", _TRADE, 1)),
    _lie("markets: by less than one", "rationing with another phase", _by("markets.phase", _TRADE, -1)),
    _lie("markets: the phase is a number", "a phase that wraps around the field", epoch="phase below zero"),
    _lie("markets: below the wanted lots", "a phase that wraps around the field", epoch="phase above the lots"),
    _lie("markets: fee is a number", "a fee that wraps around the field", epoch="market fee wraps"),
    _lie("markets: fee is rounded up", "a fee of one unit less", _by("markets.fee", _IDLE, -1)),
    _lie("markets: fee is rounded up by less than one", "a fee of one unit more", _by("markets.fee", _IDLE, 1)),
    _lie(
        "cells: asset number below 16",
        "a balance is taken for a withdrawal: no miss fee is paid",
        epoch="shadow balance",
    ),
)

_MIDDLE: Final = {"position": 2, "withdraw": 1}
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
    fees = _to("cells.until", {"balance": 1, "account": 0, "asset": 0}, (4 << 26) + 1)
    return (*(_to(f"markets.{name}", {"market": 1, "real": 1}, value) for name, value in cells.items()), fees)


STRUCTURE: Final = (
    *(
        _lie(
            f"entries: {name} is one for the bundle",
            "rows of a bundle that belong elsewhere",
            _by(f"entries.{name}", _MIDDLE, 7),
            epoch="three withdrawals",
        )
        for name in ("bundle", "account", "batch", "count", "cover")
    ),
    _lie(
        "entries: a run has one key",
        "entries of two kinds in one run",
        _to("entries.run_end", _WITHDRAWAL, 0),
        epoch="dropped withdrawal",
    ),
    _lie(
        "entries: the balance runs down",
        "a buyer is debited one unit less",
        _by("entries.balance", {"buy": 1, "position": 2, "market": 0}, 1),
    ),
    _lie("entries: a run's proceeds start", "proceeds of one lot more", _by("entries.credit", 0, 1)),
    _lie(
        "entries: proceeds that are not zero are credited",
        "a buyer is not given the lots",
        epoch="proceeds_not_credited",
    ),
    _lie("entries: positions start at 1", "a bundle shorter than its header", _by("entries.position", {"first": 1}, 1)),
    _lie("entries: positions rise", "a bundle shorter than its header", _by("entries.position", {"position": 2}, 1)),
    _lie(
        "entries: all entries of the header's count",
        "a bundle shorter than its header",
        _by("entries.count", {"first": 1, "last": 1}, 1),
    ),
    _lie("entries: debited is derived", "another asset is debited", _to("entries.debited", _SPARE, 1)),
    _lie(
        "orders: adjacent only at zero",
        "an order further out counts as the neighbour",
        _to("orders.adjacent.inverse", {"buy": 0, "price": 106}, 0),
    ),
    _lie("orders: allotments add up", "one lot more than there is", _by("orders.gained", 1, 1)),
    _lie("markets: without orders all sums are 0 (2)", "a trade that nobody sells in", *_phantom("sell_better")),
    _lie("markets: without orders all sums are 0 (3)", "a trade that nobody sells in", *_phantom("sell_at")),
    _lie(
        "markets: level.empty only at zero",
        "lots are shared among one more than there are",
        _to("markets.level.empty.inverse", _ORDERS, 0),
        epoch="no crossing",
    ),
    _lie(
        "markets: level.empty only at zero",
        "lots are shared among one more than there are",
        _to("markets.level.empty.inverse", _ORDERS, 0),
        _by("markets.phase", _ORDERS, 1),
        epoch="no crossing",
    ),
    _lie("bundles: parameters are constant (4)", "two fee assets", _by("bundles.fee_asset", _SPARE, 1)),
    _lie(
        "bundles: only a missing reveal is charged",
        "an account pays although it revealed",
        _to("bundles.charged", {"charged": 1}, 1),
        epoch="revealed_leaf_charged",
    ),
    _lie(
        "nodes: hash before",
        "a balance that is not in the old state",
        _by("nodes.old_left0", {"nodes.state": 1, "nodes.place": 23 << 20, "nodes.index": 17, "nodes.left": 1}, 1000),
    ),
)
