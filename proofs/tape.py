"""Programs and their tape: the bytes that the prover and every verifier run.

The encoding (version 1, big-endian) is described in ``docs/proof-format.md``. Only what a verifier needs is in
it; names, labels and derived columns stay beside it. A program has two tapes that mean the same: one in the order of
its source, with the nodes of derived columns, fills traces; the other, ordered for the verifiers, stands in keys.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from .dsl import Bus, Expr, Matrix, Tables
from .expression import Op
from .schedule import schedule

MAGIC = b"SBT1"
BLIND = Bus("blind", 2)
"""Bus of the blinding messages: see :func:`_blind`."""


@dataclass(frozen=True)
class DerivedColumn:
    """Trace filling order of one matrix: ``column`` = node (or its inverse) of the tape's matrix."""

    matrix: int
    column: int
    node: int
    inverse: bool


@dataclass(frozen=True)
class Program:
    """A statement: matrices of tables, and the buses on which they talk."""

    name: str
    buses: tuple[Bus, ...]
    matrices: tuple[Matrix, ...]

    @cached_property
    def tape(self) -> bytes:
        """The program in the order of its source, to which ``derived`` refers."""
        return self._compiled[0]

    @cached_property
    def key_tape(self) -> bytes:
        """The program as it stands in a verification key."""
        out = self._header()
        for matrix in self.matrices:
            wanted = _needed(matrix, _constrained(matrix))
            out += _encode_matrix(matrix, self._bus_ids, schedule(matrix.graph.nodes, wanted))[0]
        return bytes(out)

    @cached_property
    def derived(self) -> tuple[DerivedColumn, ...]:
        return self._compiled[1]

    @cached_property
    def _compiled(self) -> tuple[bytes, tuple[DerivedColumn, ...]]:
        out = self._header()
        derived: list[DerivedColumn] = []
        for index, matrix in enumerate(self.matrices):
            roots = _constrained(matrix) + [d.expression.index for d in matrix.derived]
            encoded, nodes = _encode_matrix(matrix, self._bus_ids, sorted(_needed(matrix, roots)))
            out += encoded
            derived += [DerivedColumn(index, d.column, nodes[d.expression.index], d.inverse) for d in matrix.derived]
        return bytes(out), tuple(derived)

    def _header(self) -> bytearray:
        widths = bytes(bus.width for bus in self.buses)
        return bytearray(MAGIC + bytes([len(widths)]) + widths + bytes([len(self.matrices)]))

    @property
    def _bus_ids(self) -> dict[Bus, int]:
        return {bus: index for index, bus in enumerate(self.buses)}

    def bus_id(self, bus: Bus) -> int:
        return self.buses.index(bus)

    def matrix_of(self, table: str) -> int:
        """Index of the matrix in which ``table`` stands."""
        for index, matrix in enumerate(self.matrices):
            if any(name.startswith(f"{table}.") for name in matrix.names):
                return index
        raise KeyError(table)


def assemble(name: str, buses: Sequence[Bus], layout: Mapping[str, Tables]) -> Program:
    """Build a program: ``layout`` maps a matrix name to its tables, in order."""
    matrices = []
    for matrix_name, tables in layout.items():
        matrix = Matrix(matrix_name)
        for table_name, table in tables.items():
            if isinstance(table, Mapping):
                matrix.groups[table_name] = list(table)
                for member_name, member in table.items():
                    member(matrix.row(member_name, table_name))
            else:
                table(matrix.row(table_name))
        matrices.append(matrix)
    for index, matrix in enumerate(matrices):
        _blind(matrix, own=index + 1 < len(matrices), predecessor=index > 0)
    return Program(name, (*buses, BLIND), tuple(matrices))


def _blind(matrix: Matrix, own: bool, predecessor: bool) -> None:
    """Blind the matrix's terminal: in its last row it sends a random pair and takes its predecessor's.

    The terminal of a matrix is public and is a function of its rows. With a pair between each two neighbours, all
    terminals together are uniform given their sum. Two columns, because the extension has two dimensions.
    """
    row = matrix.row("blind")
    if own:
        row.send(BLIND, row.digest("own", 2), row.end, "own pair")
    if predecessor:
        row.receive(BLIND, row.digest("predecessor", 2), row.end, "predecessor's pair")


def _constrained(matrix: Matrix) -> list[int]:
    """Graph nodes that asserts and messages name."""
    return [a.expression.index for a in matrix.asserts] + [
        e.index for m in matrix.messages for e in (m.count, *m.fields)
    ]


def _needed(matrix: Matrix, roots: Iterable[int]) -> set[int]:
    """The roots and all that they are made of."""
    wanted: set[int] = set()
    stack = list(roots)
    while stack:
        index = stack.pop()
        if index in wanted:
            continue
        wanted.add(index)
        node = matrix.graph.nodes[index]
        if node.op in (Op.ADD, Op.SUB, Op.MUL):
            stack += [node.a, node.b]
    return wanted


def _encode_matrix(matrix: Matrix, bus_ids: Mapping[Bus, int], order: Sequence[int]) -> tuple[bytes, dict[int, int]]:
    """The matrix's bytes with its graph's nodes in this order, and the map from graph node to tape node."""
    graph = matrix.graph
    constants: dict[int, int] = {}
    place: dict[int, int] = {}
    ops = bytearray()
    for index in order:
        node = graph.nodes[index]
        a, b = node.a, node.b
        if node.op is Op.CONST:
            a, b = constants.setdefault(a, len(constants)), 0
        elif node.op in (Op.ADD, Op.SUB, Op.MUL):
            a, b = place[a], place[b]
        place[index] = len(place)
        ops += struct.pack(">BHH", node.op, a, b)
    out = bytearray(struct.pack(">HH", len(matrix.columns), len(constants)))
    for value in constants:
        out += struct.pack(">Q", value)
    out += struct.pack(">H", len(place)) + ops
    out += struct.pack(">H", len(matrix.asserts))
    for constraint in matrix.asserts:
        out += struct.pack(">H", place[constraint.expression.index])
    out += struct.pack(">H", len(matrix.messages))
    for message in matrix.messages:
        out += struct.pack(">BBBH", bus_ids[message.bus], message.sign, message.weight, place[message.count.index])
        out += b"".join(struct.pack(">H", place[f.index]) for f in message.fields)
    return bytes(out), place


__all__ = ["BLIND", "Bus", "DerivedColumn", "Expr", "Program", "assemble"]
