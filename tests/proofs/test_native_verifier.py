"""The native verifier: one verdict with the Python verifier on every input, with Plonky3's own as the oracle."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commitments import _native
from proofs.prover_api import verify_native
from proofs.statement.witness.execute import execute
from proofs.verifier import ProofRejected, PublicMessage, Reason, unpack_messages, verify

from . import corpus
from .corpus import ACCEPTED, Case, cases, in_python, natively
from .statement.proving import CONTEXT, HEIGHTS, key, prove
from .statement.scenario import public_messages, random_epoch
from .test_prover_shapes import _program
from .verifier.conftest import Example
from .verifier.conftest import tiny as tiny

ROOT = Path(__file__).parents[2]


def _verdicts(found: Iterable[Case]) -> Counter[str]:
    """How often each verdict was given; both verifiers must agree on every case."""
    counted: Counter[str] = Counter()
    for number, case in enumerate(found):
        verdict = in_python(case)
        assert natively(case) == verdict, f"case {number}, {corpus.kept(case)}"
        counted[verdict] += 1
    return counted


@pytest.mark.parametrize("seed", range(8))
def test_it_accepts_what_plonky3s_own_verifier_accepts(seed: int) -> None:
    tape, heights, parameters, traces = _program(seed)
    vk = _native.setup(tape, heights, parameters)
    verify_native(vk, CONTEXT, [], _native.prove_and_verify(vk, CONTEXT, traces))


@pytest.mark.parametrize("seed", range(8))
def test_it_rejects_what_plonky3s_own_verifier_rejects(seed: int) -> None:
    """x^2 is wrong in one row of the first table."""
    tape, heights, parameters, traces = _program(seed)
    vk = _native.setup(tape, heights, parameters)
    traces[0][1][1] += 1
    with pytest.raises(_native.ProofError) as refused:
        _native.prove_and_verify(vk, CONTEXT, traces)
    assert refused.value.args[0] == "oracle"
    case = Case("false square", vk, CONTEXT, b"", _native.prove(vk, CONTEXT, traces))
    assert natively(case) == in_python(case) == Reason.CONSTRAINTS


def test_10000_proofs_of_a_small_program() -> None:
    counted = _verdicts(cases(1, 10_000, corpus.one_query()))
    assert counted.total() == 10_000
    assert counted[ACCEPTED] >= 2
    reached = {
        "vk",
        "context",
        "length",
        "message",
        "element",
        "bus",
        "constraints",
        "merkle",
        "fri_merkle",
        "final_poly",
    }
    assert reached <= set(counted)


@pytest.mark.parametrize("originals", [corpus.worked_example, corpus.four_heights])
def test_proofs_with_grinding_and_of_many_heights(originals: object) -> None:
    assert callable(originals)
    counted = _verdicts(cases(2, 2000, originals()))
    if originals is corpus.worked_example:
        assert {"lookup_pow", "ood_pow", "batch_pow", "commit_pow", "query_pow"} <= set(counted)
    assert counted[ACCEPTED]


@pytest.mark.slow
def test_300_proofs_of_the_statement() -> None:
    epoch = random_epoch(1)
    done = execute(epoch)
    _, traces = done.draft.traces(HEIGHTS)
    messages = corpus.pack(public_messages(epoch, done, done))
    original = Case("statement", key(), CONTEXT, messages, prove(traces))
    counted = _verdicts(cases(3, 300, (original,)))
    assert counted.total() == 300
    assert counted[ACCEPTED]
    assert {"vk", "length", "message", "element", "bus", "merkle", "fri_merkle"} <= set(counted)


@pytest.mark.parametrize(
    "message",
    [
        (-1, (1, 2, 3)),
        (256, (1, 2, 3)),
        (2**64, (1, 2, 3)),
        (1, (1, 2)),  # a bus without public messages takes them too, but this one has two fields and no receiver
        (0, (1, 2)),
        (0, (1, 2, 3, 4)),
        (0, (-1, 2, 3)),
        (0, (1, 2, 2**64 - 2**32 + 1)),
        (0, (1, 2, 2**64)),
        (0, (1, 2, 2**64 - 1)),
    ],
)
def test_messages_of_any_numbers_are_judged_alike(tiny: Example, message: PublicMessage) -> None:
    verdicts = []
    for judge in (verify, verify_native):
        with pytest.raises(ProofRejected) as rejected:
            judge(tiny.vk, tiny.context, [message], tiny.proof)
        verdicts.append(rejected.value.reason)
    assert verdicts[0] is verdicts[1]
    assert verdicts[0] is (Reason.BUS if message == (1, (1, 2)) else Reason.MESSAGE)


def test_listed_and_packed_messages_are_the_same(tiny: Example) -> None:
    messages = unpack_messages(tiny.vk, tiny.messages)
    verify_native(tiny.vk, tiny.context, messages, tiny.proof)
    verify_native(tiny.vk, tiny.context, tiny.messages, tiny.proof)
    with pytest.raises(ProofRejected) as rejected:
        verify_native(tiny.vk, tiny.context, tiny.messages[:-1], tiny.proof)
    assert (rejected.value.reason, rejected.value.detail) == (Reason.MESSAGE, "bytes are missing")
    verify_native(tiny.vk, tiny.context, corpus.pack_runs(messages), tiny.proof)


@pytest.mark.parametrize("name", corpus.ILL_FORMED_RUNS)
def test_ill_formed_runs(tiny: Example, name: str) -> None:
    with pytest.raises(ProofRejected) as rejected:
        verify_native(tiny.vk, tiny.context, tiny.messages + corpus.ILL_FORMED_RUNS[name], tiny.proof)
    assert rejected.value.reason is Reason.MESSAGE


@settings(max_examples=300)
@given(st.binary(max_size=300), st.binary(max_size=40), st.binary(max_size=64), st.binary(max_size=300))
def test_arbitrary_bytes(vk: bytes, context: bytes, messages: bytes, proof: bytes) -> None:
    for key_bytes in (vk, b"SBV3" + vk):
        case = Case("arbitrary", key_bytes, context, messages, proof)
        assert natively(case) == in_python(case) == Reason.VK


def _greedy_keys(vk: bytes) -> Sequence[bytes]:
    """Keys that promise the longest proofs: bytes of parameters and heights at their largest, alone and together."""
    tape = vk.index(b"SBT1")
    largest = [vk[:i] + b"\xff" + vk[i + 1 :] for i in range(4, tape)]
    in_range = [vk[:i] + bytes([31]) + vk[i + 1 :] for i in range(4, tape)]
    caps = vk[:4] + bytes([31, 255, 31, 255, 31, 0, 0, 0, 0, 0, 32]) + vk[15:]
    long_tape = vk[: tape - 4] + struct.pack(">I", 2**32 - 1) + vk[tape:]
    many_nodes = vk[:tape] + b"SBT1" + bytes([1, 255, 255]) + b"\xff" * 40
    return [*largest, *in_range, caps, long_tape, many_nodes]


_BOUNDED = """
import resource, sys
from commitments import _native
keys = [bytes.fromhex(line) for line in sys.stdin]
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 64 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
seen = set()
for key in keys:
    for proof in (b"", bytes(10_000)):
        try:
            _native.verify_packed(key, bytes(32), b"", proof)
        except _native.ProofError as error:
            seen.add(error.args[0])
        else:
            seen.add("accepted")
print(sorted(seen))
"""


def test_greedy_keys_cost_neither_time_nor_memory(tiny: Example) -> None:
    """In a process of its own with 64 MB more than it starts with and 60 seconds of processor time."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs Linux to bound a process's memory")
    environment = {**os.environ, "RAYON_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _BOUNDED],
        input="\n".join(vk.hex() for vk in _greedy_keys(tiny.vk)),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['length', 'vk']"
