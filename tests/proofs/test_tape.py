"""The language refuses what would be unsound, and the tape is what the table says."""

from __future__ import annotations

import struct

import pytest

from proofs.dsl import Bus, Row
from proofs.expression import Graph, Op
from proofs.tape import assemble

WIRE = Bus("wire", 2)


def test_equal_subexpressions_are_one_node() -> None:
    graph = Graph()
    a, b = graph.intern(Op.LOCAL, 0), graph.intern(Op.LOCAL, 1)
    assert (a * b + 1).same(1 + b * a)
    assert len(graph.nodes) == 5


def test_constants_are_folded() -> None:
    graph = Graph()
    a = graph.intern(Op.LOCAL, 0)
    assert (a * 0).value == 0
    assert (a * 1).same(a)
    assert (a + 0).same(a)
    assert (graph.constant(3) * 5 - 16).value == 2**64 - 2**32
    assert (a - a).value == 0


def test_matrices_do_not_mix() -> None:
    with pytest.raises(ValueError, match="expressions of two matrices do not mix"):
        Graph().intern(Op.LOCAL, 0) + Graph().intern(Op.LOCAL, 0)


def test_degree_is_bounded() -> None:
    def table(row: Row) -> None:
        x = row.column("x")
        row.zero(x * x * x * x * x, "too steep")

    with pytest.raises(ValueError, match="t: too steep: degree 5 > 4"):
        assemble("p", [WIRE], {"m": {"t": table}})


def test_selectors_do_not_count_messages() -> None:
    def table(row: Row) -> None:
        row.send(WIRE, [row.column("x")], row.first, "opening")

    with pytest.raises(ValueError, match=r"t: opening: selectors are not numbers; use row\.end"):
        assemble("p", [WIRE], {"m": {"t": table}})


def test_messages_fit_their_bus() -> None:
    def table(row: Row) -> None:
        row.send(WIRE, [1, 2, 3], row.end, "wide")

    with pytest.raises(ValueError, match="t: wide: 3 fields on a bus of width 2"):
        assemble("p", [WIRE], {"m": {"t": table}})


def test_columns_have_one_name() -> None:
    def table(row: Row) -> None:
        row.columns("x", "x")

    with pytest.raises(ValueError, match=r"column t\.x is declared twice"):
        assemble("p", [WIRE], {"m": {"t": table}})


def test_tape_bytes() -> None:
    def table(row: Row) -> None:
        x = row.column("x")
        row.zero(x * x - x, "bit")

    program = assemble("p", [WIRE], {"m": {"t": table}})
    tape = program.tape
    assert tape[:4] == b"SBT1"
    assert tape[4:8] == bytes([2, 2, 2, 1])  # two buses of width 2, one matrix
    width, constants = struct.unpack(">HH", tape[8:12])
    assert width == 1
    assert constants == 0
    assert program.matrix_of("t") == 0
    assert program.derived == ()
