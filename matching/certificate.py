"""The certificate of a clearing price: what the proof shows instead of searching.

Source: docs/protocol.md section 9, "Certificate".

For a trade the pivot is the price; without one it is the witness q in [L-1, U]. Four sums around the pivot
and one level beside it decide every clause, because D and S are monotonic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from matching.errors import CertificateError
from matching.rationing import phase
from matching.types import Lots, Market, Order, Outcome, Side, Ticks, check_orders

__all__ = ["Certificate", "Direction", "Imbalance", "Tie", "build_certificate", "check_certificate"]


class Direction(IntEnum):
    """The neighbour that is looked at: the price one tick above or below the pivot, or none."""

    DOWN = -1
    NONE = 0
    UP = 1


class Imbalance(IntEnum):
    """The sign of z at the price."""

    SELL = -1
    NONE = 0
    BUY = 1


class Tie(IntEnum):
    """What decides between the price and its neighbour where z changes sign without a zero."""

    NONE = 0
    VOLUME = 1
    SURPLUS = 2
    REFERENCE = 3


@dataclass(frozen=True, slots=True)
class Certificate:
    """One market in one batch. Sums in lots, pivot in ticks.

    Without trade `direction`, `neighbour`, `imbalance`, `tie`, `available`, `wanted` and `phi` are 0 and the
    rationed side is BUY.
    """

    trade: bool
    pivot: Ticks
    buys_better: Lots
    """Bb = D(pivot + 1)"""
    buys_at: Lots
    """Ba: buys exactly at the pivot"""
    sells_better: Lots
    """Sb = S(pivot - 1)"""
    sells_at: Lots
    """Sa: sells exactly at the pivot"""
    direction: Direction
    neighbour: Lots
    """X: sells exactly at pivot + 1 (UP) or buys exactly at pivot - 1 (DOWN)"""
    imbalance: Imbalance
    tie: Tie
    rationed: Side
    """BUY for z >= 0, SELL for z < 0"""
    available: Lots
    """A: what the strictly better orders of the rationed side leave of the volume"""
    wanted: Lots
    """Q: what the rationed side wants at the price"""
    phi: Lots
    """floor(u * Q / 2^32)"""

    @property
    def demand(self) -> Lots:
        """D(pivot)."""
        return self.buys_better + self.buys_at

    @property
    def supply(self) -> Lots:
        """S(pivot)."""
        return self.sells_better + self.sells_at

    @property
    def volume(self) -> Lots:
        """V(pivot); 0 for a witness."""
        return min(self.demand, self.supply)

    @property
    def surplus(self) -> Lots:
        """z(pivot)."""
        return self.demand - self.supply

    @property
    def neighbour_depth(self) -> tuple[Lots, Lots]:
        """(D, S) at pivot + direction."""
        if self.direction is Direction.UP:
            return self.buys_better, self.supply + self.neighbour
        if self.direction is Direction.DOWN:
            return self.demand + self.neighbour, self.sells_better
        return self.demand, self.supply


def build_certificate(market: Market, orders: Sequence[Order], price: Ticks | None, draw: int = 0) -> Certificate:
    """The certificate for the clearing price of a book (None: no trade).

    It is built for any price, right or wrong, and proves nothing until `check_certificate` accepts it.
    """
    if price is None:
        # Above the highest buy nothing is demanded; without trade nothing is supplied at or below it.
        pivot = max((order.price for order in orders if order.side is Side.BUY), default=market.lower - 1)
        sums = _sums(orders, pivot)
        return Certificate(False, pivot, *sums, Direction.NONE, 0, Imbalance.NONE, Tie.NONE, Side.BUY, 0, 0, 0)
    better_buys, buys_at, better_sells, sells_at = _sums(orders, price)
    demand, supply = better_buys + buys_at, better_sells + sells_at
    surplus, volume = demand - supply, min(demand, supply)
    imbalance = Imbalance((surplus > 0) - (surplus < 0))
    if imbalance is Imbalance.NONE:
        direction = Direction((price < market.reference) - (price > market.reference))
    else:
        direction = Direction(imbalance.value)
    neighbour = _neighbour(orders, price, direction)
    tie = Tie.NONE
    if imbalance is not Imbalance.NONE:
        beside = (better_buys, supply + neighbour) if direction is Direction.UP else (demand + neighbour, better_sells)
        if volume != min(beside):
            tie = Tie.VOLUME
        elif abs(surplus) != abs(beside[0] - beside[1]):
            tie = Tie.SURPLUS
        else:
            tie = Tie.REFERENCE
    rationed = Side.SELL if imbalance is Imbalance.SELL else Side.BUY
    better, wanted = (better_buys, buys_at) if rationed is Side.BUY else (better_sells, sells_at)
    return Certificate(
        trade=True,
        pivot=price,
        buys_better=better_buys,
        buys_at=buys_at,
        sells_better=better_sells,
        sells_at=sells_at,
        direction=direction,
        neighbour=neighbour,
        imbalance=imbalance,
        tie=tie,
        rationed=rationed,
        available=volume - better,
        wanted=wanted,
        phi=phase(draw, wanted),
    )


def check_certificate(
    market: Market, orders: Sequence[Order], outcome: Outcome, certificate: Certificate, draw: int = 0
) -> None:
    """Accept exactly the outcome's price, volume and surplus; fills follow from A, Q and phi by rationing.

    Raises CertificateError whose `field` names the first clause that fails, and LimitError for bad orders.
    """
    check_orders(market, orders)
    claimed = certificate
    _require(
        (claimed.buys_better, claimed.buys_at, claimed.sells_better, claimed.sells_at) == _sums(orders, claimed.pivot),
        "sums",
        "not the sums of the admitted orders around the pivot",
    )
    if not claimed.trade:
        _require(outcome.price is None and outcome.volume == outcome.surplus == 0, "trade", "missing")
        _require(market.lower - 1 <= claimed.pivot <= market.upper, "pivot", "outside [L-1, U]")
        _require(claimed.supply == 0, "witness", "S(q) is not 0")
        _require(claimed.buys_better == 0, "witness", "D(q+1) is not 0")
        return
    _require(claimed.pivot == outcome.price, "pivot", "not the price of the outcome")
    _require(market.lower <= claimed.pivot <= market.upper, "pivot", "outside [L, U]")
    _require(claimed.volume > 0, "volume", "a trade of nothing")
    _require(claimed.volume == outcome.volume, "volume", "not the volume of the outcome")
    _require(claimed.surplus == outcome.surplus, "surplus", "not the surplus of the outcome")
    _require(
        claimed.neighbour == _neighbour(orders, claimed.pivot, claimed.direction),
        "neighbour",
        "not the quantity at the neighbouring price",
    )
    _check_price(market, claimed)
    _check_rationing(claimed, draw)


def _check_price(market: Market, claimed: Certificate) -> None:
    price, reference = claimed.pivot, market.reference
    surplus = claimed.surplus
    neighbour_demand, neighbour_supply = claimed.neighbour_depth
    beside = neighbour_demand - neighbour_supply
    _require(claimed.imbalance == (surplus > 0) - (surplus < 0), "imbalance", "not the sign of z")
    if surplus == 0:
        _require(claimed.tie is Tie.NONE, "tie", "z is 0: there is no tie")
        nearest = {
            Direction.NONE: price == reference,
            Direction.UP: price < reference and beside < 0,
            Direction.DOWN: price > reference and beside > 0,
        }
        _require(nearest[claimed.direction], "price", "not the price nearest to R where z is 0")
        return
    _require(claimed.direction == claimed.imbalance.value, "direction", "not towards the sign change")
    _require(beside < 0 if surplus > 0 else beside > 0, "price", "z does not change sign beside the price")
    volume, neighbour_volume = claimed.volume, min(neighbour_demand, neighbour_supply)
    towards_reference = reference <= price if surplus > 0 else reference >= price
    same_volume, same_surplus = volume == neighbour_volume, abs(surplus) == abs(beside)
    better = {
        Tie.NONE: False,
        Tie.VOLUME: volume > neighbour_volume,
        Tie.SURPLUS: same_volume and abs(surplus) < abs(beside),
        Tie.REFERENCE: same_volume and same_surplus and towards_reference,
    }
    _require(better[claimed.tie], "tie", f"{claimed.tie.name.lower()} does not decide for this price")


def _check_rationing(claimed: Certificate, draw: int) -> None:
    side = Side.BUY if claimed.surplus >= 0 else Side.SELL
    _require(claimed.rationed is side, "rationed", "not the longer side")
    better = claimed.buys_better if side is Side.BUY else claimed.sells_better
    wanted = claimed.buys_at if side is Side.BUY else claimed.sells_at
    _require(claimed.available == claimed.volume - better, "available", "not the volume minus the better")
    _require(claimed.wanted == wanted, "wanted", "not the quantity at the price")
    _require(0 <= claimed.available <= claimed.wanted, "available", "not in [0, wanted]")
    _require(claimed.phi == phase(draw, wanted), "phi", "not floor(u * Q / 2^32)")


def _sums(orders: Sequence[Order], pivot: Ticks) -> tuple[Lots, Lots, Lots, Lots]:
    better_buys = buys_at = better_sells = sells_at = 0
    for order in orders:
        if order.side is Side.BUY:
            better_buys += order.quantity * (order.price > pivot)
            buys_at += order.quantity * (order.price == pivot)
        else:
            better_sells += order.quantity * (order.price < pivot)
            sells_at += order.quantity * (order.price == pivot)
    return better_buys, buys_at, better_sells, sells_at


def _neighbour(orders: Sequence[Order], pivot: Ticks, direction: Direction) -> Lots:
    if direction is Direction.NONE:
        return 0
    side = Side.SELL if direction is Direction.UP else Side.BUY
    return sum(order.quantity for order in orders if order.side is side and order.price == pivot + direction.value)


def _require(holds: bool, clause: str, reason: str) -> None:
    if not holds:
        raise CertificateError(clause, reason)
