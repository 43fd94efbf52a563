"""The venue's side of a simulation: the life of its batches, by the rules and state of a real node."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from commitments.receipts import SigningKey
from commitments.types import Digest
from commitments.venue import keccak256
from orderbook import views
from orderbook.batch import Batch
from orderbook.desk import Desk
from orderbook.duty import AwaitReveals, Clear, CloseEpoch, Draw, Duty, Open, Prove, Seal, Settle
from orderbook.engine import clear_batch
from orderbook.errors import RequestError
from orderbook.events import (
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
from orderbook.notices import notices
from orderbook.openings import commitment_root
from orderbook.state import VenueState
from orderbook.streams import Key
from proofs.statement.public import Holding, MarketResult, Missing, PublicData, encode

from ..chain import WithdrawalLine
from ..history import MarketRow
from .archive import Archive
from .chain import SimContract
from .street import FIRST_UNITS, Flow, SimTick, Street
from .switch import Switch
from .terms import SimTerms

__all__ = ["SimFloor"]

_MARKETS: Final[Key] = ("markets", 0)
_OPERATOR: Final = SigningKey(keccak256(b"sealbook/simulation/operator"))


class SimFloor:
    """Implements :class:`orderbook.floor.Floor`. ``switch`` knows who is connected, ``archive`` what is settled."""

    draining = False

    def __init__(self, terms: SimTerms, flow: Flow | None, street: int, switch: Switch, archive: Archive) -> None:
        self.terms = terms
        self._parameters = terms.parameters(_OPERATOR.address)
        self.state = VenueState(self._parameters)
        self.state.fetch_from(archive.fetch)
        self._archive = archive
        venue = terms.venue(self._parameters)
        self.contract = SimContract(venue, self._parameters.queue_per_batch, self.head, self._follow)
        self.desk = Desk(self.state, _OPERATOR, self, self.now)
        switch.desk = self.desk
        self._flow = flow
        self._random = random.Random(terms.seed)
        self._switch = switch
        self._before = 0.0
        """Seconds of simulated time before the venue was at work last, and when that was on the loop's clock."""
        self._started: float | None = None
        self._closes = 0.0
        self._closed: dict[int, float] = {}
        self.rows: list[MarketRow] = []
        """What the markets did in cleared batches, oldest first."""
        self._epoch_closed = 0.0
        self._changed = asyncio.Event()
        names = [f"street-{i}" for i in range(street if flow is not None else 0)]
        for name in names:
            self.contract.register(name, _OPERATOR.address, (1, 0, 0, 0))
            for asset in range(len(self._parameters.assets)):
                self.contract.deposit(name, asset, FIRST_UNITS)
        self._street = Street(self._parameters, venue, [self.contract.owners[n] for n in names], terms.seed)

    # ------------------------------------------------------------------------------------------ time

    def _elapsed(self) -> float:
        if self._started is None:
            return self._before
        return self._before + asyncio.get_running_loop().time() - self._started

    def now(self) -> float:
        """Seconds since 1970 UTC in the simulation."""
        return self.terms.start + self._elapsed()

    def head(self) -> int:
        """Number of the newest block; block 1 is mined at the start."""
        return 1 + int(self._elapsed() / self.terms.block_seconds + 1e-9)

    def _mined(self, block: int) -> float:
        """When a block is mined, in seconds since the start."""
        return (block - 1) * self.terms.block_seconds

    def closes_at(self, batch: Batch) -> float | None:
        """When the open batch is planned to close."""
        return self.terms.start + self._closes

    # ------------------------------------------------------------------------------------------ floor

    def record(self, events: Sequence[Event]) -> None:
        """Apply events and tell clients; there is no disk to wait for."""
        self._follow(events)

    def _follow(self, events: Sequence[Event]) -> None:
        for event in events:
            self.state.apply(event)
            for notice in notices(self.state, _OPERATOR, event, self.closes_at):
                self._switch.tell(notice)
            if isinstance(event, BatchCleared | EpochSettled):
                self._publish(event)
            if isinstance(event, BatchCleared):
                self._note(event)
            if isinstance(event, EpochSettled):
                for batch in self.state.epoch(event.first, event.last):
                    self._archive.add(batch)
        self._changed.set()

    def _publish(self, event: BatchCleared | EpochSettled) -> None:
        """Markets, and the balances of accounts that follow theirs."""
        streams, key = self.desk.streams, _MARKETS
        if isinstance(event, BatchCleared):
            self._switch.broadcast(key, streams.stamp(key, views.markets(self.state, None)))
        first, last = (event.batch, event.batch) if isinstance(event, BatchCleared) else (event.first, event.last)
        changed = {a for b in self.state.epoch(first, last) if b.cleared for a, _, _ in b.cleared.balances}
        for account in sorted(changed):
            key = ("balances", account)
            if self._switch.subscribed(key):
                self._switch.broadcast(key, streams.stamp(key, views.balances(self.state, account, None)))

    def _note(self, event: BatchCleared) -> None:
        at = datetime.fromtimestamp(self._closed.pop(event.batch), UTC)
        for result in event.markets:
            market = self.contract.venue.markets[result.market]
            price, volume = market.price(result.price), market.quantity(result.volume)
            self.rows.append(MarketRow(event.batch, at, market.symbol, price, volume))

    def seal_now(self) -> None:
        """Close the open batch at once."""
        self._closes = self._elapsed()
        self._changed.set()

    def drain(self) -> None:
        """:raises RequestError: a simulation ends with its program."""
        raise RequestError("a simulation ends with its program", code="wrong_phase")

    # ------------------------------------------------------------------------------------------ batches

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        self._started = loop.time()
        self._closes = max(self._closes, self._elapsed() + self.terms.batch_seconds)
        try:
            while True:
                self._changed.clear()
                pause = self._advance()
                if pause > 0:
                    timer = loop.call_later(pause, self._changed.set) if pause < math.inf else None
                    await self._changed.wait()
                    if timer is not None:
                        timer.cancel()
                else:
                    await asyncio.sleep(0)  # clients hear of it before the next step
        finally:
            self._before, self._started = self._elapsed(), None

    def _advance(self) -> float:
        """Do the first thing that is due; seconds until the next one is, 0 if something was done."""
        elapsed, soonest = self._elapsed(), math.inf
        for duty in self.state.lifecycle.duties():
            at = self._due(duty)
            if at <= elapsed:
                self._perform(duty)
                return 0.0
            soonest = min(soonest, at)
        if self.state.lifecycle.open_batch is not None:
            if self._closes <= elapsed:
                self._close()
                return 0.0
            soonest = min(soonest, self._closes)
        return soonest - elapsed

    def _due(self, duty: Duty) -> float:
        """When a duty is to be done, in seconds since the start."""
        match duty:
            case AwaitReveals(batch, until):
                return 0.0 if self.state.lifecycle.all_revealed(batch) else self._mined(until + 1)
            case Draw(batch):
                seal = self.state.lifecycle.batch(batch).seal
                assert seal is not None
                return self._mined(seal.block + self._parameters.beacon_delay + 1)
            case CloseEpoch(first, last):
                return 0.0 if last - first + 1 >= self.terms.batches_per_epoch else math.inf
            case Prove():
                return self._epoch_closed + self.terms.proof_seconds
            case _:
                return 0.0

    def _close(self) -> None:
        """Close the open batch, if there is anything in it; with the orders of everybody else."""
        batch = self.state.lifecycle.open_batch
        assert batch is not None
        self._closes = self._elapsed() + self.terms.batch_seconds
        self._follow(self.desk.lapsed(self.now()))
        if self._flow is not None:
            self._follow(self._street.commit(batch, self._flow(self._tick(batch.number))))
        waiting = len(self.state.registry.queue) > self.state.lifecycle.last_cut
        if batch.collected or waiting:
            self._closed[batch.number] = self.now()
            self._follow([BatchClosed(batch.number), BatchOpened(batch.number + 1, self.now())])

    def _tick(self, batch: int) -> SimTick:
        markets = self.contract.venue.markets
        references = self.state.ledger.references
        prices = {m.symbol: m.price(price) for m, price in zip(markets, references, strict=True)}
        return SimTick(batch, self.now(), prices, self._random)

    def _perform(self, duty: Duty) -> None:
        match duty:
            case Open(number):
                self._follow([BatchOpened(number, self.now())])
            case Seal(number):
                batch = self.state.lifecycle.batch(number)
                root, count = commitment_root(self._parameters.venue, batch), len(batch.leaves or ())
                seal, transaction = self.contract.seal(number, root, count)
                self._follow([BatchSealed(number, root, count, seal.cut, seal.seal_block, transaction)])
                self._follow(self._street.reveal(number))
            case AwaitReveals(number):
                self._follow([RevealsEnded(number, self.head())])
            case Draw(number):
                beacon = keccak256(b"sealbook/simulation/beacon" + bytes(f"{self.terms.seed}/{number}", "ascii"))
                self._follow([BeaconRecorded(number, beacon, self.head())])
            case Clear(number):
                queue = self.state.registry.entries(*self.state.lifecycle.queue_span(number))
                batch = self.state.lifecycle.batch(number)
                self._follow([clear_batch(self._parameters, self.state.ledger, queue, batch)])
            case CloseEpoch(first, last):
                self._epoch_closed = self._elapsed()
                self._follow([EpochClosed(first, min(last, first + self.terms.batches_per_epoch - 1))])
            case Prove(first, last):
                self._follow([EpochProven(first, last, 0, "", b"", 0, self.terms.proof_seconds)])
            case Settle(first, last):
                self._settle(first, last)

    def _settle(self, first: int, last: int) -> None:
        tree = self.state.tree.copy()
        tree.set(self.state.changed_leaves(first, last))
        public = _public_data(self.state.epoch(first, last), tree.root)
        for batch in self.state.epoch(first, last):
            if batch.cleared is not None and batch.cleared.markets:
                self.contract.references = tuple(market.price for market in batch.cleared.markets)
        lines = [WithdrawalLine(w.account, w.asset, w.value) for w in public.withdrawals]
        settled = self.contract.settle(first, last, tree.root, lines, encode(public))
        self._follow([EpochSettled(first, last, tree.root, settled.block, (settled.transaction,), 0)])


def _public_data(batches: Sequence[Batch], root: Digest) -> PublicData:
    """What the settlement of cleared batches publishes."""
    rows, missing = [], []
    balances: dict[tuple[int, int], int] = {}
    withdrawn: dict[tuple[int, int], int] = {}
    for index, batch in enumerate(batches):
        cleared = batch.cleared
        assert cleared is not None
        if cleared.markets:
            rows.append(tuple(MarketResult(market.price, market.volume) for market in cleared.markets))
        charged = {outcome.account for outcome in cleared.accounts if not outcome.opened and outcome.charged}
        missing += [Missing(index, x.account, x.commitment, x.account in charged) for x in batch.missing]
        for account, asset, units in cleared.balances:
            balances[account, asset] = units
        for account, asset, units in cleared.withdrawals:
            withdrawn[account, asset] = withdrawn.get((account, asset), 0) + units
    return PublicData(
        first_batch=batches[0].number,
        batches=len(batches),
        tier=0,
        new_root=root,
        results=tuple(rows),
        missing=tuple(missing),
        balances=tuple(Holding(*place, value) for place, value in sorted(balances.items())),
        withdrawals=tuple(Holding(*place, value) for place, value in sorted(withdrawn.items())),
    )
