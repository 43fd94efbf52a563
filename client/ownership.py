"""What the owner of an account does on L1: opening it, its key trees, deposits, claims; and its proven balances."""

from __future__ import annotations

import asyncio

from commitments.types import KEY_DEPTH, Digest

from .access import MakerAccess
from .audit import Balance
from .chain import Chain
from .errors import StateError
from .funds import Funds
from .keys import KeyRing, Progress
from .placing import Desk
from .signers import Signer
from .venue import Number

__all__ = ["Ownership"]


class Ownership(MakerAccess):
    """Part of :class:`client.client.Client`."""

    _chain: Chain
    _funds: Funds
    _ring: KeyRing
    _signer: Signer
    _desk: Desk | None

    async def _enter(self, number: int, within: float) -> None:
        raise NotImplementedError

    async def register(self, *, log_size: int = KEY_DEPTH, progress: Progress | None = None) -> int:
        """Open an account on L1 for the L1 key, with a key tree over 2^``log_size`` batches from now on; its number.

        Does nothing if there is one. ``progress`` is called with the finished fraction of the key tree.
        """
        if self.account:
            return self.account
        address = self._chain.address
        if address is None:
            raise StateError("registering needs the L1 key", code="no_l1_key", field="account")
        root = await self._new_tree(log_size, progress)
        await asyncio.to_thread(self._chain.register, root, self._signer.address)
        number = await asyncio.to_thread(self._chain.account_of, address)
        await self._enter(number, 60.0)
        return number

    async def rekey(self, *, log_size: int = KEY_DEPTH, progress: Progress | None = None) -> str:
        """Replace the key tree, from the open batch on; the transaction's hash.

        :raises StateError: ``commitment_open`` while a commitment waits for its reveal.
        """
        async with self._demand_desk().lock:
            if any(record.phase in ("open", "sealed") for record in self._store.pending()):
                raise StateError(
                    "a commitment is open",
                    code="commitment_open",
                    retryable=True,
                    advice="wait for its reveal",
                )
            return await asyncio.to_thread(self._chain.rekey, await self._new_tree(log_size, progress))

    async def _new_tree(self, log_size: int, progress: Progress | None) -> Digest:
        first = (await asyncio.to_thread(self._chain.progress)).sealed
        tree = await asyncio.to_thread(self._ring.open, first, log_size, progress)
        self._store.add_key_tree(first, log_size)
        return tree.root

    async def deposit(self, asset: int | str, amount: Number) -> str:
        """Deposit on L1 (approving the token first); the transaction's hash. Counts from the next sealed
        batch on.
        """
        self._demand_account()
        if self._chain.address is None:
            raise StateError("depositing needs the L1 key", code="no_l1_key", field="account")
        return await self._funds.deposit(asset, amount)

    async def claim(self, epoch: int | None = None) -> tuple[str, ...]:
        """Claim the account's withdrawals of a settled epoch, or of all epochs; the transactions' hashes.

        :raises StateError: ``no_l1_key``, ``not_settled``.
        """
        if self._chain.address is None:
            raise StateError("claiming needs the L1 key", code="no_l1_key", field="account")
        return await self._funds.claim(self._demand_account(), epoch)

    async def balances(self) -> dict[str, Balance]:
        """Balances by asset symbol, proven under the state root that L1 holds."""
        self._demand_account()
        assert self._audit is not None
        return await self._audit.balances()

    def _demand_account(self) -> int:
        if not self.account:
            raise StateError("no account", code="not_registered", field="account", advice="call register() first")
        return self.account

    def _demand_desk(self) -> Desk:
        self._demand_account()
        assert self._desk is not None
        return self._desk
