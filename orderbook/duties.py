"""Doing what is due: each duty that follows from the state is one task, repeated with back-off while that may help."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias

from .backoff import back_off
from .batch import Batch
from .clock import BatchClock
from .duty import AwaitReveals, Clear, CloseEpoch, Draw, Duty, Open, Prove, Seal, Settle
from .engine import clear_batch
from .epochs import EpochStore, Prover
from .errors import OrderbookError, ProverError
from .events import BatchOpened, EpochClosed, Event, RevealsEnded
from .follower import Follower
from .l1 import L1
from .metrics import Metrics
from .openings import commitment_root
from .settings import Settings
from .state import VenueState
from .threads import blocking

__all__ = ["Duties"]

log = logging.getLogger("sealbook.node")
_TOO_MUCH = ("epoch_too_large", "prover_memory")
Guard: TypeAlias = Callable[[Callable[[], Coroutine[Any, Any, None]]], Coroutine[Any, Any, None]]
"""Runs work whose errors end the node."""


class Duties:
    """``record`` returns when events are on disk. :meth:`applied` must be called after events of a batch's life."""

    def __init__(
        self,
        settings: Settings,
        state: VenueState,
        l1: L1,
        prover: Prover,
        clock: BatchClock,
        follower: Follower,
        metrics: Metrics,
        record: Callable[[Sequence[Event]], Awaitable[None]],
        now: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._state = state
        self._l1 = l1
        self._prover = prover
        self._store = EpochStore(settings.epochs)
        self._clock = clock
        self._follower = follower
        self._metrics = metrics
        self._record = record
        self._now = now
        self._applied = asyncio.Event()
        self._running: dict[Duty, asyncio.Task[None]] = {}

    @property
    def tasks(self) -> Iterable[asyncio.Task[None]]:
        """What is being done."""
        return self._running.values()

    def applied(self) -> None:
        """Wake what waits for events to be applied."""
        self._applied.set()
        self._applied = asyncio.Event()

    def start(self, guard: Guard, done: Callable[[], None], *, draining: bool) -> None:
        """Start what is due and not being done; ``done`` is called when some of it is."""
        for duty in self._state.lifecycle.duties():
            if duty not in self._running and self._is_due(duty, draining):
                task = asyncio.create_task(guard(partial(self._perform, duty)))
                self._running[duty] = task
                task.add_done_callback(partial(self._done, duty, done))

    def _done(self, duty: Duty, done: Callable[[], None], _: asyncio.Task[None]) -> None:
        self._running.pop(duty, None)
        done()

    def _is_due(self, duty: Duty, draining: bool) -> bool:
        match duty:
            case AwaitReveals(batch, until):
                # The deadline has passed for good once a final block is beyond it, whatever the newest block is.
                return self._follower.final > until or self._state.lifecycle.all_revealed(batch)
            case Draw(batch):
                seal = self._state.lifecycle.batch(batch).seal
                return seal is not None and self._follower.head > seal.block + self._state.parameters.beacon_delay
            case CloseEpoch(first, last):
                return draining or self._clock.epoch_due(first, last, self._now())
            case _:
                return True

    async def _perform(self, duty: Duty) -> None:
        failures = 0
        while True:
            try:
                return await self._once(duty)
            except OrderbookError as error:
                if not error.retryable:
                    raise
                log.warning("%s: %s", duty, error, extra={"code": error.code})
                kind = self._metrics.proof_failures if isinstance(error, ProverError) else self._metrics.l1_errors
                kind.inc(error.code)
                failures += 1
            await asyncio.sleep(back_off(failures))

    async def _once(self, duty: Duty) -> None:
        match duty:
            case Open(number):
                await self._record([BatchOpened(number, self._now())])
            case Seal(number):
                await self._seal(self._state.lifecycle.batch(number))
            case AwaitReveals(number):
                await self._record([RevealsEnded(number, self._follower.final)])
            case Draw(number):
                await self._draw(self._state.lifecycle.batch(number))
            case Clear(number):
                await self._clear(self._state.lifecycle.batch(number))
            case CloseEpoch(first, last):
                await self._record([EpochClosed(first, self._clock.epoch_last(first, last))])
            case Prove(first, last):
                await self._prove(first, last)
            case Settle(first, last):
                await self._settle(first, last)

    async def _seal(self, closed: Batch) -> None:
        root, count = commitment_root(self._state.parameters.venue, closed), len(closed.leaves or ())
        while closed.seal is None:
            await blocking(self._l1.seal, closed.number, root, count)
            await self._until(lambda: closed.seal is not None)

    async def _draw(self, sealed: Batch) -> None:
        while not sealed.drawn:
            await blocking(self._l1.record_beacon, sealed.number)
            await self._until(lambda: sealed.drawn)

    async def _clear(self, drawn: Batch) -> None:
        state = self._state
        queue = state.registry.entries(*state.lifecycle.queue_span(drawn.number))
        await self._record([await blocking(clear_batch, state.parameters, state.ledger, queue, drawn)])

    async def _prove(self, first: int, last: int) -> None:
        try:
            package, seconds = await self._prover.prove(self._state, first, last)
        except ProverError as error:
            if self._settled(first):
                return
            if last == first or error.code not in _TOO_MUCH:
                raise
            shorter = EpochClosed(first, (first + last) // 2)
            log.warning("batches %d to %d: %s; proving fewer together", first, last, error)
            await self._record([shorter])
            return
        proven = await blocking(self._store.save, package, seconds)
        if not self._settled(first):
            await self._record([proven])

    def _settled(self, batch: int) -> bool:
        """Whether a settlement that was sent earlier turned out to be on L1, while the proof was made again."""
        return self._state.lifecycle.batch(batch).settled is not None

    async def _settle(self, first: int, last: int) -> None:
        batch = self._state.lifecycle.batch(first)
        assert batch.proven is not None
        package = await blocking(self._store.load, batch.proven)
        if package is None:
            log.warning("the proof of batches %d to %d is lost or altered; proving again", first, last)
            await self._prove(first, last)
            return
        while batch.settled is None:
            await blocking(self._l1.settle, package)
            await self._until(lambda: batch.settled is not None)
        await self.tidy()

    async def tidy(self) -> None:
        """Delete proofs that nobody needs any more."""
        await blocking(self._store.forget, self._state.lifecycle.settled)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait until what was sent to L1 is final, but not for ever: a reorganisation may have dropped it.

        To send it again does nothing where L1 still holds it.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.resend_seconds):
                while not condition():
                    await self._applied.wait()
