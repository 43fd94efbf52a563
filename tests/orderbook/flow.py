"""A venue driven without sockets and without L1: the events that both would bring, in the right order."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import msgspec

from orderbook.engine import clear_batch
from orderbook.events import (
    ZERO,
    AccountRegistered,
    BatchClosed,
    BatchOpened,
    BatchSealed,
    BeaconRecorded,
    CommitmentAccepted,
    Digest,
    EpochClosed,
    EpochProven,
    EpochSettled,
    Event,
    OpenedEntry,
    QueueAppended,
    RevealAccepted,
    RevealsEnded,
)
from orderbook.openings import bundle_commitment, commitment_root, key_root
from orderbook.parameters import VenueParameters
from orderbook.state import VenueState

PATH = tuple((i, i, i, i) for i in range(1, 21))


class Trader:
    """An account whose key tree is one path per batch: all secrets at position 0 of a tree that changes by rekey."""

    def __init__(self, number: int, venue: int, random_: random.Random) -> None:
        self.number = number
        self.venue = venue
        self.random = random_

    def secret(self, batch: int) -> Digest:
        return (self.number, batch + 1, 77, 3)

    def bundle(self, batch: int, entries: Sequence[OpenedEntry]) -> RevealAccepted:
        """A reveal whose key path leads to :meth:`root` of the batch."""
        return RevealAccepted(
            batch=batch,
            account=self.number,
            entries=tuple(entries),
            salt=(self.random.getrandbits(63), 1, 2),
            secret=self.secret(batch),
            key_position=batch,
            key_path=PATH,
            acknowledgement=b"\1" * 65,
        )

    def root(self, batch: int) -> Digest:
        return key_root(self.venue, self.bundle(batch, [OpenedEntry(1, 0, 0, 1)]))


class Flow:
    """Applies events and keeps them."""

    def __init__(self, parameters: VenueParameters, seed: int = 1) -> None:
        self.parameters = parameters
        self.state = VenueState(parameters)
        self.events: list[Event] = []
        self.random = random.Random(seed)
        self.traders: dict[int, Trader] = {}
        self.block = 10

    def do(self, *events: Event) -> None:
        for event in events:
            self.state.apply(event)
            self.events.append(event)

    def queue(self, kind: int, account: int, asset: int, values: Digest) -> None:
        self.do(QueueAppended(self.state.registry.length, kind, account, asset, values, self.block))

    def register(self, batch: int) -> Trader:
        """A new account whose key tree is good for one batch."""
        trader = Trader(2 + len(self.traders), self.parameters.venue, self.random)
        self.traders[trader.number] = trader
        self.do(AccountRegistered(trader.number, "0x" + "44" * 20, "0x" + "55" * 20, self.block))
        self.queue(1, trader.number, 0, trader.root(batch))
        return trader

    def rekey(self, trader: Trader, batch: int) -> None:
        self.queue(1, trader.number, 0, trader.root(batch))

    def deposit(self, trader: Trader, asset: int, units: int) -> None:
        self.queue(2, trader.number, asset, (units, 0, 0, 0))

    def batch(self, bundles: Mapping[int, Sequence[OpenedEntry]], missing: Sequence[int] = ()) -> int:
        """One batch from opening to clearing; accounts in ``missing`` do not reveal."""
        number = len(self.state.lifecycle.batches)
        self.do(BatchOpened(number, 0.0))
        reveals = {account: self.traders[account].bundle(number, entries) for account, entries in bundles.items()}
        for account, reveal in reveals.items():
            commitment = bundle_commitment(self.parameters.venue, reveal)
            self.do(CommitmentAccepted(number, account, 1, commitment, b"\2" * 65, b"\3" * 65))
        self.do(BatchClosed(number))
        batch = self.state.lifecycle.batch(number)
        root = commitment_root(self.parameters.venue, batch)
        cut = min(self.state.lifecycle.last_cut + self.parameters.queue_per_batch, self.state.registry.length)
        self.do(BatchSealed(number, root, len(bundles), cut, self.block, "0x" + "00" * 32))
        if bundles:
            self.do(*(reveal for account, reveal in reveals.items() if account not in missing))
            self.do(RevealsEnded(number, self.block + 4))
            self.do(BeaconRecorded(number, self.random.randbytes(32), self.block + 3))
        queue = self.state.registry.entries(*self.state.lifecycle.queue_span(number))
        self.do(clear_batch(self.parameters, self.state.ledger, queue, batch))
        self.block += 5
        return number

    def settle(self, first: int, last: int, root: Digest) -> None:
        self.do(
            EpochClosed(first, last),
            EpochProven(first, last, 0, "file", b"d" * 32, 1, 1.0),
            EpochSettled(first, last, root, self.block, ("0x" + "00" * 32,), 1),
        )


def settled_root(state: VenueState, first: int, last: int) -> Digest:
    """The root that settling these batches must give, computed on a copy of the whole tree."""
    tree = state.tree.copy()
    tree.set(state.changed_leaves(first, last))
    return tree.root


def roundtrip(events: Sequence[Event]) -> list[Event]:
    """The events as the journal would give them back."""
    from orderbook.events import AnyEvent

    return [msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=AnyEvent) for event in events]


__all__ = ["PATH", "ZERO", "Flow", "Trader", "roundtrip", "settled_root"]
