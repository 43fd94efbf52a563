"""Attacks on single asserts: each would pass if one constraint were missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from commitments.bundle import Entry, Kind
from commitments.hashing import compress_all
from proofs.expression import MODULUS
from proofs.statement.buses import LEVEL
from proofs.statement.kinds import QueueKind
from proofs.statement.program import clearing_program
from proofs.statement.witness.clearing import clear
from proofs.statement.witness.draft import Row
from proofs.statement.witness.execute import Execution, execute
from proofs.statement.witness.inputs import BatchInput, Market, OpenedLeaf
from proofs.statement.witness.rules import Auction, Order, Rules

from .core import (
    Forged,
    Priced,
    Traces,
    attack,
    book,
    honest,
    lie,
    malformed,
    queued,
    venue,
)
from .scenario import public_messages


def recompute_state(forged: Execution, level: int, index: int) -> None:
    """Recompute the state's new hashes from the parent of (level, index) up to the root."""
    state = [r for r in forged.draft.rows["nodes"] if r["state"] and r["place"] % LEVEL == 0]
    rows = {(r["place"] // LEVEL, r["index"]): r for r in state}
    while level:
        child = rows[(level, index)]["new"]
        level, side, index = level - 1, index & 1, index >> 1
        row = rows[(level, index)]
        row["new_right" if side else "new_left"] = child
        row["new"] = compress_all([row["new_left"]], [row["new_right"]])[0]
    forged.new_root = rows[(0, 0)]["new"]


@attack(7)
def untouched_child_changed() -> Forged:
    """An account's balance appears in the new tree without any slot being touched."""
    epoch = honest()
    forged = execute(epoch)
    rows = [r for r in forged.draft.rows["nodes"] if r["state"] and r["place"] == 23 * LEVEL]
    row = next(r for r in rows if r["left"] and not r["right"])
    row["new_right"] = (1_000_000, 0, 0, 0)
    row["new"] = compress_all([row["new_left"]], [row["new_right"]])[0]
    recompute_state(forged, 23, row["index"])
    return forged, public_messages(epoch, forged, execute(epoch))


@attack(7)
def change_hidden_by_a_node_that_stays() -> Forged:
    """A node claims that nothing changes below it, though a balance does."""
    epoch = honest()
    forged = execute(epoch)
    rows = [r for r in forged.draft.rows["nodes"] if r["state"] and r["place"] == 23 * LEVEL]
    row = next(r for r in rows if r["old"] != r["new"])
    row["new_left"], row["new_right"], row["new"] = row["old_left"], row["old_right"], row["old"]
    recompute_state(forged, 23, row["index"])
    return forged, public_messages(epoch, forged, execute(epoch))


@attack(2)
def false_compression_served_by_padding() -> Forged:
    """Another bundle is opened than was sealed; a padding row of the node table takes the false hash upon itself."""
    made = venue()
    sealed = made.epoch([made.batch(0, book())])
    other = [(Entry(Kind.BUY, 0, 110, 40),), *book()[1:]]
    forged = execute(replace(sealed, batches=[_with_entries(sealed.batches[0], other)]))
    true = execute(sealed)
    lied, told = forged.draft.rows["bundles"][0], true.draft.rows["bundles"][0]
    lied.update(commitment=told["commitment"], leaf=told["leaf"])
    forged.draft.rows["nodes"] = [r for r in forged.draft.rows["nodes"] if not _commitments(r)] + [
        r for r in true.draft.rows["nodes"] if _commitments(r)
    ]
    forged.roots = true.roots
    forged.draft.add("nodes", old=told["commitment"], old_left=lied["body"], old_right=lied["secret"])
    return forged, public_messages(sealed, forged, true)


def _commitments(row: Row) -> bool:
    """Whether a node stands in the commitment tree of batch 0."""
    return bool(row["state"]) and int(row["place"]) % LEVEL == 1


def _with_entries(batch: BatchInput, bundles: Sequence[Sequence[Entry]]) -> BatchInput:
    leaves = [
        replace(leaf, entries=tuple(entries)) if isinstance(leaf, OpenedLeaf) else leaf
        for leaf, entries in zip(batch.leaves, bundles, strict=True)
    ]
    return replace(batch, leaves=leaves)


class _Without(Rules):
    """Clears as if the auction's first order were not there."""

    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        cleared = clear(market, reference, draw, orders[1:])
        return replace(cleared, fills=(0, *cleared.fills)) if orders else cleared


@attack(5)
def admitted_order_left_out_of_its_auction() -> Forged:
    epoch = honest()
    forged = execute(epoch, _Without())
    rows = forged.draft.rows["orders"]
    gone = rows.pop(0)
    if gone["at"]:
        for row in rows:
            if row["auction"] == gone["auction"]:
                row["claim"] -= gone["claim"]
                row["sum.buy_at"] -= gone["sum.buy_at"]
    return forged, public_messages(epoch, forged, forged)


@attack(5)
def auction_said_to_have_no_orders() -> Forged:
    epoch = honest()
    forged = execute(epoch, Priced(lambda p: None))
    row = next(r for r in forged.draft.rows["markets"] if r["market"] == 0)
    row.update(present=0, buy_better=0, buy_at=0, sell_better=0, sell_at=0, beyond=0, phase=0, pivot=100)
    forged.draft.rows["orders"] = [r for r in forged.draft.rows["orders"] if r["auction"]]
    return forged, public_messages(epoch, forged, forged)


@attack(8)
def withdrawal_of_another_account() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    next(r for r in forged.draft.rows["cells"] if r.get("withdrawal"))["account"] = 7
    forged.withdrawals = [(7, *forged.withdrawals[0][1:])]
    return forged, public_messages(epoch, forged, forged)


@attack(8)
def withdrawal_of_another_asset() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    next(r for r in forged.draft.rows["cells"] if r.get("withdrawal"))["asset"] = 1
    forged.withdrawals = [(6, 1, forged.withdrawals[0][2])]
    return forged, public_messages(epoch, forged, forged)


@attack(6)
def balance_of_63_bits() -> Forged:
    made = venue()
    return lie(made.epoch([made.batch(0, [], queue=[made.deposit(2, 1, 2**62)])]))


@attack(4)
def exact_cover_denied() -> Forged:
    made = venue(balances={5: (50, 1000, 0)})
    return lie(made.epoch([made.batch(0, book())]), _CoveringOnly(51))


@attack(4)
def cover_one_unit_short_granted() -> Forged:
    made = venue(balances={5: (49, 1000, 0)})
    return lie(made.epoch([made.batch(0, book())]), _CoveringOnly(49))


class _CoveringOnly(Rules):
    def __init__(self, enough: int) -> None:
        self._enough = enough

    def covers(self, funds: int, miss_fee: int) -> bool:
        return funds >= self._enough


@attack(2)
def batch_in_two_groups() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    rows = forged.draft.rows["bundles"]
    rows[1]["last"] = 1
    for row in rows[2:]:
        row["position"] -= 2
    return forged, public_messages(epoch, forged, forged)


@attack(1)
def key_taken_for_a_deposit() -> Forged:
    def change(queue: list) -> list:  # type: ignore[type-arg]
        return [queue[0], replace(queue[1], kind=QueueKind.DEPOSIT, value=(queue[1].value[0], 0, 0, 0)), queue[2]]

    return queued(change)


@attack(1)
def entries_in_another_order() -> Forged:
    """A rekey and the key before it, exchanged: the account keeps its old keys."""
    made = venue()
    queue = [made.key(20), made.key(20)]
    sealed = made.epoch([made.batch(0, book(), queue=queue)])
    turned = replace(sealed.batches[0], queue=queue[::-1])
    return lie(replace(sealed, batches=[turned]), sealed=sealed)


def _limbs() -> tuple[int, dict[str, int]]:
    program = clearing_program()
    index = program.matrix_of("limbs")
    names = program.matrices[index].columns
    return index, {name.removeprefix("limbs."): i for i, name in enumerate(names)}


def _all_limbs_of_a_small_value(traces: Traces) -> None:
    """Write the limbs of minus one, all six of them, into a row that claims a small value."""
    index, place = _limbs()
    trace, digits = traces[index], [(MODULUS - 1) >> (12 * i) & 4095 for i in range(6)]
    row = next(r for r in range(len(trace)) if [int(trace[r, place[f"limb{i}"]]) for i in range(3)] == digits[:3])
    for i in range(3, 6):
        trace[row, place[f"limb{i}"]] = digits[i]
        trace[0, place["counter.multiplicity"]] -= np.uint64(1)
        trace[digits[i], place["counter.multiplicity"]] += np.uint64(1)


@attack(4, tamper=_all_limbs_of_a_small_value)
def minus_one_passed_off_as_small() -> Forged:
    return malformed([Entry(Kind.BUY, 0, 89, 5)])


def _counter_that_jumps(traces: Traces) -> None:
    """One limb of five digits holds all of the value, and the counter jumps to it for one row."""
    index, place = _limbs()
    trace = traces[index]
    minus_one = MODULUS - 1
    digits = [minus_one >> (12 * i) & 4095 for i in range(3)]
    row = next(r for r in range(len(trace)) if [int(trace[r, place[f"limb{i}"]]) for i in range(3)] == digits)
    for i in range(3):
        trace[digits[i], place["counter.multiplicity"]] -= np.uint64(1)
        trace[row, place[f"limb{i}"]] = minus_one if i == 0 else 0
    trace[0, place["counter.multiplicity"]] += np.uint64(2)
    last = len(trace) - 2
    trace[last, place["counter"]] = minus_one
    trace[last, place["counter.multiplicity"]] = 1


@attack(4, tamper=_counter_that_jumps)
def minus_one_as_a_single_limb() -> Forged:
    return malformed([Entry(Kind.BUY, 0, 89, 5)])
