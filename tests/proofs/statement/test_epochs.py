"""Whatever users do, the epoch is provable, and the reference interpreter agrees with the native one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commitments import _native
from commitments.types import AMOUNT_LIMIT
from proofs.dsl import RECEIVE, SEND
from proofs.statement.program import clearing_program
from proofs.statement.witness.execute import execute
from proofs.trace import check, node_values
from proofs.verifier.verify import verify

from .extremes import Extremes
from .proving import CONTEXT, HEIGHTS, key, packed, prove
from .scenario import public_messages, random_epoch


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
