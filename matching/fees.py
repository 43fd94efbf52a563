"""The trading fee (docs/protocol.md section 9, "Fees")."""

from __future__ import annotations

from matching.errors import LimitError
from matching.types import PRICE_LIMIT, Lots, Ticks

__all__ = ["FEE_PPM_LIMIT", "MILLION", "fee_per_lot", "trade_fee"]

MILLION = 10**6
FEE_PPM_LIMIT = MILLION
"""fee_ppm is at most this."""


def fee_per_lot(price: Ticks, fee_ppm: int) -> int:
    """f(p) = ceil(p * fee_ppm / 10^6) quote units per lot. Raises LimitError for numbers out of range."""
    if not 0 < price < PRICE_LIMIT:
        raise LimitError("price", f"{price} is not in [1, 2^31)")
    if not 0 <= fee_ppm <= FEE_PPM_LIMIT:
        raise LimitError("fee_ppm", f"{fee_ppm} is not in [0, 10^6]")
    return -(-price * fee_ppm // MILLION)


def trade_fee(fill: Lots, price: Ticks, fee_ppm: int) -> int:
    """What buyer and seller each pay to account 0 for `fill` lots at `price`, in quote units."""
    return fill * fee_per_lot(price, fee_ppm)
