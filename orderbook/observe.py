"""From the venue's events to its figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, get_args

from .events import (
    BatchCleared,
    CommitmentAccepted,
    EpochClosed,
    EpochProven,
    EpochSettled,
    Event,
    RevealAccepted,
)
from .metrics import Metrics
from .state import VenueState
from .wire import Phase

_PHASES: Final[tuple[str, ...]] = get_args(Phase)


class Observer:
    """Counts what is applied, and how long batches stay in each phase. ``clock`` never goes back, in seconds."""

    def __init__(self, metrics: Metrics, state: VenueState, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._state = state
        self._clock = clock
        self._since: dict[int, tuple[str, float]] = {}
        """Phase and its beginning of each batch that is not settled."""

    def applied(self, event: Event) -> None:
        """Take note of an event that was just applied."""
        metrics = self._metrics
        match event:
            case CommitmentAccepted():
                metrics.commitments.inc()
                return
            case RevealAccepted():
                metrics.reveals.inc()
                return
            case BatchCleared():
                metrics.missed_reveals.inc(by=sum(not account.opened for account in event.accounts))
            case EpochProven():
                metrics.proof_seconds.observe(event.seconds)
                metrics.proof_bytes.set(event.proof_bytes)
                metrics.proof_progress.set(0)
            case EpochSettled():
                metrics.settlement_gas.inc(by=event.gas)
                metrics.epoch_gas.set(event.gas)
            case _:
                pass
        for number in _numbers(event):
            self._note(number)

    def _note(self, number: int) -> None:
        phase, now = self._state.lifecycle.batch(number).phase, self._clock()
        known = self._since.get(number)
        if known is not None and known[0] == phase:
            return
        if known is not None:
            self._metrics.phase_seconds.observe(now - known[1], known[0])
        if phase == "settled":
            self._since.pop(number, None)
        else:
            self._since[number] = (phase, now)

    def gauges(self) -> None:
        """Bring the gauges that follow from the state up to date."""
        lifecycle = self._state.lifecycle
        counts = dict.fromkeys(_PHASES, 0)
        for batch in lifecycle.in_flight():
            counts[batch.phase] += 1
        counts["settled"] = lifecycle.settled
        for phase, count in counts.items():
            self._metrics.batches.set(count, phase)
        self._metrics.l1_queue.set(self._state.registry.length - lifecycle.last_cut)


def _numbers(event: Event) -> range:
    if isinstance(event, EpochClosed | EpochProven | EpochSettled):
        return range(event.first, event.last + 1)
    batch = getattr(event, "batch", None)
    return range(0) if batch is None else range(batch, batch + 1)
