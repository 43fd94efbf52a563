"""Leaves of batches and of the state whose rows stand where they must not, as starting points of forgeries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from commitments.bundle import Entry, Kind
from commitments.hashing import compress, empty_roots
from commitments.types import ZERO

from ...params import COMMITMENT_DEPTH
from ...statement.buses import TIME_SHIFT, Phase
from ...statement.witness.execute import Execution, execute
from ...statement.witness.forest import Tree, grow
from ...statement.witness.inputs import MissingLeaf
from ...statement.witness.memory import time
from .changes import Rows, changed, of_commitments
from .core import Forged, book, honest, venue
from .scenario import public_messages, rebuild_state


def _leaf_of_no_slot() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    rebuild_state(epoch, forged, {(40, 0): 10**6})
    rows: Rows = forged.draft.rows
    next(r for r in rows["cells"] if r["account"] == 40).update(withdrawal=-1, asset=32)
    forged.balances = [b for b in forged.balances if b[0] != 40]
    return forged, public_messages(epoch, forged, forged)


def _leaf_of_two_slots() -> Forged:
    """Account 38's slot 34 has the leaf of account 40's slot 2."""
    epoch = honest()
    forged = execute(epoch)
    rebuild_state(epoch, forged, {(40, 0): 0})
    rows: Rows = forged.draft.rows
    next(r for r in rows["cells"] if r["account"] == 40).update(withdrawal=1, account=38)
    forged.balances = [b for b in forged.balances if b[0] != 40]
    return forged, public_messages(epoch, forged, forged)


def _placed(positions: Sequence[int]) -> Forged:
    """The leaves of the book at other places of the sealed tree."""

    def change(rows: Rows, forged: Execution) -> None:
        for row, position in zip(rows["bundles"], positions, strict=True):
            row["position"] = position
        leaves = {r["position"]: (ZERO, r["leaf"]) for r in rows["bundles"]}
        rows["nodes"] = [r for r in rows["nodes"] if not of_commitments(r)]
        empty = empty_roots(COMMITMENT_DEPTH)
        tree = Tree(1, COMMITMENT_DEPTH, leaves, lambda level, _: empty[COMMITMENT_DEPTH - level])
        grow(forged.draft, [tree])
        forged.roots[0], forged.counts[0] = tree.root[1], positions[-1] + 1

    return changed(honest(), None, change)


def _renumbered(rows: Rows, numbers: Mapping[int, int]) -> None:
    """Give the rows of bundles other numbers, wherever these are named."""
    for row in rows["bundles"]:
        row["number"] = numbers[row["number"]]
    for row in rows.get("entries", []):
        row["bundle"] = numbers[row["bundle"]]
    for table in ("entries", "bundles", "markets", "cells", "queue"):
        for row in rows.get(table, []):
            for name, value in row.items():
                phase, number = (
                    divmod(value, 1 << TIME_SHIFT) if name == "until" or name.endswith(".before") else (0, 0)
                )
                if phase and (phase - 1) % 4 == Phase.BUNDLE:
                    row[name] = (phase << TIME_SHIFT) + numbers[number]


def _bundles_after_an_empty_row() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        _renumbered(rows, {i: i + 1 for i in range(len(rows["bundles"]))})
        constants = {n: rows["bundles"][0][n] for n in ("venue", "first_batch", "miss_fee", "fee_asset")}
        rows["bundles"].insert(0, {**constants, "number": 0})

    return changed(honest(), None, change)


def _batches_entangled() -> Forged:
    """Two leaves of account 3 in one batch; between them stands the other batch's last."""
    made = venue()
    empty = [made.batch(k, []) for k in range(2)]
    accounts = ((3, 3), (2, 4))
    leaves = [[MissingLeaf(a, made.digest(), charged=False) for a in pair] for pair in accounts]
    epoch = made.epoch([replace(batch, leaves=own) for batch, own in zip(empty, leaves, strict=True)])

    def change(rows: Rows, _: Execution) -> None:
        _renumbered(rows, {0: 0, 1: 3, 2: 2, 3: 1})
        rows["bundles"].sort(key=lambda row: row["number"])

    return changed(epoch, None, change)


def _opened_without_a_leaf() -> Forged:
    """The last leaf is missing, and its bundle is opened in a row of its own."""

    def change(rows: Rows, _: Execution) -> None:
        leaf = rows["bundles"][-1]
        number = leaf["number"]
        rows["bundles"].append({**leaf, "number": number + 1, "real": 0, "last": 0})
        leaf.update(opened=0)
        for row in rows["entries"]:
            row["bundle"] += int(row["bundle"] == number)
        cell = next(r for r in rows["cells"] if r.get("key") and r["account"] == leaf["account"])
        cell["until"] = time(0, Phase.BUNDLE, number + 1)

    return changed(honest(), None, change)


def _charged_though_revealed() -> Forged:
    made = venue()
    batch = made.batch(0, [[Entry(Kind.WITHDRAWAL, 2, 0, 9)]] * 2)
    epoch = made.epoch([replace(batch, leaves=[made.missing(batch.leaves[0]), batch.leaves[1]])])
    forged = execute(epoch)
    rows: Rows = forged.draft.rows
    first, revealed = rows["bundles"]
    fund = next(r for r in rows["cells"] if r.get("balance") and (r["account"], r["asset"]) == (1, 0))
    revealed.update({"charged": 1, "insurance.before": fund["until"], "insurance": first["insurance"] + 50})
    fund["until"] = time(0, Phase.BUNDLE, 1)
    rebuild_state(epoch, forged, {(3, 0): -50, (1, 0): 50})
    return forged, public_messages(epoch, forged, forged)


def _leaf_and_its_negative() -> Forged:
    """A leaf of a batch that there is not, and minus that leaf."""

    def change(rows: Rows, _: Execution) -> None:
        batch, account, commitment = 5, 9, (1, 2, 3, 4)
        made = {n: rows["bundles"][0][n] for n in ("venue", "first_batch", "miss_fee", "fee_asset")}
        made |= {"batch": batch, "account": account, "commitment": commitment, "funds": 100, "cover": 1}
        made["leaf"] = compress(commitment, (3, made["venue"], made["first_batch"] + batch, account))
        for sign in (1, -1):
            number = len(rows["bundles"])
            before = time(batch, Phase.BUNDLE, number)
            rows["bundles"].append({**made, "real": sign, "last": sign, "number": number, "funds.before": before})

    return changed(honest(), None, change)


LEAF_ROWS: Final[dict[str, Callable[[], Forged]]] = {
    "leaf of no slot": _leaf_of_no_slot,
    "leaf of two slots": _leaf_of_two_slots,
    "leaves from 1": lambda: _placed(range(1, len(book()) + 1)),
    "leaves at other places": lambda: _placed([0, 2, 1, *range(3, len(book()))]),
    "bundles after an empty row": _bundles_after_an_empty_row,
    "batches entangled": _batches_entangled,
    "opened without a leaf": _opened_without_a_leaf,
    "charged though revealed": _charged_though_revealed,
    "leaf and its negative": _leaf_and_its_negative,
}
"""Executions by name."""
