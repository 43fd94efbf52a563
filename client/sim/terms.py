"""What a simulated venue is made of: assets, markets, windows, pace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from commitments.types import MAX_COUNT
from commitments.venue import venue_id
from orderbook.parameters import AssetParameters, MarketParameters, VenueParameters

from ..errors import InputError
from ..venue import Asset, Market, Number, Venue

__all__ = ["SimAsset", "SimMarket", "SimTerms"]

_CHAIN_ID: Final = 1337
_CONTRACT: Final = "0x" + "51" * 20
_MISS_FEE_TOKENS: Final = "1"


@dataclass(frozen=True, slots=True)
class SimAsset:
    """An asset; ``places`` decimal places of a token make one unit."""

    symbol: str
    places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SimMarket:
    """A market of two assets. Prices are quote tokens per base token, as text or Decimal, or ticks as int."""

    base: str
    quote: str
    reference: Number
    lower: Number
    upper: Number
    fee_ppm: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SimTerms:
    """``batch_seconds`` between two batches, ``block_seconds`` between two L1 blocks, ``proof_seconds`` from the last
    cleared batch of an epoch to its settlement, windows in blocks. ``start``: seconds since 1970 UTC."""

    assets: Sequence[SimAsset] = (SimAsset("ETH", 3), SimAsset("BTC", 5), SimAsset("USD", 6))
    markets: Sequence[SimMarket] = (
        SimMarket(base="ETH", quote="USD", reference="2000", lower="100", upper="20000"),
        SimMarket(base="BTC", quote="USD", reference="60000", lower="3000", upper="600000"),
    )
    batch_seconds: float = 10.0
    block_seconds: float = 1.0
    reveal_window: int = 20
    beacon_delay: int = 2
    proof_seconds: float = 5.0
    batches_per_epoch: int = 1
    miss_fee: Number = _MISS_FEE_TOKENS
    fee_asset: str = "USD"
    start: float = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.batch_seconds, self.block_seconds) <= 0 or self.proof_seconds < 0:
            raise InputError("durations must be positive", field="batch_seconds")
        if not 1 <= self.batches_per_epoch <= 16:
            raise InputError("an epoch has 1 to 16 batches", field="batches_per_epoch")

    def venue(self, parameters: VenueParameters) -> Venue:
        """What a client reads on L1."""
        assets = tuple(
            Asset(i, asset.symbol, parameters.assets[i].token, 1, asset.places) for i, asset in enumerate(self.assets)
        )
        return Venue(
            chain_id=parameters.chain_id,
            contract=parameters.contract,
            number=parameters.venue,
            operator=parameters.operator,
            assets=assets,
            markets=tuple(
                Market(i, assets[m.base], assets[m.quote], m.lower, m.upper, m.fee_ppm, m.initial_reference)
                for i, m in enumerate(parameters.markets)
            ),
            max_count=parameters.max_count,
            miss_fee=parameters.miss_fee,
            fee_asset=parameters.fee_asset,
            registration_fee=0,
            reveal_window=parameters.reveal_window,
        )

    def parameters(self, operator: str) -> VenueParameters:
        """The contract's parameters.

        :raises InputError: assets or markets that no exchange can have.
        """
        symbols = {asset.symbol: index for index, asset in enumerate(self.assets)}
        if len(symbols) != len(self.assets) or not 1 <= len(self.assets) <= 14:
            raise InputError("1 to 14 assets with different symbols are needed", field="assets")
        if self.fee_asset not in symbols:
            raise InputError(f"the fee asset {self.fee_asset} is no asset", field="fee_asset")
        fee = symbols[self.fee_asset]
        unit = Asset(fee, self.fee_asset, "", 1, self.assets[fee].places)
        return VenueParameters(
            venue=venue_id(_CHAIN_ID, _CONTRACT),
            chain_id=_CHAIN_ID,
            contract=_CONTRACT,
            operator=operator,
            version=1,
            assets=tuple(AssetParameters(f"0x{index + 1:040x}", 1) for index in range(len(self.assets))),
            markets=tuple(self._market(m, symbols, f"markets[{i}]") for i, m in enumerate(self.markets)),
            max_count=MAX_COUNT,
            miss_fee=unit.units(self.miss_fee, "miss_fee"),
            fee_asset=fee,
            reveal_window=self.reveal_window,
            beacon_delay=self.beacon_delay,
            min_seal_interval=1,
        )

    def _market(self, market: SimMarket, symbols: dict[str, int], field: str) -> MarketParameters:
        if market.base not in symbols or market.quote not in symbols or market.base == market.quote:
            raise InputError(f"{field}: {market.base}/{market.quote} is not of two assets", field=field)
        base, quote = symbols[market.base], symbols[market.quote]
        assets = [Asset(i, a.symbol, "", 1, a.places) for i, a in enumerate(self.assets)]
        grid = Market(0, assets[base], assets[quote], 1, 2**31 - 1, market.fee_ppm, 1)
        lower, upper = grid.ticks(market.lower, f"{field}.lower"), grid.ticks(market.upper, f"{field}.upper")
        reference = grid.ticks(market.reference, f"{field}.reference")
        if not lower <= reference <= upper:
            raise InputError(f"{field}.reference is not in the band", field=f"{field}.reference")
        return MarketParameters(base, quote, lower, upper, market.fee_ppm, reference)
