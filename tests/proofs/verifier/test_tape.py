"""The tape parser: what it reads, and that it reads nothing else."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.verifier.constraints import evaluate_tape
from proofs.verifier.domain import Selectors
from proofs.verifier.errors import ProofRejected, Reason
from proofs.verifier.field import P
from proofs.verifier.tape import Message, Op, parse_tape

OPERATIONS = [
    (Op.LOCAL, 0, 0),
    (Op.NEXT, 1, 0),
    (Op.CONST, 0, 0),
    (Op.FIRST, 0, 0),
    (Op.LAST, 0, 0),
    (Op.TRANSITION, 0, 0),
    (Op.ADD, 0, 1),
    (Op.SUB, 6, 2),
    (Op.MUL, 7, 7),
]


def encode(
    operations: Sequence[tuple[int, int, int]] = OPERATIONS,
    width: int = 2,
    constants: tuple[int, ...] = (P - 1,),
    asserts: tuple[int, ...] = (8,),
    message: tuple[int, ...] = (0, 1, 3, 0, 1, 2),
) -> bytes:
    out = b"SBT1" + bytes([1, 2, 1]) + struct.pack(">HH", width, len(constants))
    out += b"".join(struct.pack(">Q", c) for c in constants)
    out += struct.pack(">H", len(operations)) + b"".join(struct.pack(">BHH", *o) for o in operations)
    out += struct.pack(f">H{len(asserts)}H", len(asserts), *asserts)
    return out + struct.pack(">HBBBHHH", 1, *message)


def test_a_tape_is_read_and_run(layer: Any) -> None:
    (table,) = parse_tape(encode()).tables
    assert (table.width, table.constants, table.asserts) == (2, (P - 1,), (8,))
    assert table.messages == (Message(bus=0, receive=True, weight=3, count=0, fields=(1, 2)),)
    assert table.reads_next_row
    five, six = layer.lift(5), layer.lift(6)
    row = Selectors(layer.element(1, 1), layer.element(2, 1), layer.element(3, 1), layer.zero)
    nodes = evaluate_tape(layer, table, [five, layer.zero], [layer.zero, six], row)
    selectors = [row.first, row.last, row.transition]
    computed = [layer.lift(11), layer.lift(12), layer.lift(144)]
    assert nodes == [five, six, layer.lift(P - 1), *selectors, *computed]


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"SBT2" + encode()[4:], "magic"),
        (encode(operations=[(9, 0, 0)]), "operation 9 of node 0 is unknown"),
        (encode(operations=[(Op.LOCAL, 2, 0)]), "LOCAL of node 0 has an operand out of range"),
        (encode(operations=[(Op.LOCAL, 0, 1)]), "LOCAL of node 0 has an operand out of range"),
        (encode(operations=[(Op.CONST, 1, 0)]), "CONST of node 0 has an operand out of range"),
        (encode(operations=[(Op.FIRST, 1, 0)]), "FIRST of node 0 has an operand out of range"),
        (encode(operations=[(Op.FIRST, 0, 0), (Op.ADD, 0, 1)]), "ADD of node 1 has an operand out of range"),
        (encode(constants=(P,)), f"constant {P} is not below {P}"),
        (encode(asserts=(9,)), "asserted node 9 is not below 9"),
        (encode(message=(1, 1, 3, 0, 1, 2)), "bus 1 is not below 1"),
        (encode(message=(0, 2, 3, 0, 1, 2)), "sign 2 is not below 2"),
        (encode(message=(0, 1, 3, 9, 1, 2)), "count node 9 is not below 9"),
        (encode(message=(0, 1, 3, 0, 9, 2)), "field node 9 is not below 9"),
        (encode(width=0, operations=[]), "no columns"),
        (encode() + b"\0", "1 bytes left over"),
        (encode()[:-1], "2 bytes expected, 1 left"),
        (b"", "4 bytes expected, 0 left"),
        (b"SBT1\0\0", "no tables"),
        (b"SBT1\1\0\0", "a bus has no fields"),
    ],
)
def test_malformed_tapes_are_rejected(data: bytes, detail: str) -> None:
    with pytest.raises(ProofRejected, match=detail) as rejected:
        parse_tape(data)
    assert rejected.value.reason is Reason.VK


@given(st.integers(0, len(encode()) - 1), st.integers(0, 255))
def test_a_changed_tape_parses_or_is_rejected(position: int, value: int) -> None:
    data = bytearray(encode())
    data[position] = value
    with suppress(ProofRejected):
        parse_tape(bytes(data))
