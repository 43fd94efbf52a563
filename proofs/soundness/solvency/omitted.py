"""Forged witnesses of solvency: what is left out, counted twice, or not in the tree."""

from __future__ import annotations

from dataclasses import replace

from commitments.hashing import empty_roots
from commitments.state import balance_leaf, balance_slot, leaf_index
from commitments.types import STATE_DEPTH

from ...filler import Row
from ...prover_api import Trace
from ...solvency.public import Claim
from ...solvency.witness import add_leaves, draft
from .core import (
    LEAF,
    NODE,
    asked_less,
    attack,
    balance_row,
    leaf_rows,
    number,
    owed,
    recounted,
    resummed,
    walk_row,
    without,
)
from .scenario import ASSETS, OWED, Forged, honest, state


@attack("asset 1 owes 20,079, not 20,002: the fee account's balance was left out")
def a_balance_left_out() -> Forged:
    forged = honest()
    without(forged.rows, balance_row(forged.rows, 0, 1))
    return owed(forged, (1, -77))


@attack("asset 0 owes 400 less: a balance was counted twice, for instance to hide that another is missing")
def a_balance_counted_twice() -> Forged:
    forged = honest()
    row = balance_row(forged.rows, 3, 0)
    leaf_rows(forged.rows).insert(leaf_rows(forged.rows).index(row), dict(row))
    resummed(forged.rows)
    return owed(forged, (0, 400))


@attack("asset 0: one balance counted twice in the place of another of the same size")
def a_balance_in_the_place_of_another() -> Forged:
    leaves = state() | {leaf_index(9, balance_slot(0)): balance_leaf(400)}
    claim, rows = draft(leaves, ASSETS)
    balance_row(rows, 9, 0)["low"] = 3
    return Forged(claim, rows)


@attack("account 9 owns balances: its subtree is claimed to be empty")
def a_subtree_claimed_empty() -> Forged:
    forged = honest()
    walk, hashes = forged.rows.rows["walk"], forged.rows.rows["hash"]
    level, index = STATE_DEPTH - 4, 9
    parent = walk_row(forged.rows, level - 1, index >> 1)
    parent["right_live"] = 0
    empties = next(r for r in walk if r.get("empty") and r["level"] == level)
    empties["asked"] = number(empties, "asked") + 1
    below = [r for r in walk if r.get("opened") and number(r, "level") >= level]
    below = [r for r in below if number(r, "index") >> (number(r, "level") - level) == index]
    asked = dict.fromkeys(range(STATE_DEPTH + 1), 0)
    for row in below:
        place = walk.index(row)
        asked[number(row, "level") + 1] += 2 - number(row, "left_live") - number(row, "right_live")
        del walk[place], hashes[place]
    for row in walk:
        if row.get("empty"):
            row["asked"] = number(row, "asked") - asked[number(row, "level")]
    walk[0]["zeros"] = number(walk[0], "zeros") - asked[STATE_DEPTH]
    for row in [r for r in leaf_rows(forged.rows) if r["low"] == 9]:
        if row.get("money"):
            without(forged.rows, row)
        else:
            leaf_rows(forged.rows).remove(row)
    return owed(forged, (0, -1), (1, -2), (2, -(2**61 - 4)))


@attack("a leaf that is not zero is claimed to be zero")
def a_leaf_claimed_zero() -> Forged:
    forged = honest()
    index = leaf_index(3, balance_slot(2))
    parent = walk_row(forged.rows, NODE, index >> 1)
    parent["right_live" if index & 1 else "left_live"] = 0
    walk = forged.rows.rows["walk"]
    walk[0]["zeros"] = number(walk[0], "zeros") + 1
    without(forged.rows, balance_row(forged.rows, 3, 2))
    return owed(forged, (2, -3))


@attack("the same for a leaf on the right")
def a_right_leaf_claimed_zero() -> Forged:
    forged = honest()
    index = leaf_index(9, balance_slot(1))
    walk_row(forged.rows, NODE, index >> 1)["right_live"] = 0
    asked_less(forged.rows, -1)
    without(forged.rows, balance_row(forged.rows, 9, 1))
    return owed(forged, (1, -2))


