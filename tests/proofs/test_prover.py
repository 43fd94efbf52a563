"""The native prover through its Python face: keys, proofs, witnesses, refusals."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from commitments import _native
from proofs import prover_api
from proofs.prover_api import BrokenConstraint, ProverError, Unbalanced
from proofs.tape import DerivedColumn
from proofs.verifier.errors import ProofRejected, Reason
from proofs.verifier.verify import verify

ROOT = Path(__file__).parents[2]
VECTOR = json.loads((ROOT / "tests" / "proofs" / "vectors" / "tiny.json").read_text())
CONTEXT = bytes.fromhex(VECTOR["context"])


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("proof_vectors", ROOT / "scripts" / "proof_vectors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


tiny = _script()
TAPE: bytes = tiny.tape()
VK = prover_api.setup(TAPE, tiny.LOG_HEIGHTS, tiny.PARAMETERS)
MESSAGES = tiny.MESSAGES


def _code(error: pytest.ExceptionInfo[ProverError]) -> str:
    assert error.value.retryable is False
    return error.value.code


def test_vector_is_this_program() -> None:
    assert VECTOR["tape"] == TAPE.hex()
    assert VECTOR["vk"] == VK.hex()
    assert VECTOR["messages"] == tiny.pack(MESSAGES).hex()
    head, record = prover_api.proof_lengths(VK)
    assert (VECTOR["head_length"], VECTOR["record_length"]) == (head, record)
    assert len(VECTOR["proof"]) == 2 * (head + tiny.PARAMETERS["num_queries"] * record)


def test_transcript_of_the_page_replays_the_vector() -> None:
    head = bytes.fromhex(VECTOR["proof"])[: VECTOR["head_length"]]
    assert tiny.replay(VK, CONTEXT, head) == VECTOR["trace"]


def test_fresh_proofs_verify_and_differ() -> None:
    first, second = (prover_api.prove(VK, CONTEXT, tiny.traces()) for _ in range(2))
    assert first != second
    for proof in (first, second):
        assert verify(VK, CONTEXT, MESSAGES, proof).log_heights == tuple(tiny.LOG_HEIGHTS)
    assert prover_api.progress() == 1.0


def test_proof_shows_no_trace_value() -> None:
    """Rows in a query record are masked: no square of the trace stands in the proof in the clear."""
    proof = prover_api.prove(VK, CONTEXT, tiny.traces())
    squares = {(x * x).to_bytes(8, "big") for x in range(20, 64)}
    found = sum(proof[i : i + 8] in squares for i in range(0, len(proof), 8))
    assert found == 0


def test_context_and_messages_are_bound() -> None:
    proof = prover_api.prove(VK, CONTEXT, tiny.traces())
    with pytest.raises(ProofRejected) as rejected:
        verify(VK, bytes(32), MESSAGES, proof)
    assert rejected.value.reason in {Reason.LOOKUP_POW, Reason.OOD_POW, Reason.BATCH_POW, Reason.BUS}
    with pytest.raises(ProofRejected) as rejected:
        verify(VK, CONTEXT, MESSAGES[:1], proof)
    assert rejected.value.reason is Reason.BUS


def test_false_trace_is_proven_and_rejected() -> None:
    traces = tiny.traces()
    traces[0][30, 1] += np.uint64(1)
    proof = prover_api.prove(VK, CONTEXT, traces)
    with pytest.raises(ProofRejected) as rejected:
        verify(VK, CONTEXT, MESSAGES, proof)
    assert rejected.value.reason is Reason.CONSTRAINTS
    assert prover_api.check(TAPE, traces, MESSAGES) == [BrokenConstraint(0, 3, 30)]


def test_unbalanced_bus_is_proven_and_rejected() -> None:
    traces = tiny.traces()
    traces[1][0, 2] = 0
    traces[1][0, 5] = 2
    assert prover_api.check(TAPE, traces, MESSAGES) == [
        Unbalanced(tiny.SQUARES, (0, 0), 1),
        Unbalanced(tiny.SQUARES, (12, 144), 2**64 - 2**32),
    ]
    proof = prover_api.prove(VK, CONTEXT, traces)
    with pytest.raises(ProofRejected) as rejected:
        verify(VK, CONTEXT, MESSAGES, proof)
    assert rejected.value.reason is Reason.BUS


def test_oracle_agrees() -> None:
    """Plonky3's own verifier judges proofs whose tables balance among themselves, and false ones."""
    traces = tiny.traces()
    traces[0][:, 3] = 0
    proof = _native.prove_and_verify(VK, CONTEXT, traces)
    verify(VK, CONTEXT, [], proof)
    with pytest.raises(_native.ProofError) as failed:
        _native.prove_and_verify(VK, CONTEXT, tiny.traces())
    assert failed.value.args[0] == "oracle"
    assert "TerminalSumNonZero" in failed.value.args[1]
    traces[0][3, 1] += np.uint64(1)
    with pytest.raises(_native.ProofError) as failed:
        _native.prove_and_verify(VK, CONTEXT, traces)
    assert "OodEvaluationMismatch" in failed.value.args[1]


