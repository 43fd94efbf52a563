"""The exchange contract of a simulation, in memory, and what one client sees of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from commitments.hashing import empty_roots
from commitments.types import STATE_DEPTH, Digest
from commitments.venue import keccak256
from orderbook.events import AccountRegistered, Event, QueueAppended

from ..chain import Progress, Published, QueueEntry, SealedBatch, Settlement, WithdrawalLine
from ..errors import InputError, TransactionRevertedError
from ..venue import Venue

__all__ = ["SimChain", "SimContract"]

_KEY, _DEPOSIT = 1, 2


@dataclass
class SimContract:
    """Blocks come with time (``clock`` gives the number of the newest), and each is final at once. ``changed`` hears of
    what the venue has to know."""

    venue: Venue
    queue_per_batch: int
    clock: Callable[[], int]
    changed: Callable[[Sequence[Event]], None]
    transactions: int = 0
    queue: list[QueueAppended] = field(default_factory=list)
    seals: list[SealedBatch] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    public_data: list[bytes] = field(default_factory=list)
    state_root: Digest = field(default_factory=lambda: empty_roots(STATE_DEPTH)[-1])
    references: tuple[int, ...] = ()
    owners: dict[str, int] = field(default_factory=dict)
    commit_keys: dict[int, str] = field(default_factory=dict)
    claimed: set[tuple[int, int, int]] = field(default_factory=set)

    @property
    def block(self) -> int:
        """Number of the newest block."""
        return self.clock()

    def transaction(self) -> str:
        """A hash for a transaction in the newest block."""
        self.transactions += 1
        return f"0x{self.transactions:064x}"

    def register(self, owner: str, commit_key: str, root: Digest) -> str:
        if owner in self.owners:
            raise TransactionRevertedError("the address has an account", reason="AlreadyRegistered")
        transaction, number = self.transaction(), 2 + len(self.owners)
        self.owners[owner], self.commit_keys[number] = number, commit_key
        self.changed([AccountRegistered(number, "0x" + "00" * 20, commit_key, self.block)])
        self._append(_KEY, number, 0, root)
        return transaction

    def rekey(self, owner: str, root: Digest) -> str:
        transaction = self.transaction()
        self._append(_KEY, self.owners[owner], 0, root)
        return transaction

    def deposit(self, owner: str, asset: int, units: int) -> str:
        transaction = self.transaction()
        self._append(_DEPOSIT, self.owners[owner], asset, (units, 0, 0, 0))
        return transaction

    def _append(self, kind: int, account: int, asset: int, values: Digest) -> None:
        entry = QueueAppended(len(self.queue), kind, account, asset, values, self.block)
        self.queue.append(entry)
        self.changed([entry])

    def seal(self, batch: int, root: Digest, count: int) -> tuple[SealedBatch, str]:
        """Seal a batch; its record, and the transaction."""
        transaction = self.transaction()
        before = self.seals[-1].cut if self.seals else 0
        cut = min(before + self.queue_per_batch, len(self.queue))
        self.seals.append(SealedBatch(batch, root, count, self.block, cut, None))
        return self.seals[-1], transaction

    def settle(
        self, first: int, last: int, root: Digest, withdrawals: Sequence[WithdrawalLine], public_data: bytes
    ) -> Settlement:
        """Accept an epoch."""
        self.public_data.append(public_data)
        transaction, epoch = self.transaction(), len(self.settlements)
        settled = Settlement(epoch, first, last - first + 1, self.block, transaction, tuple(withdrawals))
        self.settlements.append(settled)
        self.state_root = root
        for batch in range(first, last + 1):
            self.seals[batch] = replace(self.seals[batch], epoch=epoch)
        return settled


class SimChain:
    """:class:`client.chain.Chain` for one owner."""

    def __init__(self, contract: SimContract, owner: str) -> None:
        self._contract = contract
        self._owner = owner

    @property
    def address(self) -> str | None:
        return self._owner

    def venue(self) -> Venue:
        references = self._contract.references
        markets = self._contract.venue.markets
        if not references:
            return self._contract.venue
        moved = tuple(replace(m, reference=price) for m, price in zip(markets, references, strict=True))
        return replace(self._contract.venue, markets=moved)

    def head(self) -> int:
        return self._contract.block

    def final(self) -> int:
        return self._contract.block

    def progress(self) -> Progress:
        contract = self._contract
        settled = sum(s.batches for s in contract.settlements)
        return Progress(
            sealed=len(contract.seals),
            settled=settled,
            epochs=len(contract.settlements),
            queue_length=len(contract.queue),
            queue_cut=contract.seals[-1].cut if contract.seals else 0,
            queue_settled=contract.seals[settled - 1].cut if settled else 0,
        )

    def batch(self, number: int) -> SealedBatch | None:
        return self._contract.seals[number] if 0 <= number < len(self._contract.seals) else None

    def final_batch(self, number: int) -> SealedBatch | None:
        return self.batch(number)

    def state_root(self) -> Digest:
        return self._contract.state_root

    def account_of(self, address: str) -> int:
        return self._contract.owners.get(address, 0)

    def commit_key_of(self, account: int) -> str:
        return self._contract.commit_keys.get(account, "0x" + "00" * 20)

    def queue(self, account: int) -> Sequence[QueueEntry]:
        found = [entry for entry in self._contract.queue if entry.account == account]
        return [QueueEntry(entry.position, entry.kind, entry.asset, entry.values) for entry in found]

    def settlement(self, epoch: int) -> Settlement:
        return self._contract.settlements[epoch]

    def published(self, epoch: int) -> Published:
        settled = self._contract.settlements[epoch]
        seals = self._contract.seals[settled.first_batch : settled.first_batch + settled.batches]
        data = self._contract.public_data[epoch]
        return Published(data, "0x" + keccak256(data).hex(), tuple(s.count for s in seals), settled.transaction)

    def claimed(self, epoch: int, account: int, asset: int) -> bool:
        return (epoch, account, asset) in self._contract.claimed

    def register(self, key_root: Digest, commit_key: str) -> str:
        return self._contract.register(self._owner, commit_key, key_root)

    def rekey(self, key_root: Digest) -> str:
        return self._contract.rekey(self._owner, key_root)

    def deposit(self, asset: int, units: int) -> str:
        if not 0 < units < 2**62:
            raise InputError(f"amount: {units} units are not in [1, 2^62)", field="amount")
        return self._contract.deposit(self._owner, asset, units)

    def claim(self, settlement: Settlement, line: WithdrawalLine) -> str:
        key = (settlement.epoch, line.account, line.asset)
        if key in self._contract.claimed:
            raise TransactionRevertedError("claimed before", reason="AlreadyClaimed")
        self._contract.claimed.add(key)
        return self._contract.transaction()
