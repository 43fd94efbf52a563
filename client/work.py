"""What the steps of the reveal agent share: connections, store, hints of the venue, problems, the countdown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from commitments.receipts import Domain
from orderbook.wire import Result

from .chain import Chain, SealedBatch
from .checks import LeafPlace
from .deadlines import Countdown, Deadline
from .errors import SealbookError
from .keeper import EvidenceKeeper
from .keys import KeyRing
from .link import Link
from .records import BatchRecord
from .store import Store
from .venue import Venue

__all__ = ["LONGEST_PAUSE", "LOOK_UP_SECONDS", "REQUEST_SECONDS", "Auditor", "Work"]

log = logging.getLogger("sealbook.client")
LONGEST_PAUSE: Final = 15.0
REQUEST_SECONDS: Final = 10.0
LOOK_UP_SECONDS: Final = 3.0
_ATTEMPTS: Final = 8
"""Attempts that must fit into what is left of a reveal window."""
_KEPT_PROBLEMS: Final = 64


class Auditor(Protocol):
    """Compares settled balances with the own fills."""

    async def settled(self, batch: int) -> bool:
        """Whether the balances proven after this batch agree with the own results.

        :raises BrokenPromiseError: ``balance_change`` if they do not; other errors: not provable yet.
        """


@dataclass(kw_only=True)
class Work:
    """One account's. ``changed`` hears of every batch whose record changed."""

    venue: Venue
    account: int
    chain: Chain
    link: Link
    store: Store
    keys: KeyRing
    commit_address: str
    auditor: Auditor
    keeper: EvidenceKeeper
    changed: Callable[[BatchRecord], None]
    poll_seconds: float
    countdown: Countdown
    domain: Domain = field(init=False)
    places: dict[int, LeafPlace] = field(default_factory=dict)
    """Pushed by the venue, not checked yet."""
    results: dict[int, Result] = field(default_factory=dict)
    """Pushed by the venue, not checked yet."""
    asked: dict[int, float] = field(default_factory=dict)
    """When the venue may be asked again, by batch."""
    problems: dict[int, SealbookError] = field(default_factory=dict)
    """The last thing that went wrong, by batch."""

    def __post_init__(self) -> None:
        self.domain = Domain(self.venue.chain_id, self.venue.contract)

    def count(self, batch: int, seal_block: int, head: int) -> Deadline:
        """The countdown of a batch, with L1 at block ``head``."""
        problem = self.problems.get(batch)
        now = asyncio.get_running_loop().time()
        return self.countdown.look(batch, seal_block, head, "" if problem is None else problem.code, now)

    def urgency(self, batch: int) -> float:
        """The longest pause that a running deadline leaves: several attempts must fit into what is left."""
        left = [d.seconds_left for d in self.countdown.deadlines if d.batch == batch and d.seconds_left is not None]
        return max(self.poll_seconds, left[0] / _ATTEMPTS) if left else LONGEST_PAUSE

    def patience(self, batch: int) -> float:
        """Seconds to wait for an answer of the venue: fewer when the deadline is near."""
        return min(REQUEST_SECONDS, max(LOOK_UP_SECONDS, self.urgency(batch)))

    def problem(self, batch: int, error: SealbookError) -> None:
        """Something went wrong with a batch; told once."""
        earlier = self.problems.get(batch)
        self.problems[batch] = error
        for old in sorted(self.problems)[:-_KEPT_PROBLEMS]:
            del self.problems[old]
        if earlier is None or (earlier.code, str(earlier)) != (error.code, str(error)):
            log.warning("batch %d: %s", batch, error, extra={"code": error.code})

    def may_ask(self, batch: int) -> bool:
        """Whether the venue may be asked about a batch again: once a second, or when it said that something changed."""
        now = asyncio.get_running_loop().time()
        if now < self.asked.get(batch, 0.0):
            return False
        self.asked[batch] = now + max(1.0, self.poll_seconds)
        return True

    async def late(self, seal: SealedBatch) -> bool:
        """Whether the reveal window is over; the countdown goes on with it."""
        head = await asyncio.to_thread(self.chain.head)
        return head > self.count(seal.number, seal.seal_block, head).until

    def forget(self, batch: int) -> None:
        """A batch is at its end."""
        self.countdown.done(batch)
        for known in (self.places, self.results, self.asked):
            known.pop(batch, None)
