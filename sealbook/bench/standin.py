"""What stands in for L1 and for the prover while the venue itself is measured.

Blocks are made at once and are final; seals, beacons and settlements are noted in memory. A settlement has the right
public data and no proof: proving and settling have their own jobs.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from commitments.types import Digest
from commitments.venue import keccak256, venue_id
from orderbook.events import (
    AccountRegistered,
    BatchSealed,
    BeaconRecorded,
    ChainFollowed,
    EpochSettled,
    Event,
    QueueAppended,
)
from orderbook.l1 import SettlementPackage
from orderbook.parameters import AssetParameters, MarketParameters, VenueParameters
from orderbook.state import VenueState
from proofs.params import MAX_COUNT
from proofs.statement.public import PublicData, encode

__all__ = ["MemoryL1", "UnprovenPackages", "venue_parameters"]

_CHAIN, _CONTRACT = 1337, "0x" + "5b" * 20
_QUEUE_PER_BATCH = 1 << 20


def venue_parameters(operator: str, reveal_window: int) -> VenueParameters:
    """A venue of two assets and one market; ``reveal_window`` in blocks."""
    return VenueParameters(
        venue=venue_id(_CHAIN, _CONTRACT),
        chain_id=_CHAIN,
        contract=_CONTRACT,
        operator=operator,
        version=1,
        assets=(AssetParameters("0x" + "00" * 20, 10**12), AssetParameters("0x" + "33" * 20, 1)),
        markets=(MarketParameters(0, 1, 1_000, 900_000, 500, 20_000),),
        max_count=MAX_COUNT,
        miss_fee=1_000,
        fee_asset=1,
        reveal_window=reveal_window,
        beacon_delay=1,
        min_seal_interval=1,
        queue_per_batch=_QUEUE_PER_BATCH,
    )


class MemoryL1:
    """Implements :class:`orderbook.l1.L1`. ``accounts``: commit key and key root of each, from number 2 on."""

    def __init__(self, parameters: VenueParameters, accounts: Sequence[tuple[str, Digest]], units: int) -> None:
        self._parameters = parameters
        self._block = 1
        self._events: list[tuple[int, Event]] = []
        self._seals: list[int] = []
        self._beacons: set[int] = set()
        self._settled = -1
        self._queue = 0
        self._lock = threading.Lock()
        for number, (commit_key, root) in enumerate(accounts, 2):
            self._emit(AccountRegistered(number, "0x" + "44" * 20, commit_key, self._block))
            self._enqueue(1, number, 0, root)
            for asset in range(len(parameters.assets)):
                self._enqueue(2, number, asset, (units, 0, 0, 0))

    def _emit(self, event: Event) -> None:
        self._events.append((self._block, event))

    def _enqueue(self, kind: int, account: int, asset: int, values: Digest) -> None:
        self._emit(QueueAppended(self._queue, kind, account, asset, values, self._block))
        self._queue += 1

    def parameters(self) -> VenueParameters:
        return self._parameters

    def head(self) -> int:
        return self._block

    def advance(self, blocks: int = 1) -> None:
        with self._lock:
            self._block += blocks

    def follow(self, after: int, block_hash: str) -> list[Event]:
        with self._lock:
            if after >= self._block:
                return []
            found = [event for block, event in self._events if block > after]
            self._events = []
            return [*found, ChainFollowed(self._block, f"0x{self._block:064x}")]

    def seal(self, batch: int, root: Digest, count: int) -> None:
        with self._lock:
            if batch == len(self._seals):
                self._block += 1
                self._seals.append(self._block)
                self._emit(BatchSealed(batch, root, count, self._queue, self._block, f"0x{batch + 1:064x}"))

    def record_beacon(self, batch: int) -> None:
        with self._lock:
            if batch not in self._beacons:
                self._block += 1
                self._beacons.add(batch)
                self._emit(BeaconRecorded(batch, keccak256(batch.to_bytes(32, "big")), self._block))

    def settle(self, package: SettlementPackage) -> None:
        with self._lock:
            if package.first != self._settled + 1:
                return
            self._block += 1
            self._settled = package.last
            a, b, c, d = (int.from_bytes(package.public_data[i : i + 8], "big") for i in range(10, 42, 8))
            hashes = (f"0x{self._block:064x}",)
            self._emit(EpochSettled(package.first, package.last, (a, b, c, d), self._block, hashes, 0))


class UnprovenPackages:
    """Implements :class:`orderbook.epochs.Prover` without proofs."""

    async def prove(self, state: VenueState, first: int, last: int) -> tuple[SettlementPackage, float]:
        tree = state.tree.copy()
        tree.set(state.changed_leaves(first, last))
        data = PublicData(first, last - first + 1, 0, tree.root, (), (), (), ())
        return SettlementPackage(first, last, 0, encode(data), b"", b"", b"", b"", b"", 0), 0.0

    def stop(self) -> None:
        return
