"""The language in which the tables of a statement are written.

A table is a function of a :class:`Row`: it declares columns, asserts polynomials of them to be zero
on every row, and sends or receives messages on buses. Tables that share a height stand side by side
in one *matrix*: that changes nothing of what they say and saves what every matrix costs in a proof.

Soundness rules of buses that the language keeps by itself: all messages of a bus have one width, and
every matrix carries its blinding messages (see ``docs/proofs.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .expression import Expr, Graph, Op, total

MAX_DEGREE = 4
"""Highest degree of an assert; with hiding it gives eight quotient chunks for a matrix."""

SEND, RECEIVE = 0, 1


@dataclass(frozen=True)
class Bus:
    """A multiset of messages that must balance over all tables and the public messages."""

    name: str
    width: int


@dataclass(frozen=True)
class Assert:
    """``expression`` is zero on every row; ``label`` says what it is there for."""

    label: str
    expression: Expr


@dataclass(frozen=True)
class Message:
    """``count`` copies of ``fields`` on ``bus``; ``weight`` bounds the count (0: free multiplicity)."""

    label: str
    bus: Bus
    sign: int
    count: Expr
    fields: tuple[Expr, ...]
    weight: int


@dataclass(frozen=True)
class Derived:
    """A column that the trace filler computes: a copy of ``expression`` or its inverse (0 for 0)."""

    column: int
    expression: Expr
    inverse: bool


@dataclass
class Matrix:
    """Tables side by side: one trace of one height."""

    name: str
    graph: Graph = field(default_factory=Graph)
    columns: list[str] = field(default_factory=list)
    asserts: list[Assert] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    derived: list[Derived] = field(default_factory=list)

    start: Expr | None = None

    def row(self, table: str) -> Row:
        return Row(self, table)


class Row:
    """What a table sees: one row and, through ``column.next``, the row after it."""

    def __init__(self, matrix: Matrix, table: str) -> None:
        self.matrix = matrix
        self.table = table
        graph = matrix.graph
        self.first = graph.intern(Op.FIRST)
        self.last = graph.intern(Op.LAST)
        self.transition = graph.intern(Op.TRANSITION)
        self.one = graph.constant(1)
        self.nought = graph.constant(0)

    # -- columns

    @property
    def start(self) -> Expr:
        """A column of the matrix that is 1 on the first row and 0 on all others, fit to count messages."""
        if self.matrix.start is None:
            row = Row(self.matrix, "row")
            start = row.column("start")
            row.on_first(start - 1, "start is 1 on the first row")
            row.step(start.next, "start is 0 on all others")
            self.matrix.start = start
        return self.matrix.start

    def column(self, name: str) -> Expr:
        """An input column, named ``table.name``, that the witness builder fills."""
        full = f"{self.table}.{name}"
        if full in self.matrix.columns:
            raise ValueError(f"column {full} is declared twice")
        self.matrix.columns.append(full)
        return self.matrix.graph.intern(Op.LOCAL, len(self.matrix.columns) - 1)

    def columns(self, *names: str) -> list[Expr]:
        return [self.column(name) for name in names]

    def digest(self, name: str, size: int = 4) -> list[Expr]:
        """``size`` input columns ``name0 ..``."""
        return [self.column(f"{name}{i}") for i in range(size)]

    def flag(self, name: str) -> Expr:
        """An input column constrained to 0 or 1."""
        column = self.column(name)
        self.zero(column * (column - 1), f"{name} is a flag")
        return column

    def derive(self, name: str, expression: Expr) -> Expr:
        """A column constrained to equal ``expression`` (of this row only) and filled from it."""
        column = self.column(name)
        self.matrix.derived.append(Derived(column.node.a, expression, inverse=False))
        self.zero(column - expression, f"{name} is derived")
        return column

    def inverse_hint(self, name: str, expression: Expr) -> Expr:
        """A column filled with the inverse of ``expression`` (0 for 0); nothing is asserted."""
        column = self.column(name)
        self.matrix.derived.append(Derived(column.node.a, expression, inverse=True))
        return column

    def is_zero(self, name: str, expression: Expr) -> Expr:
        """A column that is 1 where ``expression`` is zero and 0 elsewhere."""
        inverse = self.inverse_hint(f"{name}.inverse", expression)
        flag = self.derive(name, 1 - expression * inverse)
        self.zero(expression * flag, f"{name} only at zero")
        return flag

    # -- asserts

    def zero(self, expression: Expr, label: str, when: Expr | None = None) -> None:
        """Assert ``expression`` (times ``when``) to be zero on every row."""
        if when is not None:
            expression = when * expression
        if expression.value == 0:
            return
        if expression.degree > MAX_DEGREE:
            raise ValueError(f"{self.table}: {label}: degree {expression.degree} > {MAX_DEGREE}")
        self.matrix.asserts.append(Assert(f"{self.table}: {label}", expression))

    def equal(self, left: Expr, right: Expr | int, label: str, when: Expr | None = None) -> None:
        self.zero(left - right, label, when)

    def step(self, expression: Expr, label: str, when: Expr | None = None) -> None:
        """Assert on every row but the last: the place for ``column.next``."""
        self.zero(self.transition * expression, label, when)

    def on_first(self, expression: Expr, label: str) -> None:
        self.zero(self.first * expression, label)

    def on_last(self, expression: Expr, label: str) -> None:
        self.zero(self.last * expression, label)

    # -- messages

    def send(self, bus: Bus, fields: Sequence[Expr | int], count: Expr, label: str) -> None:
        self._message(bus, SEND, fields, count, label, weight=1)

    def receive(self, bus: Bus, fields: Sequence[Expr | int], count: Expr, label: str) -> None:
        self._message(bus, RECEIVE, fields, count, label, weight=1)

    def provide(self, bus: Bus, fields: Sequence[Expr | int], multiplicity: Expr, label: str) -> None:
        """Receive any number of times: only where every row's content is fully constrained."""
        self._message(bus, RECEIVE, fields, multiplicity, label, weight=0)

    def _message(self, bus: Bus, sign: int, fields: Sequence[Expr | int], count: Expr, label: str, weight: int) -> None:
        if len(fields) > bus.width:
            raise ValueError(f"{self.table}: {label}: {len(fields)} fields on a bus of width {bus.width}")
        for part in (count, *(f for f in fields if isinstance(f, Expr))):
            if part.selects:
                raise ValueError(f"{self.table}: {label}: selectors are not numbers; use row.start")
        padded = [f if isinstance(f, Expr) else self.matrix.graph.constant(f) for f in fields]
        padded += [self.nought] * (bus.width - len(padded))
        self.matrix.messages.append(Message(f"{self.table}: {label}", bus, sign, count, tuple(padded), weight))


Table = Callable[[Row], None]

__all__ = [
    "Assert", "Bus", "Derived", "Expr", "Matrix", "Message", "Row", "Table", "total",
]  # fmt: skip
