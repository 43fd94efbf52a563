"""The program's side: the calls of a client, done by an agent in another process.

::

    async with RemoteClient.connect("ws://127.0.0.1:9645", token="...") as client:
        (order,) = await client.commit([sell("ETH/USD", "0.5", "2000")])

The program may end at any time: the agent goes on, and the next program finds the orders in ``commitments`` or by name.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePath
from typing import TypeVar

from orderbook.wire import BatchStatus

from ..audit import Balance
from ..deadlines import Deadline
from ..errors import LinkError, SealbookError, VenueMismatchError
from ..handles import Commitment, OrderHandle
from ..history import History, OrderRow
from ..orders import Instruction
from ..proofs import ProofVerdict
from ..streams import DEFAULT_LIMIT, OrderUpdate, Stream
from ..trading import Trading
from .answers import (
    Answer,
    Attached,
    AvailableAre,
    BalancesAre,
    BatchIs,
    ClaimedIn,
    Counted,
    Done,
    Found,
    HistoryIs,
    Moved,
    Placed,
    ReferencesAre,
    ReportIs,
)
from .calls import (
    Call,
    CancelOrders,
    Claim,
    GetAvailable,
    GetHistory,
    GetOpenBatch,
    GetOwnBalances,
    GetReferences,
    GetReport,
    Place,
    RenewLease,
    Resolve,
    TakeLease,
)
from .connection import AgentConnection
from .lines import error_of, line
from .mirror import Mirror

__all__ = ["AgentReport", "RemoteClient"]

A = TypeVar("A", bound=Answer)
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class AgentReport:
    """What an agent's checks have found. ``problems``: what went wrong last, by batch; ``evidence``: files for
    ``sealbook evidence``, on the agent's machine; ``proofs``: verdicts on the proofs of own settlements, by epoch."""

    problems: Mapping[int, SealbookError]
    evidence: tuple[PurePath, ...]
    proofs: Mapping[int, ProofVerdict]


