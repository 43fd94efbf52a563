"""The one table of parameters of version 1 of the statement.

Everything that sizes the statement is here: what a user may do per batch (kept where it is hashed, in
:mod:`commitments.types`), what an epoch may hold, and the tiers of trace heights. The contract
and the node read the same numbers (``docs/protocol.md``).
"""

from __future__ import annotations

from dataclasses import dataclass
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
    "PROOF",
    "QUANTITY_CAP",
    "STATE_DEPTH",
    "TIERS",
    "VERSION",
    "ProofParameters",
    "Tier",
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
    """How the statement is proven; see ``docs/proofs.md`` for the security they give."""

    log_blowup: int = 3
    num_queries: int = 27
    max_log_arity: int = 3
    log_final_poly_len: int = 5
    cap_height: int = 4
    lookup_pow_bits: int = 6
    ood_pow_bits: int = 0
    batch_pow_bits: int = 9
    commit_pow_bits: int = 0
    query_pow_bits: int = 22


PROOF: Final = ProofParameters()


@dataclass(frozen=True)
class Tier:
    """Log2 of the trace heights, one for each matrix of the program, in its order."""

    index: int
    name: str
    log_heights: tuple[int, ...]


MATRICES: Final = ("hashes", "limbs", "ledger")
TIERS: Final = (
    Tier(0, "small", (12, 12, 11)),
    Tier(1, "medium", (14, 14, 11)),
    Tier(2, "large", (16, 16, 13)),
    Tier(3, "epoch", (17, 17, 15)),
    Tier(4, "maximal", (17, 19, 15)),
)
"""The witness builder takes the first that holds the epoch. The last holds the worst single batch: 256 bundles
of 64 entries, and as many changed balances and withdrawals as there are assets for each. Few heights, three apart
where it goes: each further height, and each step that is not one folding of 8, adds rounds to every query."""
