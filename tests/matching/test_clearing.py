"""Reference, fast twin, certificate and ladder against each other, exhaustively and at random."""

from __future__ import annotations

from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import fast, reference
from matching.certificate import Direction, Tie, build_certificate, check_certificate
from matching.errors import CertificateError, LadderError, LimitError, MatchingError
from matching.ladder import Ladder
from matching.types import Market, Order, Outcome, Side

TOP = 2**31 - 1


def accepted(market: Market, orders: list[Order], price: int | None, draw: int = 0) -> bool:
    certificate = build_certificate(market, orders, price, draw)
    claim = Outcome(None, 0, 0, ())
    if price is not None:
        claim = Outcome(price, certificate.volume, certificate.surplus, ())
    try:
        check_certificate(market, orders, claim, certificate, draw)
    except CertificateError:
        return False
    return True


def test_every_small_book_has_one_price_and_all_forms_agree() -> None:
    kinds = [Order(side, price, lots) for side, price, lots in product(Side, (2, 3, 4), (1, 2))]
    for count in range(5):
        for book in combinations_with_replacement(kinds, count):
            orders = list(book)
            for center in (2, 3, 4):
                market = Market(2, 4, center)
                outcome = reference.clear_exhaustive(market, orders, 2**31)
                assert reference.clear(market, orders, 2**31) == outcome
                assert fast.clear(market, orders, 2**31) == outcome
                passing = [price for price in (None, 1, 2, 3, 4, 5) if accepted(market, orders, price)]
                assert passing == [outcome.price]


prices = st.integers(5, 14)
book_orders = st.lists(
    st.builds(Order, st.sampled_from(Side), prices, st.integers(1, 6) | st.integers(1, 2**26)), max_size=16
)
draws = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=300)
@given(book_orders, prices, draws)
def test_forms_agree_at_random(orders: list[Order], center: int, draw: int) -> None:
    market = Market(5, 14, center)
    outcome = reference.clear_exhaustive(market, orders, draw)
    assert reference.clear(market, orders, draw) == outcome
    assert fast.clear(market, orders, draw) == outcome
    for price in (None, *range(4, 16)):
        assert accepted(market, orders, price, draw) == (price == outcome.price)
    for side in Side:
        assert sum(f for f, o in zip(outcome.fills, orders, strict=True) if o.side is side) == outcome.volume
    for fill, order in zip(outcome.fills, orders, strict=True):
        assert 0 <= fill <= order.quantity


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_wide_grids_agree(data: st.DataObject) -> None:
    wide = st.sampled_from([1, 2, 10**9, TOP - 1, TOP]) | st.integers(1, TOP)
    orders = data.draw(st.lists(st.builds(Order, st.sampled_from(Side), wide, st.integers(1, 2**26)), max_size=12))
    market = Market(1, TOP, data.draw(wide))
    outcome = reference.clear(market, orders, 7)
    assert fast.clear(market, orders, 7) == outcome
    assert accepted(market, orders, outcome.price, 7)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.integers(2, 30), book_orders.filter(bool), max_size=6), st.data())
def test_ladder_agrees_after_additions_and_removals(bundles: dict[int, list[Order]], data: st.DataObject) -> None:
    market = Market(5, 14, 9)
    ladder = Ladder(market)
    for account, orders in bundles.items():
        ladder.add(account, orders)
    gone = data.draw(st.sets(st.sampled_from(sorted(bundles)))) if bundles else set()
    for account in gone:
        assert ladder.remove(account) == tuple(bundles[account])
    kept = {account: bundles[account] for account in sorted(bundles) if account not in gone}
    orders = [order for bundle in kept.values() for order in bundle]
    expected = reference.clear(market, orders, 99)
    outcome, fills = ladder.clear(99)
    assert outcome == expected
    assert tuple(fill for account in kept for fill in fills[account]) == expected.fills
    shown = ladder.indicative()
    assert (shown.price, shown.volume, shown.surplus) == (expected.price, expected.volume, expected.surplus)
    buys = [order.price for order in orders if order.side is Side.BUY]
    sells = [order.price for order in orders if order.side is Side.SELL]
    assert (ladder.best_bid, ladder.best_ask) == (max(buys, default=None), min(sells, default=None))
    assert [price for price, _ in ladder.depth(Side.BUY)] == sorted(set(buys), reverse=True)
    assert [price for price, _ in ladder.depth(Side.SELL)] == sorted(set(sells))


