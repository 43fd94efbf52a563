"""Forged witnesses of solvency. All else is recomputed honestly: each fails for the reason it was written for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from commitments.hashing import empty_roots
from commitments.state import balance_leaf, balance_slot, leaf_index
from commitments.types import MODULUS, STATE_DEPTH, Digest

from ...filler import Filler, Row
from ...prover_api import Trace
from ...solvency.program import solvency_program
from ...solvency.public import Claim
from ...solvency.witness import add_leaves, add_walk, draft
from ...statement.arithmetic import LIMB_BITS
from .scenario import ASSETS, HEIGHTS, OWED, Forged, honest, state

LEAF, NODE = STATE_DEPTH, STATE_DEPTH - 1


@dataclass(frozen=True)
class Attack:
    """``false``: what the claim says that is not so."""

    name: str
    false: str
    build: Callable[[], Forged]


ATTACKS: list[Attack] = []


def attack(false: str) -> Callable[[Callable[[], Forged]], Callable[[], Forged]]:
    def register(build: Callable[[], Forged]) -> Callable[[], Forged]:
        ATTACKS.append(Attack(build.__name__, false, build))
        return build

    return register


# -- helpers


def owed(forgery: Forged, *changes: tuple[int, int]) -> Forged:
    """The same rows, with other liabilities claimed: (asset, units more or less)."""
    sums = list(forgery.claim.liabilities)
    for asset, more in changes:
        sums[asset] += more
    return replace(forgery, claim=Claim(forgery.claim.root, tuple(sums)))


def leaf_rows(rows: Filler) -> list[Row]:
    return rows.rows["leaves"]


def number(row: Row, name: str) -> int:
    value = row[name]
    assert isinstance(value, int)
    return value


def balance_row(rows: Filler, account: int, asset: int) -> Row:
    return next(r for r in leaf_rows(rows) if r.get("money") and (r["low"], r["asset"]) == (account, asset))


def resummed(rows: Filler) -> None:
    """Recompute the running sums of the balances as the rows stand."""
    total = 0
    for row in leaf_rows(rows):
        if row.get("money"):
            leaf = row["leaf"]
            assert not isinstance(leaf, int)
            total = (total + leaf[0]) % MODULUS
            row["total"] = total
            if row.get("closes"):
                total = 0


def asked_less(rows: Filler, times: int) -> None:
    """Zero leaves are asked for so many times less."""
    first = rows.rows["walk"][0]
    first["zeros"] = number(first, "zeros") - times


def without(rows: Filler, row: Row) -> None:
    """Take a balance out of its sum; the one before closes the sum if it did."""
    place = leaf_rows(rows).index(row)
    if row.get("closes"):
        leaf_rows(rows)[place - 1]["closes"] = 1
    del leaf_rows(rows)[place]
    resummed(rows)


def recounted(leaves: dict[int, Digest], counted: dict[int, Digest], claim: Claim) -> Forged:
    """The walk over one set of leaves, the sums over another."""
    _, rows = draft(leaves, ASSETS)
    rows.rows["leaves"] = []
    add_leaves(rows, counted)
    return Forged(claim, rows)


def walk_row(rows: Filler, level: int, index: int) -> Row:
    return next(r for r in rows.rows["walk"] if r.get("opened") and (r["level"], r["index"]) == (level, index))


def last(rows: Filler) -> Row:
    return next(row for row in leaf_rows(rows) if row.get("closes"))


# -- what is left out, or counted twice


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


# -- under which asset, and how much


@attack("a balance of asset 1 stands in the sum of asset 0")
def a_balance_under_another_asset() -> Forged:
    forged = honest()
    row = balance_row(forged.rows, 9, 1)
    rows = leaf_rows(forged.rows)
    place = rows.index(row)
    rows[place - 1]["closes"] = 1
    del rows[place]
    row = {**row, "asset": 0, "closes": 0}
    rows.insert(0, row)
    resummed(forged.rows)
    return owed(forged, (0, 2), (1, -2))


@attack("a balance is shifted to a neighbouring slot by an account that is no integer")
def an_account_that_is_a_fraction() -> Forged:
    forged = a_balance_under_another_asset()
    row = leaf_rows(forged.rows)[0]
    row["low"] = (9 * 16 + 1) * pow(16, -1, MODULUS) % MODULUS
    return forged


@attack("the same, and the fraction is in the high bits")
def an_account_that_is_a_high_fraction() -> Forged:
    forged = an_account_that_is_a_fraction()
    row = leaf_rows(forged.rows)[0]
    row["low"], row["high"] = 0, number(row, "low") * pow(1 << LIMB_BITS, -1, MODULUS) % MODULUS
    return forged


@attack("the same, and a key that is taken no times takes back the question whether the number is one")
def an_account_that_is_a_fraction_twice() -> Forged:
    """The second key, taken minus once, cancels the range check of the fraction; the third cancels the second."""
    forged = an_account_that_is_a_fraction()
    rows = leaf_rows(forged.rows)
    rows.append({"other": -1, "low": number(rows[0], "low"), "asset": 0})
    rows.append({"other": 1, "low": 9, "asset": 1})
    return forged


@attack("a balance is called a key, which is not money")
def a_balance_called_a_key() -> Forged:
    forged = honest()
    row = balance_row(forged.rows, 3, 0)
    without(forged.rows, row)
    leaf_rows(forged.rows).append({"other": 1, "low": 3, "asset": 2, "leaf": row["leaf"]})
    return owed(forged, (0, -400))


@attack("a run mixes two assets")
def a_run_of_two_assets() -> Forged:
    """Asset 0's sum is not closed: asset 1's run closes both under its own number."""
    forged = honest()
    last(forged.rows)["closes"] = 0
    resummed(forged.rows)
    return owed(forged, (0, -forged.claim.liabilities[0]), (1, forged.claim.liabilities[0]))


@attack("a sum starts anew in the middle")
def a_sum_that_starts_anew() -> Forged:
    forged = honest()
    row = balance_row(forged.rows, 3, 0)
    place = leaf_rows(forged.rows).index(row)
    leaf_rows(forged.rows)[place]["total"] = 400
    leaf_rows(forged.rows)[place + 1]["total"] = 401
    return owed(forged, (0, -1_005))


@attack("a sum does not start at its first balance")
def a_sum_that_starts_below() -> Forged:
    forged = honest()
    for row in leaf_rows(forged.rows):
        if row.get("money") and row["asset"] == 0:
            row["total"] = number(row, "total") - 4
    return owed(forged, (0, -4))


@attack("a run ends without a claim, behind padding that carries on")
def a_sum_that_is_never_closed() -> Forged:
    forged = honest()
    rows = leaf_rows(forged.rows)
    rows.sort(key=lambda r: (r.get("other", 0), r["asset"] == 0))  # a key follows, in slot 0 of its account
    next(r for r in rows if r.get("closes") and r["asset"] == 0)["closes"] = 0
    return owed(forged, (0, -forged.claim.liabilities[0]))


@attack("a run goes on to the table's last row and is never closed")
def a_sum_that_ends_with_the_table() -> Forged:
    """Without its claim it need not be closed: no row follows that would have to go on."""
    forged = honest()
    rows = leaf_rows(forged.rows)
    run = [r for r in rows if r.get("money") and r["asset"] == 2]
    run[-1]["closes"] = 0
    rest = [r for r in rows if r not in run]
    forged.rows.rows["leaves"] = [*rest, *({} for _ in range((1 << HEIGHTS[1]) - len(rows))), *run]
    return owed(forged, (2, -forged.claim.liabilities[2]))


@attack("the liabilities are one unit too low")
def liabilities_one_too_low() -> Forged:
    return owed(honest(), (1, -1))


@attack("the liabilities are one unit too high")
def liabilities_one_too_high() -> Forged:
    return owed(honest(), (1, 1))


@attack("a sum of balances wraps around the field")
def a_wrapped_sum() -> Forged:
    """Three balances of 2^62 - 1 and a remainder, each in its range: the field's sum is 10."""
    most = 2**62 - 1
    leaves = state()
    sums = [most, most, most, MODULUS - 3 * most + 10]
    for number, units in enumerate(sums):
        leaves[leaf_index(20 + number, balance_slot(1))] = balance_leaf(units)
    return _unchecked(leaves, (0, 20_079 + sum(sums) % MODULUS, 0))


