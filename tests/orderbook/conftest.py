"""A small venue: two assets, two markets, windows of a few blocks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from commitments.venue import venue_id
from orderbook.parameters import AssetParameters, MarketParameters, VenueParameters

from .simulated import OPERATOR, SimulatedL1

CONTRACT = "0x" + "11" * 20
ZERO_ADDRESS = "0x" + "00" * 20


@pytest.fixture
def parameters() -> VenueParameters:
    return VenueParameters(
        venue=venue_id(1337, CONTRACT),
        chain_id=1337,
        contract=CONTRACT,
        operator="0x" + "22" * 20,
        version=1,
        assets=(AssetParameters(ZERO_ADDRESS, 10**12), AssetParameters("0x" + "33" * 20, 1)),
        markets=(
            MarketParameters(base=0, quote=1, lower=1_000, upper=900_000, fee_ppm=500, initial_reference=20_000),
            MarketParameters(base=1, quote=0, lower=1_000, upper=900_000, fee_ppm=0, initial_reference=30_000),
        ),
        max_count=256,
        miss_fee=1_000,
        fee_asset=1,
        reveal_window=3,
        beacon_delay=2,
        min_seal_interval=1,
    )


@pytest.fixture
def l1(parameters: VenueParameters) -> SimulatedL1:
    """An exchange contract in memory, of an operator whose key tests have."""
    return SimulatedL1(replace(parameters, operator=OPERATOR.address))
