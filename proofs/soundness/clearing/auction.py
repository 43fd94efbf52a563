"""Attacks on clause 5: price, rationing and fees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from commitments.bundle import Entry, Kind
from proofs.statement.witness.clearing import clear
from proofs.statement.witness.execute import execute
from proofs.statement.witness.inputs import EpochInput, Market
from proofs.statement.witness.rules import Auction, Order, Rules

from .core import (
    Forged,
    Priced,
    attack,
    fills_at,
    honest,
    lie,
)
from .scenario import public_messages


@attack(5)
def price_one_tick_up() -> Forged:
    return lie(honest(), Priced(lambda p: p and p + 1))


@attack(5)
def price_one_tick_down() -> Forged:
    return lie(honest(), Priced(lambda p: p and p - 1))


@attack(5)
def price_at_the_top_of_the_band() -> Forged:
    return lie(honest(), Priced(lambda p: p and 110))


@attack(5)
def price_at_the_bottom_of_the_band() -> Forged:
    return lie(honest(), Priced(lambda p: p and 90))


def _at_the_top() -> EpochInput:
    """More buys than sells at every price: the rule gives the top of the band, 110."""
    return honest([(Entry(Kind.BUY, 0, 110, 9),), (Entry(Kind.SELL, 0, 97, 5),)])


def _at_the_bottom() -> EpochInput:
    """More sells than buys at every price: the rule gives the bottom of the band, 90."""
    return honest([(Entry(Kind.BUY, 0, 103, 5),), (Entry(Kind.SELL, 0, 90, 9),)])


@attack(5)
def price_one_tick_below_the_top_of_the_band() -> Forged:
    return lie(_at_the_top(), Priced(lambda p: p and p - 1))


@attack(5)
def price_one_tick_above_the_top_of_the_band() -> Forged:
    return lie(_at_the_top(), Priced(lambda p: p and p + 1))


@attack(5)
def price_one_tick_above_the_bottom_of_the_band() -> Forged:
    return lie(_at_the_bottom(), Priced(lambda p: p and p + 1))


@attack(5)
def price_one_tick_below_the_bottom_of_the_band() -> Forged:
    return lie(_at_the_bottom(), Priced(lambda p: p and p - 1))


@attack(5)
def no_trade_for_a_crossing_book() -> Forged:
    return lie(honest(), Priced(lambda p: None))


@attack(5)
def trade_in_a_book_that_does_not_cross() -> Forged:
    return lie(honest([(Entry(Kind.BUY, 0, 95, 5),), (Entry(Kind.SELL, 0, 105, 5),)]), Priced(lambda p: 100))


def _two(low: int, high: int, reference: int, buys: int = 5, sells: int = 5) -> EpochInput:
    """One buy at ``high`` and one sell at ``low``: every price between clears."""
    return honest([(Entry(Kind.BUY, 0, high, buys),), (Entry(Kind.SELL, 0, low, sells),)], references=(reference, 1010))


@attack(5)
def even_book_away_from_the_reference() -> Forged:
    return lie(_two(97, 103, 100), Priced(lambda p: p and 101))


@attack(5)
def even_book_below_a_high_reference() -> Forged:
    return lie(_two(97, 103, 108), Priced(lambda p: p and 102))


@attack(5)
def even_book_above_a_low_reference() -> Forged:
    return lie(_two(97, 103, 92), Priced(lambda p: p and 98))


@attack(5)
def buy_pressure_not_at_the_highest_price() -> Forged:
    return lie(_two(97, 103, 100, buys=9), Priced(lambda p: p and p - 1))


@attack(5)
def sell_pressure_not_at_the_lowest_price() -> Forged:
    return lie(_two(97, 103, 100, sells=9), Priced(lambda p: p and p + 1))


def _tie(reference: int) -> EpochInput:
    """Equal volume and equal surplus at 100 (buys left) and at 101 (sells left): the reference decides."""
    bundles = [
        (Entry(Kind.BUY, 0, 101, 5),), (Entry(Kind.BUY, 0, 100, 3),),
        (Entry(Kind.SELL, 0, 100, 5),), (Entry(Kind.SELL, 0, 101, 3),),
    ]  # fmt: skip
    return honest(bundles, references=(reference, 1010))


@attack(5)
def tie_for_the_price_beyond_the_reference() -> Forged:
    return lie(_tie(99), Priced(lambda p: 101))


@attack(5)
def tie_for_the_price_before_the_reference() -> Forged:
    return lie(_tie(105), Priced(lambda p: 100))


@attack(5)
def reference_of_the_liars_choice() -> Forged:
    sealed = _two(97, 103, 100)
    return lie(replace(sealed, references=(102, 1010)), sealed=sealed)


def _filled(change: Callable[[list[int]], list[int]]) -> Forged:
    return lie(honest(), Priced(lambda p: p, change))


@attack(5)
def rationing_off_by_one_lot() -> Forged:
    return _filled(lambda fills: [fills[0] + 1, fills[1] - 1, *fills[2:]])


@attack(5)
def one_lot_more_than_there_is() -> Forged:
    return _filled(lambda fills: [fills[0] + 1, *fills[1:]])


@attack(5)
def one_lot_withheld() -> Forged:
    return _filled(lambda fills: [fills[0] - 1, *fills[1:]])


@attack(5)
def better_order_not_filled_in_full() -> Forged:
    return _filled(lambda fills: [*fills[:2], fills[2] - 1, *fills[3:]])


@attack(5)
def order_beyond_the_price_filled() -> Forged:
    return _filled(lambda fills: [*fills[:3], fills[3] + 1, *fills[4:]])


@attack(5)
def negative_fill() -> Forged:
    return _filled(lambda fills: [fills[0] + fills[1] + 5, -5, *fills[2:]])


class _Drawn(Rules):
    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        honest = clear(market, reference, draw, orders)
        phase = (honest.phase + honest.wanted // 2) % honest.wanted
        shape = replace(honest, phase=phase)
        return replace(shape, fills=tuple(fills_at(shape, orders)) if honest.trade else honest.fills)


@attack(5)
def rationing_with_another_phase() -> Forged:
    return lie(honest(), _Drawn())


@attack(5)
def rationing_with_another_draw() -> Forged:
    sealed = honest()
    batch = sealed.batches[0]
    return lie(replace(sealed, batches=[replace(batch, draws=(1, 1))]), sealed=sealed)


class _Phase(Rules):
    """A phase beyond the wanted lots: everybody's share shifts by whole lots."""

    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        honest = clear(market, reference, draw, orders)
        shape = replace(honest, phase=honest.phase + 2 * honest.wanted)
        return replace(shape, fills=tuple(fills_at(shape, orders)) if honest.trade else honest.fills)


