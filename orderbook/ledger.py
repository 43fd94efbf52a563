"""Balances and reference prices after the last cleared batch: provisional until their epoch is settled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .events import BatchCleared


class Ledger:
    """Units by account and asset, and the reference price R of each market."""

    def __init__(self, references: Iterable[int]) -> None:
        self._balances: dict[int, dict[int, int]] = {}
        self.references: tuple[int, ...] = tuple(references)

    def balance(self, account: int, asset: int) -> int:
        """Units of an asset; 0 if the account never had any."""
        return self._balances.get(account, {}).get(asset, 0)

    def account(self, account: int) -> Mapping[int, int]:
        """Non-zero units by asset of one account."""
        return {a: units for a, units in sorted(self._balances.get(account, {}).items()) if units}

    @property
    def balances(self) -> dict[int, dict[int, int]]:
        """Units by account and asset."""
        return {account: dict(units) for account, units in self._balances.items()}

    def restore(self, balances: Mapping[int, Mapping[int, int]], references: Iterable[int]) -> None:
        """Take over what a snapshot holds."""
        self._balances = {account: dict(units) for account, units in balances.items()}
        self.references = tuple(references)

    def apply(self, cleared: BatchCleared) -> None:
        """Take over a batch's outcome."""
        for account, asset, units in cleared.balances:
            self._balances.setdefault(account, {})[asset] = units
        if cleared.markets:
            self.references = tuple(market.price for market in cleared.markets)