class RemoteClient(Trading):
    """Made by :meth:`connect`. Each call is repeated over a new connection if one is lost: names make that safe."""

    def __init__(self, url: str, token: str, tls: ssl.SSLContext | None) -> None:
        self.url = url
        self.account = 0
        self._mirror = Mirror()
        self._lagging: set[asyncio.Task[None]] = set()
        self._connection = AgentConnection(url, token, tls, self._attached, self._pushed, self._lost)

    def __repr__(self) -> str:
        return f"RemoteClient({self.url}, account={self.account})"

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls, url: str, *, token: str, tls: ssl.SSLContext | None = None, within: float = 30.0
    ) -> AsyncIterator[RemoteClient]:
        """Connect to an agent.

        :param url: the agent's address, ``ws://`` or ``wss://``.
        :param token: the content of the agent's token file.
        :param tls: for ``wss://``: which certificates are trusted, where the system's are not enough.
        :raises VenueUnreachableError: no agent there in time.
        :raises StateError: ``agent_token``: not this agent's token.
        """
        client = cls(url, token.strip(), tls)
        client._connection.start()
        try:
            await client._connection.ready(within)
            yield client
        finally:
            await client._stop()

    async def _stop(self) -> None:
        if self._quotes is not None:
            await self._quotes.close()
        for task in self._lagging:
            task.cancel()
        await asyncio.gather(*self._lagging, return_exceptions=True)
        await self._connection.close()
        self._mirror.close()

    # ------------------------------------------------------------------------------------------ trading

    @property
    def commitments(self) -> tuple[Commitment, ...]:
        """Commitments that are not at their end."""
        return self._mirror.commitments

    @property
    def deadlines(self) -> tuple[Deadline, ...]:
        """Sealed commitments that wait for their reveal by the agent, the nearest first."""
        return self._mirror.deadlines

    def orders(self, limit: int = DEFAULT_LIMIT) -> Stream[tuple[OrderUpdate, ...], OrderUpdate]:
        """The account's orders as a stream of events."""
        return self._mirror.topic.open(limit)

    async def cancel(self, *, within: float = 30.0) -> None:
        await self._ask(CancelOrders(0, within), Done, within)

    async def resolve(self, client_order_id: str, *, within: float = 30.0) -> OrderHandle:
        """As :meth:`client.client.Client.resolve`."""
        return self._mirror.take((await self._ask(Resolve(0, client_order_id, within), Found, within)).order)

    async def balances(self) -> dict[str, Balance]:
        """As :meth:`client.client.Client.balances`: the agent has checked the proofs."""
        found = await self._ask(GetOwnBalances(0), BalancesAre)
        return {b.symbol: Balance(b.symbol, b.settled, b.pending, b.proven) for b in found.balances}

    async def history(self) -> History[OrderRow]:
        """Own orders with an outcome, from the agent's store, oldest first; ``.to_pandas()`` makes a table."""
        rows: list[OrderRow] = []
        first: int | None = 0
        while first is not None:
            page = await self._ask(GetHistory(0, first), HistoryIs)
            rows += page.rows
            first = page.more
        return History(OrderRow, rows)

    async def claim(self, epoch: int | None = None, *, within: float = 300.0) -> tuple[str, ...]:
        """As :meth:`client.client.Client.claim`, with the agent's L1 key, which it has where it was given a keystore.

        :raises StateError: ``no_l1_key``: it has none; ``not_settled``.
        """
        return (await self._ask(Claim(0, epoch), ClaimedIn, within)).transactions

    async def report(self) -> AgentReport:
        """What :attr:`client.client.Client.problems`, ``evidence`` and ``proofs.verdicts`` are at the agent."""
        found = await self._ask(GetReport(0), ReportIs)
        return AgentReport(
            {batch: error_of(failed) for batch, failed in found.problems},
            tuple(map(PurePath, found.evidence)),
            {epoch: ProofVerdict(epoch, faults) for epoch, faults in found.proofs},
        )

    async def _place(
        self,
        orders: Sequence[Instruction],
        replace: bool,
        check_balance: bool,
        valid_for_batch: int | None,
        within: float,
    ) -> Commitment:
        # Every order gets a name here, so that a repetition over a new connection is the same order.
        lines = tuple(
            line(item, item.client_order_id or secrets.token_hex(8), f"orders[{i}]") for i, item in enumerate(orders)
        )
        placed = await self._ask(Place(0, lines, replace, check_balance, valid_for_batch, within), Placed, within)
        return self._mirror.together([self._mirror.take(order) for order in placed.orders], placed.warnings)

    # ------------------------------------------------------------------------------------------ for makers

    async def lease(self, seconds: float, *, within: float = 30.0) -> None:
        """As :meth:`client.client.Client.lease`. The program renews it: it is its own silence that ends the lease,
        whether the agent runs or not."""
        await self._ask(TakeLease(0, seconds, within), Done, within)

    async def renew_lease(self, *, within: float = 30.0) -> None:
        await self._ask(RenewLease(0, within), Done, within)

    async def open_batch(self) -> BatchStatus:
        return (await self._ask(GetOpenBatch(0), BatchIs)).status

    async def references(self) -> dict[str, Decimal]:
        return dict((await self._ask(GetReferences(0), ReferencesAre)).prices)

    async def available_units(self) -> Mapping[int, int]:
        return dict((await self._ask(GetAvailable(0), AvailableAre)).units)

    # ------------------------------------------------------------------------------------------ connection

    async def _ask(self, call: Call, kind: type[A], within: float = _SECONDS) -> A:
        answer = await self._connection.ask(call, within)
        if not isinstance(answer, kind):
            raise LinkError(f"{self.url}: {type(answer).__name__} is no answer to {type(call).__name__}")
        return answer

    def _attached(self, answer: Attached) -> None:
        if self.account not in (0, answer.account):
            raise VenueMismatchError(
                f"the agent serves account {answer.account} now, not {self.account}", field="account"
            )
        self.account, self.venue = answer.account, answer.venue
        for name in self._mirror.begin(answer.orders, answer.deadlines):
            task = asyncio.create_task(self._catch_up(name))
            self._lagging.add(task)
            task.add_done_callback(self._lagging.discard)
        self._mirror.topic.resynced("reconnected", None)

    def _pushed(self, message: Moved | Counted) -> None:
        if isinstance(message, Moved):
            self._mirror.take(message.order)
        else:
            self._mirror.count(message.deadline)

    def _lost(self) -> None:
        self._mirror.topic.stale("connection_lost")

    async def _catch_up(self, name: str) -> None:
        """An order came to its end while no connection was there."""
        with contextlib.suppress(SealbookError):
            await self.resolve(name)
