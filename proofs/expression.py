"""Polynomial expressions over one row of a trace and the next: the alphabet of the tape.

A :class:`Graph` interns every node, so equal subexpressions exist once and constants are folded
when they are built. Node operands always have smaller indices than the node itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from commitments.types import MODULUS

__all__ = ["MODULUS", "Expr", "Graph", "Node", "Op", "total"]


class Op(IntEnum):
    """Operation codes of tape version 1."""

    LOCAL = 0
    NEXT = 1
    CONST = 2
    FIRST = 3
    LAST = 4
    TRANSITION = 5
    ADD = 6
    SUB = 7
    MUL = 8


_LEAF_DEGREE: Final = {
    Op.LOCAL: 1,
    Op.NEXT: 1,
    Op.CONST: 0,
    Op.FIRST: 1,
    Op.LAST: 1,
    Op.TRANSITION: 0,  # a linear factor, absorbed by the vanishing polynomial's missing root
}


@dataclass(frozen=True)
class Node:
    """One operation; ``a`` and ``b`` are node indices, a column, or a constant's value."""

    op: Op
    a: int = 0
    b: int = 0


class Graph:
    """All nodes of one matrix, interned."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.degrees: list[int] = []
        self.selects: list[bool] = []
        self._index: dict[Node, int] = {}

    def intern(self, op: Op, a: int = 0, b: int = 0) -> Expr:
        """The expression for ``op``; the same arguments always give the same node."""
        node = Node(op, a, b)
        known = self._index.get(node)
        if known is None:
            known = len(self.nodes)
            self.nodes.append(node)
            self.degrees.append(self._degree(node))
            self.selects.append(self._selects(node))
            self._index[node] = known
        return Expr(self, known)

    def constant(self, value: int) -> Expr:
        return self.intern(Op.CONST, value % MODULUS)

    def _degree(self, node: Node) -> int:
        if node.op in _LEAF_DEGREE:
            return _LEAF_DEGREE[node.op]
        left, right = self.degrees[node.a], self.degrees[node.b]
        return left + right if node.op is Op.MUL else max(left, right)

    def _selects(self, node: Node) -> bool:
        if node.op in _LEAF_DEGREE:
            return node.op in (Op.FIRST, Op.LAST, Op.TRANSITION)
        return self.selects[node.a] or self.selects[node.b]


@dataclass(frozen=True, eq=False)
class Expr:
    """A handle on one node. Arithmetic builds new nodes; comparison is identity of nodes."""

    graph: Graph
    index: int

    @property
    def node(self) -> Node:
        return self.graph.nodes[self.index]

    @property
    def degree(self) -> int:
        """Degree in the trace columns, as the quotient's size counts it."""
        return self.graph.degrees[self.index]

    @property
    def selects(self) -> bool:
        """Whether a row selector is in it. Selectors are not normalised: zero or not is all they say."""
        return self.graph.selects[self.index]

    @property
    def value(self) -> int | None:
        """The constant's value, or None for anything else."""
        return self.node.a if self.node.op is Op.CONST else None

    @property
    def next(self) -> Expr:
        """The same polynomial of the row after this one (cyclic: the last row sees the first)."""
        node, graph = self.node, self.graph
        if node.op is Op.LOCAL:
            return graph.intern(Op.NEXT, node.a)
        if node.op is Op.CONST:
            return self
        if node.op not in (Op.ADD, Op.SUB, Op.MUL):
            raise ValueError("only columns of this row have a next row")
        left, right = Expr(graph, node.a).next, Expr(graph, node.b).next
        return left + right if node.op is Op.ADD else left - right if node.op is Op.SUB else left * right

    def same(self, other: Expr) -> bool:
        """Whether both are one node of one graph."""
        return self.graph is other.graph and self.index == other.index

    def _lift(self, other: Expr | int) -> Expr:
        if isinstance(other, Expr):
            if other.graph is not self.graph:
                raise ValueError("expressions of two matrices do not mix: they meet on a bus")
            return other
        return self.graph.constant(other)

    def __add__(self, other: Expr | int) -> Expr:
        other = self._lift(other)
        if self.value is not None and other.value is not None:
            return self.graph.constant(self.value + other.value)
        if self.value == 0:
            return other
        if other.value == 0:
            return self
        low, high = sorted((self.index, other.index))
        return self.graph.intern(Op.ADD, low, high)

    __radd__ = __add__

    def __sub__(self, other: Expr | int) -> Expr:
        other = self._lift(other)
        if self.value is not None and other.value is not None:
            return self.graph.constant(self.value - other.value)
        if other.value == 0:
            return self
        if self.same(other):
            return self.graph.constant(0)
        return self.graph.intern(Op.SUB, self.index, other.index)

    def __rsub__(self, other: int) -> Expr:
        return self._lift(other) - self

    def __neg__(self) -> Expr:
        return 0 - self

    def __mul__(self, other: Expr | int) -> Expr:
        other = self._lift(other)
        if self.value is not None and other.value is not None:
            return self.graph.constant(self.value * other.value)
        for one, two in ((self, other), (other, self)):
            if one.value == 0:
                return one
            if one.value == 1:
                return two
        low, high = sorted((self.index, other.index))
        return self.graph.intern(Op.MUL, low, high)

    __rmul__ = __mul__


def total(terms: list[Expr]) -> Expr:
    """The sum of a non-empty list of expressions."""
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result
