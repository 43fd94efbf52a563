"""The work that is measured: a venue of many accounts, and batches of random bundles that all reveal.

The same arguments give the same work. Everything is built with :mod:`commitments`, as clients and node would.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from commitments import bundle as committed
from commitments.bundle import Entry, Kind
from commitments.hashing import empty_roots
from commitments.keys import KeyTree, Seed
from commitments.state import StateTree, balance_leaf, balance_slot, leaf_index
from commitments.types import COMMITMENT_DEPTH, FIRST_ACCOUNT, KEY_SLOT, MODULUS, Digest
from proofs.params import MAX_BATCHES, MAX_COUNT, MAX_ENTRIES
from proofs.statement.public import BatchContext, EpochContext, MarketContext, draw
from proofs.statement.witness.inputs import BatchInput, EpochInput, Market, OpenedLeaf, Parameters

from ..errors import BenchError

__all__ = ["ACCOUNTS", "ASSETS", "MARKETS", "MISS_FEE", "POOL", "REFERENCES", "Work", "Workload", "build"]

ACCOUNTS: Final = 10_000
"""Registered accounts, all with a key root and a balance of every asset."""
POOL: Final = 1_000
"""Several batches draw their bundles from this many of them."""
ASSETS: Final = 3
MISS_FEE: Final = 50
MARKETS: Final = (Market(1, 0, 90_000, 110_000, 500), Market(2, 0, 1_000_000, 1_020_000, 500))
REFERENCES: Final = (100_000, 1_010_000)
WORST_ASSETS: Final = 8
WORST_MARKETS: Final = tuple(Market(base, 0, 90_000, 110_000, 500) for base in range(1, WORST_ASSETS))
BALANCE: Final = 10**14
SPREAD: Final = 2_000
"""Limits lie within so many ticks of the middle of the band."""
LOTS: Final = 1_000
SEED: Final = 20_240_229


@dataclass(frozen=True)
class Work:
    """What to measure: ``bundles`` of ``orders`` orders each in every one of ``batches`` batches of one epoch."""

    bundles: int = 256
    orders: int = 4
    batches: int = 1
    worst: bool = False
    """Instead of ``orders``: the most that users can put into a batch, on a venue of eight assets."""
    proofs: str = "fast"
    """The proof parameters, one of :data:`proofs.params.PROFILES`."""

    @property
    def assets(self) -> int:
        return WORST_ASSETS if self.worst else ASSETS

    @property
    def markets(self) -> tuple[Market, ...]:
        return WORST_MARKETS if self.worst else MARKETS

    @property
    def references(self) -> tuple[int, ...]:
        return tuple((m.lower + m.upper) // 2 for m in self.markets)

    def check(self) -> None:
        """Raise :class:`BenchError` for work that the parameters do not allow."""
        limits = (("bundles", self.bundles, MAX_COUNT), ("orders", self.orders, MAX_ENTRIES))
        for name, value, most in (*limits, ("batches", self.batches, MAX_BATCHES)):
            if not 1 <= value <= most:
                raise BenchError(f"{name}: {value} is not in 1 to {most}")


@dataclass(frozen=True)
class Workload:
    """The epoch before its beacons are known."""

    parameters: Parameters
    first_batch: int
    tree: StateTree
    leaves: tuple[tuple[OpenedLeaf, ...], ...]
    """Per batch, by account."""
    work: Work
    roots: tuple[Digest, ...]
    """Roots to be sealed."""

    def epoch(self, beacons: Sequence[bytes]) -> EpochInput:
        """The prover's input, with one beacon of 32 bytes per batch."""
        batches = [
            BatchInput([], leaves, tuple(draw(beacon, m) for m in range(len(self.work.markets))))
            for leaves, beacon in zip(self.leaves, beacons, strict=True)
        ]
        return EpochInput(self.parameters, self.first_batch, self.work.references, self.tree, batches)

    def context(self, beacons: Sequence[bytes]) -> EpochContext:
        """What L1 knows of the same batches."""
        return EpochContext(
            venue=self.parameters.venue,
            miss_fee=MISS_FEE,
            fee_asset=0,
            assets=self.work.assets,
            empty_root=empty_roots(COMMITMENT_DEPTH)[COMMITMENT_DEPTH],
            old_root=self.tree.root,
            markets=tuple(
                MarketContext(m.base, m.quote, m.lower, m.upper, m.fee_ppm, reference)
                for m, reference in zip(self.work.markets, self.work.references, strict=True)
            ),
            batches=tuple(
                BatchContext(root, len(leaves), (), beacon)
                for root, leaves, beacon in zip(self.roots, self.leaves, beacons, strict=True)
            ),
        )