@attack("a balance is negative: p - 5 units")
def a_negative_balance() -> Forged:
    return _unchecked(state() | {leaf_index(20, balance_slot(0)): (MODULUS - 5, 0, 0, 0)}, (1_401, 0, 0))


@attack("a balance is larger than 2^62")
def a_balance_beyond_the_range() -> Forged:
    """It lies between two that make the field's sums small again."""
    leaves = state()
    leaves[leaf_index(20, balance_slot(0))] = (2**62 + 9, 0, 0, 0)
    leaves[leaf_index(21, balance_slot(0))] = (MODULUS - 2**62 - 9, 0, 0, 0)
    return _unchecked(leaves, (1_406, 0, 0))


@attack("a balance of one unit less than nothing")
def a_balance_of_minus_one() -> Forged:
    return _unchecked(state() | {leaf_index(20, balance_slot(0)): (MODULUS - 1, 0, 0, 0)}, (1_405, 0, 0))


@attack("a balance of 2^62 units, which no custody holds; the sum after it wraps around")
def a_balance_of_63_bits() -> Forged:
    leaves = state() | {leaf_index(20, balance_slot(0)): (1 << 62, 0, 0, 0)}
    return _unchecked(leaves, (1_406 + 2**62, 0, 0))


def _unchecked(leaves: dict[int, Digest], known: tuple[int, int, int]) -> Forged:
    """Rows of leaves that are no state. ``known``: sums of the assets that differ from those of the small state."""
    rows = Filler(solvency_program())
    root = add_walk(rows, leaves)
    add_leaves(rows, leaves)
    resummed(rows)
    sums = tuple(new or old for new, old in zip(known, OWED, strict=True))
    return Forged(Claim(root, sums), rows)


