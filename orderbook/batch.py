"""What the venue knows of one batch."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from .errors import RequestError
from .events import (
    BatchCleared,
    BatchSealed,
    BeaconRecorded,
    CommitmentAccepted,
    CommitmentLeased,
    Digest,
    EpochProven,
    EpochSettled,
    RevealAccepted,
)
from .wire import Phase


@dataclass(frozen=True, slots=True)
class CommitmentLeaf:
    """One leaf of a closed batch, with the signed message that put it there."""

    account: int
    commitment: Digest
    sequence: int
    signature: bytes


@dataclass(slots=True)
class Batch:
    """One batch from its opening to its settlement. Changed by :class:`orderbook.lifecycle.Lifecycle` only."""

    number: int
    opened_at: float
    commitments: dict[int, CommitmentAccepted] = field(default_factory=dict)
    collected: int = 0
    """Number of accounts with a commitment that is not cancelled."""
    leases: dict[int, CommitmentLeased] = field(default_factory=dict)
    """The held-back cancel of each account, by :mod:`orderbook.leases`."""
    leaves: tuple[CommitmentLeaf, ...] | None = None
    """Increasing by account; None while the batch collects."""
    seal: BatchSealed | None = None
    reveals: dict[int, RevealAccepted] = field(default_factory=dict)
    acknowledgements: dict[int, bytes] = field(default_factory=dict)
    """Of a settled batch, whose reveals are deleted: what was signed for each of them."""
    reveals_ended: bool = False
    beacon: BeaconRecorded | None = None
    cleared: BatchCleared | None = None
    epoch: tuple[int, int] | None = None
    proven: EpochProven | None = None
    settled: EpochSettled | None = None

    @property
    def phase(self) -> Phase:
        """Where the batch stands (``docs/protocol.md`` section 8)."""
        if self.settled is not None:
            return "settled"
        if self.proven is not None:
            return "settle"
        if self.cleared is not None:
            return "prove"
        if self.leaves is None:
            return "commit"
        if self.seal is None:
            return "seal"
        if not self.reveals_ended:
            return "reveal"
        return "clear" if self.drawn else "beacon"

    @property
    def drawn(self) -> bool:
        """Whether the draws are known, or not needed."""
        return self.beacon is not None or self.leaves == ()

    def leaf(self, account: int) -> tuple[int, CommitmentLeaf]:
        """Position and leaf of an account.

        :raises RequestError: ``wrong_phase`` while the batch collects, ``not_found`` without a leaf.
        """
        if self.leaves is None:
            raise RequestError(f"batch {self.number} is not sealed yet", code="wrong_phase", retryable=True)
        position = bisect_left(self.leaves, account, key=_account)
        if position < len(self.leaves) and self.leaves[position].account == account:
            return position, self.leaves[position]
        raise RequestError(f"batch {self.number} holds no leaf of account {account}", code="not_found")

    @property
    def missing(self) -> tuple[CommitmentLeaf, ...]:
        """Leaves without a reveal, once reveals have ended."""
        if not self.reveals_ended or self.leaves is None:
            return ()
        if self.cleared is not None:
            absent = {a.account for a in self.cleared.accounts if not a.opened}
            return tuple(leaf for leaf in self.leaves if leaf.account in absent)
        return tuple(leaf for leaf in self.leaves if leaf.account not in self.reveals)


def _account(leaf: CommitmentLeaf) -> int:
    return leaf.account
