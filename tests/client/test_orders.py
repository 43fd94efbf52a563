"""Decimals at the edge, and the bundle that orders become."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.errors import (
    CapExceededError,
    FloatRefusedError,
    InputError,
    InsufficientBalanceError,
    NotOnGridError,
    OutOfBandError,
)
from client.orders import Bundle, Instruction, Order, Side, buy, sell, withdrawal
from client.venue import Asset, Venue
from commitments.types import QUANTITY_CAP
from orderbook.wire import Entry


def test_decimals_become_ticks_lots_and_units(venue: Venue) -> None:
    bundle = Bundle.of(venue, [buy("ETH/USD", "1.5", Decimal("2.001")), sell(1, 7, 1_000), withdrawal("USD", "0.25")])
    assert bundle.entries == (Entry(1, 1, 0, 250_000), Entry(2, 0, 2_001, 1_500), Entry(3, 1, 1_000, 7))
    assert bundle.places == (1, 2, 0)
    assert bundle.debits(venue) == {1: 250_000 + 1_500 * (2_001 + 2) + 7}


@given(units=st.integers(1, 2**62 - 1), unit=st.integers(0, 18), decimals=st.integers(0, 18))
def test_amounts_survive_the_way_to_decimals_and_back(units: int, unit: int, decimals: int) -> None:
    asset = Asset(0, "X", "0x" + "00" * 20, 10**unit, decimals)
    assert asset.units(asset.tokens(units)) == units
    assert asset.units(str(asset.tokens(units))) == units


@pytest.mark.parametrize(
    ("order", "kind", "field", "message"),
    [
        (buy("ETH/USD", 1.5, 200), FloatRefusedError, "orders[0].quantity", "orders[0].quantity is a float"),  # type: ignore[arg-type]
        (buy("ETH/USD", 1, 2.5), FloatRefusedError, "orders[0].price", "orders[0].price is a float"),  # type: ignore[arg-type]
        (withdrawal("USD", 1.0), FloatRefusedError, "orders[0].amount", "orders[0].amount is a float"),  # type: ignore[arg-type]
        (buy("ETH/USD", True, 200), InputError, "orders[0].quantity", "is a bool, not a number"),
        (buy("ETH/USD", "1e999999999", 200), InputError, "orders[0].quantity", "is not a usable number"),
        (buy("ETH/USD", "NaN", 200), InputError, "orders[0].quantity", "is not a usable number"),
        (buy("ETH/USD", "one", 200), InputError, "orders[0].quantity", "is not a decimal number"),
        (buy("ETH/USD", "0.0005", 200), NotOnGridError, "orders[0].quantity", "nearest are 0 and 0.001"),
        (buy("ETH/USD", 1, "2.0005"), NotOnGridError, "orders[0].price", "nearest are 2 and 2.001"),
        (buy("ETH/USD", 1, "0.05"), OutOfBandError, "orders[0].price", "0.1 to 900 (100 to 900000 ticks)"),
        (buy("ETH/USD", 1, 900_001), OutOfBandError, "orders[0].price", "price 900001 is outside the band"),
        (buy("ETH/USD", 0, 200), InputError, "orders[0].quantity", "is not above zero"),
        (sell("ETH/USD", -1, 200), InputError, "orders[0].quantity", "is not above zero"),
        (buy("ETH/USD", QUANTITY_CAP + 1, 200), CapExceededError, "orders[0].quantity", "(8388607 lots)"),
        (buy("BTC/USD", 1, 200), InputError, "orders[0].market", "there are: 0 ETH/USD, 1 USD/ETH"),
        (buy("ETH/USD", 1), InputError, "orders[0].price", "give either a price or a slippage"),
        (buy("ETH/USD", 1, 200, slippage="0.1"), InputError, "orders[0].price", "either a price or a slippage"),
        (buy("ETH/USD", 1, slippage="1"), InputError, "orders[0].slippage", "is not a fraction below 1"),
        (withdrawal("USD", 2**62), InputError, "orders[0].amount", "are not in [1, 2^62)"),
        (withdrawal(5, 1), InputError, "orders[0].asset", "there are: 0 ETH, 1 USD"),
    ],
)
def test_impossible_orders(venue: Venue, order: Instruction, kind: type[InputError], field: str, message: str) -> None:
    with pytest.raises(kind) as refused:
        Bundle.of(venue, [order])
    assert (type(refused.value), refused.value.field) == (kind, field)
    assert message in str(refused.value)
    assert (refused.value.retryable, refused.value.outcome_known) == (False, True)


def test_caps_count_all_orders_of_one_side(venue: Venue) -> None:
    half = QUANTITY_CAP // 2 + 1
    Bundle.of(venue, [buy(0, half, 200), sell(0, half, 200), buy(1, half, 1_000)])
    with pytest.raises(CapExceededError) as total:
        Bundle.of(venue, [buy(0, half, 200), sell(0, half, 200), buy(0, half, 200)])
    assert total.value.field == "orders[2].quantity"
    with pytest.raises(CapExceededError, match="65 entries, at most 64"):
        Bundle.of(venue, [buy(0, 1, 200)] * 65)
    with pytest.raises(InputError, match="at least one entry"):
        Bundle.of(venue, [])


def test_a_market_order_is_a_limit_around_the_reference(venue: Venue) -> None:
    bundle = Bundle.of(venue, [buy(0, 1, slippage="0.01"), sell(0, 1, slippage="0.99")])
    assert {(entry.kind, entry.price) for entry in bundle.entries} == {(2, 2_020), (3, 100)}


orders = st.builds(
    Order,
    side=st.sampled_from(Side),
    market=st.integers(0, 1),
    quantity=st.integers(1, 1_000),
    price=st.integers(1_000, 9_000),
)
withdrawals = st.builds(withdrawal, st.integers(0, 1), st.integers(1, 10**9))


@given(items=st.lists(orders | withdrawals, min_size=1, max_size=64))
def test_entries_are_sorted_and_every_order_finds_its_own(items: list[Instruction]) -> None:
    venue = a_venue()
    bundle = Bundle.of(venue, items)
    keys = []
    for entry in bundle.entries:
        market = venue.markets[entry.market]
        debited = entry.market if entry.kind == 1 else (market.quote if entry.kind == 2 else market.base).index
        keys.append((debited, 0 if entry.kind == 1 else entry.market, entry.kind))
    assert keys == sorted(keys)
    assert sorted(bundle.places) == list(range(len(items)))
    for item, place in zip(items, bundle.places, strict=True):
        entry = bundle.entries[place]
        if isinstance(item, Order):
            assert (entry.kind, entry.market, entry.price, entry.quantity) == (
                item.side.value,
                item.market,
                item.price,
                item.quantity,
            )
        else:
            assert (entry.kind, entry.market, entry.quantity) == (1, item.asset, item.amount)


def test_funds_are_compared_as_admission_does(venue: Venue) -> None:
    bundle = Bundle.of(venue, [buy(0, 10, 2_000), withdrawal("USD", 100)])
    bundle.check_funds(venue, {1: 100 + 10 * 2_001})
    with pytest.raises(InsufficientBalanceError) as short:
        bundle.check_funds(venue, {1: 99 + 10 * 2_001})
    assert short.value.field == "orders[0]"
    assert "debits up to 0.02001 USD and 0.020009 are left" in str(short.value)


def a_venue() -> Venue:
    from client.venue import Market

    assets = (Asset(0, "ETH", "0x" + "00" * 20, 10**15, 18), Asset(1, "USD", "0x" + "33" * 20, 1, 6))
    markets = (
        Market(0, assets[0], assets[1], 100, 900_000, 500, 2_000),
        Market(1, assets[1], assets[0], 1_000, 9_000, 0, 3_000),
    )
    return Venue(1337, "0x" + "11" * 20, 1, "0x" + "22" * 20, assets, markets, 256, 1_000, 1, 0, 50)