def test_messages_and_fill() -> None:
    traces = tiny.traces()
    sent = prover_api.messages(TAPE, 0, traces[0], tiny.SQUARES, tiny.SEND)
    assert sent.tolist() == [[x, 1, x, x * x] for x in range(24)]
    taken = prover_api.messages(TAPE, 0, traces[0], tiny.PUBLIC, tiny.RECEIVE)
    assert taken.tolist() == [[5, 1, 1, 5, 25], [7, 1, 1, 7, 49]]
    blank = traces[0].copy()
    blank[:, 1:3] = 0
    derived = [DerivedColumn(0, 1, 16, False), DerivedColumn(0, 2, 0, True)]
    filled = prover_api.fill(TAPE, derived, 0, blank)
    assert filled[:, 1].tolist() == [x * x for x in range(64)]
    order = 2**64 - 2**32 + 1
    assert filled[:, 2].tolist() == [pow(x, -1, order) if x else 0 for x in range(64)]


@pytest.mark.parametrize(
    ("derived", "what"),
    [
        ([DerivedColumn(0, 0, 16, False)], "reads a column that is filled later"),
        ([DerivedColumn(0, 1, 12, False)], "reads the next row or a selector"),
        ([DerivedColumn(0, 1, 16, False)] * 2, "filled twice"),
        ([DerivedColumn(0, 9, 16, False)], "no such column"),
        ([DerivedColumn(0, 1, 99, False)], "unknown node or kind"),
    ],
)
def test_fill_refuses(derived: list[DerivedColumn], what: str) -> None:
    with pytest.raises(ProverError, match=what) as error:
        prover_api.fill(TAPE, derived, 0, tiny.traces()[0])
    assert _code(error) == "derived"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"log_blowup": 0}, "params_log_blowup"),
        ({"num_queries": 0}, "params_num_queries"),
        ({"cap_height": 6}, "params_cap_height"),
        ({"max_log_arity": 0}, "params_max_log_arity"),
        ({"query_pow_bits": 41}, "params_query_pow_bits"),
        ({"colour": 1}, "argument"),
    ],
)
def test_setup_refuses_parameters(change: dict[str, int], code: str) -> None:
    with pytest.raises(ProverError) as error:
        prover_api.setup(TAPE, tiny.LOG_HEIGHTS, {**tiny.PARAMETERS, **change})
    assert _code(error) == code


@pytest.mark.parametrize("heights", [[6], [6, 3], [6, 40]])
def test_setup_refuses_heights(heights: list[int]) -> None:
    with pytest.raises(ProverError) as error:
        prover_api.setup(TAPE, heights, tiny.PARAMETERS)
    assert _code(error) == "heights"


