"""Bundles: the rules of section 7, and what a commitment binds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commitments import poseidon2
from commitments.bundle import (
    Bundle,
    Entry,
    Kind,
    bundle_hash,
    check_entries,
    commitment,
    commitment_leaf,
    sort_key,
)
from commitments.errors import BundleError
from commitments.types import AMOUNT_LIMIT, MAX_ENTRIES, QUANTITY_CAP, Digest


@dataclass(frozen=True)
class Market:
    base: int
    quote: int
    lower: int
    upper: int


MARKETS = (Market(0, 1, 100, 900), Market(2, 1, 5, 2**31 - 1))
BUY = Entry(Kind.BUY, 0, 200, 3)
SELL = Entry(Kind.SELL, 0, 300, 4)
WITHDRAWAL = Entry(Kind.WITHDRAWAL, 1, 0, 5)


def test_the_order_is_debited_asset_market_kind() -> None:
    assert [sort_key(entry, MARKETS) for entry in (SELL, WITHDRAWAL, BUY)] == [
        (0, 0, 3),
        (1, 0, 1),
        (1, 0, 2),
    ]
    check_entries([SELL, WITHDRAWAL, BUY, BUY, replace(BUY, market=1), replace(SELL, market=1)], MARKETS)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([], "entries: 0 of them, not 1 to 64"),
        ([BUY] * (MAX_ENTRIES + 1), "entries: 65 of them, not 1 to 64"),
        ([BUY, SELL], "entries[1]: not in the order (debited asset, market, kind)"),
        ([BUY, WITHDRAWAL], "entries[1]: not in the order (debited asset, market, kind)"),
        ([replace(BUY, market=2)], "entries[0].market: there is no market 2"),
        ([replace(BUY, market=-1)], "entries[0].market: there is no market -1"),
        ([replace(BUY, price=99)], "entries[0].price: 99 is not in the band 100 to 900"),
        ([SELL, replace(BUY, price=901)], "entries[1].price: 901 is not in the band 100 to 900"),
        ([replace(BUY, quantity=0)], f"entries[0].quantity: 0 is not in 1 to {QUANTITY_CAP}"),
        (
            [replace(BUY, quantity=QUANTITY_CAP), replace(BUY, quantity=1)],
            f"entries[1].quantity: more than {QUANTITY_CAP} lots on one side of a market",
        ),
        ([replace(WITHDRAWAL, market=14)], "entries[0].market: there is no asset 14"),
        ([replace(WITHDRAWAL, price=1)], "entries[0].price: a withdrawal has price 0"),
        ([replace(WITHDRAWAL, quantity=0)], "entries[0].quantity: an amount is in [1, 2^62)"),
        ([replace(WITHDRAWAL, quantity=AMOUNT_LIMIT)], "entries[0].quantity: an amount is in [1, 2^62)"),
    ],
)
def test_refusals(entries: list[Entry], reason: str) -> None:
    with pytest.raises(BundleError) as caught:
        check_entries(entries, MARKETS)
    assert str(caught.value) == reason
    assert (caught.value.code, caught.value.retryable) == ("malformed_bundle", False)


def test_caps_count_each_market_and_side_alone() -> None:
    full = replace(BUY, quantity=QUANTITY_CAP)
    check_entries(
        [replace(SELL, quantity=QUANTITY_CAP), full, replace(full, market=1), replace(WITHDRAWAL, market=2)],
        MARKETS,
    )


ENTRY = st.builds(
    Entry,
    st.sampled_from([Kind.BUY, Kind.SELL]),
    st.integers(0, 15),
    st.integers(1, 2**31 - 1),
    st.integers(1, 9),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ENTRY, min_size=1, max_size=5))
def test_the_hash_is_that_of_the_page(entries: list[Entry]) -> None:
    salt = (7, 8, 9)
    running = poseidon2.compress((2, 77, 6, 5), (len(entries), *salt))
    flat = [number for e in entries for number in (e.kind + 2**8 * e.market + 2**16 * e.price, e.quantity)]
    flat += [0] * (-len(flat) % 4)
    for i in range(0, len(flat), 4):
        running = poseidon2.compress(running, (flat[i], flat[i + 1], flat[i + 2], flat[i + 3]))
    bundle = Bundle(tuple(entries), salt)
    assert bundle_hash(77, 6, 5, bundle) == running
    committed = poseidon2.compress(running, (1, 2, 3, 4))
    assert commitment(77, 6, 5, bundle, (1, 2, 3, 4)) == committed
    assert commitment_leaf(77, 6, 5, committed) == poseidon2.compress(committed, (3, 77, 6, 5))


def test_a_commitment_binds_everything() -> None:
    secret: Digest = (1, 2, 3, 4)
    bundle = Bundle((SELL, BUY), (7, 8, 9))
    variants = {
        commitment(77, 6, 5, bundle, secret),
        commitment(78, 6, 5, bundle, secret),
        commitment(77, 7, 5, bundle, secret),
        commitment(77, 6, 6, bundle, secret),
        commitment(77, 6, 5, bundle, (1, 2, 3, 5)),
        commitment(77, 6, 5, Bundle((SELL, BUY), (7, 8, 10)), secret),
        commitment(77, 6, 5, Bundle((BUY, SELL), (7, 8, 9)), secret),
        commitment(77, 6, 5, Bundle((SELL,), (7, 8, 9)), secret),
        commitment(77, 6, 5, Bundle((SELL, replace(BUY, price=201)), (7, 8, 9)), secret),
        commitment(77, 6, 5, Bundle((SELL, replace(BUY, quantity=4)), (7, 8, 9)), secret),
    }
    assert len(variants) == 10


def test_a_bundle_does_not_show_itself() -> None:
    assert repr(Bundle((BUY,), (7, 8, 9))) == "Bundle()"
