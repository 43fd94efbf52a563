"""The node: state, journal, L1, prover and server put together.

Every change goes through :meth:`Node.record`: applied in memory, written to the journal, then published. What is to be
done follows from the state (:meth:`orderbook.lifecycle.Lifecycle.duties`); each duty is one task, started when it is
due and repeated with back-off while its error says that this may help.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from . import views
from .attest import SigningKey
from .batch import Batch
from .clock import BatchClock
from .desk import Desk
from .engine import clear_batch
from .epochs import EpochStore, Prover
from .errors import ChainMismatchError, OrderbookError, ProverError, RequestError
from .events import (
    AccountRegistered,
    AnyEvent,
    BatchCleared,
    BatchClosed,
    BatchOpened,
    BatchSealed,
    ChainFollowed,
    CommitmentAccepted,
    CommitmentLeased,
    EpochClosed,
    EpochSettled,
    Event,
    QueueAppended,
    RevealAccepted,
    RevealsEnded,
)
from .journal import Journal
from .l1 import L1
from .lifecycle import AwaitReveals, Clear, CloseEpoch, Draw, Duty, Open, Prove, Seal, Settle
from .limits import Limits
from .metrics import Metrics
from .notices import Notice, notices
from .observe import Observer
from .openings import commitment_root
from .recorder import Recorder
from .server import Server
from .settings import Settings
from .state import VenueState
from .status import StatusServer
from .streams import Key
from .threads import blocking

log = logging.getLogger("sealbook.node")
T = TypeVar("T")
_CURSOR_BLOCKS = 256
"""Blocks without an event of the contract after which the journal notes how far L1 was followed."""
_TOO_MUCH = ("epoch_too_large", "prover_memory")
_CLIENTS_OWN = (CommitmentAccepted, CommitmentLeased, RevealAccepted)
"""Events that only the client knows of which they are, by the reply to it."""
_BACK_OFF = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


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
        self._l1 = l1
        self._prover = prover
        self._store = EpochStore(settings.epochs)
        self.metrics = metrics or Metrics()
        self._wall_clock = wall_clock
        self._recorder = Recorder(journal, self.metrics)
        self._observer = Observer(self.metrics, state, time.monotonic)
        self.status = StatusServer(self._metrics_text, self.problems)
        self._clock = BatchClock(settings, state)
        self._operator = operator
        self._desk = Desk(state, operator, self, wall_clock, limits)
        self.server = Server(self._desk, limits, self.metrics, tls)
        self._cursor = state.followed
        self._head = state.followed.block if state.followed is not None else 0
        self._mined_at = time.monotonic()
        self._l1_failures = 0
        self._events_since_snapshot = settings.snapshot_events
        self._secrets_in_snapshot = False
        self._draining = False
        self._changed = asyncio.Event()
        self._applied = asyncio.Event()
        self._running: dict[Duty, asyncio.Task[None]] = {}
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
            if isinstance(event, _CLIENTS_OWN):
                self._heard(event)
            else:
                told += notices(self.state, self._operator, event, self._clock.closes_at)
                quiet = False
        if quiet:
            return self._recorder.submit(events)
        self._applied.set()
        self._applied = asyncio.Event()
        archive, snapshot = self._kept(events)
        self._changed.set()
        return self._recorder.submit(events, lambda: self._publish(events, told), archive, snapshot)

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
        return self._head

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
            "l1_down": self._l1_failures > 0,
            "journal_failed": self._recorder.failed,
        }
        return [name for name, present in found.items() if present]

    def _metrics_text(self) -> str:
        self._observer.gauges()
        self.server.observe()
        self.metrics.journal_waiting.set(self._recorder.waiting)
        self.metrics.journal_bytes.set(self._settings.journal.stat().st_size)
        self.metrics.l1_head.set(self._head)
        self.metrics.l1_final.set(self._final())
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
            await self._catch_up()
            if not self.state.lifecycle.batches:
                await self._recorded([BatchOpened(0, self._wall_clock())])
            self.server.open()
            if ready is not None:
                ready(self.server.port)
            background = [
                asyncio.create_task(self._guard(self._follow)),
                asyncio.create_task(self._guard(self._work)),
            ]
            try:
                await self._failure
            finally:
                await _cancel([*background, *self._running.values()])
        finally:
            await self.server.close("drained" if self._draining else "stopping")
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

    async def _catch_up(self) -> None:
        """Read all of L1 up to now before the first client is served, however long it takes."""
        while True:
            try:
                target = await blocking(self._l1.head)
                while await self._follow_once() and self._final() < target:
                    pass
            except OrderbookError as error:
                if not error.retryable:
                    raise
                log.warning("L1: %s", error, extra={"code": error.code})
                self.metrics.l1_errors.inc(error.code)
                self._l1_failures += 1
                await asyncio.sleep(_back_off(self._l1_failures))
            else:
                self._l1_failures = 0
                return

    async def _follow(self) -> None:
        failures = 0
        while True:
            try:
                await self._follow_once()
                failures = 0
            except OrderbookError as error:
                if not error.retryable:
                    raise
                log.warning("L1: %s", error, extra={"code": error.code})
                self.metrics.l1_errors.inc(error.code)
                failures += 1
            self._l1_failures = failures
            if self._settings.mine_seconds is not None and self._waits_for_blocks():
                await self._mine()
            pause = self._settings.poll_seconds if not failures else _back_off(failures)
            await asyncio.sleep(pause)
            self._changed.set()

    def _waits_for_blocks(self) -> bool:
        waiting = (AwaitReveals, Draw, Seal)
        return any(isinstance(duty, waiting) for duty in self.state.lifecycle.duties())

    async def _mine(self) -> None:
        """Have a development chain make a block, at most one every ``mine_seconds``."""
        now = time.monotonic()
        if self._settings.mine_seconds is not None and now >= self._mined_at + self._settings.mine_seconds:
            self._mined_at = now
            await blocking(self._l1.advance)

    async def _follow_once(self) -> bool:
        """Take over what became final on L1; whether anything did."""
        after, known = (self._cursor.block, self._cursor.hash) if self._cursor is not None else (-1, "")
        self._head = await blocking(self._l1.head)
        events = await blocking(self._l1.follow, after, known)
        if not events:
            return False
        for event in events:
            if isinstance(event, BatchSealed):
                self._check_seal(event)
        cursor = events[-1]
        assert isinstance(cursor, ChainFollowed)
        if len(events) > 1 or cursor.block >= self._journaled_block() + _CURSOR_BLOCKS:
            await self._recorded(events)
        self._cursor = cursor
        return True

    def _final(self) -> int:
        """The last final block that was read."""
        return self._cursor.block if self._cursor is not None else -1

    def _journaled_block(self) -> int:
        return self.state.followed.block if self.state.followed is not None else -1

    def _check_seal(self, event: BatchSealed) -> None:
        batches = self.state.lifecycle.batches
        leaves = batches[event.batch].leaves if event.batch < len(batches) else None
        if leaves is None or len(leaves) != event.count or self._root(batches[event.batch]) != event.root:
            raise ChainMismatchError(
                f"L1 holds a seal of batch {event.batch} that this node did not make: wrong data folder?",
                field="root",
            )

    def _root(self, batch: Batch) -> tuple[int, int, int, int]:
        return commitment_root(self.state.parameters.venue, batch)

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
                return
            if self._clock.due(self._wall_clock()):
                number = self._clock.closing()
                await self._recorded([BatchClosed(number), BatchOpened(number + 1, self._wall_clock())])
            for duty in self.state.lifecycle.duties():
                if duty not in self._running and self._is_due(duty):
                    task = asyncio.create_task(self._guard(partial(self._perform, duty)))
                    self._running[duty] = task
                    task.add_done_callback(lambda _, duty=duty: self._done(duty))  # type: ignore[misc]
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

    def _done(self, duty: Duty) -> None:
        self._running.pop(duty, None)
        self._changed.set()

    def _is_due(self, duty: Duty) -> bool:
        match duty:
            case AwaitReveals(batch, until):
                # The deadline has passed for good once a final block is beyond it, whatever the newest block is.
                return self._final() > until or self.state.lifecycle.all_revealed(batch)
            case Draw(batch):
                seal = self.state.lifecycle.batch(batch).seal
                return seal is not None and self._head > seal.block + self.state.parameters.beacon_delay
            case CloseEpoch(first, last):
                return self._draining or self._clock.epoch_due(first, last, self._wall_clock())
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
                kind = self.metrics.proof_failures if isinstance(error, ProverError) else self.metrics.l1_errors
                kind.inc(error.code)
                failures += 1
            await asyncio.sleep(_back_off(failures))

    async def _once(self, duty: Duty) -> None:
        lifecycle = self.state.lifecycle
        match duty:
            case Open(number):
                await self._recorded([BatchOpened(number, self._wall_clock())])
            case Seal(number):
                closed = lifecycle.batch(number)
                root, count = self._root(closed), len(closed.leaves or ())
                while closed.seal is None:
                    await blocking(self._l1.seal, number, root, count)
                    await self._until(lambda: closed.seal is not None)
            case AwaitReveals(number):
                await self._recorded([RevealsEnded(number, self._final())])
            case Draw(number):
                while not lifecycle.batch(number).drawn:
                    await blocking(self._l1.record_beacon, number)
                    await self._until(lambda: lifecycle.batch(number).drawn)
            case Clear(number):
                queue = self.state.registry.entries(*lifecycle.queue_span(number))
                open_, ledger = lifecycle.batch(number), self.state.ledger
                await self._recorded([await blocking(clear_batch, self.state.parameters, ledger, queue, open_)])
            case CloseEpoch(first, last):
                await self._recorded([EpochClosed(first, self._clock.epoch_last(first, last))])
            case Prove(first, last):
                await self._prove(first, last)
            case Settle(first, last):
                await self._settle(first, last)

    async def _prove(self, first: int, last: int) -> None:
        try:
            package, seconds = await self._prover.prove(self.state, first, last)
        except ProverError as error:
            if self._settled(first):
                return
            if last == first or error.code not in _TOO_MUCH:
                raise
            shorter = EpochClosed(first, (first + last) // 2)
            log.warning("batches %d to %d: %s; proving fewer together", first, last, error)
            await self._recorded([shorter])
            return
        proven = await blocking(self._store.save, package, seconds)
        if not self._settled(first):
            await self._recorded([proven])

    def _settled(self, batch: int) -> bool:
        """Whether a settlement that was sent earlier turned out to be on L1, while the proof was made again."""
        return self.state.lifecycle.batch(batch).settled is not None

    async def _settle(self, first: int, last: int) -> None:
        batch = self.state.lifecycle.batch(first)
        assert batch.proven is not None
        package = await blocking(self._store.load, batch.proven)
        if package is None:
            log.warning("the proof of batches %d to %d is lost or altered; proving again", first, last)
            await self._prove(first, last)
            return
        while batch.settled is None:
            await blocking(self._l1.settle, package)
            await self._until(lambda: batch.settled is not None)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait until what was sent to L1 is final, but not for ever: a reorganisation may have dropped it.

        To send it again does nothing where L1 still holds it.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.resend_seconds):
                while not condition():
                    await self._applied.wait()

    def _publish(self, events: Sequence[Event], told: Sequence[Notice]) -> None:
        """Tell clients, and the log, about events that are on disk."""
        streams = self._desk.streams
        for notice in told:
            key = notice.key
            message = streams.stamp(key, notice.message)
            if notice.account is None:
                self.server.broadcast(key, message)
            else:
                self.server.push(notice.account, message)
        for event in events:
            if isinstance(event, BatchCleared | EpochSettled):
                self._publish_state(event)
            fields = _public_fields(event)
            if fields:
                log.info("%s", type(event).__name__, extra=fields)

    def _publish_state(self, event: BatchCleared | EpochSettled) -> None:
        """Markets, and the balances of accounts that follow theirs."""
        streams = self._desk.streams
        if isinstance(event, BatchCleared):
            key: Key = ("markets", 0)
            self.server.broadcast(key, streams.stamp(key, views.markets(self.state, None)))
        first, last = (event.batch, event.batch) if isinstance(event, BatchCleared) else (event.first, event.last)
        batches = self.state.epoch(first, last)
        for account in {a for b in batches if b.cleared is not None for a, _, _ in b.cleared.balances}:
            key = ("balances", account)
            if self.server.subscribed(key):
                self.server.broadcast(key, streams.stamp(key, views.balances(self.state, account, None)))


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


def _public_fields(event: Event) -> dict[str, object]:
    """What the log may say of an event; nothing of those that concern one client, or only L1's progress."""
    if isinstance(event, (*_CLIENTS_OWN, AccountRegistered, QueueAppended, ChainFollowed)):
        return {}
    names = ("batch", "first", "last", "count", "block", "transaction", "tier", "seconds", "proof_bytes", "gas")
    return {name: getattr(event, name) for name in names if hasattr(event, name)}


def _back_off(failures: int) -> float:
    return _BACK_OFF[min(failures, len(_BACK_OFF)) - 1]


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
