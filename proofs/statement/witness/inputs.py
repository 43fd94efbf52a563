"""What an epoch is made of, before it is executed: the input of the witness builder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from commitments.bundle import Entry
from commitments.types import Digest

from ..kinds import QueueKind


class TreeView(Protocol):
    """The state tree before the epoch, as far as the builder reads it."""

    def node(self, level: int, index: int) -> Digest:
        """The node at ``level`` (0 is the root, 24 the leaves) and ``index`` from the left."""


@dataclass(frozen=True, slots=True)
class Market:
    """A market's frozen parameters: asset numbers, price band in ticks, fee in parts per million."""

    base: int
    quote: int
    lower: int
    upper: int
    fee_ppm: int


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the version and the venue fix for every batch of the epoch."""

    venue: int
    markets: tuple[Market, ...]
    miss_fee: int
    fee_asset: int


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One entry of the L1 queue; ``value`` is a key root, or ``(units, 0, 0, 0)`` of a deposit."""

    kind: QueueKind
    account: int
    asset: int
    value: Digest


@dataclass(frozen=True, slots=True)
class OpenedLeaf:
    """A leaf whose reveal came in time. The secrets stay out of ``repr``."""

    account: int
    entries: tuple[Entry, ...]
    salt: tuple[int, int, int] = field(repr=False)
    secret: Digest = field(repr=False)
    key_position: int = field(repr=False)
    key_path: tuple[Digest, ...] = field(repr=False)
    """Siblings from the leaf upward."""


@dataclass(frozen=True, slots=True)
class MissingLeaf:
    """A leaf without a valid reveal, and whether its account pays the fee for it."""

    account: int
    commitment: Digest = field(repr=False)
    charged: bool = True


Leaf = OpenedLeaf | MissingLeaf


@dataclass(frozen=True, slots=True)
class BatchInput:
    """One batch: the queue entries that apply before it, its leaves in order, one draw per market."""

    queue: Sequence[QueueEntry]
    leaves: Sequence[Leaf]
    draws: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EpochInput:
    """Consecutive batches from ``first_batch`` on, over the state ``tree`` and the markets' references."""

    parameters: Parameters
    first_batch: int
    references: tuple[int, ...]
    tree: TreeView
    batches: Sequence[BatchInput]
