"""Carrying a lie through: everything that contradicts it is changed, until nothing does or no way is left.

The search is greedy. Of the cells that could mend a contradiction it prefers those that have not been changed yet, so
that a change travels from where the lie is told to where somebody believes it: the public claims.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..expression import MODULUS
from ..tape import BLIND
from .world import Broken, Cell, Public, Unbalanced, World, true_hash

_HOPELESS = 150
"""So many contradictions will not be mended."""
_OFTEN = 4
"""A cell that is changed more often goes in circles."""

Claims = Callable[[str, tuple[int, ...]], Public | None]
"""Whether a message that tables take could be a public claim of the liar, and which."""


@dataclass
class Repair:
    """One attempt to make a world consistent with the cells in ``held``."""

    world: World
    claims: Claims
    held: set[Cell]
    chance: random.Random
    budget: int = 700
    stamps: dict[Cell, int] = field(default_factory=dict)
    changes: Counter[Cell] = field(default_factory=Counter)
    clock: int = 0

    def run(self) -> bool:
        """Whether the world became consistent within the budget."""
        world = self.world
        for cell in self.held:
            self.stamps[cell] = 1
        self.clock = 1
        while self.clock < self.budget and self.changes.total() < self.budget:
            if self._mend_hash():
                continue
            if world.broken:
                if not self._mend_assert(self._first_broken()):
                    return False
                continue
            items = world.unbalanced()
            if not items:
                return True
            mendable = [item for item in items if item.bus not in ("range", "hash")]
            if not mendable or len(items) > _HOPELESS or not self._mend_message(mendable):
                return False
        return False

    # -- hashes

    def _mend_hash(self) -> bool:
        world = self.world
        for item in world.unbalanced():
            if item.bus != "hash" or item.count < 0:
                continue
            out = true_hash(item.fields[:8])
            for matrix, row, index, _ in world.senders(item):
                message = world.sheets[matrix].matrix.messages[index]
                for place in range(4):
                    if item.fields[8 + place] != out[place]:
                        node = message.fields[8 + place].index
                        self.clock += 1
                        if not self._solve(matrix, row, node, out[place]):
                            return False
                return True
        return False

    # -- asserts

    def _first_broken(self) -> Broken:
        return min(self.world.broken, key=lambda b: (b.matrix, b.row, b.index))

    def _mend_assert(self, broken: Broken) -> bool:
        self.clock += 1
        matrix = self.world.sheets[broken.matrix].matrix
        node = matrix.asserts[broken.index].expression.index
        return self._solve(broken.matrix, broken.row, node, 0)

    def _solve(self, matrix: int, row: int, node: int, target: int, counting: bool = False) -> bool:
        """Change one input of a node so that it takes a value; what counts messages only if that is the point."""
        world, sheet = self.world, self.world.sheets[matrix]
        height = len(world.cells[matrix])
        places = [
            (stamp, self.chance.random() - 0.5 * following, (matrix, (row + following) % height, column))
            for following, column in sheet.cone(node)
            for stamp in [self.stamps.get((matrix, (row + following) % height, column), 0)]
            if (matrix, (row + following) % height, column) not in self.held
            and column not in sheet.derived
            and (counting or column not in flags(world, matrix))
            and self.changes[(matrix, (row + following) % height, column)] < _OFTEN
        ]
        for _, _, cell in sorted(places):
            solution = self._linear(matrix, row, node, target, cell)
            if solution is None:
                continue
            world.set(*cell, solution)
            self.stamps[cell] = self.clock
            self.changes[cell] += 1
            return True
        return False

    def _linear(self, matrix: int, row: int, node: int, target: int, cell: Cell) -> int | None:
        """The value of ``cell`` at which ``node`` on ``row`` is ``target``, if the node is linear in it."""
        _, place, column = cell
        rows, sheet = self.world.cells[matrix], self.world.sheets[matrix]
        height = len(rows)
        own, after = rows[row], rows[(row + 1) % height]
        old = rows[place][column]
        fixed = self.world.fixed.get((matrix, row), frozenset())
        at: list[int] = []
        for value in (old, old + 1, old + 2):
            changed = [*rows[place][:column], value % MODULUS, *rows[place][column + 1 :]]
            local, following = (changed, after) if place == row else (own, changed)
            at.append(sheet.value(node, local, following, row == 0, row == height - 1, fixed))
        slope = (at[1] - at[0]) % MODULUS
        if not slope or (at[2] - at[1] - slope) % MODULUS:
            return None
        return (old + (target - at[0]) * pow(slope, MODULUS - 2, MODULUS)) % MODULUS

    # -- messages

    def _mend_message(self, items: Sequence[Unbalanced]) -> bool:
        self.clock += 1
        over = [i for i in items if i.count > 0]
        under = [i for i in items if i.count < 0]
        pairs = (
            sorted(
                (_distance(a, b), self.chance.random(), a, b)
                for a in over
                for b in under
                if a.bus == b.bus and (a.bus == "memory" or a.fields[0] == b.fields[0])
            )
            if over and under
            else []
        )
        for _, _, sent, taken in pairs:
            if self._agree(sent, taken):
                return True
        for item in over:
            place = self._published(item)
            if place is not None and self.world.public[place].claim:
                self.world.drop_public(place)
                return True
        if any(self._mend_count(item) for item in items):
            return True
        for item in under:
            claim = self.claims(item.bus, item.fields)
            if claim is not None:
                self.world.add_public(claim)
                return True
        return False

    def _mend_count(self, item: Unbalanced) -> bool:
        """Send or take as often as it takes, where a count is a column that nothing keeps at 0 or 1."""
        for matrix, row, index, count in self.world.senders(item):
            sheet = self.world.sheets[matrix]
            message = sheet.matrix.messages[index]
            if len(sheet.cone(message.count.index)) > 1:
                continue
            wanted = abs(count) + (item.count if message.sign else -item.count)
            if self._solve(matrix, row, message.count.index, wanted % MODULUS, counting=True):
                return True
        return False

    def _published(self, item: Unbalanced) -> int | None:
        for place, message in enumerate(self.world.public):
            if message.bus == item.bus and message.fields == item.fields:
                return place
        return None

    def _agree(self, sent: Unbalanced, taken: Unbalanced) -> bool:
        """Make two messages equal that should be one: in each field the side that was changed later is believed."""
        sides = [self._side(sent), self._side(taken)]
        changed = False
        for place, (a, b) in enumerate(zip(sent.fields, taken.fields, strict=True)):
            if a == b:
                continue
            ways = sorted(
                (stamp, self.chance.random(), number, value)
                for number, (side, value) in enumerate(zip(sides, (b, a), strict=True))
                for stamp in [self._stamp(side, place)]
                if stamp is not None
            )
            changed |= any(self._write(sides[number], place, value) for _, _, number, value in ways)
        return changed

    def _side(self, item: Unbalanced) -> _Side:
        public = self._published(item) if item.count > 0 else None
        if public is not None:
            return _Side(public, ())
        sign = 1 if item.count > 0 else -1
        return _Side(None, tuple((m, r, i) for m, r, i, count in self.world.senders(item) if sign * count > 0))

    def _stamp(self, side: _Side, place: int) -> int | None:
        """When the field was last changed on this side; None if it cannot be."""
        if side.public is not None:
            return 0 if place in self.world.public[side.public].free else None
        best: int | None = None
        for matrix, row, index in side.sources:
            sheet = self.world.sheets[matrix]
            node = sheet.matrix.messages[index].fields[place].index
            height = len(self.world.cells[matrix])
            for following, column in sheet.cone(node):
                cell = (matrix, (row + following) % height, column)
                stamp = self.stamps.get(cell, 0) + (1000 if cell in self.held else 0)
                best = stamp if best is None else max(best, stamp)
        return best

    def _write(self, side: _Side, place: int, value: int) -> bool:
        if side.public is not None:
            message = self.world.public[side.public]
            self.world.publish(side.public, (*message.fields[:place], value, *message.fields[place + 1 :]))
            return True
        return any(
            self._solve(matrix, row, self.world.sheets[matrix].matrix.messages[index].fields[place].index, value)
            for matrix, row, index in side.sources
        )


@dataclass(frozen=True)
class _Side:
    """One side of a message: a public message, or the rows that send or take it."""

    public: int | None
    sources: tuple[tuple[int, int, int], ...]


def _distance(a: Unbalanced, b: Unbalanced) -> int:
    return sum(x != y for x, y in zip(a.fields, b.fields, strict=True))


def flags(world: World, matrix: int) -> frozenset[int]:
    """Columns that an assert of their own keeps at 0 or 1, or that count messages."""
    sheet = world.sheets[matrix]
    known: frozenset[int] | None = getattr(sheet, "flags", None)
    if known is None:
        alone = [sheet.cone(a.expression.index) for a in sheet.matrix.asserts if a.label.endswith("is a flag")]
        counts = [sheet.direct(m.count.index) for m in sheet.matrix.messages if m.weight and m.bus != BLIND]
        own = {next(iter(cone))[1] for cone in alone if len(cone) == 1}
        known = frozenset(own | {column for columns in counts for column in columns})
        sheet.flags = known  # type: ignore[attr-defined]
    return known
