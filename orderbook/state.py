"""All that the venue knows, rebuilt from its journal's events and from nothing else."""

from __future__ import annotations

from collections.abc import Callable

from commitments.state import StateTree, balance_leaf, balance_slot, leaf_index
from commitments.types import KEY_SLOT

from .batch import Batch
from .errors import ChainMismatchError
from .events import (
    AccountRegistered,
    BatchCleared,
    ChainFollowed,
    Digest,
    EpochSettled,
    Event,
    QueueAppended,
)
from .ledger import Ledger
from .lifecycle import Lifecycle
from .parameters import VenueParameters
from .registry import KEY, Registry
from .snapshot import Snapshot


class VenueState:
    """Accounts and queue, batches, provisional balances, and the settled state tree."""

    def __init__(self, parameters: VenueParameters) -> None:
        self.parameters = parameters
        self.registry = Registry()
        self.lifecycle = Lifecycle(parameters)
        self.ledger = Ledger(market.initial_reference for market in parameters.markets)
        self.settled_references = self.ledger.references
        self.tree = StateTree()
        self._leaves: dict[int, Digest] = {}
        self.followed: ChainFollowed | None = None

    def apply(self, event: Event) -> None:
        """Apply one event.

        :raises JournalError: an event out of order.
        :raises ChainMismatchError: L1 settled another root than the one that follows from the journal.
        """
        match event:
            case AccountRegistered():
                self.registry.register(event)
            case QueueAppended():
                self.registry.append(event)
            case ChainFollowed():
                self.followed = event
            case BatchCleared():
                self.lifecycle.apply(event)
                self.ledger.apply(event)
            case EpochSettled():
                self.lifecycle.apply(event)
                self._settle(event)
            case _:
                self.lifecycle.apply(event)

    def fetch_from(self, fetch: Callable[[int], Batch]) -> None:
        """Settled batches are on disk: memory need not hold what happened before them."""
        self.lifecycle.batches.fetch_from(fetch)

    def snapshot(self) -> Snapshot:
        """The whole state, to be restored in the place of all events so far."""
        lifecycle, registry = self.lifecycle, self.registry
        sealed, cleared, in_epochs, settled = lifecycle.marks
        return Snapshot(
            accounts=tuple(registry.accounts.values()),
            queue_base=registry.base,
            queue=tuple(registry.queue),
            roots=registry.roots,
            batches=tuple(lifecycle.batches[settled:]),
            sealed=sealed,
            cleared=cleared,
            in_epochs=in_epochs,
            settled=settled,
            balances=self.ledger.balances,
            references=self.ledger.references,
            settled_references=self.settled_references,
            leaves=dict(self._leaves),
            followed=self.followed,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Take over a snapshot in the place of the events before it. Settled batches must be on disk."""
        self.registry.restore(snapshot)
        self.lifecycle.restore(snapshot)
        self.ledger.restore(snapshot.balances, snapshot.references)
        self.settled_references = snapshot.settled_references
        self._leaves = dict(snapshot.leaves)
        self.tree = StateTree()
        if self._leaves:
            self.tree.set(self._leaves)
        self.followed = snapshot.followed

    def reachable(self, account: int) -> bool:
        """Whether the account's key root will be applied before the open batch, however late others enqueue."""
        horizon = self.lifecycle.last_cut + self.parameters.queue_per_batch
        return any(self.registry.key_root(account, horizon))

    def key_root(self, account: int, batch: int) -> Digest:
        """The account's key root immediately before a sealed batch."""
        return self.registry.key_root(account, self.lifecycle.queue_span(batch)[1])

    def epoch(self, first: int, last: int) -> list[Batch]:
        """The batches of an epoch, in order."""
        return [self.lifecycle.batch(number) for number in range(first, last + 1)]

    def changed_leaves(self, first: int, last: int) -> dict[int, Digest]:
        """New values of the state tree's leaves, by index, that cleared batches change."""
        changed: dict[int, Digest] = {}
        for batch in self.epoch(first, last):
            for entry in self.registry.entries(*self.lifecycle.queue_span(batch.number)):
                if entry.kind == KEY:
                    changed[leaf_index(entry.account, KEY_SLOT)] = entry.values
            assert batch.cleared is not None
            for account, asset, units in batch.cleared.balances:
                changed[leaf_index(account, balance_slot(asset))] = balance_leaf(units)
        return changed

    def _settle(self, event: EpochSettled) -> None:
        changed = self.changed_leaves(event.first, event.last)
        self._leaves |= changed
        self.tree.set(changed)
        if self.tree.root != event.root:
            raise ChainMismatchError(
                f"batches {event.first} to {event.last} settled with a root that does not follow from the journal",
                field="root",
            )
        for batch in self.epoch(event.first, event.last):
            if batch.cleared is not None and batch.cleared.markets:
                self.settled_references = tuple(market.price for market in batch.cleared.markets)
        gone = self.lifecycle.batches.put_away(self.lifecycle.settled)
        if gone is not None and gone.seal is not None:
            self.registry.forget(gone.seal.cut)