def _of_two_numbers(place: int) -> Forged:
    element = (0, *(6 * (i == place) for i in (1, 2, 3)))
    leaves: dict[int, Digest] = state() | {leaf_index(20, balance_slot(0)): (5, element[1], element[2], element[3])}
    return _unchecked(leaves, (1_411, 0, 0))


@attack("a balance has a second element, which the sum does not see")
def a_balance_with_a_second_element() -> Forged:
    return _of_two_numbers(1)


@attack("a balance has a third element, which the sum does not see")
def a_balance_with_a_third_element() -> Forged:
    return _of_two_numbers(2)


@attack("a balance has a fourth element, which the sum does not see")
def a_balance_with_a_fourth_element() -> Forged:
    return _of_two_numbers(3)


# -- the root, and the walk


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


@attack("asset 1 owes 19,999 less: a balance is taken as a key, and a smaller one given back in its place")
def a_balance_given_back_smaller() -> Forged:
    """Two rows that are no money, one of them minus once; their account is a fraction, whose range checks cancel."""
    forged = honest()
    low = leaf_index(2, balance_slot(1)) * pow(16, -1, MODULUS) % MODULUS
    for other, units in ((1, 20_000), (-1, 1)):
        leaf_rows(forged.rows).append({"other": other, "low": low, "leaf": balance_leaf(units)})
    balance_row(forged.rows, 2, 1)["leaf"] = balance_leaf(1)
    resummed(forged.rows)
    return owed(forged, (1, -19_999))


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


# -- leaves


@attack("a leaf stands in the sums that no walk found")
def a_leaf_that_nobody_asked_for() -> Forged:
    leaves = state()
    counted = leaves | {leaf_index(30, balance_slot(0)): balance_leaf(50)}
    claim, _ = draft(leaves, ASSETS)
    return recounted(leaves, counted, Claim(claim.root, (claim.liabilities[0] + 50, *claim.liabilities[1:])))
