"""The solvency program as it is examined: an honest state, what a liar may claim, and the forgeries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from ...solvency.buses import WALK, Tag
from ...solvency.program import solvency_program
from ...solvency.public import public_messages
from ..subject import Subject
from ..world import Public, World
from .attacks import ATTACKS
from .scenario import Forged, honest

HEIGHTS: Final = (8, 12)
"""The least that hold the state."""
_FREE: Final = {Tag.SUBTREE: frozenset(range(3, 7)), Tag.LIABILITY: frozenset({2})}
"""A root that is the root of nothing, and the sums."""


def claims(bus: str, fields: tuple[int, ...]) -> Public | None:
    """A liability, which the liar states."""
    if bus != WALK.name or fields[0] != Tag.LIABILITY:
        return None
    return Public(bus, fields, _FREE[Tag.LIABILITY], claim=True)


def _world(forged: Forged) -> World:
    traces = forged.rows.traces(HEIGHTS)
    forged.tamper(traces)
    public = [
        Public(WALK.name, fields, _FREE[Tag(fields[0])], fields[0] == Tag.LIABILITY)
        for fields in public_messages(forged.claim)
    ]
    made = World(solvency_program(), traces, public)
    made.start()
    return made


WORLDS: Final[dict[str, Callable[[], World]]] = {"state": lambda: _world(honest())}
FORGED: Final[dict[str, Callable[[], World]]] = {
    attack.name: partial(lambda build: _world(build()), attack.build) for attack in ATTACKS
}

SOLVENCY: Final = Subject(
    "solvency", solvency_program, WORLDS, FORGED, claims, (), Path(__file__).with_name("recipes.json")
)
