"""Following L1: what became final there becomes events, in order and once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from .backoff import back_off
from .duty import AwaitReveals, Draw, Seal
from .errors import ChainMismatchError, OrderbookError
from .events import BatchSealed, ChainFollowed, Event
from .l1 import L1
from .metrics import Metrics
from .openings import commitment_root
from .settings import Settings
from .state import VenueState
from .threads import blocking

__all__ = ["Follower"]

log = logging.getLogger("sealbook.node")
_CURSOR_BLOCKS: Final = 256
"""Blocks without an event of the contract after which the journal notes how far L1 was followed."""


class Follower:
    """``record`` returns when events are on disk; ``looked`` is called after each look at L1."""

    def __init__(
        self,
        settings: Settings,
        state: VenueState,
        l1: L1,
        metrics: Metrics,
        record: Callable[[Sequence[Event]], Awaitable[None]],
        looked: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._state = state
        self._l1 = l1
        self._metrics = metrics
        self._record = record
        self._looked = looked
        self._cursor = state.followed
        self.head = state.followed.block if state.followed is not None else 0
        """Number of the newest L1 block that was seen."""
        self.failures = 0
        """Calls to L1 that failed since the last one that did not."""
        self._mined_at = time.monotonic()

    @property
    def final(self) -> int:
        """The last final block that was read; -1 before the first."""
        return self._cursor.block if self._cursor is not None else -1

    async def catch_up(self) -> None:
        """Read all of L1 up to now before the first client is served, however long it takes.

        :raises OrderbookError: what no repetition can cure.
        """
        while True:
            try:
                target = await blocking(self._l1.head)
                while await self._look() and self.final < target:
                    pass
            except OrderbookError as error:
                self._failed(error)
                await asyncio.sleep(back_off(self.failures))
            else:
                self.failures = 0
                return

    async def run(self) -> None:
        """Follow until cancelled.

        :raises OrderbookError: what no repetition can cure.
        """
        while True:
            try:
                await self._look()
                self.failures = 0
            except OrderbookError as error:
                self._failed(error)
            if self._settings.mine_seconds is not None and self._waits_for_blocks():
                await self._mine(self._settings.mine_seconds)
            await asyncio.sleep(back_off(self.failures) if self.failures else self._settings.poll_seconds)
            self._looked()

    def _failed(self, error: OrderbookError) -> None:
        if not error.retryable:
            raise error
        log.warning("L1: %s", error, extra={"code": error.code})
        self._metrics.l1_errors.inc(error.code)
        self.failures += 1

    def _waits_for_blocks(self) -> bool:
        return any(isinstance(duty, AwaitReveals | Draw | Seal) for duty in self._state.lifecycle.duties())

    async def _mine(self, seconds: float) -> None:
        """Have a development chain make a block, at most one in so many seconds."""
        now = time.monotonic()
        if now >= self._mined_at + seconds:
            self._mined_at = now
            await blocking(self._l1.advance)

    async def _look(self) -> bool:
        """Take over what became final on L1; whether anything did."""
        after, known = (self._cursor.block, self._cursor.hash) if self._cursor is not None else (-1, "")
        self.head = await blocking(self._l1.head)
        events = await blocking(self._l1.follow, after, known)
        if not events:
            return False
        for event in events:
            if isinstance(event, BatchSealed):
                self._check_seal(event)
        cursor = events[-1]
        assert isinstance(cursor, ChainFollowed)
        journaled = self._state.followed.block if self._state.followed is not None else -1
        if len(events) > 1 or cursor.block >= journaled + _CURSOR_BLOCKS:
            await self._record(events)
        self._cursor = cursor
        return True

    def _check_seal(self, event: BatchSealed) -> None:
        batches, venue = self._state.lifecycle.batches, self._state.parameters.venue
        leaves = batches[event.batch].leaves if event.batch < len(batches) else None
        if leaves is None or len(leaves) != event.count or commitment_root(venue, batches[event.batch]) != event.root:
            raise ChainMismatchError(
                f"L1 holds a seal of batch {event.batch} that this node did not make: wrong data folder?",
                field="root",
            )
