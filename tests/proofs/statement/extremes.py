"""Epochs at the ends of every range that users and a venue's configuration can reach."""

from __future__ import annotations

import random
from dataclasses import replace

from commitments.bundle import Entry, Kind, check_entries
from commitments.types import AMOUNT_LIMIT, ASSETS, MAX_ENTRIES, PRICE_LIMIT, QUANTITY_CAP
from proofs.params import MAX_MARKETS, PPM
from proofs.statement.kinds import QueueKind
from proofs.statement.witness.inputs import BatchInput, EpochInput, Leaf, Market, QueueEntry

from .scenario import Venue

MOST = AMOUNT_LIMIT - 1
"""Custody: what all accounts and the queue hold of one asset."""
LAST_ACCOUNT = (1 << 20) - 1


class Extremes:
    """A venue and batches by a seed; custody never exceeds what L1 lets in."""

    def __init__(self, seed: int) -> None:
        self.pick = pick = random.Random(seed)
        self.assets = pick.choice([2, 3, ASSETS])
        self.markets = tuple(self._market() for _ in range(pick.choice([1, 2, 5, MAX_MARKETS])))
        references = tuple(pick.choice([m.lower, m.upper]) for m in self.markets)
        self.left = [MOST] * self.assets
        accounts, self.batches = pick.choice([1, 2, 3, 6]), pick.choice([1, 1, 2, 4])
        purse = {
            a: [self._take(x, (0, 1, 30, 50, 51, 1000, 2**40, MOST)) for x in range(self.assets)]
            for a in range(2, 2 + accounts)
        }
        venue = pick.choice([1, 2**63 - 1])
        self.venue = Venue(seed, accounts, venue, self.batches, purse, references, self.markets)
        fee, asset = pick.choice([0, 1, 50, MOST]), pick.randrange(self.assets)
        self.venue.parameters = replace(self.venue.parameters, miss_fee=fee, fee_asset=asset)

    def epoch(self) -> EpochInput:
        return self.venue.epoch([self._batch(k) for k in range(self.batches)])

    def _market(self) -> Market:
        pick = self.pick
        base, quote = pick.sample(range(self.assets), 2)
        lower = pick.choice([1, 2, 100, 2**24, PRICE_LIMIT - 3, PRICE_LIMIT - 1])
        upper = min(PRICE_LIMIT - 1, lower + pick.choice([0, 1, 2, 20, PRICE_LIMIT]))
        return Market(base, quote, lower, upper, pick.choice([0, 1, 1000, PPM - 1, PPM]))

    def _take(self, asset: int, amounts: tuple[int, ...]) -> int:
        amount = min(self.pick.choice(amounts), self.left[asset])
        self.left[asset] -= amount
        return amount

    def _batch(self, k: int) -> BatchInput:
        pick, venue = self.pick, self.venue
        queue = [self._queued() for _ in range(pick.choice([0, 0, 3]))]
        accounts = pick.sample(list(venue.accounts), pick.randint(0 if k else 1, len(venue.accounts)))
        leaves: list[Leaf] = [venue.leaf(k, account, self._bundle()) for account in sorted(accounts)]
        leaves = [venue.missing(leaf, pick.random() < 0.7) if pick.random() < 0.2 else leaf for leaf in leaves]
        return BatchInput(queue, leaves, tuple(pick.choice([0, 1, 2**31, 2**32 - 1]) for _ in self.markets))

    def _queued(self) -> QueueEntry:
        """A deposit to somebody who trades or to the last account, a new key, or a trader's own key once more."""
        pick, venue = self.pick, self.venue
        account = pick.choice([*venue.accounts, LAST_ACCOUNT])
        asset = pick.randrange(self.assets)
        if pick.random() < 0.6 and self.left[asset]:
            return venue.deposit(account, asset, max(1, self._take(asset, (1, 50, MOST))))
        if account in venue.key_trees:
            return QueueEntry(QueueKind.KEY, account, 0, venue.key_trees[account].node(0, 0))
        return venue.key(account)

    def _bundle(self) -> list[Entry]:
        pick, entries = self.pick, []
        room = {(kind, index): QUANTITY_CAP for kind in (Kind.BUY, Kind.SELL) for index in range(len(self.markets))}
        for _ in range(pick.choice([1, 2, 4, 9, MAX_ENTRIES])):
            if pick.random() < 0.25:
                amount = pick.choice([1, 50, 1000, 2**40, MOST])
                entries.append(Entry(Kind.WITHDRAWAL, pick.randrange(ASSETS), 0, amount))
                continue
            side = pick.choice([side for side, lots in room.items() if lots] or [None])
            if side is None:
                continue
            kind, index = side
            lots = min(room[side], pick.choice([1, 1, 7, QUANTITY_CAP - 1, QUANTITY_CAP]))
            room[side] -= lots
            market = self.markets[index]
            middle = (market.lower + market.upper) // 2
            price = pick.choice([market.lower, middle, min(middle + 1, market.upper), market.upper])
            entries.append(Entry(kind, index, price, lots))
        entries.sort(key=self.venue.order_key)
        check_entries(entries, self.markets)
        return entries