def build(work: Work, venue: int, first_batch: int = 0, accounts: int = ACCOUNTS) -> Workload:
    """The workload of a venue whose next batch is ``first_batch``. Raises :class:`BenchError`."""
    work.check()
    pick = random.Random(SEED)
    everybody = range(FIRST_ACCOUNT, FIRST_ACCOUNT + accounts)
    pool = everybody if work.batches == 1 else pick.sample(everybody, min(POOL, accounts))
    if work.bundles > len(pool):
        raise BenchError(f"bundles: {work.bundles} of only {len(pool)} accounts")
    chosen = [sorted(pick.sample(pool, work.bundles)) for _ in range(work.batches)]
    keys = {
        account: KeyTree.generate(Seed(pick.randbytes(32)), venue, first_batch, log_size=4)
        for account in sorted(set().union(*chosen))
    }
    tree = StateTree()
    leaves: dict[int, Digest] = {}
    for account in everybody:
        # Those who do not trade have the root of some key tree too.
        leaves[leaf_index(account, KEY_SLOT)] = keys[account].root if account in keys else _digest(pick)
        for asset in range(work.assets):
            leaves[leaf_index(account, balance_slot(asset))] = balance_leaf(BALANCE)
    tree.set(leaves)
    opened, roots = [], []
    for k, trading in enumerate(chosen):
        batch = first_batch + k
        rows, commitments = [], []
        for account in trading:
            entries = _entries(pick, work)
            salt = _digest(pick)[:3]
            key = keys[account].key(batch)
            rows.append(OpenedLeaf(account, entries, salt, key.secret, key.position, key.path))
            body = committed.Bundle(
                tuple(committed.Entry(committed.Kind(e.kind), e.market, e.price, e.quantity) for e in entries), salt
            )
            committed.check_entries(body.entries, work.markets, work.assets)
            commitments.append((account, committed.commitment(venue, batch, account, body, key.secret)))
        opened.append(tuple(rows))
        roots.append(committed.commitment_tree(venue, batch, commitments).root)
    parameters = Parameters(venue, work.markets, MISS_FEE, fee_asset=0)
    return Workload(parameters, first_batch, tree, tuple(opened), work, tuple(roots))


def _entries(pick: random.Random, work: Work) -> tuple[Entry, ...]:
    """Orders over all markets around the middle of the band, buys and sells; in the worst case withdrawals too."""
    entries, markets = [], work.markets
    orders = work.orders
    if work.worst:
        entries = [Entry(Kind.WITHDRAWAL, asset, 0, pick.randint(1, LOTS)) for asset in range(work.assets)]
        orders = MAX_ENTRIES - len(entries)
    for i in range(orders):
        index = i % len(markets) if orders > 1 else pick.randrange(len(markets))
        market = markets[index]
        middle = (market.lower + market.upper) // 2
        kind = pick.choice((Kind.BUY, Kind.SELL))
        entries.append(Entry(kind, index, middle + pick.randint(-SPREAD, SPREAD), pick.randint(1, LOTS)))

    def order(entry: Entry) -> tuple[int, int, int]:
        if entry.kind is Kind.WITHDRAWAL:
            return (entry.market, 0, int(entry.kind))
        market = markets[entry.market]
        return (market.quote if entry.kind is Kind.BUY else market.base, entry.market, int(entry.kind))

    return tuple(sorted(entries, key=order))


def _digest(pick: random.Random) -> Digest:
    return (pick.randrange(MODULUS), pick.randrange(MODULUS), pick.randrange(MODULUS), pick.randrange(MODULUS))
