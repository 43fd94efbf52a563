"""The life of batches as a state machine without input or output (``docs/protocol.md`` section 8).

    COMMIT -> SEAL -> REVEAL -> BEACON -> CLEAR -> PROVE -> SETTLE -> settled

Several batches are in flight at once: one collects, the ones before it wait for their seal, their reveals, their draw,
their proof. The machine is used in three ways:

* *checks* (``check_commitment``, ``check_reveal_phase``, ...) say whether a request may become an event;
* :meth:`Lifecycle.apply` applies an event that is in the journal, or about to be; a wrong order is a fault and raises;
* :meth:`Lifecycle.duties` says what is to be done now. It depends on the state alone, so that a restarted node
  finds its work again without remembering what it had started.
"""

from __future__ import annotations

from collections.abc import Iterator

from .batch import Batch, CommitmentLeaf
from .duty import Duty, due
from .errors import JournalError, RequestError
from .events import (
    ZERO,
    BatchCleared,
    BatchClosed,
    BatchOpened,
    BatchSealed,
    BeaconRecorded,
    CommitmentAccepted,
    CommitmentLeased,
    Digest,
    EpochClosed,
    EpochProven,
    EpochSettled,
    Event,
    RevealAccepted,
    RevealsEnded,
)
from .parameters import VenueParameters
from .shelf import Shelf
from .snapshot import Snapshot


