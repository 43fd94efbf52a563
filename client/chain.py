"""What the SDK asks of L1, on its own connection. Nothing here comes from the venue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from commitments.types import Digest

from .venue import Venue

__all__ = ["Chain", "Progress", "Published", "QueueEntry", "SealedBatch", "Settlement", "WithdrawalLine"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Numbers of batches sealed and settled, epochs settled, queue entries in all, below the last cut, and
    applied.
    """

    sealed: int
    settled: int
    epochs: int
    queue_length: int
    queue_cut: int
    queue_settled: int


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A batch as L1 sealed it. ``epoch``: the epoch that settled it, None while it is unsettled."""

    number: int
    root: Digest
    count: int
    seal_block: int
    cut: int
    epoch: int | None


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """An entry of the L1 queue: kind 1 = key root (``values``), 2 = deposit of ``values[0]`` units."""

    position: int
    kind: int
    asset: int
    values: Digest


@dataclass(frozen=True, slots=True)
class WithdrawalLine:
    """A withdrawal of a settled epoch."""

    account: int
    asset: int
    units: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """A settled epoch, from the settlement's public data. ``transaction`` made it final."""

    epoch: int
    first_batch: int
    batches: int
    block: int
    transaction: str
    withdrawals: tuple[WithdrawalLine, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """The public data with which an epoch was settled, their hash on L1, and the leaves of each of its batches."""

    data: bytes
    hash: str
    counts: tuple[int, ...]
    transaction: str


class Chain(Protocol):
    """Access to the exchange contract. Blocking. Every call may raise :class:`client.errors.ChainError`."""

    def venue(self) -> Venue:
        """Identity and parameters, with the present reference prices."""

    def head(self) -> int:
        """Number of the newest block."""

    def final(self) -> int:
        """Number of the newest block that is final by the chain's profile."""

    def progress(self) -> Progress: ...

    def batch(self, number: int) -> SealedBatch | None:
        """A sealed batch by the newest block; None if it is not sealed."""

    def final_batch(self, number: int) -> SealedBatch | None:
        """A sealed batch as the state at the newest final block has it; None if it is not sealed there."""

    def state_root(self) -> Digest: ...

    def account_of(self, address: str) -> int:
        """Account number of an L1 address, 0 if it has none."""

    def commit_key_of(self, account: int) -> str: ...

    def queue(self, account: int) -> Sequence[QueueEntry]:
        """The account's own queue entries, in order."""

    def settlement(self, epoch: int) -> Settlement: ...

    def published(self, epoch: int) -> Published:
        """What a settled epoch published."""

    def claimed(self, epoch: int, account: int, asset: int) -> bool: ...

    # Transactions of the L1 key; each returns the transaction's hash once it is mined.

    @property
    def address(self) -> str | None:
        """Address of the L1 key; None without one."""

    def register(self, key_root: Digest, commit_key: str) -> str: ...

    def rekey(self, key_root: Digest) -> str: ...

    def deposit(self, asset: int, units: int) -> str:
        """Deposit, after an approval of the token if it needs one."""

    def claim(self, settlement: Settlement, line: WithdrawalLine) -> str: ...
