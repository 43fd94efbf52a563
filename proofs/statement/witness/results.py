"""What an executed epoch leaves behind: draft traces, and everything that becomes public or changes the state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from commitments.types import ZERO, Digest

from .draft import Draft


@dataclass(frozen=True, slots=True)
class MarketResult:
    """What becomes public of one market in one batch."""

    reference: int
    price: int
    volume: int


@dataclass(frozen=True, slots=True)
class MissingReveal:
    batch: int
    account: int
    commitment: Digest
    charged: bool


@dataclass(frozen=True, slots=True)
class Fill:
    """One entry's outcome: admitted or dropped, and the lots filled (an admitted withdrawal: its amount)."""

    batch: int
    account: int
    position: int
    admitted: bool
    filled: int


@dataclass
class Execution:
    """An executed epoch. ``results[k]`` is empty for a batch without commitments."""

    draft: Draft
    old_root: Digest = ZERO
    new_root: Digest = ZERO
    roots: list[Digest] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    results: list[tuple[MarketResult, ...]] = field(default_factory=list)
    missing: list[MissingReveal] = field(default_factory=list)
    outcomes: Sequence[Sequence[int]] = ((), (), (), (), ())
    """Batch, account, position, admitted and filled of each entry: a sequence for each."""
    balances: list[tuple[int, int, int]] = field(default_factory=list)
    withdrawals: list[tuple[int, int, int]] = field(default_factory=list)
    leaves: dict[int, Digest] = field(default_factory=dict)
    """Changed and touched leaves of the state tree with their value after the epoch."""
    references: tuple[int, ...] = ()
    """The markets' reference prices after the epoch."""

    @property
    def fills(self) -> list[Fill]:
        """The outcome of each entry, in the order of the entry table."""
        return [Fill(k, account, at, bool(a), n) for k, account, at, a, n in zip(*self.outcomes, strict=True)]