class Lifecycle:
    """All batches of the venue. ``batches`` has every batch ever opened, in order from 0."""

    def __init__(self, parameters: VenueParameters) -> None:
        self.parameters = parameters
        self.batches = Shelf()
        self._sealed = 0
        self._cleared = 0
        self._in_epochs = 0
        self._settled = 0

    @property
    def marks(self) -> tuple[int, int, int, int]:
        """How many batches are sealed, cleared, in epochs, settled."""
        return (self._sealed, self._cleared, self._in_epochs, self._settled)

    def restore(self, snapshot: Snapshot) -> None:
        """Take over a snapshot in the place of the events before it."""
        self._sealed, self._cleared = snapshot.sealed, snapshot.cleared
        self._in_epochs, self._settled = snapshot.in_epochs, snapshot.settled
        self.batches.resume(snapshot.settled, snapshot.batches)

    # ------------------------------------------------------------------------------------------ views

    @property
    def open_batch(self) -> Batch | None:
        """The batch that collects commitments."""
        if self.batches and self.batches[-1].leaves is None:
            return self.batches[-1]
        return None

    @property
    def settled(self) -> int:
        """Number of settled batches."""
        return self._settled

    @property
    def last_cut(self) -> int:
        """Queue cut of the last sealed batch."""
        seal = self.batches[self._sealed - 1].seal if self._sealed else None
        return seal.cut if seal is not None else 0

    def batch(self, number: int) -> Batch:
        """A batch by its number.

        :raises RequestError: ``unknown_batch``.
        """
        if not 0 <= number < len(self.batches):
            raise RequestError(f"batch {number} does not exist yet", code="unknown_batch", field="batch")
        return self.batches[number]

    def queue_span(self, number: int) -> tuple[int, int]:
        """First queue position and cut of the entries that apply before a sealed batch."""
        seal = self._known(number).seal
        if seal is None:
            raise _fault(f"batch {number} has no queue cut yet")
        before = self.batches[number - 1].seal if number else None
        return (before.cut if before is not None else 0, seal.cut)

    def reveal_until(self, number: int) -> int | None:
        """The last L1 block at which reveals of the batch count; None before its seal."""
        seal = self.batch(number).seal
        return None if seal is None else seal.block + self.parameters.reveal_window

    def in_flight(self) -> Iterator[Batch]:
        """Batches that are not settled, oldest first."""
        yield from self.batches[self._settled :]

    def duties(self) -> list[Duty]:
        """All that is to be done now, oldest batch first."""
        return due(self.batches, self.marks, self.parameters)

    # ------------------------------------------------------------------------------------------ checks

    def check_commitment(
        self, batch: int, account: int, sequence: int, commitment: Digest
    ) -> CommitmentAccepted | None:
        """Whether a signed commitment (or cancel: zero) may be accepted; returns the accepted one if this repeats it.

        :raises RequestError: ``unknown_batch``, ``wrong_phase``, ``replayed``, ``batch_full``, ``not_found``.
        """
        record = self.batch(batch)
        earlier = record.commitments.get(account)
        if earlier is not None and sequence <= earlier.sequence:
            if sequence == earlier.sequence and commitment == earlier.commitment:
                return earlier
            raise RequestError(
                f"sequence {sequence} is not above {earlier.sequence}", code="replayed", field="sequence"
            )
        if record.leaves is not None:
            raise RequestError(
                f"batch {batch} is closed; open is batch {len(self.batches) - 1}",
                code="wrong_phase",
                field="batch",
                retryable=True,
            )
        live = earlier is not None and earlier.commitment != ZERO
        if commitment == ZERO and not live:
            raise RequestError(f"no commitment to cancel in batch {batch}", code="not_found")
        if commitment != ZERO and not live and record.collected >= self.parameters.max_count:
            raise RequestError(
                f"batch {batch} holds {self.parameters.max_count} commitments",
                code="batch_full",
                retryable=True,
            )
        return None

    def check_lease(self, batch: int, account: int, sequence: int) -> None:
        """Whether a held-back cancel may be taken: the batch is open, and it is newer than the commitment it is for.

        :raises RequestError: ``unknown_batch``, ``wrong_phase``, ``not_found``, ``replayed``.
        """
        record = self.batch(batch)
        if record.leaves is not None:
            raise RequestError(f"batch {batch} is closed", code="wrong_phase", field="batch")
        standing = record.commitments.get(account)
        if standing is None or standing.commitment == ZERO:
            raise RequestError(f"no commitment in batch {batch}", code="not_found")
        if sequence <= standing.sequence:
            reason = f"sequence {sequence} is not above {standing.sequence}"
            raise RequestError(reason, code="replayed", field="sequence")

    def check_reveal_phase(self, batch: int) -> Batch:
        """The batch, if its seal is known.

        :raises RequestError: ``unknown_batch``; ``wrong_phase`` (retryable) before the seal is on L1.
        """
        record = self.batch(batch)
        if record.seal is None:
            raise RequestError(
                f"batch {batch} is not sealed on L1 yet", code="wrong_phase", field="batch", retryable=True
            )
        return record

    def check_result(self, batch: int) -> Batch:
        """The batch, if its outcome may be told.

        :raises RequestError: ``unknown_batch``; ``too_early`` (retryable) before it is cleared.
        """
        record = self.batch(batch)
        if record.cleared is None:
            raise RequestError(f"batch {batch} is not cleared yet", code="too_early", retryable=True)
        return record

    def all_revealed(self, number: int) -> bool:
        """Whether every leaf of a sealed batch is open, so that reveals may end before the deadline."""
        batch = self._known(number)
        return batch.seal is not None and batch.leaves is not None and len(batch.reveals) == len(batch.leaves)

    # ------------------------------------------------------------------------------------------ events

    def apply(self, event: Event) -> None:
        """Apply one event.

        :raises JournalError: ``journal_corrupt``: the event cannot follow what was applied before.
        """
        match event:
            case BatchOpened():
                _expect(event.batch == len(self.batches) and self.open_batch is None, event)
                self.batches.append(Batch(event.batch, event.at))
            case CommitmentAccepted():
                batch = self._known(event.batch)
                earlier = batch.commitments.get(event.account)
                _expect(batch.leaves is None, event)
                _expect(earlier is None or earlier.sequence < event.sequence, event)
                batch.collected += (event.commitment != ZERO) - (earlier is not None and earlier.commitment != ZERO)
                batch.commitments[event.account] = event
            case CommitmentLeased():
                batch = self._known(event.batch)
                _expect(batch.leaves is None and event.account in batch.commitments, event)
                batch.leases[event.account] = event
            case BatchClosed():
                batch = self._known(event.batch)
                _expect(batch.leaves is None, event)
                batch.leases.clear()
                batch.leaves = tuple(
                    CommitmentLeaf(account, c.commitment, c.sequence, c.signature)
                    for account, c in sorted(batch.commitments.items())
                    if c.commitment != ZERO
                )
            case BatchSealed():
                batch = self._known(event.batch)
                _expect(event.batch == self._sealed and batch.leaves is not None, event)
                _expect(len(batch.leaves or ()) == event.count, event)
                batch.seal = event
                batch.reveals_ended = event.count == 0
                self._sealed += 1
            case RevealAccepted():
                batch = self._known(event.batch)
                _expect(batch.phase == "reveal" and event.account not in batch.reveals, event)
                batch.reveals[event.account] = event
            case RevealsEnded():
                batch = self._known(event.batch)
                _expect(batch.seal is not None and not batch.reveals_ended, event)
                batch.reveals_ended = True
            case BeaconRecorded():
                batch = self._known(event.batch)
                _expect(batch.seal is not None and batch.beacon is None, event)
                batch.beacon = event
            case BatchCleared():
                batch = self._known(event.batch)
                _expect(event.batch == self._cleared and batch.reveals_ended and batch.drawn, event)
                batch.cleared = event
                self._cleared += 1
            case EpochClosed():
                _expect(event.first <= event.last < self._cleared, event)
                if event.first != self._in_epochs:
                    self._shorten(event)
                for batch in self._span(event.first, event.last):
                    batch.epoch = (event.first, event.last)
                self._in_epochs = event.last + 1
            case EpochProven():
                for batch in self._span(event.first, event.last):
                    _expect(batch.epoch == (event.first, event.last) and batch.settled is None, event)
                    batch.proven = event
            case EpochSettled():
                _expect(event.first == self._settled, event)
                for batch in self._span(event.first, event.last):
                    _expect(batch.epoch == (event.first, event.last), event)
                    batch.settled = event
                    batch.acknowledgements = {a: r.acknowledgement for a, r in batch.reveals.items()}
                    batch.reveals = {}
                self._settled = event.last + 1
            case _:
                raise _fault(f"{type(event).__name__} is no event of a batch")

    def _shorten(self, event: EpochClosed) -> None:
        """An epoch that no proof holds starts again with fewer batches."""
        batch = self._known(event.first)
        _expect(event.first == self._settled and batch.proven is None, event)
        _expect(batch.epoch is not None and event.last < batch.epoch[1], event)
        for later in self._span(event.first, self._in_epochs - 1):
            later.epoch = None

    def _known(self, number: int) -> Batch:
        if not 0 <= number < len(self.batches):
            raise _fault(f"batch {number} was never opened")
        return self.batches[number]

    def _span(self, first: int, last: int) -> list[Batch]:
        return [self._known(number) for number in range(first, last + 1)]


def _expect(condition: bool, event: Event) -> None:
    if not condition:
        raise _fault(f"{event!r} does not follow from the events before it")


def _fault(reason: str) -> JournalError:
    return JournalError(reason, code="journal_corrupt")
