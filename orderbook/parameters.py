"""What the contract fixed for the venue at its deployment."""

from __future__ import annotations

from dataclasses import dataclass

from matching.admission import EntryKind
from proofs.params import FEE_ACCOUNT, INSURANCE_ACCOUNT, MAX_BATCHES, MAX_QUEUE

__all__ = ["FEE_ACCOUNT", "INSURANCE_ACCOUNT", "AssetParameters", "MarketParameters", "VenueParameters"]


@dataclass(frozen=True, slots=True)
class AssetParameters:
    """An asset's token (zero address: the native coin) and how many base units make one unit."""

    token: str
    unit: int


@dataclass(frozen=True, slots=True)
class MarketParameters:
    """A market: asset numbers, price band in ticks, fee in parts per million, price before the first trade."""

    base: int
    quote: int
    lower: int
    upper: int
    fee_ppm: int
    initial_reference: int


@dataclass(frozen=True, slots=True)
class VenueParameters:
    """Identity and rules of one deployed exchange (``docs/protocol.md`` sections 3 to 9). Windows are in L1 blocks."""

    venue: int
    chain_id: int
    contract: str
    operator: str
    version: int
    assets: tuple[AssetParameters, ...]
    markets: tuple[MarketParameters, ...]
    max_count: int
    miss_fee: int
    fee_asset: int
    reveal_window: int
    beacon_delay: int
    min_seal_interval: int
    queue_per_batch: int = MAX_QUEUE
    max_batches: int = MAX_BATCHES

    def debited_asset(self, kind: int, market: int) -> int:
        """The asset that an entry takes from: a buy the quote, a sell the base, a withdrawal its own."""
        if kind == EntryKind.WITHDRAWAL:
            return market
        return self.markets[market].quote if kind == EntryKind.BUY else self.markets[market].base
