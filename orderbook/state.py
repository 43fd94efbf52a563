"""All that the venue knows, rebuilt from its journal's events and from nothing else."""

from __future__ import annotations

from .batch import Batch
from .errors import ChainMismatchError
from .events import (
    AccountRegistered,
    AnyEvent,
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
from .statetree import StateTree

__all__ = ["BALANCE_SLOT", "KEY_SLOT", "AnyEvent", "VenueState"]

KEY_SLOT = 0
BALANCE_SLOT = 2
"""Slot ``2 + a`` holds the balance of asset a (``docs/protocol.md`` section 5)."""


class VenueState:
    """Accounts and queue, batches, provisional balances, and the settled state tree."""

    def __init__(self, parameters: VenueParameters) -> None:
        self.parameters = parameters
        self.registry = Registry()
        self.lifecycle = Lifecycle(parameters)
        self.ledger = Ledger(market.initial_reference for market in parameters.markets)
        self.settled_references = self.ledger.references
        self.tree = StateTree()
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

    def changed_leaves(self, first: int, last: int) -> dict[tuple[int, int], Digest]:
        """New values of the leaves (account, slot) that cleared batches change."""
        changed: dict[tuple[int, int], Digest] = {}
        for batch in self.epoch(first, last):
            for entry in self.registry.entries(*self.lifecycle.queue_span(batch.number)):
                if entry.kind == KEY:
                    changed[(entry.account, KEY_SLOT)] = entry.values
            assert batch.cleared is not None
            for account, asset, units in batch.cleared.balances:
                changed[(account, BALANCE_SLOT + asset)] = (units, 0, 0, 0)
        return changed

    def _settle(self, event: EpochSettled) -> None:
        self.tree.update(self.changed_leaves(event.first, event.last))
        if self.tree.root != event.root:
            raise ChainMismatchError(
                f"batches {event.first} to {event.last} settled with a state root that does not follow from the journal",
                field="root",
            )
        for batch in self.epoch(event.first, event.last):
            if batch.cleared is not None and batch.cleared.markets:
                self.settled_references = tuple(market.price for market in batch.cleared.markets)
