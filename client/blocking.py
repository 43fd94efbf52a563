"""The client without ``await``, for scripts and notebooks.

::

    with SyncClient.connect(url, rpc=..., contract=..., keys=..., store=...) as client:
        order = client.commit([buy("ETH/USD", "0.5", "2000")])[0]
        print(order.settled())

The client works in a thread of its own, so reveals go out in time whatever the script does. What has no method here is
reached by ``client.run(client.asynchronous.quotes.replace(ladder))``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from commitments.types import KEY_DEPTH
from orderbook.wire import BatchStatus

from .audit import Balance
from .client import Client
from .deadlines import Deadline
from .errors import SealbookError
from .handles import OrderHandle
from .history import History, MarketRow, OrderRow
from .keys import Progress
from .orders import Instruction
from .venue import Number, Venue
from .waiting import Portal, SyncOrder, ThreadPortal, opened

__all__ = ["Portal", "SyncClient", "SyncOrder", "ThreadPortal", "opened"]

T = TypeVar("T")


class SyncClient:
    """A client whose methods wait; see :class:`client.client.Client` for what they do."""

    client_type: ClassVar[type[Client]] = Client

    def __init__(self, portal: Portal, client: Client) -> None:
        self._portal = portal
        self.asynchronous = client
        """The client underneath."""

    def __repr__(self) -> str:
        return f"Sync{self.asynchronous!r}"

    @classmethod
    @contextlib.contextmanager
    def connect(cls, url: str, **options: Any) -> Iterator[SyncClient]:
        """As :meth:`client.client.Client.connect`; the client works until the exit."""
        portal = ThreadPortal()
        try:
            with opened(portal, lambda: cls.client_type.connect(url, **options)) as made:
                yield cls(portal, made)
        finally:
            portal.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run any coroutine of the client underneath to its end."""
        return self._portal.call(work)

    @property
    def venue(self) -> Venue:
        """Markets, assets and parameters, from L1."""
        return self.asynchronous.venue

    @property
    def account(self) -> int:
        """Account number; 0 before :meth:`register`."""
        return self.asynchronous.account

    @property
    def commitments(self) -> tuple[tuple[SyncOrder, ...], ...]:
        """Commitments that are not at their end, also those that an earlier run of the program made."""
        return tuple(tuple(SyncOrder(self._portal, h) for h in made) for made in self.asynchronous.commitments)

    @property
    def deadlines(self) -> tuple[Deadline, ...]:
        """Sealed commitments that wait for their reveal, the nearest first."""
        return self.asynchronous.deadlines

    @property
    def problems(self) -> dict[int, SealbookError]:
        """What went wrong last in batches on their way, by batch."""
        return self.asynchronous.problems

    @property
    def evidence(self) -> tuple[Path, ...]:
        """Files that show broken promises of the venue, for ``sealbook evidence``."""
        return self.asynchronous.evidence

    # ------------------------------------------------------------------------------------------ L1

    def register(self, *, log_size: int = KEY_DEPTH, progress: Progress | None = None) -> int:
        return self.run(self.asynchronous.register(log_size=log_size, progress=progress))

    def rekey(self, *, log_size: int = KEY_DEPTH, progress: Progress | None = None) -> str:
        return self.run(self.asynchronous.rekey(log_size=log_size, progress=progress))

    def deposit(self, asset: int | str, amount: Number) -> str:
        return self.run(self.asynchronous.deposit(asset, amount))

    def claim(self, epoch: int | None = None) -> tuple[str, ...]:
        return self.run(self.asynchronous.claim(epoch))

    def balances(self) -> dict[str, Balance]:
        return self.run(self.asynchronous.balances())

    def available(self) -> dict[str, Decimal]:
        return self.run(self.asynchronous.available())

    def references(self) -> dict[str, Decimal]:
        return self.run(self.asynchronous.references())

    # ------------------------------------------------------------------------------------------ orders

    def open_batch(self) -> BatchStatus:
        return self.run(self.asynchronous.open_batch())

    def next_batch(self, after: int | None = None) -> BatchStatus:
        return self.run(self.asynchronous.next_batch(after))

    def commit(
        self,
        orders: Sequence[Instruction],
        *,
        check_balance: bool = True,
        valid_for_batch: int | None = None,
        within: float = 60.0,
    ) -> list[SyncOrder]:
        return self._orders(
            self.asynchronous.commit(
                orders, check_balance=check_balance, valid_for_batch=valid_for_batch, within=within
            )
        )

    def replace(
        self,
        orders: Sequence[Instruction],
        *,
        check_balance: bool = True,
        valid_for_batch: int | None = None,
        within: float = 60.0,
    ) -> list[SyncOrder]:
        return self._orders(
            self.asynchronous.replace(
                orders, check_balance=check_balance, valid_for_batch=valid_for_batch, within=within
            )
        )

    def quote(self, ladder: Sequence[Instruction], *, within: float = 60.0) -> list[SyncOrder]:
        return self._orders(self.asynchronous.quote(ladder, within=within))

    def withdraw(self, asset: int | str, amount: Number, *, within: float = 60.0) -> SyncOrder:
        return SyncOrder(self._portal, self.run(self.asynchronous.withdraw(asset, amount, within=within)))

    def cancel(self, *, within: float = 30.0) -> None:
        self.run(self.asynchronous.cancel(within=within))

    def resolve(self, client_order_id: str, *, within: float = 30.0) -> SyncOrder:
        return SyncOrder(self._portal, self.run(self.asynchronous.resolve(client_order_id, within=within)))

    def history(self) -> History[OrderRow]:
        """Own orders with an outcome."""
        return self.asynchronous.history()

    def market_history(self, first: int, end: int) -> History[MarketRow]:
        return self.run(self.asynchronous.market_history(first, end))

    def _orders(self, work: Coroutine[Any, Any, Sequence[OrderHandle]]) -> list[SyncOrder]:
        return [SyncOrder(self._portal, handle) for handle in self.run(work)]
