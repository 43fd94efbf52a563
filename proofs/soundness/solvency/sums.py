"""Forged witnesses of solvency: balances under another asset, sums that are none, numbers out of range."""

from __future__ import annotations

from commitments.state import balance_leaf, balance_slot, leaf_index
from commitments.types import MODULUS, Digest

from ...filler import Filler
from ...solvency.program import solvency_program
from ...solvency.public import Claim
from ...solvency.witness import add_leaves, add_walk
from ...statement.arithmetic import LIMB_BITS
from .core import (
    attack,
    balance_row,
    last,
    leaf_rows,
    number,
    owed,
    resummed,
    without,
)
from .scenario import HEIGHTS, OWED, Forged, honest, state


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
    for holder, units in enumerate(sums):
        leaves[leaf_index(20 + holder, balance_slot(1))] = balance_leaf(units)
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
