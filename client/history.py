"""History of own orders and of markets, as rows and as tables of pandas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from matching.admission import EntryKind
from orderbook.wire import BatchStatus, Fill

from .errors import StateError
from .records import BatchRecord
from .store import Store
from .venue import Venue

if TYPE_CHECKING:
    import pandas

__all__ = ["History", "MarketRow", "OrderRow", "market_rows", "order_rows"]

_SIDES = {EntryKind.WITHDRAWAL: "withdrawal", EntryKind.BUY: "buy", EntryKind.SELL: "sell"}


@dataclass(frozen=True, slots=True)
class OrderRow:
    """What became of one own order. Tokens, and quote tokens per base token; a withdrawal has no prices and its asset
    in the place of a market. ``phase``: ``cleared`` and ``proven`` are provisional, ``settled`` is final."""

    batch: int
    client_order_id: str
    market: str
    side: str
    limit: Decimal | None
    quantity: Decimal
    filled: Decimal
    price: Decimal | None
    fee: Decimal
    admitted: bool
    phase: str
    verified: bool
    transaction: str


@dataclass(frozen=True, slots=True)
class MarketRow:
    """What one market did in one batch: the clearing price (without a trade the reference) and the volume."""

    batch: int
    at: datetime | None
    market: str
    price: Decimal
    volume: Decimal


R = TypeVar("R", bound=OrderRow | MarketRow)


class History(Sequence[R], Generic[R]):
    """Rows, oldest first."""

    def __init__(self, kind: type[R], rows: Sequence[R]) -> None:
        self._kind = kind
        self._rows = tuple(rows)

    def __repr__(self) -> str:
        return f"History({len(self._rows)} rows)"

    @overload
    def __getitem__(self, index: int) -> R: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[R]: ...

    def __getitem__(self, index: int | slice) -> R | Sequence[R]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows)

    def to_pandas(self, *, exact: bool = False) -> pandas.DataFrame:
        """A table with one column for each field. Decimals become floats, unless ``exact``: then they stay.

        :raises StateError: ``no_pandas``: it is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise StateError(
                "pandas is not installed", code="no_pandas", advice="pip install 'sealbook[pandas]'"
            ) from None

        def column(name: str) -> list[Any]:
            values = [getattr(row, name) for row in self._rows]
            return values if exact else [float(v) if isinstance(v, Decimal) else v for v in values]

        return pandas.DataFrame({field.name: column(field.name) for field in fields(self._kind)})


def order_rows(venue: Venue, store: Store, records: Sequence[BatchRecord]) -> list[OrderRow]:
    """Own orders with an outcome, of these batches of the store."""
    rows = []
    for record in records:
        message = next((m for m in store.commitments(record.batch) if m.sequence == record.sequence), None)
        if record.result is None or message is None:
            continue
        for fill in record.result.fills:
            name = message.names[fill.position] if fill.position < len(message.names) else ""
            rows.append(_order_row(venue, record, fill, name))
    return rows


def _order_row(venue: Venue, record: BatchRecord, fill: Fill, name: str) -> OrderRow:
    side, phase = _SIDES[EntryKind(fill.kind)], record.phase
    if fill.kind == EntryKind.WITHDRAWAL:
        asset = venue.assets[fill.market]
        market, limit, price, fee = asset.symbol, None, None, Decimal(0)
        quantity, filled = asset.tokens(fill.quantity), asset.tokens(fill.fill)
    else:
        traded = venue.markets[fill.market]
        market, limit, fee = traded.symbol, traded.price(fill.price), traded.quote.tokens(fill.fee)
        price = traded.price(fill.clearing_price)
        quantity, filled = traded.quantity(fill.quantity), traded.quantity(fill.fill)
    return OrderRow(
        record.batch,
        name,
        market,
        side,
        limit,
        quantity,
        filled,
        price,
        fee,
        fill.admitted,
        phase,
        record.verified,
        record.transaction,
    )


def market_rows(venue: Venue, statuses: Sequence[BatchStatus]) -> History[MarketRow]:
    """Markets of batches that are cleared, as the venue tells."""
    rows = []
    for status in statuses:
        at = None if status.closes_at is None else datetime.fromtimestamp(status.closes_at, UTC)
        for result in status.markets:
            market = venue.markets[result.market]
            rows.append(
                MarketRow(status.batch, at, market.symbol, market.price(result.price), market.quantity(result.volume))
            )
    return History(MarketRow, rows)
