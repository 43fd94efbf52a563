"""Everybody else in a simulation: order flow that a back-test feeds in, without a client of its own."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from commitments.types import MAX_ENTRIES
from orderbook.batch import Batch
from orderbook.events import CommitmentAccepted, OpenedEntry, RevealAccepted
from orderbook.openings import bundle_commitment
from orderbook.parameters import VenueParameters

from ..errors import CapExceededError
from ..orders import Bundle, Order
from ..venue import Venue

__all__ = ["FIRST_UNITS", "Flow", "SimTick", "Street"]

FIRST_UNITS: Final = 2**50
"""What each account of the street starts with, in units of every asset."""
_PATH: Final = ((0, 0, 0, 0),) * 20


@dataclass(frozen=True, slots=True)
class SimTick:
    """When orders are asked for: just before ``batch`` closes, at ``at`` seconds since 1970 UTC.

    ``references`` are the present reference prices by market symbol. ``random`` is seeded by the simulation."""

    batch: int
    at: float
    references: dict[str, Decimal]
    random: random.Random


Flow: TypeAlias = Callable[[SimTick], Sequence[Order]]
"""The orders of everybody else for one batch."""


class Street:
    """Accounts that commit and reveal what a flow gives, 64 orders each."""

    def __init__(self, parameters: VenueParameters, venue: Venue, accounts: Sequence[int], seed: int) -> None:
        self._parameters = parameters
        self._venue = venue
        self.accounts = tuple(accounts)
        self._random = random.Random(seed)
        self._openings: dict[int, list[RevealAccepted]] = {}

    def commit(self, batch: Batch, orders: Sequence[Order]) -> list[CommitmentAccepted]:
        """Commitments of the street for a batch that is about to close.

        :raises CapExceededError: more orders than its accounts can hold.
        """
        if len(orders) > MAX_ENTRIES * len(self.accounts):
            raise CapExceededError(
                f"{len(orders)} orders, at most {MAX_ENTRIES * len(self.accounts)}", field="street_accounts"
            )
        accepted = []
        for index, account in enumerate(self.accounts):
            share = orders[index :: len(self.accounts)]
            if share:
                opening = self._opening(batch.number, account, share)
                self._openings.setdefault(batch.number, []).append(opening)
                committed = bundle_commitment(self._parameters.venue, opening)
                accepted.append(CommitmentAccepted(batch.number, account, 1, committed, b"\0" * 65, b"\0" * 65))
        return accepted

    def reveal(self, batch: int) -> list[RevealAccepted]:
        """The openings of a sealed batch."""
        return self._openings.pop(batch, [])

    def _opening(self, batch: int, account: int, orders: Sequence[Order]) -> RevealAccepted:
        entries = Bundle.of(self._venue, orders).entries
        return RevealAccepted(
            batch=batch,
            account=account,
            entries=tuple(OpenedEntry(e.kind, e.market, e.price, e.quantity) for e in entries),
            salt=(self._random.getrandbits(60), 0, 0),
            secret=(account, batch, 0, 1),
            key_position=0,
            key_path=_PATH,
            acknowledgement=b"\0" * 65,
        )
