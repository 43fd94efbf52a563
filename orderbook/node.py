"""The node: state, journal, L1, prover and server put together.

Every change goes through :meth:`Node.record`: applied in memory, written to the journal, then published. What is to be
done follows from the state (:meth:`orderbook.lifecycle.Lifecycle.duties`) and is done by :mod:`orderbook.duties`.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from .announcer import CLIENTS_OWN, announce
from .attest import SigningKey
from .batch import Batch
from .clock import BatchClock
from .desk import Desk
from .duties import Duties
from .epochs import Prover
from .errors import RequestError
from .events import AnyEvent, BatchClosed, BatchOpened, CommitmentAccepted, EpochSettled, Event, RevealAccepted
from .follower import Follower
from .journal import Journal
from .l1 import L1
from .limits import Limits
from .metrics import Metrics
from .notices import Notice, notices
from .observe import Observer
from .recorder import Recorder
from .server import Server
from .settings import Settings
from .state import VenueState
from .status import StatusServer

log = logging.getLogger("sealbook.node")


class Node:
    """One venue, running. ``state`` is what the journal's events gave."""

    def __init__(
        self,
        settings: Settings,
        state: VenueState,
        journal: Journal,
        l1: L1,
        prover: Prover,
        operator: SigningKey,
        limits: Limits | None = None,
        *,
        metrics: Metrics | None = None,
        tls: ssl.SSLContext | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self.state = state
        self._prover = prover
        self.metrics = metrics or Metrics()
        self._wall_clock = wall_clock
        self._recorder = Recorder(journal, self.metrics)
        self._observer = Observer(self.metrics, state, time.monotonic)
        self.status = StatusServer(self._metrics_text, self.problems)
        self._clock = BatchClock(settings, state)
        self._operator = operator
        self._desk = Desk(state, operator, self, wall_clock, limits)
        self.server = Server(self._desk, limits, self.metrics, tls)
        self._changed = asyncio.Event()
        self._follower = Follower(settings, state, l1, self.metrics, self._recorded, self._changed.set)
        self._duties = Duties(
            settings, state, l1, prover, self._clock, self._follower, self.metrics, self._recorded, wall_clock
        )
        self._events_since_snapshot = settings.snapshot_events
        self._secrets_in_snapshot = False
        self._draining = False
        self._done = False
        """Whether it stops because it is drained."""
        self._failure: asyncio.Future[None] | None = None

    # ------------------------------------------------------------------------------------------ floor

    def record(self, events: Sequence[Event]) -> asyncio.Future[None]:
        """Apply events in memory at once. What is returned is done when they, and all before them, are on disk: it is
        shared with others, so that who may be cancelled waits with :meth:`_recorded`."""
        told: list[Notice] = []
        quiet = True
        for event in events:
            self.state.apply(event)
            self._observer.applied(event)
            if isinstance(event, CLIENTS_OWN):
                self._heard(event)
            else:
                told += notices(self.state, self._operator, event, self._clock.closes_at)
                quiet = False
        if quiet:
            return self._recorder.submit(events)
        self._duties.applied()
        archive, snapshot = self._kept(events)
        self._changed.set()
        publish = partial(announce, self.state, self._desk.streams, self.server, events, told)
        return self._recorder.submit(events, publish, archive, snapshot)

    async def _recorded(self, events: Sequence[Event]) -> None:
        await asyncio.shield(self.record(events))

    def _heard(self, event: Event) -> None:
        """Look for what is due after a client's event only where it may be the last one that was waited for."""
        match event:
            case CommitmentAccepted():
                # The first may end a batch whose time is over, each later one a batch that is full.
                if self._settings.batch_commitments is not None or self.state.lifecycle.batches[-1].collected <= 1:
                    self._changed.set()
            case RevealAccepted():
                if self.state.lifecycle.all_revealed(event.batch):
                    self._changed.set()

    def _kept(self, events: Sequence[Event]) -> tuple[list[Batch], bytes | None]:
        """What the journal keeps beside events that were just applied: batches that they settle, and now and then the
        whole state, so that it can let go of what was before."""
        self._events_since_snapshot += len(events)
        archive = [b for e in events if isinstance(e, EpochSettled) for b in self.state.epoch(e.first, e.last)]
        if not archive:
            return [], None
        if self._events_since_snapshot < self._settings.snapshot_events and not self._secrets_in_snapshot:
            return archive, None
        snapshot = self.state.snapshot()
        self._events_since_snapshot, self._secrets_in_snapshot = 0, snapshot.has_reveals
        return archive, snapshot.encoded()

    def head(self) -> int:
        """Number of the newest L1 block that was seen."""
        return self._follower.head

    def closes_at(self, batch: Batch) -> float | None:
        """When the open batch is planned to close."""
        return self._clock.closes_at(batch)

    def seal_now(self) -> None:
        """Close the open batch at once.

        :raises RequestError: ``wrong_phase`` while the batch before it waits for its seal.
        """
        if not self._clock.may_close():
            raise RequestError(
                "the batch before it waits for its seal", code="wrong_phase", field="type", retryable=True
            )
        self._clock.close_now()
        self._changed.set()

    @property
    def draining(self) -> bool:
        """Whether the node takes no new commitments because it will stop."""
        return self._draining

    def drain(self) -> None:
        """Take no new commitments, bring all batches to their settlement, then stop."""
        log.info("draining: no new commitments; the node stops when every batch is settled")
        self._draining = True
        self._changed.set()

    def problems(self) -> list[str]:
        """What keeps the node from serving clients; empty if it is ready."""
        found = {
            "not_serving": not self.server.is_open,
            "draining": self._draining,
            "l1_down": self._follower.failures > 0,
            "journal_failed": self._recorder.failed,
        }
        return [name for name, present in found.items() if present]

    def _metrics_text(self) -> str:
        self._observer.gauges()
        self.server.observe()
        self.metrics.journal_waiting.set(self._recorder.waiting)
        self.metrics.journal_bytes.set(self._settings.journal.stat().st_size)
        self.metrics.l1_head.set(self._follower.head)
        self.metrics.l1_final.set(self._follower.final)
        return self.metrics.text()

    # ------------------------------------------------------------------------------------------ running

    async def run(self, ready: Callable[[int], None] | None = None) -> None:
        """Serve until cancelled, or drained. ``ready`` is called with the port once clients can connect.

        :raises OrderbookError: what made it impossible to go on.
        """
        self._failure = asyncio.get_running_loop().create_future()
        recorder = asyncio.create_task(self._guard(self._recorder.run))
        try:
            await self.server.start(self._settings.host, self._settings.port)
            if self._settings.status is not None:
                await self.status.start(*self._settings.status)
            await self._follower.catch_up()
            await self._duties.tidy()
            if not self.state.lifecycle.batches:
                await self._recorded([BatchOpened(0, self._wall_clock())])
            self.server.open()
            if ready is not None:
                ready(self.server.port)
            background = [
                asyncio.create_task(self._guard(self._follower.run)),
                asyncio.create_task(self._guard(self._work)),
            ]
            try:
                await self._failure
            finally:
                await _cancel([*background, *self._duties.tasks])
        finally:
            await self.server.close("drained" if self._done else "stopping")
            await self.status.close()
            self._prover.stop()
            await _cancel([recorder])
            await self._recorder.flush()
            self._recorder.close()

    async def _guard(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run background work; an error that it does not handle ends the node."""
        try:
            await work()
        except Exception as error:
            assert self._failure is not None
            if not self._failure.done():
                self._failure.set_exception(error)

    async def _work(self) -> None:
        """Start what is due, again whenever something changed."""
        while True:
            self._changed.clear()
            lapsed = self._desk.lapsed(self._wall_clock())
            if lapsed:
                await self._recorded(lapsed)
            if self._draining and self._drained():
                await self._recorded([])  # what was decided is on disk and published
                assert self._failure is not None
                if not self._failure.done():
                    self._failure.set_result(None)
                    self._done = True
                return
            if self._clock.due(self._wall_clock()):
                number = self._clock.closing()
                await self._recorded([BatchClosed(number), BatchOpened(number + 1, self._wall_clock())])
            self._duties.start(self._guard, self._changed.set, draining=self._draining)
            await self._changed.wait()

    def _drained(self) -> bool:
        """Whether nothing is left to be done; closes the open batch if it holds commitments."""
        lifecycle = self.state.lifecycle
        open_ = lifecycle.open_batch
        if open_ is None:
            return False
        if open_.collected:
            if self._clock.may_close():
                self._clock.close_now()
            return False
        return lifecycle.settled == open_.number


def replay(state: VenueState, journal: Journal) -> int:
    """Rebuild the state from the journal, which must stay open; the number of events after its snapshot.

    :raises JournalError: the journal cannot be trusted.
    """
    count = 0
    event: AnyEvent
    state.fetch_from(journal.batch)
    snapshot = journal.snapshot()
    if snapshot is not None:
        state.restore(snapshot)
    for event in journal.replay():
        state.apply(event)
        count += 1
    # Their reveals are deleted, so what was replayed of them is less than what the journal keeps of them.
    state.lifecycle.batches.put_away(state.lifecycle.settled, keep=0)
    return count


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
