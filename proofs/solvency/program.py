"""The solvency program: one tape, and the tiers of states that it can count."""

from __future__ import annotations

from functools import cache
from typing import Final

from ..params import Tier
from ..statement.arithmetic import amounts
from ..tape import Program, assemble
from .buses import BUSES
from .tables import leaves, walk

TIERS: Final = (
    Tier(0, "small", (12, 12)),
    Tier(1, "medium", (14, 14)),
    Tier(2, "large", (16, 16)),
    Tier(3, "maximal", (17, 17)),
)
"""Both matrices have one height. An account takes one row of `walk` for each node that only it needs, about six, one of
`leaves` for its key root and one for each balance, and up to two as limbs for each balance. With two assets the tiers
hold about 680, 2,700, 10,900 and 21,800 accounts."""


@cache
def solvency_program() -> Program:
    """The program that proves what all accounts together are owed (one tape for every tier)."""
    return assemble(
        "solvency",
        BUSES,
        {
            "tree": {"walk": walk},
            "sums": {"limbs": amounts, "leaves": leaves},
        },
    )
