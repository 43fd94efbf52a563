"""The constraints of a program, by name, and programs that lack some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from ..dsl import Assert, Matrix
from ..expression import Op
from ..tape import BLIND, Program

END_TABLE = "row"
"""Table of the column that counts messages sent once for a matrix; each matrix has its own."""


class Kind(StrEnum):
    """What a constraint is: an assert on every row, one on a single row, or a message on a bus."""

    ASSERT = "assert"
    BOUNDARY = "boundary"
    MESSAGE = "message"


@dataclass(frozen=True)
class Constraint:
    """One assert or message. ``name`` is ``table: label``, numbered where a label comes again."""

    name: str
    kind: Kind
    matrix: int
    index: int
    blinding: bool

    @property
    def place(self) -> tuple[bool, int, int]:
        """Whether it is a message, its matrix, and its number there."""
        return (self.kind is Kind.MESSAGE, self.matrix, self.index)


def constraints(program: Program) -> tuple[Constraint, ...]:
    """Every assert, boundary condition and message of a program, in the tape's order."""
    found: list[Constraint] = []
    seen: Counter[str] = Counter()
    for number, matrix in enumerate(program.matrices):
        labels = [(a.label, _kind(matrix, a.expression.index), _switches_blinding(a)) for a in matrix.asserts]
        labels += [(m.label, Kind.MESSAGE, m.bus == BLIND) for m in matrix.messages]
        for index, (label, kind, blinding) in enumerate(labels):
            place = index - len(matrix.asserts) if kind is Kind.MESSAGE else index
            name = label if label.split(":")[0] not in (END_TABLE, BLIND.name) else f"{matrix.name}.{label}"
            seen[name] += 1
            numbered = name if seen[name] == 1 else f"{name} ({seen[name]})"
            found.append(Constraint(numbered, kind, number, place, blinding))
    return tuple(found)


def _switches_blinding(constraint: Assert) -> bool:
    """Whether an assert is there so that a matrix cannot leave out its blinding messages, or send more of them."""
    return constraint.label.startswith(f"{END_TABLE}: ")


def weakened(program: Program, removed: Iterable[Constraint]) -> Program:
    """The program without the given constraints; columns and derived columns stay."""
    places = {constraint.place for constraint in removed}
    matrices = tuple(_without(matrix, index, places) for index, matrix in enumerate(program.matrices))
    return Program(program.name, program.buses, matrices)


def _without(matrix: Matrix, number: int, places: Collection[tuple[bool, int, int]]) -> Matrix:
    return replace(
        matrix,
        asserts=[a for i, a in enumerate(matrix.asserts) if (False, number, i) not in places],
        messages=[m for i, m in enumerate(matrix.messages) if (True, number, i) not in places],
    )


def _kind(matrix: Matrix, node: int) -> Kind:
    """A boundary condition is an assert with the selector of the first or of the last row as its factor."""
    top = matrix.graph.nodes[node]
    if top.op is not Op.MUL:
        return Kind.ASSERT
    factors = {matrix.graph.nodes[top.a].op, matrix.graph.nodes[top.b].op}
    return Kind.BOUNDARY if factors & {Op.FIRST, Op.LAST} else Kind.ASSERT
