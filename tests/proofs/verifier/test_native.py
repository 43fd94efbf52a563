"""Proofs of the Rust prover for small programs of many shapes, honest and forged, on both field layers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from proofs.verifier import ProofRejected, Reason, verify
from proofs.verifier.field import P
from proofs.verifier.tape import Op
from proofs.verifier.verify import verify_on
from proofs.verifier.vk import parse_verification_key
from proofs.verifier.wire import head_length, query_length

native = pytest.importorskip("commitments._native")

CONTEXT = bytes(range(32))
PUBLIC, PAIRS, CUBES = range(3)
WIDTHS = bytes([3, 2, 1])
Trace = npt.NDArray[np.uint64]


class Builder:
    """One tape table."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.operations: list[tuple[int, int, int]] = []
        self.constants: list[int] = []
        self.asserts: list[int] = []
        self.messages: list[tuple[int, int, int, int, tuple[int, ...]]] = []

    def __call__(self, op: Op, a: int = 0, b: int = 0) -> int:
        self.operations.append((op, a, b))
        return len(self.operations) - 1

    def const(self, value: int) -> int:
        self.constants.append(value)
        return self(Op.CONST, len(self.constants) - 1)

    def encode(self) -> bytes:
        out = struct.pack(f">HH{len(self.constants)}Q", self.width, len(self.constants), *self.constants)
        out += struct.pack(">H", len(self.operations)) + b"".join(struct.pack(">BHH", *o) for o in self.operations)
        out += struct.pack(f">H{len(self.asserts)}H", len(self.asserts), *self.asserts)
        out += struct.pack(">H", len(self.messages))
        for bus, sign, weight, count, fields in self.messages:
            out += struct.pack(f">BBBH{len(fields)}H", bus, sign, weight, count, *fields)
        return out


def _counter(rows: int, public: int) -> tuple[bytes, Trace]:
    """x counts up; sends (x, x^2) and twice x^3; takes the public (9, x, x^2) in the first rows."""
    table = Builder(4)
    x, square, cube, flag = (table(Op.LOCAL, c) for c in range(4))
    one, nine = table.const(1), table.const(9)
    table.asserts += [
        table(Op.MUL, table(Op.FIRST), x),
        table(Op.MUL, table(Op.TRANSITION), table(Op.SUB, table(Op.NEXT, 0), table(Op.ADD, x, one))),
        table(Op.MUL, table(Op.LAST), table(Op.SUB, x, table.const(rows - 1))),
        table(Op.SUB, square, table(Op.MUL, x, x)),
        table(Op.SUB, cube, table(Op.MUL, square, x)),
        table(Op.SUB, flag, table(Op.MUL, flag, flag)),
    ]
    table.messages += [
        (PAIRS, 0, 1, one, (x, square)),
        (CUBES, 0, 2, table.const(2), (cube,)),
        (PUBLIC, 1, 1, flag, (nine, x, square)),
    ]
    values = [[i, i * i % P, i**3 % P, int(i < public)] for i in range(rows)]
    return table.encode(), np.array(values, dtype=np.uint64)


def _squares(rows: int, values: range) -> tuple[bytes, Trace]:
    """Takes (x, x^2) m times and the cube n times: multiplicities are free, contents are not."""
    table = Builder(4)
    x, square, m, n = (table(Op.LOCAL, c) for c in range(4))
    table.asserts.append(table(Op.SUB, square, table(Op.MUL, x, x)))
    table.messages += [(PAIRS, 1, 0, m, (x, square)), (CUBES, 1, 0, n, (table(Op.MUL, x, square),))]
    filled = [[v, v * v % P, 1, 2] for v in values]
    return table.encode(), np.array(filled + [[0] * 4] * (rows - len(filled)), dtype=np.uint64)


