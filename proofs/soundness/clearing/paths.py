"""Attacks on key paths, on the roots of trees and on the addresses of leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from commitments.bundle import Entry, Kind
from commitments.hashing import compress_all
from commitments.types import ZERO, Digest
from proofs.expression import MODULUS
from proofs.params import KEY_DEPTH, STATE_DEPTH
from proofs.statement.buses import LEVEL, Phase
from proofs.statement.witness.draft import Row
from proofs.statement.witness.execute import Execution, execute
from proofs.statement.witness.forest import key_paths
from proofs.statement.witness.inputs import EpochInput, Leaf, OpenedLeaf
from proofs.statement.witness.memory import time

from .core import Admitting, Forged, attack, book, honest, venue
from .scenario import FIRST_BATCH, Venue, public_messages


def _with_the_key_of_another() -> tuple[Venue, EpochInput, Execution]:
    """Account 2's bundle is sealed and opened with account 3's secret; account 3 trades too."""
    made = venue()
    batch = made.batch(0, book())
    first = batch.leaves[0]
    assert isinstance(first, OpenedLeaf)
    epoch = made.epoch([replace(batch, leaves=[made.with_key_of(first, batch=0, owner=3), *batch.leaves[1:]])])
    return made, epoch, execute(epoch)


def _path(forged: Execution, root: Digest) -> list[Row]:
    """The rows of the one key path under ``root``, from the leaf's parent up."""
    rows = [row for row in forged.draft.rows["nodes"] if row["key"] and row["old"] == root]
    return sorted(rows, key=lambda row: -int(row["place"]))


def _under(rows: Sequence[Row], root: Digest) -> None:
    for row in rows:
        row.update(old=root, old_left=root, old_right=root)


def _side(row: Row) -> str:
    return "left" if row["left"] else "right"


@attack(3)
def key_path_of_another_under_the_accounts_root() -> Forged:
    """A second copy of account 3's path says that it hangs under account 2's root."""
    made, epoch, forged = _with_the_key_of_another()
    path = _path(forged, made.key_trees[3].node(0, 0))
    path[0][_side(path[0])] = 1
    copies = [dict(row) for row in path]
    _under(copies, made.key_trees[2].node(0, 0))
    forged.draft.rows["nodes"] += copies
    return forged, public_messages(epoch, forged, forged)


@attack(3)
def key_path_that_changes_its_root() -> Forged:
    """The last node of account 3's path vouches for its child under account 2's root."""
    made, epoch, forged = _with_the_key_of_another()
    path = _path(forged, made.key_trees[3].node(0, 0))
    path[0][_side(path[0])] = 1
    path[1][_side(path[1])] = 2
    copy, root = dict(path[0]), made.key_trees[2].node(0, 0)
    copy.update(old_left=root, old_right=root)
    forged.draft.rows["nodes"].append(copy)
    return forged, public_messages(epoch, forged, forged)


@attack(3)
def key_leaf_one_level_too_high() -> Forged:
    """The account has registered a tree of 19 levels: its root stands at level 1 as if something were above it."""
    made = venue()
    tree = made.key_trees[2]
    short = tree.node(1, FIRST_BATCH >> (KEY_DEPTH - 1))
    made.state.set({16 * 2: short})
    epoch = made.epoch([made.batch(0, book())])
    forged = execute(epoch)
    path = _path(forged, tree.node(0, 0))
    _under(path, short)
    path[-2]["root"] = 1
    forged.draft.rows["nodes"].remove(path[-1])
    return forged, public_messages(epoch, forged, forged)


@attack(3)
def key_leaf_that_nobody_vouches_for() -> Forged:
    """The path to account 2's own root is left out, and the leaf is that of another secret."""
    made, epoch, forged = _with_the_key_of_another()
    path = _path(forged, made.key_trees[3].node(0, 0))
    path[0][_side(path[0])] = 1
    return forged, public_messages(epoch, forged, forged)


@attack(7)
def state_of_the_liars_own() -> Forged:
    """The epoch runs on a state in which account 2's keys are the liar's, and whose root asks for no request.

    L1's root is said to stay as it is: a deposit has come and the liar has withdrawn it.
    """
    made, own = venue(), venue()
    batch = made.batch(0, [(Entry(Kind.WITHDRAWAL, 1, 0, 70),)], queue=[made.deposit(2, 1, 70)])
    first = batch.leaves[0]
    assert isinstance(first, OpenedLeaf)
    batch = replace(batch, leaves=[made.with_key_of(first, batch=0, owner=9)])
    own.state.set({16 * 2: own.key_trees[9].node(0, 0)})
    forged, known = execute(own.epoch([batch])), execute(made.epoch([batch]))
    _top(forged)["root"] = 1
    true = dict(_top(known), left=0, right=0)
    true.update(new=true["old"], new_left=true["old_left"], new_right=true["old_right"])
    forged.draft.rows["nodes"].append(true)
    forged.new_root = known.old_root
    return forged, public_messages(made.epoch([batch]), forged, known)


