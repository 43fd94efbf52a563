"""Traces and public messages under change: after every edit it is known what is broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from commitments.hashing import compress

from ..expression import MODULUS
from ..tape import BLIND, Program
from .removal import Constraint
from .service import RANGES, SERVICE, serve, unserved
from .sheet import Cells, Outcome, Sent, Sheet

Trace = npt.NDArray[np.uint64]
Cell = tuple[int, int, int]
"""Matrix, row, column."""
Tuple_ = tuple[str, tuple[int, ...]]
"""Bus and fields."""


@dataclass
class Public:
    """A public message; ``free`` names the fields that the liar chooses, ``claim`` whether it may be left out."""

    bus: str
    fields: tuple[int, ...]
    free: frozenset[int] = frozenset()
    claim: bool = False


@dataclass(frozen=True)
class Broken:
    """An assert that does not hold on a row."""

    matrix: int
    row: int
    index: int


@dataclass(frozen=True)
class Unbalanced:
    """A message that does not cancel, with its count (as a signed number)."""

    bus: str
    fields: tuple[int, ...]
    count: int


class World:
    """A forged witness in the making."""

    def __init__(self, program: Program, traces: Sequence[Trace], public: Iterable[Public]) -> None:
        self.program = program
        self.base = list(traces)
        self.sheets = [Sheet(matrix, i) for i, matrix in enumerate(program.matrices)]
        self.cells: list[list[Cells]] = [unserved(program, i, trace).tolist() for i, trace in enumerate(traces)]
        self.public = list(public)
        self.ignored: frozenset[tuple[bool, int, int]] = frozenset()
        self.fixed: dict[tuple[int, int], frozenset[int]] = {}
        self.served = [self._is_service(sheet) for sheet in self.sheets]
        self._outcomes: list[dict[int, Outcome]] = [{} for _ in self.sheets]
        self._padding: dict[tuple[int, tuple[int, ...], tuple[int, ...]], Outcome] = {}
        self.totals: dict[Tuple_, int] = {}
        self.wrong: dict[Tuple_, int] = {}
        self.where: dict[Tuple_, tuple[tuple[int, int, int, int], ...]] = {}
        self.broken: set[Broken] = set()

    def copy(self) -> World:
        """An independent world in the same state, evaluated as far as this one."""
        other = World.__new__(World)
        other.program, other.base, other.sheets, other.served = self.program, self.base, self.sheets, self.served
        other.cells = [list(rows) for rows in self.cells]
        other.public = [Public(p.bus, p.fields, p.free, p.claim) for p in self.public]
        other.ignored, other.fixed = self.ignored, dict(self.fixed)
        other._outcomes = [dict(rows) for rows in self._outcomes]
        other._padding = self._padding
        other.totals, other.broken = dict(self.totals), set(self.broken)
        other.wrong, other.where = dict(self.wrong), dict(self.where)
        return other

    # -- evaluation

    def start(self, without: Iterable[Constraint] = ()) -> None:
        """Evaluate every row, leaving out the given constraints."""
        self.ignored = frozenset(c.place for c in without)
        self.totals, self.wrong, self.where, self.broken = {}, {}, {}, set()
        self._outcomes = [{} for _ in self.sheets]
        for message in self.public:
            self._count((message.bus, message.fields), 1)
        for number, rows in enumerate(self.cells):
            if self.served[number]:
                continue
            for row in range(len(rows)):
                self._enter(number, row)

    def ignore(self, constraints: Iterable[Constraint]) -> None:
        """Leave out constraints from now on, in an evaluated world."""
        places = {c.place for c in constraints}
        self.ignored = self.ignored | places
        matrices = {place[1] for place in places}
        self.broken = {b for b in self.broken if (False, b.matrix, b.index) not in places}
        for matrix in matrices:
            if self.served[matrix]:
                continue
            for row, known in list(self._outcomes[matrix].items()):
                gone = [s for s in known.sent if (True, matrix, s.index) in places]
                for sent in gone:
                    self._remove(matrix, row, sent)
                kept = tuple(s for s in known.sent if s not in gone)
                broken = tuple(b for b in known.broken if (False, matrix, b) not in places)
                self._outcomes[matrix][row] = Outcome(broken, kept)

    def _is_service(self, sheet: Sheet) -> bool:
        tables = {name.split(".")[0] for name in sheet.names}
        return tables <= {*SERVICE, "row", "blind"}

    def values(self, matrix: int, row: int) -> list[int]:
        """Node values of a row as it is now."""
        rows = self.cells[matrix]
        height = len(rows)
        fixed = self.fixed.get((matrix, row), frozenset())
        own = list(rows[row])
        values = self.sheets[matrix].evaluate(own, rows[(row + 1) % height], row == 0, row == height - 1, fixed)
        rows[row] = own
        return values

    def outcome(self, matrix: int, row: int) -> Outcome:
        return self._outcomes[matrix][row]

    def _enter(self, matrix: int, row: int) -> None:
        rows = self.cells[matrix]
        edge = row in (0, len(rows) - 1) or (matrix, row) in self.fixed
        key = (matrix, tuple(rows[row]), tuple(rows[(row + 1) % len(rows)]))
        known = None if edge or self.ignored else self._padding.get(key)
        if known is None:
            known = self.sheets[matrix].outcome(self.values(matrix, row), self.ignored)
            if not edge and not self.ignored:
                self._padding[key] = known
        self._outcomes[matrix][row] = known
        self.broken |= {Broken(matrix, row, index) for index in known.broken}
        for sent in known.sent:
            message = (sent.bus, sent.fields)
            self.where[message] = (*self.where.get(message, ()), (matrix, row, sent.index, sent.count))
            self._count(message, sent.count)

    def _leave(self, matrix: int, row: int) -> None:
        known = self._outcomes[matrix].pop(row)
        self.broken -= {Broken(matrix, row, index) for index in known.broken}
        for sent in known.sent:
            self._remove(matrix, row, sent)

    def _remove(self, matrix: int, row: int, sent: Sent) -> None:
        key = (sent.bus, sent.fields)
        source = (matrix, row, sent.index, sent.count)
        left = tuple(known for known in self.where[key] if known != source)
        if left:
            self.where[key] = left
        else:
            del self.where[key]
        self._count(key, -sent.count)

    def _count(self, message: Tuple_, count: int) -> None:
        left = (self.totals.get(message, 0) + count) % MODULUS
        if not left:
            self.totals.pop(message, None)
            self.wrong.pop(message, None)
            return
        self.totals[message] = left
        if message in self.wrong or (message[0] != BLIND.name and not _answered(*message)):
            self.wrong[message] = left

    # -- changes

    def set(self, matrix: int, row: int, column: int, value: int) -> None:
        """Write a cell; what depends on it is computed again."""
        rows = self.cells[matrix]
        touched = {row}
        if self.sheets[matrix].looks_ahead:
            touched.add((row - 1) % len(rows))
        for place in touched:
            self._leave(matrix, place)
        own = list(rows[row])
        own[column] = value % MODULUS
        rows[row] = own
        if column in self.sheets[matrix].derived:
            self.fixed[(matrix, row)] = self.fixed.get((matrix, row), frozenset()) | {column}
        self._enter(matrix, row)
        for place in touched - {row}:
            self._enter(matrix, place)

    def publish(self, place: int, fields: tuple[int, ...]) -> None:
        """Change a public message."""
        message = self.public[place]
        self._count((message.bus, message.fields), -1)
        message.fields = fields
        self._count((message.bus, message.fields), 1)

    def add_public(self, message: Public) -> None:
        self.public.append(message)
        self._count((message.bus, message.fields), 1)

    def drop_public(self, place: int) -> None:
        message = self.public.pop(place)
        self._count((message.bus, message.fields), -1)

    # -- what is wrong

    def unbalanced(self) -> list[Unbalanced]:
        """Messages that do not cancel; of hashes and ranges those that no honest row answers."""
        return [
            Unbalanced(bus, fields, count if count < MODULUS // 2 else count - MODULUS)
            for (bus, fields), count in self.wrong.items()
        ]

    def consistent(self) -> bool:
        return not self.broken and not self.wrong

    def senders(self, item: Unbalanced) -> tuple[tuple[int, int, int, int], ...]:
        """Who sends or takes these fields: (matrix, row, message, signed count)."""
        return self.where.get((item.bus, item.fields), ())


def _answered(bus: str, fields: tuple[int, ...]) -> bool:
    if bus == "range":
        return fields[1] < RANGES.get(fields[0], 0)
    if bus == "hash":
        return true_hash(fields[:8]) == fields[8:]
    return False


_HASHES: dict[tuple[int, ...], tuple[int, ...]] = {}


def true_hash(inputs: tuple[int, ...]) -> tuple[int, ...]:
    """The compression of eight elements."""
    known = _HASHES.get(inputs)
    if known is None:
        known = tuple(compress(inputs[:4], inputs[4:]))  # type: ignore[arg-type]
        _HASHES[inputs] = known
    return known


def traces(world: World) -> list[Trace]:
    """The finished traces: the tables that serve are filled with what the others ask."""
    return serve(world.program, world.base, world.cells, world.totals, world.fixed)
