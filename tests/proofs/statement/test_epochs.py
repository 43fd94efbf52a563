"""Whatever users do, the epoch is provable, and the reference interpreter agrees with the native one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commitments import _native
from commitments.bundle import Entry, Kind
from commitments.hashing import compress
from commitments.types import AMOUNT_LIMIT
from proofs.dsl import RECEIVE, SEND
from proofs.params import INSURANCE_ACCOUNT, KEY_DEPTH, MAX_BATCHES
from proofs.statement.kinds import QueueKind
from proofs.statement.program import clearing_program
from proofs.statement.witness.execute import execute
from proofs.statement.witness.inputs import BatchInput, Leaf, QueueEntry
from proofs.trace import check, node_values
from proofs.verifier.verify import verify

from .extremes import Extremes
from .proving import CONTEXT, HEIGHTS, key, packed, prove
from .scenario import FIRST_BATCH, Tree, Venue, public_messages, random_epoch


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(2, 8))
def test_every_epoch_has_a_witness(seed: int, batches: int, accounts: int) -> None:
    epoch = random_epoch(seed, batches=batches, accounts=accounts)
    done = execute(epoch)
    tier, traces = done.draft.traces()
    assert tier is not None
    broken = _native.check(clearing_program().tape, traces, packed(public_messages(epoch, done, done)))
    assert broken == ([], [])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.integers(0, 2**32))
def test_every_epoch_at_the_ends_of_its_ranges_has_a_witness(seed: int) -> None:
    """Bands up to 2^31, custody up to 2^62, 16 markets, fees of nothing and of everything, all asset numbers."""
    epoch = Extremes(seed).epoch()
    done = execute(epoch)
    _, traces = done.draft.traces()
    broken = _native.check(clearing_program().tape, traces, packed(public_messages(epoch, done, done)))
    assert broken == ([], [])
    assert all(0 <= value < AMOUNT_LIMIT for _, _, value in done.balances + done.withdrawals)


def new_keys(venue: Venue, account: int) -> QueueEntry:
    """A fresh key tree for all batches, which the account's next leaves are opened with; its entry in the queue."""
    venue.secrets[account] = [venue.digest() for _ in range(MAX_BATCHES)]
    leaves = [
        compress(secret, (1, venue.parameters.venue, FIRST_BATCH + k, 0))
        for k, secret in enumerate(venue.secrets[account])
    ]
    venue.key_trees[account] = tree = Tree(KEY_DEPTH)
    tree.set({FIRST_BATCH + k: leaf for k, leaf in enumerate(leaves)})
    return QueueEntry(QueueKind.KEY, account, 0, tree.node(0, 0))


def test_a_newcomer_trades_at_once_and_rekeys_in_the_longest_epoch() -> None:
    """Registered, funded and trading in the first of 16 batches; another key before the ninth; a fee it cannot pay."""
    venue, newcomer = Venue(5, accounts=1, batches=MAX_BATCHES), 40
    batches = []
    for k in range(MAX_BATCHES):
        queue = [new_keys(venue, newcomer)] if k in (0, 8) else []
        if k == 0:
            queue.append(venue.deposit(newcomer, 0, 5_000))
        leaves: list[Leaf] = [venue.leaf(k, 2, [Entry(Kind.SELL, 0, 99, 3)])] if k % 3 == 0 else []
        bundle = [Entry(Kind.WITHDRAWAL, 0, 0, 4_000 if k == 12 else 1), Entry(Kind.BUY, 0, 101, 3)]
        leaf = venue.leaf(k, newcomer, bundle)
        leaves += [venue.missing(leaf)] if k > 12 else [leaf] if k % 2 == 0 else []
        batches.append(BatchInput(queue, leaves, (k, 2**32 - 1 - k)))
    epoch = venue.epoch(batches)
    done = execute(epoch)
    _, traces = done.draft.traces()
    assert _native.check(clearing_program().tape, traces, packed(public_messages(epoch, done, done))) == ([], [])
    assert [m.charged for m in done.missing] == [True] * 3
    assert (INSURANCE_ACCOUNT, 0, 50 + 35 + 0) in done.balances
    assert not [b for b in done.balances if b[:2] == (newcomer, 0)], "nothing before, nothing after"
    assert (newcomer, 0, 4_006) in done.withdrawals
    assert [sum(r.volume for r in batch) for batch in done.results].count(3) == 3


@pytest.mark.parametrize("seed", [1, 8])
def test_random_epoch_is_proven_and_verified(seed: int) -> None:
    epoch = random_epoch(seed)
    done = execute(epoch)
    _, traces = done.draft.traces(HEIGHTS)
    messages = public_messages(epoch, done, done)
    shown = verify(key(), CONTEXT, messages, prove(traces))
    assert shown.log_heights == HEIGHTS


def test_reference_interpreter_agrees_with_the_native_one() -> None:
    program = clearing_program()
    epoch = random_epoch(3)
    done = execute(epoch)
    _, traces = done.draft.traces(HEIGHTS)
    messages = public_messages(epoch, done, done)
    assert check(program, traces, messages) == []
    for index, (matrix, trace) in enumerate(zip(program.matrices, traces, strict=True)):
        values = node_values(program, index, trace)
        for derived in matrix.derived:
            if not derived.inverse:
                assert (values[derived.expression.index] == trace[:, derived.column].astype(object)).all()
        for bus in range(len(program.buses)):
            for sign in (SEND, RECEIVE):
                expected = sorted(
                    (int(row), int(values[m.count.index][row]), *(int(values[f.index][row]) for f in m.fields))
                    for m in matrix.messages
                    if program.bus_id(m.bus) == bus and m.sign == sign
                    for row in np.nonzero(values[m.count.index])[0]
                )
                native = _native.messages(program.tape, index, trace, bus, sign).tolist()
                assert sorted(map(tuple, native)) == expected


def test_checkers_find_the_same_damage() -> None:
    program = clearing_program()
    epoch = random_epoch(3)
    done = execute(epoch)
    _, traces = done.draft.traces(HEIGHTS)
    messages = public_messages(epoch, done, done)
    entries = program.matrix_of("entries")
    column = program.matrices[entries].columns.index("entries.fill")
    traces[entries][0, column] += np.uint64(1)
    constraints, buses = _native.check(program.tape, traces, packed(messages))
    violations = check(program, traces, messages)
    labels = {program.matrices[matrix].asserts[index].label for matrix, index, _ in constraints}
    assert labels == {v.label for v in violations if v.row >= 0}
    assert {(program.buses[bus].name) for bus, _, _ in buses} == {
        v.label.removeprefix("bus ") for v in violations if v.row < 0
    }
