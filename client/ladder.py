"""One ladder in one batch: its parts committed by several accounts at once, leased, and taken back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .allocation import Share, allocate
from .errors import SealbookError, StateError
from .handles import Commitment, OrderHandle
from .orders import Instruction

if TYPE_CHECKING:
    from .trading import Trading

__all__ = ["CLIENT_CLOSED", "LadderDesk", "QuoteResult"]

log = logging.getLogger("sealbook.quotes")
CLIENT_CLOSED: Final = "client_closed"
_SEALED: Final = ("no_commitment", "wrong_phase")
_BATCH_OVER: Final = ("batch_over", "batch_not_open")


@dataclass(frozen=True, slots=True)
class QuoteResult:
    """What became of one ladder, item by item. ``orders``: handles in the ladder's order, None where its account's
    commitment failed; ``errors``: why, by account. ``commitments``: by account."""

    batch: int
    orders: tuple[OrderHandle | None, ...]
    commitments: Mapping[int, Commitment]
    errors: Mapping[int, SealbookError]

    @property
    def complete(self) -> bool:
        """Whether the whole ladder is committed."""
        return not self.errors


class LadderDesk:
    """Commits ladders for the accounts of ``clients``; ``committed`` hears of the parts of each, by account. With
    ``lease`` every part is leased for so many seconds, and renewed until :meth:`close`."""

    def __init__(
        self,
        clients: Sequence[Trading],
        lease: float | None,
        committed: Callable[[int, Mapping[int, Commitment]], None],
    ) -> None:
        self._clients = tuple(clients)
        self._lease = lease
        self._committed = committed
        self._renewing: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Renew no lease any more."""
        task, self._renewing = self._renewing, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def commit(self, ladder: Sequence[Instruction], only: int | None, within: float) -> QuoteResult:
        """Put a ladder in the place of what the open batch holds of the accounts; with ``only``: that batch or none.

        :raises SealbookError: no account could commit its part.
        """
        deadline = asyncio.get_running_loop().time() + within
        while True:
            batch = (await self._clients[0].open_batch()).batch if only is None else only
            result = await self._commit_in(ladder, batch, within)
            late = [e for e in result.errors.values() if isinstance(e, StateError) and e.code in _BATCH_OVER]
            if late and only is None and asyncio.get_running_loop().time() < deadline:
                continue  # the batch closed on the way: the whole ladder is for the next one
            if not result.commitments and result.errors:
                raise next(iter(result.errors.values()))
            return result

    async def withdraw(self, within: float) -> None:
        """Take back what the open batch holds of the accounts; none at all is no error."""
        await asyncio.gather(*(_withdraw(client, within) for client in self._clients))

    async def _commit_in(self, ladder: Sequence[Instruction], batch: int, within: float) -> QuoteResult:
        funds = [await client.available_units() for client in self._clients]
        shares = allocate(self._clients[0].venue, ladder, funds)
        outcomes = await asyncio.gather(
            *(
                self._commit_share(client, share, ladder, batch, within)
                for client, share in zip(self._clients, shares, strict=True)
            )
        )
        orders: list[OrderHandle | None] = [None] * len(ladder)
        commitments: dict[int, Commitment] = {}
        errors: dict[int, SealbookError] = {}
        for client, share, outcome in zip(self._clients, shares, outcomes, strict=True):
            if isinstance(outcome, SealbookError):
                errors[client.account] = outcome
            elif outcome is not None:
                commitments[client.account] = outcome
                for place, handle in zip(share.places, outcome, strict=True):
                    orders[place] = handle
        if commitments:
            self._committed(batch, commitments)
        if self._lease is not None and self._renewing is None:
            self._renewing = asyncio.create_task(self._renew(self._lease))
        return QuoteResult(batch, tuple(orders), commitments, errors)

    async def _commit_share(
        self, client: Trading, share: Share, ladder: Sequence[Instruction], batch: int, within: float
    ) -> Commitment | SealbookError | None:
        """One account's part; an account without a part takes back what it has in the batch."""
        try:
            if not share.places:
                await _withdraw(client, within)
                return None
            part = [ladder[place] for place in share.places]
            made = await client.replace(part, check_balance=False, valid_for_batch=batch, within=within)
        except SealbookError as error:
            return error
        if self._lease is not None:
            await _take_lease(client, self._lease, within)
        return made

    async def _renew(self, seconds: float) -> None:
        """Tell the venue three times per lease that this program is there."""
        while True:
            await asyncio.sleep(seconds / 3)
            for client in self._clients:
                try:
                    await client.renew_lease(within=seconds / 3)
                except SealbookError as error:
                    if error.code == CLIENT_CLOSED:
                        return
                    log.warning("lease of account %d: %s", client.account, error, extra={"code": error.code})


async def _take_lease(client: Trading, seconds: float, within: float) -> None:
    """Lease the commitment that was just made. Without the lease it still stands, so its failure is no failure."""
    try:
        await client.lease(seconds, within=within)
    except SealbookError as error:
        if error.code not in _SEALED:  # sealed meanwhile: there is nothing left to take back
            log.warning("lease of account %d: %s", client.account, error, extra={"code": error.code})


async def _withdraw(client: Trading, within: float) -> None:
    try:
        await client.cancel(within=within)
    except StateError as error:
        if error.code != "no_commitment":
            raise
