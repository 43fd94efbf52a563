"""The clearing program as it is examined: honest epochs, what a liar may claim, and the forgeries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from ...statement.buses import BUSES, HOLDINGS, PUBLIC, Tag
from ...statement.program import clearing_program
from ...statement.witness.draft import EpochTooLarge
from ...statement.witness.execute import execute
from ...statement.witness.inputs import EpochInput
from ..subject import Subject
from ..world import Public, World
from .auction_lies import AUCTION_LIES
from .auction_rows import AUCTION_ROWS
from .core import ATTACKS, Forged, honest
from .entry_lies import ENTRY_LIES
from .entry_rows import ENTRY_ROWS
from .epochs import STARTS, two_batches
from .exchanges import exchanges
from .forgeries import FORGERIES
from .leaf_lies import LEAF_LIES, ORDERING
from .leaf_rows import LEAF_ROWS
from .node_lies import NODE_LIES
from .padding import PADDING
from .scenario import public_messages
from .serving import LIMBS, REGISTERS
from .side_rows import SIDE_ROWS

_ALL: Final = frozenset(range(1, PUBLIC.width))
_BOTH: Final = frozenset(range(HOLDINGS.width))
_FREE: Final = {
    Tag.NODE: frozenset(range(8, 12)),
    Tag.BATCH_COUNT: frozenset({2}),
    Tag.MARKET: frozenset({4, 5}),
}
"""Fields that the operator chooses, but for the lists: new and sealed roots, counts, prices and volumes."""


def claims(bus: str, fields: tuple[int, ...]) -> Public | None:
    """A message of the public lists, which the operator writes."""
    if bus == HOLDINGS.name:
        return Public(bus, fields, _BOTH, claim=True)
    if bus != PUBLIC.name or fields[0] != Tag.MISSING:
        return None
    return Public(bus, fields, _ALL, claim=True)


def world(epoch: EpochInput) -> World:
    """An honest witness, evaluated."""
    done = execute(epoch)
    return _world((done, public_messages(epoch, done, done)))


def _public(bus: int, fields: tuple[int, ...]) -> Public:
    claim = claims(BUSES[bus].name, fields)
    return claim or Public(PUBLIC.name, fields, _FREE.get(Tag(fields[0]), frozenset()), False)


def _world(forged: Forged, limbs: int = 12) -> World:
    """The witness of an execution in the least heights that hold it."""
    execution, messages = forged
    for height in (6, 7, 8):
        try:
            _, traces = execution.draft.traces((10 if height == 6 else 11, limbs, height))
        except EpochTooLarge:
            continue
        break
    made = World(clearing_program(), traces, [_public(bus, fields) for bus, fields in messages])
    made.start()
    return made


_ATTACKS: Final = {a.name: a.build for a in ATTACKS}
_STARTS: Final = STARTS | AUCTION_ROWS | ENTRY_ROWS | LEAF_ROWS | SIDE_ROWS
WORLDS: Final[dict[str, Callable[[], World]]] = {
    "book": lambda: world(honest()),
    "two batches": lambda: world(two_batches()),
}
"""Honest witnesses."""
FORGED: Final[dict[str, Callable[[], World]]] = {
    **{name: partial(lambda build: _world(build()), build) for name, build in _ATTACKS.items()},
    **{name: partial(lambda build: _world(build()), build) for name, build in _STARTS.items()},
    **{
        f"{name}, high": partial(lambda build: _world(build(), 13), _ATTACKS[name])
        for name in ("price_below_the_band", "balance_of_63_bits")
    },
}
"""Witnesses in which a lie has been told and the rest recomputed: those of the attacks, and some for range checks."""

CLEARING: Final = Subject(
    "clearing",
    clearing_program,
    WORLDS,
    FORGED,
    claims,
    (*REGISTERS, *LIMBS, *FORGERIES, *ENTRY_LIES, *PADDING, *AUCTION_LIES, *LEAF_LIES, *NODE_LIES, *exchanges()),
    Path(__file__).with_name("recipes.json"),
    private=lambda constraint: constraint.blinding and constraint.name not in ORDERING,
)
