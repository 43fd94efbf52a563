"""A small state, and what a liar makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from commitments.state import balance_leaf, balance_slot, leaf_index
from commitments.types import KEY_SLOT, Digest

from ...filler import Filler
from ...prover_api import Trace
from ...solvency.program import TIERS
from ...solvency.public import Claim
from ...solvency.witness import draft

ASSETS = 3
HOLDINGS = {0: (0, 77, 0), 1: (5, 0, 0), 2: (1_000, 20_000, 2**61), 3: (400, 0, 3), 9: (1, 2, 2**61 - 4)}
"""Balances by account. Asset 2 sums to 2^62 - 1, the most that there can be."""
OWED = (1_406, 20_079, 2**62 - 1)
HEIGHTS = TIERS[0].log_heights


def state() -> dict[int, Digest]:
    """The leaves of the state: key roots for the accounts from 2 on, and the balances."""
    leaves: dict[int, Digest] = {leaf_index(a, KEY_SLOT): (a, 2, 3, 4) for a in HOLDINGS if a > 1}
    for account, balances in HOLDINGS.items():
        leaves.update({leaf_index(account, balance_slot(x)): balance_leaf(b) for x, b in enumerate(balances) if b})
    return leaves


@dataclass
class Forged:
    """A claim with the rows that should prove it. ``tamper`` changes finished traces."""

    claim: Claim
    rows: Filler
    tamper: Callable[[list[Trace]], None] = lambda traces: None

    def traces(self) -> list[Trace]:
        traces = self.rows.traces(HEIGHTS)
        self.tamper(traces)
        return traces


def honest() -> Forged:
    claim, rows = draft(state(), ASSETS)
    return Forged(claim, rows)
