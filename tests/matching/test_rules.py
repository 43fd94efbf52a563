"""Rationing, fees and admission."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.admission import BundleEntry, EntryKind, Verdict, admit
from matching.errors import LimitError
from matching.fees import fee_per_lot, trade_fee
from matching.rationing import phase, ration

BUY, SELL, WITHDRAWAL = EntryKind.BUY, EntryKind.SELL, EntryKind.WITHDRAWAL


@given(st.lists(st.integers(1, 2**26), min_size=1, max_size=30), st.data(), st.integers(0, 2**32 - 1))
def test_shares_are_floor_or_ceiling_and_sum_exactly(wanted: list[int], data: st.DataObject, draw: int) -> None:
    available = data.draw(st.integers(0, sum(wanted)))
    fills = ration(wanted, available, draw)
    assert sum(fills) == available
    for quantity, fill in zip(wanted, fills, strict=True):
        assert abs(fill - Fraction(quantity * available, sum(wanted))) < 1


def test_over_all_phases_each_expectation_is_the_exact_share() -> None:
    wanted, available = [3, 1, 4], 5
    totals = [0, 0, 0]
    for phi in range(8):
        draw = phi * 2**29
        assert phase(draw, 8) == phi
        totals = [total + fill for total, fill in zip(totals, ration(wanted, available, draw), strict=True)]
    assert totals == [quantity * available for quantity in wanted]


def test_rationing_refuses_more_than_is_wanted() -> None:
    with pytest.raises(LimitError, match=r"^available: 3 is not in \[0, 2\]$"):
        ration([2], 3, 0)
    assert ration([], 0, 0) == []


@pytest.mark.parametrize(
    ("price", "ppm", "fee"), [(1, 0, 0), (1, 1, 1), (10**6, 1, 1), (10**6 + 1, 1, 2), (7, 10**6, 7)]
)
def test_fees_round_up(price: int, ppm: int, fee: int) -> None:
    assert fee_per_lot(price, ppm) == fee
    assert trade_fee(3, price, ppm) == 3 * fee


def test_fee_limits() -> None:
    with pytest.raises(LimitError, match=r"^fee_ppm: 1000001 is not in \[0, 10\^6\]$"):
        fee_per_lot(1, 10**6 + 1)


def test_admission_goes_in_order_and_drops_only_what_does_not_fit() -> None:
    entries = [
        BundleEntry(WITHDRAWAL, 0, 0, 0, 10),
        BundleEntry(BUY, 0, 1, 9, 5),  # fee 1 per lot: 50
        BundleEntry(BUY, 0, 1, 9, 4),  # 40, exactly the rest
        BundleEntry(BUY, 0, 1, 1, 1),
        BundleEntry(SELL, 1, 1, 9, 3),
    ]
    admission = admit(entries, {0: 99, 1: 3}, {1: 10_000}, covered=True)
    assert admission.verdicts == (
        Verdict(True, 10),
        Verdict(True, 50),
        Verdict(False, 0),
        Verdict(True, 2),
        Verdict(True, 3),
    )
    assert admission.rest == {0: 37, 1: 0}
    exact = admit(entries, {0: 100}, {1: 10_000}, covered=True)
    assert [verdict.admitted for verdict in exact.verdicts] == [True, True, True, False, False]
    assert exact.rest == {0: 0}


def test_without_cover_only_withdrawals_are_admitted() -> None:
    entries = [BundleEntry(WITHDRAWAL, 0, 0, 0, 10), BundleEntry(SELL, 0, 1, 9, 1)]
    admission = admit(entries, {0: 99}, {1: 0}, covered=False)
    assert admission.verdicts == (Verdict(True, 10), Verdict(False, 0))
    assert admission.rest == {0: 89}


def test_admission_limits_name_the_field() -> None:
    for entry, field in (
        (BundleEntry(SELL, 0, 1, 9, 0), "quantity"),
        (BundleEntry(SELL, 0, 2, 9, 1), "market"),
        (BundleEntry(BUY, 0, 1, 2**31 - 1, 2**31 - 1), "quantity"),
        (BundleEntry(WITHDRAWAL, 0, 0, 0, 2**62), "quantity"),
    ):
        with pytest.raises(LimitError) as caught:
            admit([entry], {0: 1}, {1: 10**6}, covered=True)
        assert caught.value.field == field
    with pytest.raises(LimitError, match=r"^balances\[0\]: -1 is not in \[0, 2\^62\)$"):
        admit([], {0: -1}, {}, covered=True)