@attack(7)
def balance_spent_twice() -> Forged:
    """One balance pays two batches, its leaf asked for twice and answered twice; later deposits fill up both."""
    made, asset = venue(), 2
    bundle = [(Entry(Kind.WITHDRAWAL, asset, 0, 900),)]
    queue = [made.deposit(2, asset, 900)] * 2
    epoch = made.epoch([made.batch(0, bundle), made.batch(1, bundle), made.batch(2, [], queue=queue)])
    forged = execute(epoch, Admitting(lambda rest, debit: True))
    rows, before = forged.draft.rows, (1_000, 0, 0, 0)
    cell = next(r for r in rows["cells"] if r.get("balance") and (r["account"], r["asset"]) == (2, asset))
    rows["cells"].remove(cell)
    for k, (entry, deposit) in enumerate(zip(rows["entries"], rows["queue"], strict=True)):
        entry.update({"group.before": 0, "rest": before[0], "balance": 100})
        deposit.update({"slot.before": time(k, Phase.DEBIT, entry["number"]), "old": (100, 0, 0, 0)})
        rows["cells"].append(dict(cell, old=before, new=before, until=time(2, Phase.QUEUE, k)))
    parents = [r for r in rows["nodes"] if r["state"] and r["place"] == (STATE_DEPTH - 1) * LEVEL]
    next(r for r in parents if r["index"] == (16 * 2 + 2 + asset) >> 1)["left"] = 2
    return forged, public_messages(epoch, forged, forged)


def _top(execution: Execution) -> Row:
    """The state's root."""
    return next(r for r in execution.draft.rows["nodes"] if r["state"] and r["place"] == 0)


@attack(7)
def key_path_that_ends_as_a_state_tree() -> Forged:
    """The liar's own state hangs as a key path, which needs no request, and becomes a state tree one level below."""
    rich, poor = venue(balances={2: (10**9, 0, 0)}), venue(balances={2: (100, 0, 0)})
    sealed = poor.epoch([poor.batch(0, book())])
    epoch = rich.epoch([rich.batch(0, book())])
    forged, known = execute(epoch), execute(sealed)
    top = _top(forged)
    top.update(state=0, key=1, root=1, old=top["new"], place=0, index=0)
    true = dict(_top(known), left=0, right=0)
    true.update(new=true["old"], new_left=true["old_left"], new_right=true["old_right"])
    forged.draft.rows["nodes"].append(true)
    forged.new_root = known.old_root
    return forged, public_messages(sealed, forged, known)


@attack(7)
def balance_under_an_alias_of_its_address() -> Forged:
    """Account - 1/16 and slot + 1 name the same leaf, which then is changed by nobody's access."""
    epoch = honest()
    forged = execute(epoch)
    row = next(r for r in forged.draft.rows["cells"] if r.get("balance") and r["account"] == 2)
    row.update(account=row["account"] - pow(16, -1, MODULUS), asset=row["asset"] + 1, new=(10**9, 0, 0, 0))
    forged.balances = [(2, 0, 10**9) if b[:2] == (2, 0) else b for b in forged.balances]
    return forged, public_messages(epoch, forged, execute(epoch))


@attack(7)
def old_root_that_is_no_hash_of_its_children() -> Forged:
    """The epoch runs on a state in which account 2 is rich; its root is said to be L1's."""
    rich, poor = venue(balances={2: (10**9, 0, 0)}), venue(balances={2: (100, 0, 0)})
    sealed = poor.epoch([poor.batch(0, book())])
    forged, known = execute(rich.epoch([rich.batch(0, book())])), execute(sealed)
    _top(forged)["old"] = known.old_root
    return forged, public_messages(sealed, forged, known)


@attack(3)
def key_node_that_is_half_a_state_node() -> Forged:
    """With 37/2 for `state` a node has a key node's tag, and vouches for its children under the children of the root.

    The root is compress(account 2's root, account 9's root): the key that account 9 has made so serves account 2.
    """
    made = venue()
    victim, position = made.key_trees[2].node(0, 0), 1 << (KEY_DEPTH - 1)
    secrets = [made.digest(), made.digest()]
    leaves = compress_all(secrets, [(1, made.parameters.venue, FIRST_BATCH, 0)] * 2)
    path = [leaves[1], *[ZERO] * (KEY_DEPTH - 2), victim]
    blocks = key_paths(
        np.array(leaves[:1], dtype=np.uint64), np.array([position], dtype=np.uint64), np.array([path], dtype=np.uint64)
    )
    own: Digest = tuple(int(x) for x in blocks[-1]["new_right"][0])  # type: ignore[assignment]
    made.state.set({16 * 9: own})
    first, *others = made.batch(0, book()).leaves
    last = made.leaf(0, 9, [Entry(Kind.BUY, 0, 95, 1)])
    assert isinstance(first, OpenedLeaf)
    opened: list[Leaf] = [replace(first, secret=secrets[0], key_position=position, key_path=tuple(path))]
    theirs = (leaves[0], *path[1:])
    opened += [*others, replace(last, secret=secrets[1], key_position=position + 1, key_path=theirs)]
    epoch = made.epoch([replace(made.batch(0, []), leaves=opened)])
    forged = execute(epoch)
    rows = _path(forged, compress_all([victim], [own])[0])
    half = 37 * pow(2, -1, MODULUS)
    rows[0].update(state=half, key=0, old_left=victim, old_right=own, left=1, right=1)
    rows[1]["left"] = half
    return forged, public_messages(epoch, forged, forged)
