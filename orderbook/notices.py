"""What clients are told about an event, as the state is right after it. Sent once the event is on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import views
from .attest import Domain, SigningKey, sign_path
from .batch import Batch
from .events import (
    BatchCleared,
    BatchClosed,
    BatchOpened,
    BatchSealed,
    BeaconRecorded,
    EpochClosed,
    EpochProven,
    EpochSettled,
    Event,
    RevealsEnded,
)
from .openings import commitment_path
from .state import VenueState
from .streams import Key
from .wire import BatchStatus, Result, Sealed, hex_digest


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to one account's connections, or (account None) to all subscribers."""

    account: int | None
    message: BatchStatus | Sealed | Result

    @property
    def key(self) -> Key:
        """The channel of the message."""
        return ("batches", 0) if self.account is None else ("orders", self.account)


def notices(
    state: VenueState, operator: SigningKey, event: Event, closes_at: Callable[[Batch], float | None]
) -> Iterator[Notice]:
    """The notices of an event that was just applied; none for events that only one client knows of."""
    for batch in _batches(state, event):
        yield Notice(None, views.batch_status(state.lifecycle, batch, closes_at(batch)))
        if isinstance(event, BatchSealed):
            yield from _seal(state, operator, batch)
        if isinstance(event, BatchCleared | EpochSettled) and batch.cleared is not None:
            for outcome in batch.cleared.accounts:
                yield Notice(outcome.account, views.result(batch, outcome))


def _batches(state: VenueState, event: Event) -> list[Batch]:
    match event:
        case EpochClosed() | EpochProven() | EpochSettled():
            return state.epoch(event.first, event.last)
        case BatchOpened() | BatchClosed() | BatchSealed() | RevealsEnded() | BeaconRecorded() | BatchCleared():
            return [state.lifecycle.batch(event.batch)]
        case _:
            return []


def _seal(state: VenueState, operator: SigningKey, batch: Batch) -> Iterator[Notice]:
    domain = Domain(state.parameters.chain_id, state.parameters.contract)
    for index, leaf in enumerate(batch.leaves or ()):
        path = commitment_path(state.parameters.venue, batch, index)
        signature = sign_path(operator, domain, batch, index, path)
        siblings = tuple(hex_digest(node) for node in path)
        yield Notice(leaf.account, views.sealed(state.lifecycle, batch, index, siblings, signature))
