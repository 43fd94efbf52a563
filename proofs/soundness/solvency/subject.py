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
from .forgeries import FORGERIES
from .scenario import Forged, honest

HEIGHTS: Final = (8, 12)
"""The least that hold the state."""
HIGH: Final = (8, 13)
_FREE: Final = {Tag.SUBTREE: frozenset(range(3, 7)), Tag.LIABILITY: frozenset({2})}
"""A root that is the root of nothing, and the sums."""


def claims(bus: str, fields: tuple[int, ...]) -> Public | None:
    """A liability, which the liar states."""
    if bus != WALK.name or fields[0] != Tag.LIABILITY:
        return None
    return Public(bus, fields, _FREE[Tag.LIABILITY], claim=True)


def _world(forged: Forged, heights: tuple[int, int] = HEIGHTS) -> World:
    traces = forged.rows.traces(heights)
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
    **{attack.name: partial(lambda build: _world(build()), attack.build) for attack in ATTACKS},
    **{
        f"{attack.name}, high": partial(lambda build: _world(build(), HIGH), attack.build)
        for attack in ATTACKS
        if attack.name in ("a_balance_of_minus_one", "a_balance_of_63_bits")
    },
}
"""Witnesses in which a lie has been told and the rest recomputed; some with room behind the counter."""

SOLVENCY: Final = Subject(
    "solvency", solvency_program, WORLDS, FORGED, claims, FORGERIES, Path(__file__).with_name("recipes.json")
)
