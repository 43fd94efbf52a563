"""Clauses 5 and 6: the price certificate of each market and batch, and the fill of every admitted order."""

from __future__ import annotations

from typing import Final

from ..dsl import Expr, Row
from ..expression import MODULUS
from ..params import FEE_ACCOUNT
from .buses import PUBLIC, Phase, Tag
from .entries import fee_per_lot
from .ledger import access, real_up_to, small, time

HALF: Final = (MODULUS + 1) // 2
"""One half in the field."""


def orders(row: Row) -> None:
    """One row for each admitted order: auction after auction, within one in the order of the entry table.

    ``pivot`` is the clearing price, or without trade a price that separates buys from sells. Running sums over the
    auction: lots strictly better than the pivot and at the pivot, for both sides, and the lots of the side that
    ``neighbour`` names exactly one tick beyond it.
    """
    real, last, buy = row.column("real"), row.flag("last"), row.flag("buy")
    auction, number, price, quantity, fill = row.columns("auction", "number", "price", "quantity", "fill")
    pivot, neighbour, ration_buys = row.columns("pivot", "neighbour", "ration_buys")
    lots, wanted, phase = row.columns("lots", "wanted", "phase")
    more = real - last
    real_up_to(row, real, last, "real rows up to the last auction's end")
    shared = [auction, pivot, neighbour, ration_buys, lots, wanted, phase]
    for column in shared:
        row.step(more * (column.next - column), "one for the auction")
    small(row, number.next - number - 1, more, "orders in the order of their entries")
    row.receive(PUBLIC, [int(Tag.ORDER), auction, number, buy, price, quantity, fill], real, "order")

    # Where the limit stands: better than the pivot, at it, one tick beyond, or further.
    # (`at` is 0 or 1 on real rows: were it -1, beside better, the distance would be -2.)
    better, at = row.flag("better"), row.column("at")
    worse = real - better - at
    row.zero(worse * (worse - 1), "one of better, at, worse")
    edge = (2 * buy - 1) * (price - pivot)
    row.zero(at * edge, "at the pivot")
    distance = row.derive("distance", better * (edge - 1) + worse * (-edge - 1))
    small(row, distance, real, "better or worse by at least one tick")
    adjacent = row.is_zero("adjacent", distance)
    above = neighbour * (neighbour + 1) * (1 - buy)
    beneath = neighbour * (neighbour - 1) * buy
    beyond = row.derive("beyond", (above + beneath) * HALF)
    counted = row.derive("counted", worse * adjacent * beyond)

    # Rationing at the pivot, the drawn phase first; t is what the orders so far may have.
    side = buy * ration_buys + (1 - buy) * (1 - ration_buys)
    rationed = row.derive("rationed", at * side)
    claim, allotted, gained = row.columns("claim", "allotted", "gained")
    _running(row, claim, rationed * quantity, last, "claims")
    _running(row, allotted, gained, last, "allotments")
    row.zero((1 - rationed) * gained, "only rationed orders draw on the lots")
    rest = row.derive("rest", claim * lots + phase - allotted * wanted)
    for value, label in (
        (allotted, "allotted is a number"),
        (lots - allotted, "not more than there is"),
        (rest, "rounded down"),
        (wanted - 1 - rest, "by less than one"),
    ):
        small(row, value, real, label)
    row.zero(fill - (better + at - rationed) * quantity - gained, "fill")

    sums = []
    for name, term in (
        ("buy_better", buy * better * quantity),
        ("buy_at", buy * at * quantity),
        ("sell_better", (1 - buy) * better * quantity),
        ("sell_at", (1 - buy) * at * quantity),
        ("beyond", counted * quantity),
    ):
        sums.append(row.column(f"sum.{name}"))
        _running(row, sums[-1], term, last, name)
    row.receive(PUBLIC, [int(Tag.AUCTION), *shared, *sums], last, "the auction's sums")


def _running(row: Row, total: Expr, term: Expr, last: Expr, label: str) -> None:
    """``total`` = the sum of ``term`` from the auction's first row to this one."""
    row.on_first(total - term, f"{label} start")
    row.step(total.next - (1 - last) * total - term.next, f"{label} add up")


