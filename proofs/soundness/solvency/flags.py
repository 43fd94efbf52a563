"""Forged witnesses of solvency: rows that count as often as no flag does."""

from __future__ import annotations

from commitments.state import balance_leaf, balance_slot, leaf_index
from commitments.types import MODULUS

from ...filler import Filler
from ...solvency.program import solvency_program
from ...solvency.public import Claim
from ...solvency.witness import add_leaves, add_walk, draft
from .core import (
    NODE,
    asked_less,
    attack,
    balance_row,
    leaf_rows,
    number,
    owed,
    resummed,
    walk_row,
    without,
)
from .scenario import ASSETS, Forged, honest, state

# -- flags: account 3 has 400 units of asset 0, account 20 gets 400 of asset 1, and one is counted for the other.
#    An empty subtree is known by its level and digest alone, so two equal leaves could answer for each other.

_LEFT, _RIGHT = leaf_index(3, balance_slot(0)), leaf_index(20, balance_slot(1))
_EQUAL = balance_leaf(400)


def _twins() -> Forged:
    claim, rows = draft(state() | {_RIGHT: _EQUAL}, ASSETS)
    return Forged(claim, rows)


def _move(forged: Forged, account: int, asset: int, to_account: int, to_asset: int) -> Forged:
    """In the sums, a balance of 400 stands for another account and asset."""
    rows = leaf_rows(forged.rows)
    without(forged.rows, balance_row(forged.rows, account, asset))
    place = next(i for i, r in enumerate(rows) if r.get("money") and r["asset"] == to_asset)
    rows.insert(place, {"money": 1, "low": to_account, "asset": to_asset, "leaf": _EQUAL})
    resummed(forged.rows)
    return owed(forged, (asset, -400), (to_asset, 400))


def _walk_again(rows: Filler, level: int, index: int, **changes: int) -> None:
    """A further row for a node, with the same children."""
    row = walk_row(rows, level, index)
    inputs = rows.rows["hash"][rows.rows["walk"].index(row)]
    rows.add("walk", **{**row, **changes})
    rows.add("hash", **inputs)


@attack("asset 1 owes 400 less and asset 0 more: a node opened twice and once taken back")
def a_node_opened_minus_once() -> Forged:
    forged = _twins()
    _walk_again(forged.rows, NODE, _LEFT >> 1)
    _walk_again(forged.rows, NODE, _LEFT >> 1, opened=-1, left_live=0)
    walk_row(forged.rows, NODE, _RIGHT >> 1)["right_live"] = 0
    return _move(forged, 20, 1, 3, 0)


@attack("asset 1 owes 400 less and asset 0 more: a left child counted twice")
def a_left_child_counted_twice() -> Forged:
    forged = _twins()
    walk_row(forged.rows, NODE, _LEFT >> 1)["left_live"] = 2
    walk_row(forged.rows, NODE, _RIGHT >> 1)["right_live"] = 0
    return _move(forged, 20, 1, 3, 0)


@attack("asset 0 owes 400 less and asset 1 more: a right child counted twice")
def a_right_child_counted_twice() -> Forged:
    forged = _twins()
    walk_row(forged.rows, NODE, _RIGHT >> 1)["right_live"] = 2
    walk_row(forged.rows, NODE, _LEFT >> 1)["left_live"] = 0
    return _move(forged, 3, 0, 20, 1)


def _from_nowhere(forged: Forged, bit: int, account: int, asset: int) -> None:
    """A row that nobody asked for and that asks to count a leaf."""
    index = leaf_index(account, balance_slot(asset))
    assert index & 1 == bit
    children = (*(0, 0, 0, 0), *_EQUAL) if bit else (*_EQUAL, *(0, 0, 0, 0))
    live = {"right_live": 1} if bit else {"left_live": 1}
    forged.rows.add("walk", level=NODE, index=index >> 1, **live)
    forged.rows.add("hash", **{"in": children})


@attack("asset 1 owes 400 less and asset 0 more: a left child of a row that nobody asked for is counted in its place")
def a_left_child_from_nowhere() -> Forged:
    forged = _twins()
    _from_nowhere(forged, 0, 12, 0)
    walk_row(forged.rows, NODE, _RIGHT >> 1)["right_live"] = 0
    return _move(forged, 20, 1, 12, 0)


@attack("asset 0 owes 400 less and asset 1 more: a right child of a row that nobody asked for is counted in its place")
def a_right_child_from_nowhere() -> Forged:
    forged = _twins()
    _from_nowhere(forged, 1, 12, 1)
    walk_row(forged.rows, NODE, _LEFT >> 1)["left_live"] = 0
    return _move(forged, 3, 0, 12, 1)


@attack("asset 2 owes 3 less: an empty row takes back the question whether a leaf is zero")
def an_empty_row_that_asks_minus_once() -> Forged:
    forged = honest()
    parent = leaf_index(3, balance_slot(2)) >> 1
    walk_row(forged.rows, NODE, parent)["left_live"] = 0
    forged.rows.add("walk", empty=-1, level=NODE)
    forged.rows.add("hash", **{"in": (*balance_leaf(3), 0, 0, 0, 0)})
    asked_less(forged.rows, 1)
    without(forged.rows, balance_row(forged.rows, 3, 2))
    return owed(forged, (2, -3))


@attack("asset 0 owes 50 more: a balance joins its sum and is taken from the tree no times")
def a_balance_taken_no_times() -> Forged:
    forged = honest()
    leaf_rows(forged.rows).insert(0, {"money": 1, "other": -1, "low": 30, "asset": 0, "leaf": balance_leaf(50)})
    resummed(forged.rows)
    return owed(forged, (0, 50))


@attack("asset 1 owes 8 less: three halves of its balance are in asset 0, minus a half in asset 4")
def a_balance_in_halves() -> Forged:
    """The slot is the asset plus twice `money`, so a fraction of a balance lies under another asset."""
    two, minus_half, three_halves = (n * pow(2, -1, MODULUS) % MODULUS for n in (4, -1, 3))
    assert two == 2
    kept = {leaf_index(40, balance_slot(a)): balance_leaf(10 * a + 20) for a in (0, 1, 4)}
    leaf = balance_leaf(8)
    leaves = kept | {leaf_index(41, balance_slot(1)): leaf}
    claim, rows = draft(leaves, 5)
    rows.rows["leaves"] = []
    add_leaves(rows, kept)
    for asset, money in ((0, three_halves), (4, minus_half)):
        row = balance_row(rows, 40, asset)
        place = leaf_rows(rows).index(row)
        leaf_rows(rows).insert(place, {"money": money, "low": 41, "asset": asset, "leaf": leaf, "total": 8})
        row["total"] = number(row, "total") + 8 * money % MODULUS
    return owed(Forged(claim, rows), (1, -8), (0, 12), (4, -4))


@attack("asset 1 owes p units less: the sums are closed and opened again in between, and always small")
def a_sum_hidden_in_its_flags() -> Forged:
    most = 2**62 - 1
    units = [1, most, most, most, 1_000, MODULUS + 10 - 1 - 3 * most - 1_000]
    leaves = {leaf_index(20 + i, balance_slot(1)): balance_leaf(n) for i, n in enumerate(units)}
    rows = Filler(solvency_program())
    root = add_walk(rows, leaves)
    add_leaves(rows, leaves)
    for row, following in zip(leaf_rows(rows), units[1:], strict=False):
        row["total"], row["closes"] = 1, following
    leaf_rows(rows)[4]["closes"] = -sum(units[1:5])
    leaf_rows(rows)[5]["total"] = 10
    return Forged(Claim(root, (0, 10, 0)), rows)