def test_prove_refuses_shapes() -> None:
    traces = tiny.traces()
    cases = [
        (traces[:1], "trace"),
        ([traces[0][:32], traces[1]], "trace"),
        ([np.full_like(traces[0], 2**64 - 1), traces[1]], "argument"),
    ]
    for bad, code in cases:
        with pytest.raises(ProverError) as error:
            prover_api.prove(VK, CONTEXT, bad)
        assert _code(error) == code
    with pytest.raises(ProverError) as error:
        prover_api.prove(VK, CONTEXT[:31], traces)
    assert _code(error) == "argument"


def _table(
    ops: list[tuple[int, int, int]], asserts: list[int], messages: list[tuple[int, int, int, int, list[int]]]
) -> bytes:
    one: bytes = tiny._table(2, [1], ops, asserts, messages)
    return b"SBT1" + bytes([1, 1, 1]) + one


COLUMNS = [(0, 0, 0), (0, 1, 0)]
SENT = [(0, 0, 1, 0, [1])]


@pytest.mark.parametrize(
    ("tape", "code"),
    [
        (b"", "tape_truncated"),
        (b"SBT2" + TAPE[4:], "tape_magic"),
        (TAPE[:-1], "tape_truncated"),
        (TAPE + b"\0", "tape_trailing"),
        (b"SBT1" + bytes([0, 1]), "tape_empty"),
        (b"SBT1" + bytes([1, 1, 0]), "tape_empty"),
        (_table([(9, 0, 0)], [], SENT), "tape_opcode"),
        (_table([(0, 2, 0)], [], SENT), "tape_operand"),
        (_table([(0, 0, 1)], [], SENT), "tape_operand"),
        (_table([*COLUMNS, (6, 0, 2)], [], SENT), "tape_operand"),
        (_table([(2, 1, 0)], [], SENT), "tape_operand"),
        (_table([(3, 1, 0)], [], SENT), "tape_operand"),
        (_table(COLUMNS, [2], SENT), "tape_assert"),
        (_table(COLUMNS, [], [(1, 0, 1, 0, [1])]), "tape_message"),
        (_table(COLUMNS, [], [(0, 2, 1, 0, [1])]), "tape_message"),
        (_table(COLUMNS, [], [(0, 0, 1, 2, [1])]), "tape_message"),
        (_table([*COLUMNS, (3, 0, 0)], [], [(0, 0, 1, 2, [1])]), "tape_message"),
        (_table([*COLUMNS, (8, 0, 0), (8, 2, 2), (8, 3, 1)], [4], SENT), "tape_degree"),
        (_table([*COLUMNS, (8, 0, 0), (8, 2, 2)], [], [(0, 0, 1, 0, [3])]), "tape_degree"),
        (_table(COLUMNS, [0], []), "bus_use"),
    ],
)
def test_setup_refuses_tapes(tape: bytes, code: str) -> None:
    with pytest.raises(ProverError) as error:
        prover_api.setup(tape, [6] if tape != TAPE[:-1] else tiny.LOG_HEIGHTS, tiny.PARAMETERS)
    assert _code(error) == code


def test_weights_are_bounded_by_the_field() -> None:
    """Message weights times heights stay below p: the highest table, with a heavy message, is fine."""
    tape = _table(COLUMNS, [], [(0, 0, 255, 0, [1])])
    assert prover_api.setup(tape, [20], tiny.PARAMETERS)[:4] == b"SBV3"


