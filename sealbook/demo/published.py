"""What the demonstration's settlements published on L1, read back."""

from __future__ import annotations

from contracts.exchange import Exchange
from proofs.statement.public import PublicData, decode, header

from . import cast
from .cast import ASSETS
from .stage import DemoError

__all__ = ["public_data", "published_balances"]


def public_data(exchange: Exchange, batch: int) -> PublicData:
    """The public data of the settlement of a batch."""
    for opened in exchange.heads_checked(0):
        first, count, _ = header(opened.public_data)
        if first <= batch < first + count:
            return _decoded(exchange, opened.public_data)
    raise DemoError(f"batch {batch} is not settled")


def _decoded(exchange: Exchange, data: bytes) -> PublicData:
    first, count, _ = header(data)
    counts = [exchange.batch(first + k).count for k in range(count)]
    return decode(data, counts=counts, markets=len(cast.MARKETS), assets=len(ASSETS))


def published_balances(exchange: Exchange) -> dict[tuple[int, int], int]:
    """Balances by (account, asset) from the public data of all settlements, in order."""
    balances: dict[tuple[int, int], int] = {}
    settled = {event.id for event in exchange.settled(0)}
    for opened in exchange.heads_checked(0):
        if opened.id not in settled:
            continue
        data = _decoded(exchange, opened.public_data)
        balances.update({(b.account, b.asset): b.value for b in data.balances})
    return balances
