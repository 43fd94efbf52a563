"""A proof of the real statement: both field layers accept it, and neither accepts a changed one."""

from __future__ import annotations

import random
from functools import cache

import pytest

from proofs.statement.witness.execute import execute
from proofs.verifier import ProofRejected, PublicMessage, Reason, verify
from proofs.verifier.field import FAST
from proofs.verifier.reference import REFERENCE
from proofs.verifier.verify import verify_on
from proofs.verifier.vk import parse_verification_key

from ..statement.proving import CONTEXT, HEIGHTS, key, prove
from ..statement.scenario import public_messages, random_epoch
from .regions import regions


@cache
def _example() -> tuple[tuple[PublicMessage, ...], bytes]:
    epoch = random_epoch(1)
    done = execute(epoch)
    _, traces = done.draft.traces(HEIGHTS)
    return tuple(public_messages(epoch, done, done)), prove(traces)


def test_both_layers_accept() -> None:
    messages, proof = _example()
    shown = verify_on(FAST, key(), CONTEXT, messages, proof)
    assert shown == verify_on(REFERENCE, key(), CONTEXT, messages, proof)
    assert (shown.log_heights, shown.messages, shown.proof_bytes) == (HEIGHTS, len(messages), len(proof))


def test_changed_fields_are_rejected() -> None:
    messages, proof = _example()
    rng = random.Random(7)
    for region in rng.sample(regions(parse_verification_key(key())), 60):
        changed = bytearray(proof)
        changed[region.start + rng.randrange(region.size)] ^= 1 << rng.randrange(8)
        with pytest.raises(ProofRejected):
            verify(key(), CONTEXT, messages, bytes(changed))


def test_changed_messages_are_rejected() -> None:
    messages, proof = _example()
    for number, (bus, fields) in enumerate(messages):
        changed = (*messages[:number], (bus, (*fields[:-1], fields[-1] + 1)), *messages[number + 1 :])
        with pytest.raises(ProofRejected) as rejected:
            verify(key(), CONTEXT, changed, proof)
        assert rejected.value.reason is Reason.BUS
