"""What the operator chooses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """How a node runs. Times in seconds.

    A batch closes when it is ``batch_seconds`` old, or holds ``batch_commitments`` commitments, or the operator says
    so; never before the batch ahead of it is sealed, and by age only if it holds a commitment or L1 queue entries
    wait. Without commitments it closes at once if more queue entries wait than one batch applies.
    An epoch is proven when ``batches_per_epoch`` batches are cleared, or ``epoch_seconds`` after the oldest of them
    was opened.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 9545
    batch_seconds: float | None = 10.0
    batch_commitments: int | None = None
    batches_per_epoch: int = 1
    epoch_seconds: float = 300.0
    poll_seconds: float = 0.5
    mine_seconds: float | None = None
    """On a development chain on which nobody else makes blocks: make one this often while blocks are waited for."""
    resend_seconds: float = 60.0
    """A transaction that is not final after this time is looked for on L1, and sent again if it is gone."""
    snapshot_events: int = 5_000
    """Events after which the journal takes a snapshot, at the next settlement, and lets go of what was before."""
    status: tuple[str, int] | None = None
    """Where figures and health are served over HTTP."""
    empty_batches: bool = True
    """Whether to seal a batch without commitments when L1 queue entries wait."""

    @property
    def journal(self) -> Path:
        return self.data / "journal.sqlite3"

    @property
    def vault_key(self) -> Path:
        return self.data / "journal.key"

    @property
    def epochs(self) -> Path:
        return self.data / "epochs"
