"""The one table of parameters of version 1 of the statement.

Everything that sizes the statement is here: what a user may do per batch (kept where it is hashed, in
:mod:`commitments.types`), what an epoch may hold, and the tiers of trace heights. The contract
and the node read the same numbers (``docs/protocol.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from commitments.types import (
    ASSETS,
    COMMITMENT_DEPTH,
    FIRST_ACCOUNT,
    KEY_DEPTH,
    MAX_COUNT,
    MAX_ENTRIES,
    QUANTITY_CAP,
    STATE_DEPTH,
)

__all__ = [
    "ASSETS",
    "COMMITMENT_DEPTH",
    "COMPACT",
    "FAST",
    "FEE_ACCOUNT",
    "FIRST_ACCOUNT",
    "INSURANCE_ACCOUNT",
    "KEY_DEPTH",
    "MATRICES",
    "MAX_BATCHES",
    "MAX_COUNT",
    "MAX_ENTRIES",
    "MAX_MARKETS",
    "MAX_QUEUE",
    "PPM",
    "PROFILES",
    "PROOF",
    "QUANTITY_CAP",
    "STATE_DEPTH",
    "TIERS",
    "VERSION",
    "ProofParameters",
    "Tier",
    "tiers_of",
]

VERSION: Final = 1

MAX_QUEUE: Final = 64
"""Most queue entries that apply before one batch (Q)."""
MAX_BATCHES: Final = 16
"""Most batches in one epoch (K)."""
MAX_MARKETS: Final = 16
FEE_ACCOUNT: Final = 0
INSURANCE_ACCOUNT: Final = 1
PPM: Final = 1_000_000


@dataclass(frozen=True)
class ProofParameters:
    """How the statement is proven; see ``docs/proofs.md`` for the security they give. The defaults are :data:`FAST`."""

    log_blowup: int = 3
    num_queries: int = 27
    max_log_arity: int = 3
    log_final_poly_len: int = 5
    cap_height: int = 5
    lookup_pow_bits: int = 6
    ood_pow_bits: int = 0
    batch_pow_bits: int = 9
    commit_pow_bits: int = 0
    query_pow_bits: int = 22


FAST: Final = ProofParameters()
"""The least work for the prover."""
COMPACT: Final = ProofParameters(log_blowup=6, num_queries=13, cap_height=4, query_pow_bits=24)
"""The fewest bytes, for L1 charges by the byte: some six times the work, and one batch settles in one transaction."""
PROOF: Final = FAST
PROFILES: Final[Mapping[str, ProofParameters]] = MappingProxyType({"fast": FAST, "compact": COMPACT})


@dataclass(frozen=True)
class Tier:
    """Log2 of the trace heights, one for each matrix of the program, in its order, and how it is proven."""

    index: int
    name: str
    log_heights: tuple[int, ...]
    parameters: ProofParameters = FAST


MATRICES: Final = ("hashes", "limbs", "ledger")
TIERS: Final = (
    Tier(0, "small", (12, 12, 11)),
    Tier(1, "medium", (14, 14, 11)),
    Tier(2, "deep", (15, 15, 14)),
    Tier(3, "large", (16, 16, 13)),
    Tier(4, "epoch", (17, 17, 14)),
    Tier(5, "maximal", (17, 18, 14)),
    Tier(6, "small-compact", (12, 12, 11), COMPACT),
    Tier(7, "medium-compact", (14, 14, 11), COMPACT),
)
"""The maximal tier holds the worst single batch: 256 bundles of 64 entries, and as many changed balances and
withdrawals as there are assets for each: at most 31,000 compressions, and 255,000 different range checks if all are.
The deep tier holds such a batch of an ordinary day, the large one four batches of 256 x 4 orders and the epoch tier 16,
by accounts that trade several times. Few heights, three apart where it goes: each further height, and each step that is
not one folding of 8, adds rounds to every query."""


def tiers_of(profile: str) -> tuple[Tier, ...]:
    """The tiers in which to prove, smallest first: those of the profile, then the larger ones of the fast profile."""
    own = [tier for tier in TIERS if tier.parameters == PROFILES[profile]]
    rows = max(sum(1 << height for height in tier.log_heights) for tier in own)
    larger = [t for t in TIERS if t.parameters == FAST and sum(1 << height for height in t.log_heights) > rows]
    return tuple(own + larger)
