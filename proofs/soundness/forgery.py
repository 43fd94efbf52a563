"""Forged witnesses: a lie told in a few cells of an honest witness, with all its consequences."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..expression import MODULUS
from ..prover_api import check
from ..tape import Program
from .removal import Constraint, weakened
from .repair import Claims, Repair
from .world import Cell, World, traces

Trace = npt.NDArray[np.uint64]
Finish = Callable[[World, Program, list[Trace]], None]
"""A change to finished traces, for the tables that serve: given the world and the weakened program."""


@dataclass(frozen=True)
class Told:
    """A cell in which a lie is told: ``table.column``, the row, and the value, or what is added to the honest one.

    A row is a number, or the columns by which the first such row is found. A column that each matrix has is given as
    ``matrix/table.column``.
    """

    column: str
    row: int | Mapping[str, int]
    value: int
    added: bool = False

    def cell(self, world: World) -> Cell:
        """Raises :class:`LookupError` where the program has no such column or row."""
        within, _, full = self.column.rpartition("/")
        table = full.split(".")[0]
        matrices = [m.name for m in world.program.matrices]
        matrix = matrices.index(within) if within else world.program.matrix_of(table)
        names = world.sheets[matrix].names
        column = names[full]
        rows = world.cells[matrix]
        if isinstance(self.row, int):
            return (matrix, self.row % len(rows), column)
        own = {name if "." in name else f"{table}.{name}": value for name, value in self.row.items()}
        wanted = [(names[name], value % MODULUS) for name, value in own.items()]
        for number, row in enumerate(rows):
            if all(row[place] == value for place, value in wanted):
                return (matrix, number, column)
        raise LookupError(f"no row of {table} has {dict(self.row)}")

    def __str__(self) -> str:
        row = self.row if isinstance(self.row, int) else ", ".join(f"{k} {v}" for k, v in self.row.items())
        return f"{self.column}[{row}] {'+=' if self.added else ':='} {_short(self.value)}"


@dataclass(frozen=True)
class Forgery:
    """A forged witness of a program, which it refuses because of the constraints ``against``, each by itself.

    ``together`` are removed with them: the other side of a message that would otherwise stay without an answer.
    """

    name: str
    falsehood: str
    against: tuple[str, ...]
    epoch: str
    told: tuple[Told, ...]
    together: tuple[str, ...] = ()
    silent: tuple[int, ...] = ()
    """Tags of public messages that the weakened verifier does not send."""
    finish: Finish | None = field(default=None, repr=False)


class NotForgedError(ValueError):
    """The lie could not be carried through: something else contradicts it."""


def forge(honest: World, removed: Sequence[Constraint], forgery: Forgery, claims: Claims, seed: int = 0) -> World:
    """The world in which the lie is told and all else follows. Raises :class:`NotForgedError`."""
    world = honest.copy()
    world.ignore(removed)
    for place in reversed(range(len(world.public))):
        if world.public[place].fields[0] in forgery.silent:
            world.drop_public(place)
    held: set[Cell] = set()
    for told in forgery.told:
        cell = told.cell(world)
        matrix, row, column = cell
        own = world.cells[matrix][row][column] if told.added else 0
        world.set(matrix, row, column, own + told.value)
        held.add(cell)
    if not Repair(world, claims, held, random.Random(seed)).run() and forgery.finish is None:
        raise NotForgedError(forgery.name)
    return world


def accepted(world: World, removed: Sequence[Constraint], finish: Finish | None = None) -> bool:
    """Whether the weakened program accepts the finished traces, and the full program refuses them."""
    made = traces(world)
    weak = weakened(world.program, removed)
    if finish is not None:
        finish(world, weak, made)
    buses = [bus.name for bus in world.program.buses]
    public = [(buses.index(message.bus), message.fields) for message in world.public]
    if check(weak.tape, made, public, 1):
        return False
    return bool(check(world.program.tape, made, public, 1))


def _short(value: int) -> str:
    value = value % MODULUS
    return str(value) if value <= MODULUS // 2 else f"-{MODULUS - value}"
