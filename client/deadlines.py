"""The countdown to the end of a reveal window: how much is left, and a warning while there is still time to act."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from msgspec import Struct

__all__ = ["Countdown", "Deadline"]

log = logging.getLogger("sealbook.client")
_FRACTIONS: Final = (0.5, 0.25, 0.1)
"""Parts of the window that are left when a warning is given."""


class Deadline(Struct, frozen=True):
    """A sealed commitment that is not revealed yet. Blocks are L1's; ``seconds_left`` is an estimate from the blocks
    seen so far, None before two were. ``problem``: code of what stands in the way, empty if nothing does. ``warning``:
    little is left, and it needs somebody's attention."""

    batch: int
    until: int
    """The last block in which a reveal counts."""
    head: int
    blocks_left: int
    seconds_left: float | None
    problem: str
    warning: bool


class Countdown:
    """Deadlines of the batches that wait for their reveal. Time is given by the caller, in seconds. ``changed`` hears
    of every step."""

    def __init__(self, window: int, changed: Callable[[Deadline], None]) -> None:
        self._window = window
        self._changed = changed
        self._first: tuple[float, int] | None = None
        self._block_seconds: float | None = None
        self._open: dict[int, Deadline] = {}
        self._warned: dict[int, float] = {}

    @property
    def deadlines(self) -> tuple[Deadline, ...]:
        """All that are running, the nearest first."""
        return tuple(sorted(self._open.values(), key=lambda deadline: deadline.until))

    def look(self, batch: int, seal_block: int, head: int, problem: str, now: float) -> Deadline:
        """L1 is at block ``head``, and the batch is not revealed."""
        self._measure(head, now)
        until = seal_block + self._window
        blocks = max(0, until - head)
        seconds = None if self._block_seconds is None else blocks * self._block_seconds
        left = blocks / self._window if self._window else 0.0
        passed = [fraction for fraction in _FRACTIONS if left <= fraction]
        deadline = Deadline(batch, until, head, blocks, seconds, problem, bool(passed))
        before = self._open.get(batch)
        self._open[batch] = deadline
        if passed and passed[-1] < self._warned.get(batch, 1.0):
            self._warned[batch] = passed[-1]
            about = "" if seconds is None else f", about {seconds:.0f} s,"
            log.warning(
                "batch %d is not revealed: %d blocks%s left until block %d",
                batch,
                blocks,
                about,
                until,
                extra={"batch": batch, "blocks_left": blocks, "reason": problem},
            )
        if before is None or (before.head, before.problem) != (head, problem):
            self._changed(deadline)
        return deadline

    def done(self, batch: int) -> None:
        """Revealed, or missed: nothing is to be done any more."""
        self._open.pop(batch, None)
        self._warned.pop(batch, None)

    def _measure(self, head: int, now: float) -> None:
        if self._first is None:
            self._first = (now, head)
        elif head > self._first[1]:
            self._block_seconds = (now - self._first[0]) / (head - self._first[1])