def test_ladder_conflicts_name_the_account() -> None:
    ladder = Ladder(Market(1, 9, 5))
    ladder.add(2, [Order(Side.BUY, 5, TOP)])
    with pytest.raises(LadderError, match=r"^account: the orders of account 2 are already in the ladder$"):
        ladder.add(2, [])
    with pytest.raises(LadderError, match=r"^account: there are no orders of account 3 in the ladder$"):
        ladder.remove(3)
    with pytest.raises(LimitError, match=r"^orders: the buy total would be 2147483648, not below 2\^31$"):
        ladder.add(3, [Order(Side.BUY, 5, 1)])
    assert ladder.depth(Side.BUY) == [(5, TOP)]


B, S = Side.BUY, Side.SELL
EDGES = [
    (Market(1, 9, 5), [Order(B, 9, 5)], None, ()),
    (Market(1, 9, 5), [Order(B, 4, 5), Order(S, 5, 5)], None, ()),
    (Market(1, 9, 5), [Order(B, 9, 5), Order(S, 1, 3)], 9, (3, 3)),
    (Market(1, 9, 5), [Order(B, 9, 3), Order(S, 1, 5)], 1, (3, 3)),
    (Market(1, 9, 5), [Order(B, 8, 3), Order(S, 2, 3)], 5, (3, 3)),
    (Market(1, 9, 1), [Order(B, 8, 3), Order(S, 2, 3)], 2, (3, 3)),
    (Market(1, 9, 9), [Order(B, 8, 3), Order(S, 2, 3)], 8, (3, 3)),
    (Market(1, TOP, 1), [Order(B, TOP, TOP), Order(S, TOP, TOP)], TOP, (TOP, TOP)),
    (Market(7, 7, 7), [Order(B, 7, 4), Order(B, 7, 4), Order(S, 7, 4)], 7, (2, 2, 4)),
]


@pytest.mark.parametrize(("market", "orders", "price", "fills"), EDGES)
def test_edges(market: Market, orders: list[Order], price: int | None, fills: tuple[int, ...]) -> None:
    outcome = fast.clear(market, orders)
    assert outcome == reference.clear(market, orders)
    assert (outcome.price, outcome.fills) == (price, fills or (0,) * len(orders))
    assert accepted(market, orders, price)


@pytest.mark.parametrize(("center", "price"), [(4, 5), (5, 5), (6, 6), (9, 6)])
def test_equal_tie_is_decided_by_the_reference(center: int, price: int) -> None:
    # z(5) = 4 - 2 = 2 and z(6) = 2 - 4 = -2, with volume 2 at both.
    orders = [Order(B, 6, 2), Order(B, 5, 2), Order(S, 5, 2), Order(S, 6, 2)]
    market = Market(1, 9, center)
    assert reference.clear(market, orders).price == fast.clear(market, orders).price == price
    certificate = build_certificate(market, orders, price)
    assert certificate.tie is Tie.REFERENCE
    assert certificate.direction is (Direction.UP if price == 5 else Direction.DOWN)
    assert certificate.rationed is (B if price == 5 else S)


BAD = [
    ([Order(B, 10, 1)], "orders[0].price: 10 is not in [1, 9]"),
    ([Order(B, 9, 1), Order(S, 0, 1)], "orders[1].price: 0 is not in [1, 9]"),
    ([Order(B, 9, 0)], "orders[0].quantity: 0 is not in [1, 2^31)"),
    ([Order(B, 9, 2**31)], "orders[0].quantity: 2147483648 is not in [1, 2^31)"),
    ([Order(S, 9, TOP), Order(S, 9, 1)], "orders: the sell quantities sum to 2147483648, not below 2^31"),
]


@pytest.mark.parametrize(("orders", "message"), BAD)
def test_limits_are_refused_by_both(orders: list[Order], message: str) -> None:
    for clear in (reference.clear, fast.clear):
        with pytest.raises(LimitError) as caught:
            clear(Market(1, 9, 5), orders)
        assert str(caught.value) == message


def test_bad_markets_draws_and_arrays_are_refused() -> None:
    for numbers, field in (
        ((0, 9, 5), "lower"),
        ((5, 4, 5), "upper"),
        ((1, 2**31, 5), "upper"),
        ((1, 9, 10), "reference"),
    ):
        with pytest.raises(LimitError) as caught:
            Market(*numbers)
        assert caught.value.field == field
    ones = np.ones(1, dtype=np.int64)
    for call, field in (
        ((ones * 2, ones, ones, 2**32), "draw"),
        ((ones, ones, ones), "orders[0].side"),
        ((ones * 2, ones, ones * 1.0), "quantities"),
        ((ones * 2, ones, np.ones(2, dtype=np.int64)), "quantities"),
    ):
        with pytest.raises(MatchingError) as refused:
            fast.clear_arrays(Market(1, 9, 5), *call)
        assert refused.value.field == field
