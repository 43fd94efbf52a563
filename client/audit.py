"""Balances, proven under the state root that L1 holds, and compared with the own fills after every
settlement.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from orderbook.wire import Balances, GetBalances

from .chain import Chain, Progress
from .checks import check_balances, check_change
from .errors import BrokenPromiseError, StateError
from .link import Link
from .records import Snapshot
from .store import Store
from .venue import Venue

__all__ = ["Audit", "Balance"]

_ATTEMPTS: Final = 8
_PAUSE: Final = 0.25
_DEPOSIT: Final = 2


@dataclass(frozen=True, slots=True)
class Balance:
    """Of one asset, in tokens. ``settled`` is proven under L1's state root (``proven``: whether the venue gave the
    proof; a zero may come without one). ``pending`` is what the venue says after the last cleared batch."""

    symbol: str
    settled: Decimal
    pending: Decimal
    proven: bool


class Audit:
    """The account's balances. Implements :class:`client.agent.Auditor`."""

    def __init__(self, venue: Venue, account: int, chain: Chain, link: Link, store: Store) -> None:
        self._venue = venue
        self._account = account
        self._chain = chain
        self._link = link
        self._store = store
        self._lock = asyncio.Lock()

    async def begin(self) -> None:
        """Take the balances proven now as the start of the comparison, if the store has none."""
        if self._store.snapshot() is None:
            _, proven, progress = await self._proven()
            self._store.save_snapshot(_snapshot(proven, progress))

    async def balances(self) -> dict[str, Balance]:
        """Balances by asset symbol.

        :raises BrokenPromiseError: a balance does not prove under L1's state root.
        """
        message, proven, _ = await self._proven()
        pending = dict(message.pending)
        return {
            asset.symbol: Balance(
                asset.symbol,
                asset.tokens(proven.get(asset.index, 0)),
                asset.tokens(pending.get(asset.index, 0)),
                asset.index in proven,
            )
            for asset in self._venue.assets
        }

    async def settled(self, batch: int) -> bool:
        """Compare the proven balances after ``batch`` (or later) with those proven before and the own
        results.
        """
        async with self._lock:
            before = self._store.snapshot()
            if before is not None and before.settled_batches > batch:
                return True
            _, proven, progress = await self._proven()
            if progress.settled <= batch:
                raise StateError(f"batch {batch} is not settled", code="not_settled", retryable=True)
            after = _snapshot(proven, progress)
            if before is not None:
                await self._compare(before, after)
            self._store.save_snapshot(after)
            return before is not None

    async def available(self) -> Mapping[int, int]:
        """Units by asset that admission can count on: settled and proven, moved by own results that are not settled,
        plus deposits that wait in the L1 queue. What open commitments may debit is not subtracted."""
        snapshot = self._store.snapshot() or Snapshot(settled_batches=0, queue_settled=0, balances=())
        units = dict(snapshot.balances)
        for result in self._store.results(snapshot.settled_batches, 2**62):
            for asset, change in result.changes:
                units[asset] = units.get(asset, 0) + change
        for entry in await asyncio.to_thread(self._chain.queue, self._account):
            if entry.kind == _DEPOSIT and entry.position >= snapshot.queue_settled:
                units[entry.asset] = units.get(entry.asset, 0) + entry.values[0]
        return units

    async def _compare(self, before: Snapshot, after: Snapshot) -> None:
        for batch in range(before.settled_batches, after.settled_batches):
            record = self._store.batch(batch)
            if record is not None and record.phase != "void" and record.result is None:
                raise StateError(f"the result of batch {batch} is not known yet", code="no_result", retryable=True)
        queue = await asyncio.to_thread(self._chain.queue, self._account)
        deposits = [
            (entry.asset, entry.values[0])
            for entry in queue
            if entry.kind == _DEPOSIT and before.queue_settled <= entry.position < after.queue_settled
        ]
        results = self._store.results(before.settled_batches, after.settled_batches)
        try:
            check_change(self._venue, dict(before.balances), results, deposits, dict(after.balances))
        except BrokenPromiseError:
            self._store.save_snapshot(after)
            raise

    async def _proven(self) -> tuple[Balances, dict[int, int], Progress]:
        """Balances of one moment: venue and L1 must speak of the same settled state."""
        for attempt in range(_ATTEMPTS):
            before = await asyncio.to_thread(self._chain.progress)
            root = await asyncio.to_thread(self._chain.state_root)
            message = await self._link.request(GetBalances(id=0))
            after = await asyncio.to_thread(self._chain.progress)
            if not isinstance(message, Balances):
                raise BrokenPromiseError("the venue answers with another message", code="wrong_reply")
            if before.settled == after.settled == message.settled_batches:
                return message, check_balances(self._venue, self._account, message, root), before
            await asyncio.sleep(_PAUSE * (attempt + 1))
        raise StateError(
            "the venue's settled state is not the one that L1 holds",
            code="venue_behind",
            retryable=True,
            advice="repeat in a moment; a venue that stays behind cannot prove balances",
        )


def _snapshot(proven: Mapping[int, int], progress: Progress) -> Snapshot:
    return Snapshot(
        settled_batches=progress.settled,
        queue_settled=progress.queue_settled,
        balances=tuple(sorted(proven.items())),
    )
