"""Random shapes: Plonky3's own verifier and the Python verifier judge the same proofs alike.

Heights, table counts, degrees, packing, parameters and tables without messages (a permutation tree lower than
the others) vary by seed; every table balances with itself, so that both verifiers see no public message.
"""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest

from commitments import _native
from proofs import prover_api
from proofs.verifier.errors import ProofRejected, Reason
from proofs.verifier.verify import verify

LOCAL, NEXT, TRANSITION, SUB, MUL = 0, 1, 5, 7, 8
BUSES = (3, 2)


def _table(rng: random.Random, height: int, talks: bool) -> tuple[bytes, prover_api.Trace]:
    """Columns: x, x^2, boolean f, noise. Asserts of degree 2 to 4, perhaps a step; pairs of messages."""
    reads_next = rng.random() < 0.6
    ops = [(LOCAL, c, 0) for c in range(4)]
    ops += [(MUL, 0, 0), (SUB, 1, 4), (MUL, 2, 2), (SUB, 6, 2)]
    asserts = [5, 7]
    for _ in range(rng.randrange(3)):  # f (f^2 - f), f^2 (f^2 - f)
        ops.append((MUL, asserts[-1], 2))
        asserts.append(len(ops) - 1)
    if reads_next:
        ops += [(NEXT, 0, 0), (SUB, len(ops), 0), (TRANSITION, 0, 0)]
        ops += [(SUB, len(ops) - 2, 2), (MUL, len(ops), len(ops) - 1)]
        asserts.append(len(ops) - 1)
    messages = []
    for _ in range(rng.randrange(1, 5) if talks else 0):
        bus = rng.randrange(len(BUSES))
        fields = [rng.randrange(4) for _ in range(BUSES[bus])]
        pair = [(bus, sign, 1, 2, fields) for sign in (0, 1)]
        messages += pair
    rng.shuffle(messages)
    out = struct.pack(">HHH", 4, 0, len(ops)) + b"".join(struct.pack(">BHH", *op) for op in ops)
    out += struct.pack(f">H{len(asserts)}H", len(asserts), *asserts) + struct.pack(">H", len(messages))
    for bus, sign, weight, count, fields in messages:
        out += struct.pack(f">BBBH{len(fields)}H", bus, sign, weight, count, *fields)
    trace = np.zeros((height, 4), dtype=np.uint64)
    x = rng.randrange(1000)
    for row in trace:
        flag = rng.randrange(2)
        row[:] = [x, x * x, flag, rng.randrange(2**63)]
        x += flag  # the step: x' = x + f
    return out, trace


def _program(seed: int) -> tuple[bytes, list[int], dict[str, int], list[prover_api.Trace]]:
    rng = random.Random(seed)
    queries = rng.randrange(1, 9)
    lowest = max(1, (2 * (queries + 4) - 1).bit_length())
    final = rng.randrange(0, lowest)
    blowup = rng.randrange(2, 5) if lowest >= 8 else 3 + rng.randrange(2)  # low tables need eight chunks
    heights = [rng.randrange(lowest, lowest + 5) for _ in range(rng.randrange(1, 6))]
    talks = [rng.random() < 0.7 for _ in heights]
    talks[rng.randrange(len(heights))] = True
    tables = [_table(rng, 1 << h, t) for h, t in zip(heights, talks, strict=True)]
    parameters = {
        "log_blowup": blowup,
        "num_queries": queries,
        "cap_height": rng.randrange(0, min(blowup + final, 8) + 1),
        "max_log_arity": rng.randrange(1, 5),
        "log_final_poly_len": final,
    }
    for name in ("lookup", "ood", "batch", "commit", "query"):
        parameters[f"{name}_pow_bits"] = rng.choice([0, 0, 1, 3])
    tape = b"SBT1" + bytes([len(BUSES), *BUSES, len(tables)]) + b"".join(t for t, _ in tables)
    return tape, heights, parameters, [trace for _, trace in tables]


@pytest.mark.parametrize("seed", range(24))
def test_both_verifiers_accept(seed: int) -> None:
    tape, heights, parameters, traces = _program(seed)
    vk = prover_api.setup(tape, heights, parameters)
    context = seed.to_bytes(32, "big")
    assert prover_api.check(tape, traces, []) == []
    proof = _native.prove_and_verify(vk, context, traces)
    shown = verify(vk, context, [], proof)
    assert shown.log_heights == tuple(heights)
    assert (shown.head_bytes, shown.proof_bytes) == (prover_api.proof_lengths(vk)[0], len(proof))


@pytest.mark.parametrize("seed", range(8))
def test_both_verifiers_reject(seed: int) -> None:
    tape, heights, parameters, traces = _program(seed)
    vk = prover_api.setup(tape, heights, parameters)
    traces[-1][0, 1] += np.uint64(1)
    with pytest.raises(_native.ProofError) as failed:
        _native.prove_and_verify(vk, bytes(32), traces)
    assert failed.value.args[0] == "oracle"
    assert f"OodEvaluationMismatch {{ index: Some({len(traces) - 1}) }}" in failed.value.args[1]
    with pytest.raises(ProofRejected) as rejected:
        verify(vk, bytes(32), [], prover_api.prove(vk, bytes(32), traces))
    assert rejected.value.reason is Reason.CONSTRAINTS
