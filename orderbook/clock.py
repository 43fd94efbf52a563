"""When the open batch closes, and when cleared batches are proven together: the operator's policy."""

from __future__ import annotations

from .batch import Batch
from .settings import Settings
from .state import VenueState


class BatchClock:
    """Decides from the state, the settings and a time (seconds since 1970 UTC) that the caller gives."""

    def __init__(self, settings: Settings, state: VenueState) -> None:
        self._settings = settings
        self._state = state
        self._now_wanted: int | None = None
        self._opened: dict[int, float] = {}
        """When batches were opened, by the clock as it is now: one that was put back must not hold them open."""

    def closes_at(self, batch: Batch) -> float | None:
        """The planned end of the batch's collection, if it is timed."""
        if self._settings.batch_seconds is None:
            return None
        return self._opened.get(batch.number, batch.opened_at) + self._settings.batch_seconds

    def may_close(self) -> bool:
        """Whether a batch is open and none before it waits for its seal."""
        lifecycle = self._state.lifecycle
        number = len(lifecycle.batches) - 1
        if lifecycle.open_batch is None:
            return False
        return number == 0 or lifecycle.batches[number - 1].seal is not None

    def close_now(self) -> None:
        """Have the open batch close at the next look, even empty."""
        self._now_wanted = self.closing()

    def closing(self) -> int:
        """Number of the open batch."""
        return len(self._state.lifecycle.batches) - 1

    def due(self, now: float) -> bool:
        """Whether the open batch closes now."""
        batch = self._state.lifecycle.open_batch
        if batch is None or not self.may_close():
            return False
        if self._now_wanted == batch.number:
            return True
        full = self._settings.batch_commitments
        if full is not None and batch.collected >= full:
            return True
        if batch.collected == 0 and self._settings.empty_batches and self._queue_waits(beyond=True):
            return True
        self._look(batch, now)
        closes_at = self.closes_at(batch)
        if closes_at is None or now < closes_at:
            return False
        return batch.collected > 0 or (self._settings.empty_batches and self._queue_waits())

    def _queue_waits(self, beyond: bool = False) -> bool:
        """Whether entries wait that the open batch applies; ``beyond``: more than it can apply."""
        waiting = self._state.registry.length - self._state.lifecycle.last_cut
        return waiting > (self._state.parameters.queue_per_batch if beyond else 0)

    def epoch_due(self, first: int, last: int, now: float) -> bool:
        """Whether an epoch of the cleared batches ``first`` .. ``last`` is closed now."""
        if last - first + 1 >= self._settings.batches_per_epoch:
            return True
        self._opened = {number: at for number, at in self._opened.items() if number >= first}
        return now >= self._look(self._state.lifecycle.batch(first), now) + self._settings.epoch_seconds

    def _look(self, batch: Batch, now: float) -> float:
        """When a batch was opened: never later than any time at which it was seen open."""
        opened = min(self._opened.get(batch.number, batch.opened_at), now)
        self._opened[batch.number] = opened
        return opened

    def epoch_last(self, first: int, last: int) -> int:
        """Last batch of the epoch that is closed now."""
        return min(last, first + self._settings.batches_per_epoch - 1)
