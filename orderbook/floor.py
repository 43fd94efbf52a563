"""What deciding requests needs of the venue around it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from .batch import Batch
from .events import Event

__all__ = ["Floor"]


class Floor(Protocol):
    """What the desk needs of the node around it."""

    def record(self, events: Sequence[Event]) -> asyncio.Future[None] | None:
        """Apply events at once. The future is done when they, and all before them, are on disk; None: they are."""

    def head(self) -> int:
        """Number of the newest L1 block that was seen."""

    def closes_at(self, batch: Batch) -> float | None:
        """When the open batch is planned to close."""

    def seal_now(self) -> None:
        """Close the open batch.

        :raises RequestError: ``wrong_phase`` if the batch before it is not sealed yet.
        """

    @property
    def draining(self) -> bool:
        """Whether no new commitments are taken because the node will stop."""

    def drain(self) -> None:
        """Take no new commitments, bring all batches to their settlement, then stop."""
