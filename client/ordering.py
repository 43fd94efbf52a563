"""Orders of a client: what goes out is checked first, what went out is found again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path

from .agent import RevealAgent
from .book import Book
from .deadlines import Countdown, Deadline
from .errors import InputError, SealbookError
from .handles import Commitment, OrderHandle
from .keeper import EvidenceKeeper
from .orders import Bundle, Instruction
from .ownership import Ownership

__all__ = ["Ordering"]

log = logging.getLogger("sealbook.client")


class Ordering(Ownership):
    """Part of :class:`client.client.Client`."""

    _agent: RevealAgent | None
    _book: Book | None
    _keeper: EvidenceKeeper | None
    _countdown: Countdown

    @property
    def commitments(self) -> tuple[Commitment, ...]:
        """Commitments that are not at their end, also those that an earlier run of the program made."""
        return () if self._book is None else self._book.commitments

    @property
    def evidence(self) -> tuple[Path, ...]:
        """Files that show broken promises of the venue, for ``sealbook evidence``; also those of earlier runs."""
        return () if self._keeper is None else self._keeper.files

    @property
    def problems(self) -> dict[int, SealbookError]:
        """What went wrong last in batches on their way, by batch."""
        return {} if self._agent is None else dict(self._agent.problems)

    @property
    def deadlines(self) -> tuple[Deadline, ...]:
        """Sealed commitments that wait for their reveal, the nearest first; as a stream: ``streams.deadlines()``."""
        return self._countdown.deadlines

    async def _place(
        self,
        orders: Sequence[Instruction],
        replace: bool,
        check_balance: bool,
        valid_for_batch: int | None,
        within: float,
    ) -> Commitment:
        desk = self._demand_desk()
        bundle, warnings = await self._prepared(orders, check_balance)
        return await desk.place(bundle, warnings, within, replace, valid_for_batch)

    async def resolve(self, client_order_id: str, *, within: float = 30.0) -> OrderHandle:
        """What became of an order, also after a crash or a lost connection: its handle, as up to date as can be.

        An order without an answer (``Created``) is looked up at the venue; when its batch is closed, the seal on L1
        decides. What is still ``Created`` then has not reached the venue: :meth:`commit` under the same name sends it.

        :raises InputError: ``unknown_order``: the store has no order of this name.
        """
        self._demand_account()
        assert self._book is not None
        assert self._agent is not None
        handle = self._book.order(client_order_id)
        if handle is None:
            raise InputError(
                f"the store has no order {client_order_id!r}", code="unknown_order", field="client_order_id"
            )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._agent.look_up(handle)
        return handle

    async def _prepared(self, orders: Sequence[Instruction], check_balance: bool) -> tuple[Bundle, list[str]]:
        """The bundle, checked against the rules and the balance; warnings in words."""
        if any(getattr(order, "slippage", None) is not None for order in orders):
            self.venue = await asyncio.to_thread(self._chain.venue)
        bundle = Bundle.of(self.venue, orders)
        if not check_balance or self._audit is None:
            return bundle, []
        available = await self._audit.available()
        bundle.check_funds(self.venue, available)
        fee = self.venue.asset(self.venue.fee_asset)
        if available.get(fee.index, 0) >= self.venue.miss_fee:
            return bundle, []
        least = fee.tokens(self.venue.miss_fee)
        warning = f"less than the miss fee of {least} {fee.symbol}: orders will be dropped, withdrawals not"
        log.warning(warning)
        return bundle, [warning]
