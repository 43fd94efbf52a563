"""The language in which the tables of a statement are written.

A table is a function of a :class:`Row`: it declares columns, asserts polynomials of them to be zero
on every row, and sends or receives messages on buses. Tables that share a height stand side by side
in one *matrix*: that changes nothing of what they say and saves what every matrix costs in a proof.

Soundness rules of buses that the language keeps by itself: all messages of a bus have one width, and
every matrix carries its blinding messages (see ``docs/proofs.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .expression import Expr, Graph, Op, total

MAX_DEGREE = 4
"""Highest degree of an assert, for four quotient chunks per matrix."""

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
    names: dict[str, int] = field(default_factory=dict)
    """Column by name. Two tables may have names for one column: see :meth:`Row.share`."""
    asserts: list[Assert] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    derived: list[Derived] = field(default_factory=list)
    pools: dict[str, list[int]] = field(default_factory=dict)
    """Columns that the tables of a group share, by group."""
    groups: dict[str, list[str]] = field(default_factory=dict)
    """Tables that have their rows after one another, not side by side."""
    end: Expr | None = None

    def row(self, table: str, group: str | None = None) -> Row:
        return Row(self, table, group or table)


class Row:
    """What a table sees: one row and, through ``column.next``, the row after it."""

    def __init__(self, matrix: Matrix, table: str, group: str) -> None:
        self.matrix = matrix
        self.table = table
        self.group = group
        graph = matrix.graph
        self.first = graph.intern(Op.FIRST)
        self.last = graph.intern(Op.LAST)
        self.transition = graph.intern(Op.TRANSITION)
        self.one = graph.constant(1)
        self.nought = graph.constant(0)
        self._shared = 0

    def beside(self, table: str) -> Row:
        """The same row as another table of the matrix sees it."""
        return self.matrix.row(table)

    # -- columns

    @property
    def end(self) -> Expr:
        """A column of the matrix that is 1 on the last row and 0 on all others, fit to count messages."""
        if self.matrix.end is None:
            row = self.beside("row")
            end = row.column("end")
            row.on_last(end - 1, "end is 1 on the last row")
            row.step(end, "end is 0 on all others")
            self.matrix.end = end
        return self.matrix.end

    def column(self, name: str) -> Expr:
        """An input column, named ``table.name``, that the witness builder fills."""
        self.matrix.columns.append(f"{self.table}.{name}")
        return self._named(name, len(self.matrix.columns) - 1)

    def columns(self, *names: str) -> list[Expr]:
        return [self.column(name) for name in names]

    def digest(self, name: str, size: int = 4) -> list[Expr]:
        """``size`` input columns ``name0 ..``."""
        return [self.column(f"{name}{i}") for i in range(size)]

    def share(self, *names: str) -> list[Expr]:
        """Input columns that the other tables of the group use too, each on rows of its own.

        That can only bind a prover more. An honest one needs every assert on such a column to hold with any value in it
        where this table has no row; the witness builder then gives the tables of a group disjoint rows.
        """
        pool, taken = self.matrix.pools.setdefault(self.group, []), self._shared
        for _ in range(taken + len(names) - len(pool)):
            self.matrix.columns.append(f"{self.group}.shared{len(pool)}")
            pool.append(len(self.matrix.columns) - 1)
        self._shared += len(names)
        return [self._named(name, column) for name, column in zip(names, pool[taken:], strict=False)]

    def share_digest(self, name: str, size: int = 4) -> list[Expr]:
        """``size`` shared columns ``name0 ..``."""
        return self.share(*(f"{name}{i}" for i in range(size)))

    def _named(self, name: str, column: int) -> Expr:
        full = f"{self.table}.{name}"
        if full in self.matrix.names:
            raise ValueError(f"column {full} is declared twice")
        self.matrix.names[full] = column
        return self.matrix.graph.intern(Op.LOCAL, column)

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
        """1 where ``expression`` is zero and 0 elsewhere, of one degree more; ``name`` is the column of its inverse."""
        flag = 1 - expression * self.inverse_hint(f"{name}.inverse", expression)
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

    def vouch(self, bus: Bus, fields: Sequence[Expr | int], multiplicity: Expr, label: str) -> None:
        """Send any number of times: only where all who send the message show that what it says is true."""
        self._message(bus, SEND, fields, multiplicity, label, weight=0)

    def _message(self, bus: Bus, sign: int, fields: Sequence[Expr | int], count: Expr, label: str, weight: int) -> None:
        if len(fields) > bus.width:
            raise ValueError(f"{self.table}: {label}: {len(fields)} fields on a bus of width {bus.width}")
        for part in (count, *(f for f in fields if isinstance(f, Expr))):
            if part.selects:
                raise ValueError(f"{self.table}: {label}: selectors are not numbers; use row.end")
        padded = [f if isinstance(f, Expr) else self.matrix.graph.constant(f) for f in fields]
        padded += [self.nought] * (bus.width - len(padded))
        self.matrix.messages.append(Message(f"{self.table}: {label}", bus, sign, count, tuple(padded), weight))


Table = Callable[[Row], object]
Tables = Mapping[str, "Table | Mapping[str, Table]"]
"""The tables of a matrix by name, side by side; those of an inner mapping have their rows after one another."""

__all__ = [
    "Assert", "Bus", "Derived", "Expr", "Matrix", "Message", "Row", "Table", "Tables", "total",
]  # fmt: skip
