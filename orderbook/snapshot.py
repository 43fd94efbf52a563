"""The venue's state in one piece, so that a node need not start from its first event."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from .batch import Batch
from .events import AccountRegistered, ChainFollowed, Digest, QueueAppended

__all__ = ["Snapshot"]


class Snapshot(Struct, frozen=True, forbid_unknown_fields=True):
    """State after some event. It holds reveals of unsettled batches: the journal encrypts it, and replaces it when one
    of them is settled. Settled batches are not in it; the journal keeps them one by one."""

    accounts: tuple[AccountRegistered, ...]
    queue_base: int
    """Queue entries before this position are applied and settled."""
    queue: tuple[QueueAppended, ...]
    roots: dict[int, tuple[tuple[int, Digest], ...]]
    """By account: queue position and value of its key roots, from the settled one on."""
    batches: tuple[Batch, ...]
    """From the first unsettled one on."""
    sealed: int
    cleared: int
    in_epochs: int
    settled: int
    balances: dict[int, dict[int, int]]
    references: tuple[int, ...]
    settled_references: tuple[int, ...]
    leaves: dict[int, Digest]
    """The settled state tree."""
    followed: ChainFollowed | None

    def encoded(self) -> bytes:
        """Its bytes, as of now: the batches in it go on changing."""
        return msgspec.msgpack.encode(self)

    @property
    def has_reveals(self) -> bool:
        """Whether secrets are in it."""
        return any(batch.reveals for batch in self.batches)
