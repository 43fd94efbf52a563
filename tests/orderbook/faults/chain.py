"""An L1 with blocks that become final late, outages, answers that get lost, and reorganisations."""

from __future__ import annotations

from collections.abc import Iterable

from eth_utils.crypto import keccak

from orderbook.errors import ChainMismatchError, EndpointDownError
from orderbook.events import (
    AccountRegistered,
    BatchSealed,
    BeaconRecorded,
    ChainFollowed,
    Digest,
    EpochSettled,
    Event,
    QueueAppended,
)
from orderbook.l1 import SettlementPackage
from orderbook.parameters import VenueParameters


class FaultyChain:
    """The chain itself. ``finality``: how many blocks stand on top of a final one."""

    def __init__(self, parameters: VenueParameters, finality: int) -> None:
        self.parameters = parameters
        self.finality = finality
        self.blocks: list[tuple[int, list[Event]]] = [(0, [])]
        """Fork mark and events of each block."""
        self.forks = 0
        self.down = False
        self.lose_answer = False

    @property
    def head(self) -> int:
        return len(self.blocks) - 1

    @property
    def final(self) -> int:
        return max(0, self.head - self.finality)

    def events(self, kind: type[Event]) -> list[Event]:
        return [event for _, block in self.blocks for event in block if isinstance(event, kind)]

    def hash(self, block: int) -> str:
        return f"0x{self.blocks[block][0]:032x}{block:032x}"

    def mine(self, events: Iterable[Event] = ()) -> None:
        self.blocks.append((self.forks, list(events)))

    def users(self, *events: Event) -> None:
        """A block with transactions of users: a reorganisation brings them back."""
        self.mine(events)

    def queue_length(self) -> int:
        return len(self.events(QueueAppended))

    def reorganise(self, depth: int) -> None:
        """Drop the newest ``depth`` blocks. What users sent is mined again at once; what the venue sent is gone."""
        dropped = self.blocks[len(self.blocks) - depth :]
        del self.blocks[len(self.blocks) - depth :]
        self.forks += 1
        mine = [e for _, block in dropped for e in block if isinstance(e, AccountRegistered | QueueAppended)]
        self.mine(mine)
        for _ in range(depth):
            self.mine()


class Access:
    """One node's access to the chain: :class:`orderbook.l1.L1`. A dead node's calls do nothing."""

    def __init__(self, chain: FaultyChain) -> None:
        self._chain = chain
        self.alive = True

    def parameters(self) -> VenueParameters:
        return self._chain.parameters

    def head(self) -> int:
        self._reach()
        return self._chain.head

    def advance(self) -> None:
        self._reach()
        self._chain.mine()

    def follow(self, after: int, block_hash: str) -> list[Event]:
        self._reach()
        chain = self._chain
        if after > chain.final:
            raise ChainMismatchError("was final and is not", field="finalized")
        if after >= 0 and chain.hash(after) != block_hash:
            raise ChainMismatchError(f"block {after} was final and has another hash now", field="finalized")
        if after == chain.final:
            return []
        found = [event for _, block in chain.blocks[after + 1 : chain.final + 1] for event in block]
        return [*found, ChainFollowed(chain.final, chain.hash(chain.final))]

    def seal(self, batch: int, root: Digest, count: int) -> None:
        self._reach()
        chain, seals = self._chain, self._chain.events(BatchSealed)
        if batch < len(seals):
            return
        assert batch == len(seals), "seals are in order"
        before = seals[-1].cut if seals else 0  # type: ignore[attr-defined]
        cut = min(before + chain.parameters.queue_per_batch, chain.queue_length())
        block = chain.head + 1
        self._sent(BatchSealed(batch, root, count, cut, block, f"0x{keccak(repr((batch, block)).encode()).hex()}"))

    def record_beacon(self, batch: int) -> None:
        self._reach()
        if any(event.batch == batch for event in self._chain.events(BeaconRecorded)):  # type: ignore[attr-defined]
            return
        block = self._chain.head + 1
        self._sent(BeaconRecorded(batch, keccak(repr((batch, self._chain.forks)).encode()), block))

    def settle(self, package: SettlementPackage) -> None:
        self._reach()
        settled = self._chain.events(EpochSettled)
        following = settled[-1].last + 1 if settled else 0  # type: ignore[attr-defined]
        if package.last < following:
            return
        if package.first != following:
            raise ChainMismatchError(f"L1 settles from batch {following} on", field="first")
        a, b, c, d = (int.from_bytes(package.public_data[i : i + 8], "big") for i in range(10, 42, 8))
        block = self._chain.head + 1
        self._sent(EpochSettled(package.first, package.last, (a, b, c, d), block, (f"0x{block:064x}",), 5))

    def _sent(self, event: Event) -> None:
        self._chain.mine([event])
        if self._chain.lose_answer:
            self._chain.lose_answer = False
            raise EndpointDownError("the answer was lost")

    def _reach(self) -> None:
        if self._chain.down or not self.alive:
            raise EndpointDownError("the endpoint does not answer")
