"""Forged witnesses of solvency, each proven by the production prover and refused by the verifier."""

from __future__ import annotations

import pytest

from proofs import prover_api
from proofs.solvency.buses import WALK_BUS
from proofs.solvency.program import solvency_program
from proofs.solvency.public import Claim, public_messages
from proofs.solvency.settlement import Statement, Witness, prove, verify_statement
from proofs.soundness.solvency.attacks import ATTACKS, Attack
from proofs.soundness.solvency.scenario import OWED, Forged, honest
from proofs.verifier import ProofRejected, Reason

CONTRACT = "0x" + "51" * 20


def statement(claim: Claim) -> Statement:
    return Statement(31337, CONTRACT, claim, tier=0)


def complaints(forgery: Forged) -> list[str]:
    """Labels of what the forged traces break."""
    program = solvency_program()
    messages = [(WALK_BUS, message) for message in public_messages(forgery.claim)]
    found = prover_api.check(program.tape, forgery.traces(), messages)
    return [
        program.matrices[f.table].asserts[f.index].label
        if isinstance(f, prover_api.BrokenConstraint)
        else f"bus {program.buses[f.bus].name}"
        for f in found
    ]


def test_the_attacked_state_is_provable() -> None:
    forgery = honest()
    assert forgery.claim.liabilities == OWED
    assert complaints(forgery) == []
    claimed = statement(forgery.claim)
    verify_statement(claimed, prove(Witness(claimed, tuple(forgery.traces()))))


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_is_refused(attack: Attack) -> None:
    forgery = attack.build()
    assert complaints(forgery), "the forged witness satisfies the statement"
    claimed = statement(forgery.claim)
    with pytest.raises(ProofRejected) as refused:
        verify_statement(claimed, prove(Witness(claimed, tuple(forgery.traces()))))
    assert refused.value.reason in (Reason.BUS, Reason.CONSTRAINTS)
