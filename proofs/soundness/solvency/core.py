"""What forged witnesses of solvency are made with: the register of attacks, and changes to the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from commitments.types import MODULUS, STATE_DEPTH, Digest

from ...filler import Filler, Row
from ...solvency.public import Claim
from ...solvency.witness import add_leaves, draft
from .scenario import ASSETS, Forged

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
