"""A small venue with keys and balances, from which tests take honest epochs of their own making."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from commitments.bundle import Entry, Kind
from commitments.hashing import compress_all, empty_roots
from commitments.types import Digest
from proofs.expression import MODULUS
from proofs.params import COMMITMENT_DEPTH, FIRST_ACCOUNT, KEY_DEPTH, STATE_DEPTH
from proofs.statement.buses import LEVEL
from proofs.statement.kinds import QueueKind
from proofs.statement.witness.execute import Execution
from proofs.statement.witness.forest import Tree as Grown
from proofs.statement.witness.forest import grow
from proofs.statement.witness.inputs import (
    BatchInput,
    EpochInput,
    Leaf,
    Market,
    MissingLeaf,
    OpenedLeaf,
    Parameters,
    QueueEntry,
)

Messages = list[tuple[int, tuple[int, ...]]]
PUBLIC_BUS, HOLDINGS_BUS = 3, 4
WITHDRAWN = 2**31
"""What the key of a withdrawal has more than that of a balance."""
MARKETS = (Market(1, 0, 90, 110, 1000), Market(2, 0, 1000, 1020, 2500))
FIRST_BATCH = 10


class Tree:
    """A sparse tree: nodes by (level, index), everything else empty."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.empty = empty_roots(depth)
        self.nodes: dict[tuple[int, int], Digest] = {}

    def node(self, level: int, index: int) -> Digest:
        return self.nodes.get((level, index), self.empty[self.depth - level])

    def set(self, leaves: Mapping[int, Digest]) -> None:
        below = dict(leaves)
        for level in range(self.depth, 0, -1):
            self.nodes.update({(level, i): value for i, value in below.items()})
            parents = sorted({i >> 1 for i in below})
            above = compress_all(
                [self.node(level, 2 * i) for i in parents], [self.node(level, 2 * i + 1) for i in parents]
            )
            below = dict(zip(parents, above, strict=True))
        self.nodes.update({(0, i): value for i, value in below.items()})


class Venue:
    """Accounts 2.. with key trees for a few batches and balances of three assets."""

    def __init__(
        self,
        seed: int = 0,
        accounts: int = 8,
        venue: int = 12345678,
        batches: int = 2,
        balances: Mapping[int, Sequence[int]] | None = None,
        references: tuple[int, ...] = (100, 1010),
        markets: tuple[Market, ...] = MARKETS,
    ) -> None:
        self.random = random.Random(seed)
        self.parameters = Parameters(venue, markets, miss_fee=50, fee_asset=0)
        self.references = references
        self.accounts = range(FIRST_ACCOUNT, FIRST_ACCOUNT + accounts)
        self.secrets: dict[int, list[Digest]] = {}
        self.key_trees: dict[int, Tree] = {}
        self.state = Tree(STATE_DEPTH)
        leaves: dict[int, Digest] = {}
        for account in self.accounts:
            self.secrets[account] = [self.digest() for _ in range(batches)]
            self.key_trees[account] = tree = Tree(KEY_DEPTH)
            positions = range(FIRST_BATCH, FIRST_BATCH + batches)
            keys = compress_all(self.secrets[account], [(1, venue, b, 0) for b in positions])
            tree.set(dict(zip(positions, keys, strict=True)))
            leaves[16 * account] = tree.node(0, 0)
            own = (balances or {}).get(account, (10_000, 1_000, 1_000))
            leaves.update({16 * account + 2 + asset: (value, 0, 0, 0) for asset, value in enumerate(own) if value})
        self.state.set(leaves)

    def element(self) -> int:
        return self.random.randrange(MODULUS)

    def digest(self) -> Digest:
        return (self.element(), self.element(), self.element(), self.element())

    def deposit(self, account: int, asset: int, units: int) -> QueueEntry:
        return QueueEntry(QueueKind.DEPOSIT, account, asset, (units, 0, 0, 0))

    def key(self, account: int) -> QueueEntry:
        return QueueEntry(QueueKind.KEY, account, 0, self.digest())

    def leaf(self, k: int, account: int, entries: Sequence[Entry]) -> OpenedLeaf:
        salt = (self.element(), self.element(), self.element())
        empty = OpenedLeaf(account, tuple(entries), salt, (0, 0, 0, 0), 0, ())
        return self.with_key_of(empty, k, account)

    def with_key_of(self, leaf: OpenedLeaf, batch: int, owner: int | None = None) -> OpenedLeaf:
        """The leaf with the secret and path of ``owner`` for the ``batch``-th batch."""
        owner = leaf.account if owner is None else owner
        position, tree = FIRST_BATCH + batch, self.key_trees[owner]
        path = tuple(tree.node(KEY_DEPTH - height, (position >> height) ^ 1) for height in range(KEY_DEPTH))
        return OpenedLeaf(leaf.account, leaf.entries, leaf.salt, self.secrets[owner][batch], position, path)

    def missing(self, leaf: Leaf, charged: bool = True) -> MissingLeaf:
        return MissingLeaf(leaf.account, self.digest(), charged)

    def batch(self, k: int, bundles: Sequence[Sequence[Entry]], queue: Sequence[QueueEntry] = ()) -> BatchInput:
        """A batch in which accounts 2, 3, .. open the bundles in turn."""
        leaves = [self.leaf(k, a, b) for a, b in zip(self.accounts, bundles, strict=False)]
        return BatchInput(list(queue), leaves, tuple(self.random.randrange(2**32) for _ in self.parameters.markets))

    def epoch(self, batches: Sequence[BatchInput]) -> EpochInput:
        return EpochInput(self.parameters, FIRST_BATCH, self.references, self.state, batches)

    def random_bundle(self, size: int) -> list[Entry]:
        """A well-formed bundle: random kinds, prices across the band, some amounts that do not fit."""
        pick, entries = self.random, []
        for _ in range(pick.randint(1, size)):
            if pick.random() < 0.15:
                amount = pick.choice([5, 100, 10**9, 2**61])
                entries.append(Entry(Kind.WITHDRAWAL, pick.randrange(3), 0, amount))
                continue
            index = pick.randrange(len(self.parameters.markets))
            market = self.parameters.markets[index]
            middle = (market.lower + market.upper) // 2
            price = pick.choice([middle, pick.randint(market.lower, market.upper)])
            kind = pick.choice([Kind.BUY, Kind.SELL])
            entries.append(Entry(kind, index, price, pick.choice([1, 7, 100, 5000])))
        return sorted(entries, key=self.order_key)

    def order_key(self, entry: Entry) -> tuple[int, int, int]:
        if entry.kind is Kind.WITHDRAWAL:
            return (entry.market, 0, 1)
        market = self.parameters.markets[entry.market]
        return (market.quote if entry.kind is Kind.BUY else market.base, entry.market, int(entry.kind))


