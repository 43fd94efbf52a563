"""What the store keeps of one account: its messages, its batches, and the balances that were proven last."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from commitments.types import Digest
from orderbook.wire import Entry, Result

__all__ = ["BatchRecord", "CommitmentRecord", "Phase", "Snapshot"]

Phase: TypeAlias = Literal["open", "sealed", "revealed", "cleared", "proven", "settled", "missed", "void"]
"""Of a batch: ``void``: the sealed batch holds no leaf of ours; ``missed``: the deadline passed without a
reveal.
"""


class CommitmentRecord(Struct, frozen=True, kw_only=True):
    """One commit, replace or cancel message (cancel: commitment zero, no entries). ``names``: the client order id of
    each entry. ``status``: ``sent`` until the venue answered, then ``receipted`` or ``refused``; ``leased``: a cancel
    that the venue holds back."""

    batch: int
    sequence: int
    commitment: Digest
    salt: tuple[int, int, int]
    entries: tuple[Entry, ...]
    signature: bytes
    status: Literal["sent", "receipted", "refused", "leased"] = "sent"
    receipt: bytes = b""
    refusal: str = ""
    names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"CommitmentRecord(batch={self.batch}, sequence={self.sequence}, status={self.status!r})"


class BatchRecord(Struct, frozen=True, kw_only=True):
    """What is known of one batch in which the account committed. ``sequence``: of the sealed commitment."""

    batch: int
    phase: Phase = "open"
    sequence: int = 0
    index: int = 0
    siblings: tuple[Digest, ...] = ()
    seal_block: int = 0
    sent: bool = False
    """Whether the reveal may have left the machine."""
    acknowledgement: bytes = b""
    refusal: str = ""
    reason: str = ""
    result: Result | None = None
    epoch: tuple[int, int] | None = None
    """First and last batch of the epoch that proves this one."""
    transaction: str = ""
    verified: bool = False

    def __repr__(self) -> str:
        return f"BatchRecord(batch={self.batch}, phase={self.phase!r}, reason={self.reason!r})"


class Snapshot(Struct, frozen=True, kw_only=True):
    """Balances (asset, units) that were proven under the state root after ``settled_batches`` batches."""

    settled_batches: int
    queue_settled: int
    balances: tuple[tuple[int, int], ...]