@attack(5)
def rationing_with_a_phase_too_large() -> Forged:
    return lie(honest(), _Phase())


@attack(5)
def rationing_in_another_order() -> Forged:
    """The rationed orders stand in the auction in the reverse order of their accounts."""
    epoch = honest()
    forged = execute(epoch, _Reversed())
    rows = forged.draft.rows["orders"]
    swap = [i for i, row in enumerate(rows) if row["auction"] == 0][:2]
    first, second = rows[swap[0]], rows[swap[1]]
    for name in ("number", "price", "quantity", "fill"):
        first[name], second[name] = second[name], first[name]
    quantities = [first["quantity"], second["quantity"]]
    fills = [first["fill"], second["fill"]]
    first.update(claim=quantities[0], allotted=fills[0], gained=fills[0])
    second.update(claim=sum(quantities), allotted=sum(fills), gained=fills[1])
    first["sum.buy_at"] = quantities[0]
    return forged, public_messages(epoch, forged, forged)


class _Reversed(Rules):
    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        honest = clear(market, reference, draw, orders)
        if not honest.trade:
            return honest
        turned = [orders[1], orders[0], *orders[2:]]
        fills = fills_at(honest, turned)
        return replace(honest, fills=(fills[1], fills[0], *fills[2:]))


class _Fees(Rules):
    def __init__(self, error: int) -> None:
        self._error = error

    def fee_per_lot(self, price: int, fee_ppm: int) -> int:
        return super().fee_per_lot(price, fee_ppm) + self._error


@attack(5)
def fee_one_too_high() -> Forged:
    return lie(honest(), _Fees(1))


@attack(5)
def fee_one_too_low() -> Forged:
    return lie(honest(), _Fees(-1))