def random_epoch(seed: int, batches: int = 2, accounts: int = 6, size: int = 4) -> EpochInput:
    """Anything that users can do, by a seed: poor accounts, missing reveals, queue entries, empty batches."""
    pick = random.Random(seed)
    purse = {
        a: [pick.choice([10**9, 10**9, 30, 1000]) for _ in range(3)]
        for a in range(FIRST_ACCOUNT, FIRST_ACCOUNT + accounts)
    }
    venue = Venue(seed, accounts, batches=batches, balances=purse)
    made = []
    for k in range(batches):
        leaves: list[Leaf] = []
        for account in sorted(pick.sample(list(venue.accounts), pick.randint(0 if k else 1, accounts))):
            leaf: Leaf = venue.leaf(k, account, venue.random_bundle(size))
            if pick.random() < 0.2:
                leaf = venue.missing(leaf, charged=pick.random() < 0.7)
            leaves.append(leaf)
        queue = [
            venue.key(50 + pick.randrange(3))
            if pick.random() < 0.3
            else venue.deposit(pick.randint(2, 8), pick.randrange(3), pick.randrange(10**6))
            for _ in range(pick.randint(0, 3))
        ]
        made.append(BatchInput(queue, leaves, tuple(pick.randrange(2**32) for _ in MARKETS)))
    return venue.epoch(made)


def public_messages(epoch: EpochInput, claimed: Execution, sealed: Execution) -> Messages:
    """What the verifier sends: the claims of one execution, and of another what L1 has sealed and knows."""
    parameters, empty = epoch.parameters, empty_roots(COMMITMENT_DEPTH)[-1]
    fields: list[tuple[int, ...]] = [
        (1, parameters.venue, epoch.first_batch, parameters.miss_fee, parameters.fee_asset),
        (2, 0, 0, 0, *sealed.old_root, *claimed.new_root),
    ]
    position = 0
    references = list(epoch.references)
    for k, batch in enumerate(epoch.batches):
        for entry in batch.queue:
            fields.append((6, k, position, int(entry.kind), entry.account, entry.asset, *entry.value))
            position += 1
        if not batch.leaves:
            continue
        fields.append((2, 1 + k, 0, 0, *empty, *sealed.roots[k]))
        fields.append((4, k, sealed.counts[k]))
        for index, market in enumerate(parameters.markets):
            result = claimed.results[k][index]
            band = (market.base, market.quote, market.lower, market.upper, market.fee_ppm)
            fields.append((5, k, index, references[index], result.price, result.volume, batch.draws[index], *band))
            references[index] = result.price
    fields += [(7, m.batch, m.account, *m.commitment, int(m.charged)) for m in claimed.missing]
    messages = [(PUBLIC_BUS, f + (0,) * (13 - len(f))) for f in fields]
    messages += [holding(*b) for b in claimed.balances]
    return messages + [holding(*w, above=WITHDRAWN) for w in claimed.withdrawals]


def holding(account: int, asset: int, units: int, above: int = 0) -> tuple[int, tuple[int, ...]]:
    """The message of a changed balance, or with :data:`WITHDRAWN` of a withdrawal."""
    return HOLDINGS_BUS, (256 * account + asset + above, units)


def rebuild_state(epoch: EpochInput, forged: Execution, extra: Mapping[tuple[int, int], int]) -> None:
    """Change balances after the epoch by ``extra`` in the cells, the node table, the root and the public list."""
    rows = forged.draft.rows
    before = {16 * int(r["account"]) + 2 + int(r["asset"]): r for r in rows["cells"] if r.get("balance")}
    for (account, asset), change in extra.items():
        index = 16 * account + 2 + asset
        row = before.get(index)
        if row is None:
            old = epoch.tree.node(STATE_DEPTH, index)
            row = forged.draft.add("cells", balance=1, account=account, asset=asset, until=0, old=old, new=old)
            before[index] = row
        value = (row["new"][0] + change) % MODULUS
        row["new"] = (value, 0, 0, 0)
        forged.balances = sorted([b for b in forged.balances if b[:2] != (account, asset)] + [(account, asset, value)])
    leaves: dict[int, tuple[Digest, Digest]] = {i: (r["old"], r["new"]) for i, r in before.items()}
    keys = {16 * int(r["account"]): (r["old"], r["new"]) for r in rows["cells"] if r.get("key")}
    rows["nodes"] = [r for r in rows["nodes"] if r["key"] or r["place"] % LEVEL]
    tree = Grown(0, STATE_DEPTH, {**leaves, **keys}, epoch.tree.node)
    grow(forged.draft, [tree])
    forged.new_root = tree.root[1]