def _silent(rows: int) -> tuple[bytes, Trace]:
    """A table without messages: a Fibonacci sequence modulo p."""
    table = Builder(2)
    a, b = table(Op.LOCAL, 0), table(Op.LOCAL, 1)
    move = table(Op.TRANSITION)
    table.asserts += [
        table(Op.MUL, move, table(Op.SUB, table(Op.NEXT, 0), b)),
        table(Op.MUL, move, table(Op.SUB, table(Op.NEXT, 1), table(Op.ADD, a, b))),
    ]
    values = [[0, 1]]
    while len(values) < rows:
        values.append([values[-1][1], sum(values[-1]) % P])
    return table.encode(), np.array(values, dtype=np.uint64)


@dataclass(frozen=True, repr=False)
class Statement:
    tape: bytes
    log_heights: list[int]
    traces: list[Trace]
    messages: list[tuple[int, tuple[int, ...]]]


def _statement(counter: int, first: int, second: int, silent: int, public: int = 5) -> Statement:
    half = 1 << counter - 1
    tables = [
        _counter(1 << counter, public),
        _squares(1 << first, range(half)),
        _silent(1 << silent),
        _squares(1 << second, range(half, 2 * half)),
    ]
    return Statement(
        tape=b"SBT1" + bytes([3]) + WIDTHS + bytes([4]) + b"".join(code for code, _ in tables),
        log_heights=[counter, first, silent, second],
        traces=[trace for _, trace in tables],
        messages=[(PUBLIC, (9, i, i * i)) for i in range(public)],
    )


def _parameters(**changes: int) -> dict[str, int]:
    base = {
        "log_blowup": 3,
        "num_queries": 6,
        "cap_height": 3,
        "max_log_arity": 3,
        "log_final_poly_len": 2,
        "lookup_pow_bits": 0,
        "ood_pow_bits": 0,
        "batch_pow_bits": 0,
        "commit_pow_bits": 0,
        "query_pow_bits": 0,
    }
    return base | changes


SHAPES = [
    ((6, 5, 5, 6), _parameters()),
    ((6, 6, 6, 6), _parameters(max_log_arity=1, cap_height=0)),
    ((5, 9, 5, 6), _parameters(max_log_arity=4, log_final_poly_len=0, num_queries=2)),
    ((9, 8, 8, 10), _parameters(max_log_arity=2, log_blowup=2, query_pow_bits=6, num_queries=20)),
    (
        (6, 5, 5, 5),
        _parameters(lookup_pow_bits=4, ood_pow_bits=5, batch_pow_bits=3, commit_pow_bits=2, num_queries=9),
    ),
    ((9, 8, 10, 8), _parameters(log_blowup=4, log_final_poly_len=5, cap_height=5, num_queries=28)),
]


@pytest.mark.parametrize(("heights", "parameters"), SHAPES)
def test_honest_proofs_are_accepted(heights: tuple[int, int, int, int], parameters: dict[str, int], layer: Any) -> None:
    statement = _statement(*heights)
    public = np.array([[bus, *fields] for bus, fields in statement.messages], dtype=np.uint64)
    assert native.check(statement.tape, statement.traces, public) == ([], [])
    vk = native.setup(statement.tape, statement.log_heights, parameters)
    proof = native.prove(vk, CONTEXT, statement.traces)
    key = parse_verification_key(vk)
    assert (head_length(key), query_length(key)) == native.proof_lengths(vk)

    verified = verify_on(layer, vk, CONTEXT, statement.messages, proof)
    assert verified.log_heights == tuple(statement.log_heights)
    assert verified.num_queries == parameters["num_queries"]
    with pytest.raises(ProofRejected) as rejected:
        verify_on(layer, vk, CONTEXT, statement.messages[1:], proof)
    assert rejected.value.reason is Reason.BUS


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "reason", "detail"),
    [
        (0, 9, 0, 8, Reason.BUS, "do not sum to zero"),
        (0, 3, 3, 2, Reason.BUS, "do not sum to zero"),  # a flag of 2 takes a message twice
        (0, 20, 3, 1, Reason.BUS, "do not sum to zero"),  # takes a message nobody sends
        (1, 4, 2, 0, Reason.BUS, "do not sum to zero"),  # does not take a pair
        (1, 50, 1, 7, Reason.CONSTRAINTS, "table 1"),  # an unsent row: only the constraint sees it
        (2, 20, 1, 5, Reason.CONSTRAINTS, "table 2"),
        (3, 0, 3, 3, Reason.BUS, "do not sum to zero"),
    ],
)
def test_forged_traces_are_rejected(table: int, row: int, column: int, value: int, reason: Reason, detail: str) -> None:
    statement = _statement(6, 6, 5, 6)
    vk = native.setup(statement.tape, statement.log_heights, _parameters())
    traces = [trace.copy() for trace in statement.traces]
    traces[table][row][column] = value
    proof = native.prove(vk, CONTEXT, traces)
    with pytest.raises(ProofRejected, match=detail) as rejected:
        verify(vk, CONTEXT, statement.messages, proof)
    assert rejected.value.reason is reason