def test_damaged_keys_and_tapes_are_errors_not_panics() -> None:
    rng = random.Random(1)
    traces = tiny.traces()
    for _ in range(300):
        vk, tape = bytearray(VK), bytearray(TAPE)
        for data in (vk, tape):
            for _ in range(rng.randrange(1, 4)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            if rng.random() < 0.3:
                del data[rng.randrange(len(data)) :]
        if bytes(vk) != VK:
            with pytest.raises(ProverError):
                _different(bytes(vk), traces)
        assert _tape_verdict(bytes(tape)) in {"accepted", "tape", "shape", "bus"}


def _tape_verdict(tape: bytes) -> str:
    try:
        key = prover_api.setup(tape, tiny.LOG_HEIGHTS, tiny.PARAMETERS)
    except ProverError as error:
        return error.code.split("_")[0]
    assert key.endswith(tape)
    return "accepted"


def _different(vk: bytes, traces: list[prover_api.Trace]) -> None:
    """A key that differs is refused, or it is another program's or other parameters' canonical key."""
    lengths = prover_api.proof_lengths(vk)
    assert lengths[0] > 0
    raise ProverError("other_key", "another key")


def test_defaults_give_a_hundred_bits_up_to_two_to_the_twenty() -> None:
    vk = prover_api.setup(TAPE, [20, 18])
    report = prover_api.security(vk)
    assert set(report) == {"conjectured", "proven_unique_decoding", "proven_list_decoding"}
    assert min(report["conjectured"].values()) == report["conjectured"]["total"] >= 100
    assert report["proven_list_decoding"]["total"] > 50


def _numbers(*rows: list[int]) -> np.ndarray:
    return np.array(rows, dtype=np.uint64)


def test_laid_out_traces_are_proven() -> None:
    """Parts over zeros, the last row repeated, parts over that; the prover writes the same traces itself."""
    traces = tiny.traces()
    derived = [(0, 1, 16, 0)]
    rows = _numbers([3, 0, 7], [4, 0, 8])
    layout = ([(0, 0, rows), (1, 2, _numbers([9])), (62, 2, _numbers([5], [6]))], 2, 64)
    made = _native.lay_out(TAPE, derived, 0, layout)
    assert made[:, 0].tolist() == [3] + [4] * 63
    assert made[:, 1].tolist() == [9] + [16] * 63
    assert made[:, 2].tolist() == [7] + [9] * 61 + [5, 6]
    whole = [([(0, 0, trace)], len(trace), len(trace)) for trace in traces]
    verify(VK, CONTEXT, MESSAGES, _native.prove_laid_out(VK, CONTEXT, TAPE, [], whole))
    (sent,) = _native.sent(TAPE, [], 0, whole[0], [tiny.SQUARES])
    assert sent.tolist() == prover_api.messages(TAPE, 0, traces[0], tiny.SQUARES, tiny.SEND).tolist()


@pytest.mark.parametrize(
    ("parts", "rows", "height", "code", "what"),
    [
        ([], 0, 64, "layout", "no rows, or more than its height"),
        ([], 65, 64, "layout", "no rows, or more than its height"),
        ([(1, 0, _numbers([1], [2]))], 2, 64, "layout", "a part has no room"),
        ([(63, 0, _numbers([1], [2]))], 2, 64, "layout", "a part has no room"),
        ([(0, 2**64 - 1, _numbers([1, 2]))], 2, 64, "layout", "a part has no room"),
        ([(0, 0, np.zeros((2, 0), dtype=np.uint64))], 2, 64, "layout", "a part has no room"),
        ([(0, 0, _numbers([2**64 - 1]))], 2, 64, "argument", "a part of table 0 holds a value that is not canonical"),
        ([(0, 0, _numbers([1, 2], [3, 4]).T)], 2, 64, "argument", "a part of table 0 is not C-contiguous"),
    ],
)
def test_layout_is_checked(
    parts: list[tuple[int, int, np.ndarray]], rows: int, height: int, code: str, what: str
) -> None:
    with pytest.raises(_native.ProofError) as error:
        _native.lay_out(TAPE, [], 0, (parts, rows, height))
    assert error.value.args[0] == code
    assert error.value.args[1].endswith(what)


def test_distinct_messages_are_counted_modulo_the_field() -> None:
    order = 2**64 - 2**32 + 1
    asked = _numbers([0, 1, 256, 1], [1, 2, 1, 5], [2, order - 1, 256, 1], [3, order - 1, 1, 5], [4, 1, 2, 0])
    fields, counts = _native.distinct(asked)
    assert fields.tolist() == [[1, 5], [2, 0]]  # by their bytes, the lowest first; what cancels is not there
    assert counts.tolist() == [1, 1]
    found = _native.places(_numbers([1, 5], [2, 0], [1, 5]), _numbers([2, 0], [1, 5], [5, 1]))
    assert found.tolist() == [1, 2, -1]
