"""Programs and their tape: the bytes that the prover and every verifier run.

The encoding (version 1, big-endian) is described in ``docs/proof-format.md``. Only what a verifier needs is in
it; names, labels and derived columns stay beside it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from .dsl import Bus, Expr, Matrix, Tables
from .expression import Op

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
        """The canonical bytes of the program."""
        return self._compiled[0]

    @cached_property
    def derived(self) -> tuple[DerivedColumn, ...]:
        return self._compiled[1]

    @cached_property
    def _compiled(self) -> tuple[bytes, tuple[DerivedColumn, ...]]:
        out = bytearray(MAGIC)
        out += struct.pack(">B", len(self.buses))
        out += bytes(bus.width for bus in self.buses)
        out += struct.pack(">B", len(self.matrices))
        derived: list[DerivedColumn] = []
        bus_ids = {bus: index for index, bus in enumerate(self.buses)}
        for index, matrix in enumerate(self.matrices):
            encoded, nodes = _encode_matrix(matrix, bus_ids)
            out += encoded
            derived += [DerivedColumn(index, d.column, nodes[d.expression.index], d.inverse) for d in matrix.derived]
        return bytes(out), tuple(derived)

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


def _encode_matrix(matrix: Matrix, bus_ids: Mapping[Bus, int]) -> tuple[bytes, dict[int, int]]:
    """The matrix's bytes, and the map from graph node to tape node."""
    graph = matrix.graph
    wanted: set[int] = set()
    stack = [a.expression.index for a in matrix.asserts]
    stack += [e.index for m in matrix.messages for e in (m.count, *m.fields)]
    stack += [d.expression.index for d in matrix.derived]
    while stack:
        index = stack.pop()
        if index in wanted:
            continue
        wanted.add(index)
        node = graph.nodes[index]
        if node.op in (Op.ADD, Op.SUB, Op.MUL):
            stack += [node.a, node.b]
    constants: dict[int, int] = {}
    place: dict[int, int] = {}
    ops = bytearray()
    for index in sorted(wanted):
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