def _forged(statement: Statement, traces: list[Trace], messages: list[tuple[int, tuple[int, ...]]]) -> ProofRejected:
    vk = native.setup(statement.tape, statement.log_heights, _parameters())
    with pytest.raises(ProofRejected) as rejected:
        verify(vk, CONTEXT, messages, native.prove(vk, CONTEXT, traces))
    return rejected.value


@pytest.mark.parametrize(("one", "other"), [(0, 1), (30, 31), (62, 63)])
def test_rows_out_of_order_balance_but_break_constraints(one: int, other: int) -> None:
    statement = _statement(6, 6, 5, 6)
    traces = [trace.copy() for trace in statement.traces]
    traces[0][[one, other]] = traces[0][[other, one]]
    rejected = _forged(statement, traces, statement.messages)
    assert (rejected.reason, rejected.detail) == (Reason.CONSTRAINTS, "table 0")


def test_a_flag_of_two_balances_but_is_no_boolean() -> None:
    statement = _statement(6, 6, 5, 6)
    traces = [trace.copy() for trace in statement.traces]
    traces[0][3][3] = 2
    rejected = _forged(statement, traces, [*statement.messages, statement.messages[3]])
    assert (rejected.reason, rejected.detail) == (Reason.CONSTRAINTS, "table 0")


def test_a_proof_of_one_key_is_no_proof_of_another() -> None:
    """Same shape and lengths, one constant of the tape differs."""
    statement = _statement(6, 6, 5, 6)
    vk = native.setup(statement.tape, statement.log_heights, _parameters())
    proof = native.prove(vk, CONTEXT, statement.traces)
    other = statement.tape.replace(struct.pack(">Q", 63), struct.pack(">Q", 62))
    assert other != statement.tape
    with pytest.raises(ProofRejected) as rejected:
        verify(native.setup(other, statement.log_heights, _parameters()), CONTEXT, statement.messages, proof)
    assert (rejected.value.reason, rejected.value.detail) == (Reason.CONSTRAINTS, "table 0")


@pytest.mark.parametrize("forge", ["nothing", "rows out of order", "multiplicity", "square"])
def test_plonky3s_own_verifier_agrees(forge: str) -> None:
    """Without public messages the tables balance among themselves, so ``verify_batch`` can judge."""
    statement = _statement(6, 6, 5, 6, public=0)
    vk = native.setup(statement.tape, statement.log_heights, _parameters())
    traces = [trace.copy() for trace in statement.traces]
    if forge == "rows out of order":
        traces[0][[4, 5]] = traces[0][[5, 4]]
    elif forge == "multiplicity":
        traces[1][3][2] = 2
    elif forge == "square":
        traces[1][60][1] = 1
    if forge == "nothing":
        proof = native.prove_and_verify(vk, CONTEXT, traces)
        assert verify(vk, CONTEXT, [], proof).messages == 0
        return
    with pytest.raises(native.ProofError) as refused:
        native.prove_and_verify(vk, CONTEXT, traces)
    assert refused.value.args[0] == "oracle"
    with pytest.raises(ProofRejected) as rejected:
        verify(vk, CONTEXT, [], native.prove(vk, CONTEXT, traces))
    assert rejected.value.reason is (Reason.BUS if forge == "multiplicity" else Reason.CONSTRAINTS)
