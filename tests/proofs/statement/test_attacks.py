"""Every forged witness, proven by the production prover, is refused by the verifier itself."""

from __future__ import annotations

import numpy as np
import pytest

from commitments import _native
from proofs.statement.program import clearing_program
from proofs.statement.witness.execute import execute
from proofs.verifier.errors import ProofRejected, Reason
from proofs.verifier.verify import verify

from .attacks import ATTACKS, Attack, honest
from .proving import CONTEXT, HEIGHTS, key, packed, prove
from .scenario import Messages, public_messages

REASONS = {Reason.CONSTRAINTS, Reason.BUS}


def violations(traces: list[np.ndarray], messages: Messages) -> int:  # type: ignore[type-arg]
    constraints, buses = _native.check(clearing_program().tape, traces, packed(messages))
    return len(constraints) + len(buses)


def test_the_attacked_epoch_is_provable() -> None:
    epoch = honest()
    done = execute(epoch)
    messages = public_messages(epoch, done, done)
    _, traces = done.draft.traces(HEIGHTS)
    assert violations(traces, messages) == 0
    assert verify(key(), CONTEXT, messages, prove(traces)).messages == len(messages)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: f"clause{a.clause}-{a.name}")
def test_attack_is_refused(attack: Attack) -> None:
    forged, messages = attack.build()
    _, traces = forged.draft.traces(HEIGHTS)
    attack.tamper(traces)
    assert violations(traces, messages) > 0, "the forged witness satisfies the statement"
    with pytest.raises(ProofRejected) as refused:
        verify(key(), CONTEXT, messages, prove(traces))
    assert refused.value.reason in REASONS


def test_every_clause_is_attacked() -> None:
    assert {attack.clause for attack in ATTACKS} == set(range(1, 9))
