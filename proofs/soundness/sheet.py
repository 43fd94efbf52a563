"""A matrix of a program, evaluated row by row in plain integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..dsl import Matrix
from ..expression import MODULUS, Op
from .removal import Constraint

_FIELD: Final = MODULUS
Cells = list[int]


@dataclass(frozen=True)
class Sent:
    """A message of a row: number in its matrix, bus name, fields, and the count with its sign."""

    index: int
    bus: str
    fields: tuple[int, ...]
    count: int


@dataclass(frozen=True)
class Outcome:
    """What a row says: asserts that are not zero on it, and its messages."""

    broken: tuple[int, ...]
    sent: tuple[Sent, ...]


class Sheet:
    """Evaluates rows; derived columns are computed on the way, but for those that a liar has fixed."""

    def __init__(self, matrix: Matrix, number: int) -> None:
        self.matrix = matrix
        self.number = number
        self.names: dict[str, int] = getattr(matrix, "names", None) or {n: i for i, n in enumerate(matrix.columns)}
        self.derived = {d.column: d for d in matrix.derived}
        self._nodes = [(node.op, node.a, node.b) for node in matrix.graph.nodes]
        self.looks_ahead = any(node.op is Op.NEXT for node in matrix.graph.nodes)
        self._orders: dict[int, list[int]] = {}
        self._cones: dict[int, frozenset[tuple[bool, int]]] = {}

    def evaluate(
        self, local: Cells, following: Sequence[int], first: bool, last: bool, fixed: frozenset[int] = frozenset()
    ) -> list[int]:
        """The value of every node; writes derived columns into ``local``."""
        values: list[int] = []
        push = values.append
        derived = self.derived
        for op, a, b in self._nodes:
            if op is Op.LOCAL:
                rule = derived.get(a)
                if rule is not None and a not in fixed:
                    value = values[rule.expression.index]
                    local[a] = (pow(value, _FIELD - 2, _FIELD) if value else 0) if rule.inverse else value
                push(local[a])
            elif op is Op.MUL:
                push(values[a] * values[b] % _FIELD)
            elif op is Op.ADD:
                push((values[a] + values[b]) % _FIELD)
            elif op is Op.SUB:
                push((values[a] - values[b]) % _FIELD)
            elif op is Op.CONST:
                push(a)
            elif op is Op.NEXT:
                push(following[a])
            elif op is Op.FIRST:
                push(int(first))
            elif op is Op.LAST:
                push(int(last))
            else:
                push(int(not last))
        return values

    def value(
        self, node: int, local: Cells, following: Sequence[int], first: bool, last: bool, fixed: frozenset[int]
    ) -> int:
        """The value of one node, from its inputs alone; derived columns are followed, nothing is written."""
        order = self._orders.get(node)
        if order is None:
            order = self._orders[node] = self._order(node)
        values: dict[int, int] = {}
        for index in order:
            op, a, b = self._nodes[index]
            if op is Op.LOCAL:
                rule = self.derived.get(a)
                if rule is None or a in fixed:
                    values[index] = local[a]
                else:
                    value = values[rule.expression.index]
                    values[index] = (pow(value, _FIELD - 2, _FIELD) if value else 0) if rule.inverse else value
            elif op is Op.MUL:
                values[index] = values[a] * values[b] % _FIELD
            elif op is Op.ADD:
                values[index] = (values[a] + values[b]) % _FIELD
            elif op is Op.SUB:
                values[index] = (values[a] - values[b]) % _FIELD
            elif op is Op.NEXT:
                values[index] = following[a]
            else:
                values[index] = a if op is Op.CONST else int({Op.FIRST: first, Op.LAST: last}.get(op, not last))
        return values[node]

    def _order(self, node: int) -> list[int]:
        """Nodes below ``node``, each after what it is computed from."""
        wanted: set[int] = set()
        stack = [node]
        while stack:
            index = stack.pop()
            if index in wanted:
                continue
            wanted.add(index)
            op, a, b = self._nodes[index]
            if op is Op.LOCAL and a in self.derived:
                stack.append(self.derived[a].expression.index)
            elif op in (Op.ADD, Op.SUB, Op.MUL):
                stack += [a, b]
        return sorted(wanted)

    def outcome(self, values: Sequence[int], without: frozenset[tuple[bool, int, int]]) -> Outcome:
        """Broken asserts and messages of a row with these values, but for the constraints left out."""
        number = self.number
        broken = tuple(
            index
            for index, a in enumerate(self.matrix.asserts)
            if values[a.expression.index] and (False, number, index) not in without
        )
        sent = tuple(
            Sent(
                index,
                m.bus.name,
                tuple(values[f.index] for f in m.fields),
                _signed(values[m.count.index]) * (-1 if m.sign else 1),
            )
            for index, m in enumerate(self.matrix.messages)
            if values[m.count.index] and (True, number, index) not in without
        )
        return Outcome(broken, sent)

    def cone(self, node: int) -> frozenset[tuple[bool, int]]:
        """Input columns that a node depends on, through derived columns too: (of the next row, column)."""
        known = self._cones.get(node)
        if known is None:
            inputs = (self._nodes[index] for index in self._order(node))
            known = frozenset((op is Op.NEXT, a) for op, a, _ in inputs if op in (Op.LOCAL, Op.NEXT))
            self._cones[node] = known
        return known

    def direct(self, node: int) -> frozenset[int]:
        """Input columns in a node's expression itself, of either row."""
        found: set[int] = set()
        stack = [node]
        while stack:
            op, a, b = self._nodes[stack.pop()]
            if op in (Op.LOCAL, Op.NEXT) and a not in self.derived:
                found.add(a)
            elif op in (Op.ADD, Op.SUB, Op.MUL):
                stack += [a, b]
        return frozenset(found)

    def roots(self, constraint: Constraint) -> list[int]:
        """The nodes of a constraint: its expression, or a message's count and fields."""
        if not constraint.place[0]:
            return [self.matrix.asserts[constraint.index].expression.index]
        message = self.matrix.messages[constraint.index]
        return [message.count.index, *(f.index for f in message.fields)]


def _signed(count: int) -> int:
    return count if count <= _FIELD // 2 else count - _FIELD