def _dropped(side: int) -> Forged:
    """The walk never asks for what lies on one side, so nothing there need be counted."""
    forged = honest()
    walk, hashes = forged.rows.rows["walk"], forged.rows.rows["hash"]

    def reached(row: Row) -> bool:
        return not row.get("opened") or not any(
            number(row, "index") >> up & 1 == side for up in range(number(row, "level"))
        )

    kept = [(w, h) for w, h in zip(walk, hashes, strict=True) if reached(w)]
    forged.rows.rows["walk"], forged.rows.rows["hash"] = [w for w, _ in kept], [h for _, h in kept]
    asked = dict.fromkeys(range(STATE_DEPTH + 1), 0)
    for row, _ in kept:
        if row.get("opened"):
            asked[number(row, "level") + 1] += 2 - number(row, "left_live") - number(row, "right_live")
    first = next(row for row, _ in kept if row.get("opened"))
    for row in forged.rows.rows["walk"]:
        row.pop("zeros", None)
        if row.get("empty"):
            row["asked"] = asked[number(row, "level")]
            asked[number(row, "level") + 1] += 2
    first["zeros"] = asked[STATE_DEPTH]
    before = forged.claim.liabilities
    forged.rows.rows["leaves"] = []
    leaves = {i: leaf for i, leaf in state().items() if not any(i >> up & 1 == side for up in range(STATE_DEPTH))}
    add_leaves(forged.rows, leaves)
    left = [sum(leaf[0] for i, leaf in leaves.items() if i % 16 == balance_slot(a)) for a in range(ASSETS)]
    return owed(forged, *((a, left[a] - owes) for a, owes in enumerate(before)))


@attack("nothing that lies to the left of anything is counted")
def a_left_child_not_counted() -> Forged:
    return _dropped(0)


@attack("nothing that lies to the right of anything is counted")
def a_right_child_not_counted() -> Forged:
    return _dropped(1)


@attack("an empty row vouches for a node that is not empty: it asks for nothing below")
def an_empty_row_that_asks_nothing() -> Forged:
    forged = honest()
    index = leaf_index(3, balance_slot(2)) >> 1
    row = walk_row(forged.rows, NODE, index)
    place = forged.rows.rows["walk"].index(row)
    row.clear()
    row.update(level=NODE, asked=1)
    above = walk_row(forged.rows, NODE - 1, index >> 1)
    above["right_live" if index & 1 else "left_live"] = 0
    assert forged.rows.rows["walk"][place] is row
    asked_less(forged.rows, 1)  # the row's other child, which was zero
    without(forged.rows, balance_row(forged.rows, 3, 2))
    return owed(forged, (2, -3))


@attack("an empty row stops the walk at a level below the leaves")
def an_empty_key_below_the_leaves() -> Forged:
    """A key root is a hash: an account whose key root is that of an empty tree lets the walk go on below it."""
    empty = empty_roots(STATE_DEPTH)
    leaves = state() | {leaf_index(9, 0): empty[2]}
    claim, rows = draft(leaves, ASSETS)
    row = next(r for r in leaf_rows(rows) if r.get("other") and r["low"] == 9)
    leaf_rows(rows).remove(row)
    index = leaf_index(9, 0)
    rows.add("walk", opened=1, level=LEAF, index=index)
    rows.add("hash", **{"in": (*empty[1], *empty[1])})
    rows.add("walk", empty=1, level=LEAF + 1, asked=2)
    rows.add("hash", **{"in": (*empty[0], *empty[0])})
    return Forged(claim, rows)


@attack("the root is that of an earlier state")
def a_stale_root() -> Forged:
    forged = honest()
    before = dict(state())
    before[leaf_index(2, balance_slot(0))] = balance_leaf(7)
    claim, _ = draft(before, ASSETS)
    return replace(forged, claim=Claim(claim.root, forged.claim.liabilities))


@attack("a node is not the hash of its children")
def a_node_that_is_no_hash() -> Forged:
    """A register of the permutation is changed; the row above is made to ask for what comes out."""
    forged = honest()

    def tamper(traces: list[Trace]) -> None:
        traces[0][3, 20] ^= 1

    return replace(forged, tamper=tamper)


@attack("a leaf stands in the sums that no walk found")
def a_leaf_that_nobody_asked_for() -> Forged:
    leaves = state()
    counted = leaves | {leaf_index(30, balance_slot(0)): balance_leaf(50)}
    claim, _ = draft(leaves, ASSETS)
    return recounted(leaves, counted, Claim(claim.root, (claim.liabilities[0] + 50, *claim.liabilities[1:])))


@attack("the root is that of an empty state, and the balances of another one are counted")
def balances_of_an_empty_state() -> Forged:
    return recounted({}, state(), Claim(draft({}, ASSETS)[0].root, OWED))


@attack("the root is one of the liar's choice: the nodes above the leaves are under none")
def nodes_under_no_root() -> Forged:
    forged = honest()
    walk, hashes = forged.rows.rows["walk"], forged.rows.rows["hash"]
    lowest = [(w, h) for w, h in zip(walk, hashes, strict=True) if w.get("opened") and w["level"] == NODE]
    forged.rows.rows["walk"], forged.rows.rows["hash"] = [dict(w) for w, _ in lowest], [h for _, h in lowest]
    zeros = sum(2 - number(w, "left_live") - number(w, "right_live") for w, _ in lowest)
    forged.rows.rows["walk"][0]["zeros"] = zeros
    return replace(forged, claim=Claim((1, 2, 3, 4), forged.claim.liabilities))
