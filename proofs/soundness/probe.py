"""Looking for a forged witness: lies in the cells that a constraint sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..expression import MODULUS
from .forgery import Forgery, NotForgedError, Told, accepted, forge
from .removal import Constraint
from .repair import Claims, flags
from .service import NoRoomError
from .world import World

_FLAG = (("flip", 0), ("set", 2), ("set", -1))
_NUMBER = (("add", 1), ("add", -1), ("set", 0), ("set", 1), ("add", 1 << 36), ("set", -1), ("add", 4096), ("set", 2))


def lies(world: World, constraint: Constraint, rows: int = 6) -> Iterator[Told]:
    """Cells near a constraint, each with values that it might refuse; the small lies first."""
    sheet = world.sheets[constraint.matrix]
    cells = world.cells[constraint.matrix]
    height = len(cells)
    cone = sorted({c for root in sheet.roots(constraint) for c in sheet.cone(root)})
    hints = {d.column for d in sheet.matrix.derived if d.inverse}
    known = flags(world, constraint.matrix)
    names = {column: name for name, column in reversed(sheet.names.items())}
    own = constraint.name.split(":")[0]
    names.update({column: name for name, column in sheet.names.items() if name.startswith(f"{own}.")})
    chosen = _rows(world, constraint, cone, rows)
    for step in range(len(_NUMBER)):
        for row in chosen:
            for following, column in cone:
                if column in hints:
                    continue
                kinds = _FLAG if column in known else _NUMBER
                if step >= len(kinds):
                    continue
                place = (row + following) % height
                kind, amount = kinds[step]
                honest = cells[place][column]
                value = {"flip": 1 - honest, "set": amount, "add": amount}[kind]
                if kind == "add" or value % MODULUS != honest:
                    yield Told(names[column], place, value, kind == "add")


def _rows(world: World, constraint: Constraint, cone: list[tuple[bool, int]], most: int) -> list[int]:
    """Rows that differ in what the constraint sees, one of padding, and the last."""
    cells = world.cells[constraint.matrix]
    height = len(cells)
    seen: dict[tuple[int, ...], int] = {}
    for row in range(height):
        seen.setdefault(tuple(min(cells[(row + f) % height][c], 2) for f, c in cone), row)
    padding = [row for look, row in seen.items() if not any(look)]
    used = [row for look, row in seen.items() if any(look)]
    return list(dict.fromkeys([*used[:most], *padding, height - 1]))


def probe(worlds: Mapping[str, World], constraint: Constraint, claims: Claims, tries: int = 40) -> Forgery | None:
    """Search a forged witness for one constraint; gives the first that the weakened program accepts."""
    for epoch, world in worlds.items():
        for count, told in enumerate(lies(world, constraint)):
            if count >= tries:
                break
            forgery = Forgery(str(told), "", (constraint.name,), epoch, (told,))
            try:
                if accepted(forge(world, [constraint], forgery, claims), [constraint]):
                    return forgery
            except (NotForgedError, NoRoomError):
                continue
    return None
