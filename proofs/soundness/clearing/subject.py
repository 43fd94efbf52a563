"""The clearing program as it is examined: honest epochs, what a liar may claim, and the forgeries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from commitments.bundle import Entry, Kind

from ...statement.buses import PUBLIC, Tag
from ...statement.program import clearing_program
from ...statement.witness.execute import execute
from ...statement.witness.inputs import EpochInput
from ..subject import Subject
from ..world import Public, World
from .core import book, honest, venue
from .scenario import public_messages

_CLAIMS: Final = (Tag.MISSING, Tag.BALANCE, Tag.WITHDRAWAL)
_ALL: Final = frozenset(range(1, PUBLIC.width))
_FREE: Final = {
    Tag.NODE: frozenset(range(8, 12)),
    Tag.BATCH_COUNT: frozenset({2}),
    Tag.MARKET: frozenset({4, 5}),
    **dict.fromkeys(_CLAIMS, _ALL),
}
"""Fields that the operator chooses: new and sealed roots, counts, prices and volumes, and all that is listed."""


def claims(bus: str, fields: tuple[int, ...]) -> Public | None:
    """A message of the public lists, which the operator writes."""
    if bus != PUBLIC.name or fields[0] not in _CLAIMS:
        return None
    return Public(bus, fields, _ALL, claim=True)


def world(epoch: EpochInput, heights: Sequence[int] = (10, 12, 6)) -> World:
    """An honest witness in small heights, evaluated. Raises :class:`EpochTooLarge` if it does not fit."""
    done = execute(epoch)
    _, traces = done.draft.traces(heights)
    public = [
        Public(PUBLIC.name, fields, _FREE.get(Tag(fields[0]), frozenset()), fields[0] in _CLAIMS)
        for _, fields in public_messages(epoch, done, done)
    ]
    made = World(clearing_program(), traces, public)
    made.start()
    return made


def two_batches() -> EpochInput:
    """Deposits, a new key, a missing reveal, trades in two batches with pressure on different sides."""
    made = venue()
    queue = [made.deposit(2, 0, 500), made.key(20), made.deposit(3, 1, 70)]
    first = made.batch(0, book(), queue=queue)
    first = replace(first, leaves=[first.leaves[0], made.missing(first.leaves[1]), *first.leaves[2:]])
    bundles = [(Entry(Kind.BUY, 0, 103, 9),), (Entry(Kind.SELL, 0, 97, 5), Entry(Kind.SELL, 1, 1011, 4))]
    return made.epoch([first, made.batch(1, bundles, queue=[made.deposit(4, 2, 33)])])


WORLDS: Final[dict[str, Callable[[], World]]] = {
    "book": lambda: world(honest()),
    "two batches": lambda: world(two_batches(), (10, 12, 7)),
}

CLEARING: Final = Subject(
    "clearing",
    clearing_program,
    WORLDS,
    claims,
    (),
    Path(__file__).with_name("recipes.json"),
)
