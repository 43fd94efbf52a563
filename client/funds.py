"""Deposits and claims on L1, with the L1 key."""

from __future__ import annotations

import asyncio

from .chain import Chain
from .errors import InputError, StateError
from .venue import Number, Venue

__all__ = ["Funds"]


class Funds:
    """What moves between L1 and the venue."""

    def __init__(self, venue: Venue, chain: Chain) -> None:
        self._venue = venue
        self._chain = chain

    async def deposit(self, asset: int | str, amount: Number) -> str:
        """Deposit; the transaction's hash.

        :raises InputError: an unknown asset, or no positive whole number of units.
        :raises TransactionRevertedError: the contract or the token refused.
        """
        which = self._venue.asset(asset)
        units = which.units(amount)
        if not 0 < units < 2**62:
            raise InputError(f"amount: {units} units are not in [1, 2^62)", field="amount")
        return await asyncio.to_thread(self._chain.deposit, which.index, units)

    async def claim(self, account: int, epoch: int | None) -> tuple[str, ...]:
        """Claim what was withdrawn in a settled epoch, or in all, and is not claimed yet; the transactions' hashes.

        :raises StateError: ``not_settled``: the epoch is not settled.
        """
        settled = (await asyncio.to_thread(self._chain.progress)).epochs
        if epoch is not None and not 0 <= epoch < settled:
            raise StateError(
                f"epoch {epoch} is not settled; {settled} are",
                code="not_settled",
                field="epoch",
                retryable=True,
            )
        hashes = []
        for number in range(settled) if epoch is None else (epoch,):
            settlement = await asyncio.to_thread(self._chain.settlement, number)
            for line in settlement.withdrawals:
                if line.account != account:
                    continue
                if not await asyncio.to_thread(self._chain.claimed, number, account, line.asset):
                    hashes.append(await asyncio.to_thread(self._chain.claim, settlement, line))
        return tuple(hashes)
