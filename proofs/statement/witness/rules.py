"""The rule by which batches are executed, one method for each decision.

The builder runs on :class:`Rules`. A test that attacks the proof overrides one method and lets the production prover
prove the result; every other number is then recomputed from the lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matching.fees import fee_per_lot

from .inputs import Market


@dataclass(frozen=True, slots=True)
class Order:
    """An admitted order as the auction sees it; ``number`` is its row in the entry table."""

    number: int
    buy: bool
    price: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Auction:
    """The outcome of one market in one batch with the certificate that the ``markets`` and ``orders`` tables hold."""

    trade: bool
    price: int
    """Clearing price; without trade the reference."""
    volume: int
    pivot: int
    buy_better: int
    buy_at: int
    sell_better: int
    sell_at: int
    neighbour: int
    beyond: int
    lots: int
    wanted: int
    phase: int
    fills: tuple[int, ...]

    @property
    def surplus(self) -> int:
        return self.buy_better + self.buy_at - self.sell_better - self.sell_at


class Rules:
    """The published rule (``docs/protocol.md`` sections 8 and 9)."""

    def covers(self, funds: int, miss_fee: int) -> bool:
        """Whether the account's orders take part: its fee balance covers a missing reveal."""
        return funds >= miss_fee

    def admits(self, rest: int, debit: int) -> bool:
        """Whether an entry fits into what earlier entries left."""
        return rest >= debit

    def fee_per_lot(self, price: int, fee_ppm: int) -> int:
        return fee_per_lot(price, fee_ppm)

    def miss_charge(self, funds: int, miss_fee: int) -> int:
        return min(funds, miss_fee)

    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        """Clear one market."""
        from .clearing import clear

        return clear(market, reference, draw, orders)
