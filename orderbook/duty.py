"""What is to be done for the batches in flight. It follows from their state alone, so that a node that starts again
finds its work without remembering what it had begun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .parameters import VenueParameters
from .shelf import Shelf


@dataclass(frozen=True, slots=True)
class Open:
    """A new batch must be opened."""

    batch: int


@dataclass(frozen=True, slots=True)
class Seal:
    """The closed batch must be sealed on L1."""

    batch: int


@dataclass(frozen=True, slots=True)
class AwaitReveals:
    """Reveals are collected until all leaves are open or L1 has passed block ``until``."""

    batch: int
    until: int


@dataclass(frozen=True, slots=True)
class Draw:
    """The beacon must be recorded on L1."""

    batch: int


@dataclass(frozen=True, slots=True)
class Clear:
    """The batch can be cleared."""

    batch: int


@dataclass(frozen=True, slots=True)
class CloseEpoch:
    """Batches ``first`` .. ``last`` are cleared and belong to no epoch yet; the epoch policy decides."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Prove:
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Settle:
    first: int
    last: int


Duty: TypeAlias = Open | Seal | AwaitReveals | Draw | Clear | CloseEpoch | Prove | Settle


def due(batches: Shelf, marks: tuple[int, int, int, int], parameters: VenueParameters) -> list[Duty]:
    """All that is to be done now, oldest batch first. ``marks``: how many batches are sealed, cleared, in epochs, and
    settled."""
    sealed, cleared, in_epochs, settled = marks
    found: list[Duty] = []
    if not batches or batches[-1].leaves is not None:
        found.append(Open(len(batches)))
    if sealed < len(batches) and batches[sealed].leaves is not None:
        found.append(Seal(sealed))
    for batch in batches[cleared:sealed]:
        assert batch.seal is not None
        if not batch.reveals_ended:
            found.append(AwaitReveals(batch.number, batch.seal.block + parameters.reveal_window))
        if not batch.drawn:
            found.append(Draw(batch.number))
    if cleared < sealed:
        batch = batches[cleared]
        if batch.reveals_ended and batch.drawn:
            found.append(Clear(batch.number))
    if in_epochs > settled:
        epoch = batches[settled].epoch
        assert epoch is not None
        proven = batches[settled].proven is not None
        found.append(Settle(*epoch) if proven else Prove(*epoch))
    elif cleared > in_epochs:
        found.append(CloseEpoch(in_epochs, min(cleared, in_epochs + parameters.max_batches) - 1))
    return found