def markets(row: Row) -> None:
    """One row for each market and batch: the published result, and the certificate that the rule gives it."""
    real, trade, present = row.flag("real"), row.flag("trade"), row.flag("present")
    row.zero(trade * (1 - real), "only real rows trade")
    row.zero(present * (1 - real), "only real rows have orders")
    batch, market, reference, price, volume, draw = row.share("batch", "market", "reference", "price", "volume", "draw")
    base, quote, lower, upper, fee_ppm = row.share("base", "quote", "lower", "upper", "fee_ppm")
    band = [base, quote, lower, upper, fee_ppm]
    result: list[Expr | int] = [int(Tag.MARKET), batch, market, reference, price, volume, draw, *band]
    row.receive(PUBLIC, result, real, "published result")

    # Demand and supply at the pivot and at one neighbour.
    sums = row.share("buy_better", "buy_at", "sell_better", "sell_at", "beyond")
    buy_better, buy_at, sell_better, sell_at, beyond = sums
    for column in sums[1:]:  # then demand above the pivot has no supply to trade with
        row.zero((real - present) * column, "without orders all sums are 0")
    demand, supply = buy_better + buy_at, sell_better + sell_at
    (pivot,) = row.share("pivot")
    small(row, pivot - lower + real - trade, real, "pivot not below the band")
    small(row, upper - pivot, real, "pivot not above the band")

    # No trade: nobody buys above the pivot, nobody sells at or below it.
    idle = real - trade
    for value, label in (
        (buy_better, "no demand above the pivot"),
        (supply, "no supply at the pivot"),
        (volume, "no volume"),
        (price - reference, "the reference stays"),
    ):
        row.zero(idle * value, label)

    # Trade at the pivot, in one of three cases.
    # The three are 0 or 1: pressure needs its neighbour, of which there is one, and as many lots as it says it is.
    even, pressed_up, pressed_down = row.columns("even", "buy_pressure", "sell_pressure")
    row.zero(even + pressed_up + pressed_down - trade, "one case")
    surplus = demand - supply
    row.zero(trade * (price - pivot), "the price is the pivot")
    row.zero(even * surplus, "even: no surplus")
    row.zero(trade * volume - (even + pressed_down) * demand - pressed_up * supply, "volume is the shorter side")
    small(row, volume - trade, real, "a trade has a volume")
    excess = row.derive("excess", (pressed_up - pressed_down) * surplus)
    small(row, excess - pressed_up - pressed_down, real, "pressure is at least one lot")

    up, down = row.flag("up"), row.flag("down")
    row.zero(up * down, "one neighbour")
    row.zero((1 - trade) * (up + down), "a neighbour only with a trade")
    row.zero(pressed_up * (1 - up), "buy pressure looks up")
    row.zero(pressed_down * (1 - down), "sell pressure looks down")
    row.zero((even - even * (up + down)) * (price - reference), "even and no neighbour: at the reference")
    opposite = row.derive("opposite", up * (supply + beyond - buy_better) + down * (demand + beyond - sell_better))
    small(row, opposite - up - down, real, "the neighbour's surplus has the other sign")

    # Why the pivot wins over the neighbour: more volume, less surplus, or the reference.
    by_volume, by_surplus, by_reference = (row.flag(f"by_{n}") for n in ("volume", "surplus", "reference"))
    pressed = pressed_up + pressed_down
    row.zero(by_volume + by_surplus + by_reference - pressed, "one reason")
    gain = pressed * volume - pressed_up * buy_better - pressed_down * sell_better
    row.zero((by_surplus + by_reference) * gain, "equal volume")
    row.zero(by_reference * (opposite - excess), "equal surplus")
    towards = reference - price
    reason = row.derive(
        "reason",
        even * up * (towards - 1)
        + even * down * (-towards - 1)
        + by_volume * (gain - 1)
        + by_surplus * (opposite - excess - 1)
        + by_reference * (pressed_down - pressed_up) * towards,
    )
    small(row, reason, real, "the reason holds")

    # Rationing of the longer side at the pivot.
    lots = row.derive("lots", volume - buy_better + pressed_down * (buy_better - sell_better))
    level = row.derive("level", buy_at + pressed_down * (sell_at - buy_at))
    wanted = row.derive("wanted", level + row.is_zero("level.empty", level))
    (phase,) = row.share("phase")
    drawn = row.derive("drawn", draw * wanted - phase * (1 << 32))
    for value, label in (
        (drawn, "the phase is rounded down"),
        ((1 << 32) - 1 - drawn, "by less than one"),
        (phase, "the phase is a number"),
        (wanted - 1 - phase, "below the wanted lots"),
    ):
        small(row, value, real, label)
    auction = 256 * batch + market
    shared = [auction, pivot, up - down, real - pressed_down, lots, wanted, phase]
    row.send(PUBLIC, [int(Tag.AUCTION), *shared, *sums], present, "auction")

    # Fees, and what the entries need to know.
    fee = fee_per_lot(row, "fee", price, fee_ppm, real)
    asked = row.column("asked")
    row.zero((1 - real) * asked, "only real rows inform")
    row.provide(PUBLIC, [int(Tag.MARKET_INFO), batch, market, *band, price, fee], asked, "market of an order")
    fees, (funds,) = row.derive("fees", 2 * volume * fee), row.share("funds")
    now = time(batch, Phase.CREDIT, market)
    access(row, "fees", FEE_ACCOUNT, quote + 2, now, [funds], [funds + fees], trade)
