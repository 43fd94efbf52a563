"""Orders and markets whose rows stand where they must not, as starting points of forgeries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from commitments.bundle import Entry, Kind

from ...expression import MODULUS
from ...statement.buses import Phase
from ...statement.witness.clearing import clear, describe
from ...statement.witness.execute import Execution
from ...statement.witness.inputs import EpochInput, Market
from ...statement.witness.memory import time
from ...statement.witness.rules import Auction, Order, Rules
from .changes import Rows, changed
from .core import Forged, Priced, fills_at, honest, lie
from .scenario import Venue

_SUMS: Final = ("buy_better", "buy_at", "sell_better", "sell_at", "beyond")
_NO_ORDERS: Final = {**dict.fromkeys(_SUMS, 0), "present": 0, "phase": 0, "pivot": 100}
_SHARED: Final = ("auction", "pivot", "neighbour", "ration_buys", "lots", "wanted", "phase")
_ROWS: Final = 64
"""Rows of the ledger in these executions."""
Decide = Callable[[Auction, Sequence[Order]], Auction]


class _Decided(Rules):
    """Clears by the rule, or as if there were no trade, and then decides otherwise."""

    def __init__(self, decide: Decide, idle: bool = False) -> None:
        self._decide, self._idle = decide, idle

    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        cleared = clear(market, reference, draw, orders)
        if not orders:
            return cleared
        return self._decide(describe(market, reference, draw, orders, None, []) if self._idle else cleared, orders)


def _certified(orders: Sequence[Rows], pivot: int, **shape: int) -> None:
    """Rows of an auction in which no order is at the pivot."""
    sums = dict.fromkeys(_SUMS, 0)
    for index, row in enumerate(orders):
        better = row["price"] > pivot if row["buy"] else row["price"] < pivot
        sums["buy_better" if row["buy"] else "sell_better"] += row["quantity"] * better
        row.update({"pivot": pivot, "better": int(better), "at": 0, "last": int(index == len(orders) - 1)})
        row.update({"claim": 0, "allotted": 0, "gained": 0, "neighbour": 0, "lots": 0, "wanted": 1, "phase": 0})
        row.update(shape)
        row.update({f"sum.{name}": value for name, value in sums.items()})


def _three_buys() -> Forged:
    bundles = [[Entry(Kind.BUY, 0, 103, lots)] for lots in (10, 20, 10)]
    return lie(honest([*bundles, [Entry(Kind.SELL, 0, 97, 40)]]))


_PAID: Final = _Decided(lambda a, o: replace(a, fills=tuple(x.quantity for x in o)), idle=True)
"""Every order is filled, and no market knows of it."""


def _unasked(rows: Rows) -> Rows:
    """Five sells that are filled at the reference in an auction of their own; gives their rows."""
    rows["markets"][0].update(_NO_ORDERS)
    _certified(rows["orders"], 1 << 20, ration_buys=1)
    return rows["orders"]


def _auction_that_nobody_asks_for() -> Forged:
    return changed(honest([[Entry(Kind.SELL, 0, 105, 1)]] * 5), _PAID, lambda rows, _: _unasked(rows))


def _auction_without_an_end() -> Forged:
    """Orders whose auction never ends: nobody asks what their sums are."""

    def change(rows: Rows, _: Execution) -> None:
        orders = _unasked(rows)
        last = orders[-1]
        last["last"] = 0
        kept = {n: v for n, v in last.items() if n.startswith("sum.") or n in _SHARED}
        orders += [{**kept, "number": last["number"] + 1} for _ in range(_ROWS - len(orders))]

    return changed(honest([[Entry(Kind.SELL, 0, 105, 1)]] * 5), _PAID, change)


def _order_in_another_auction() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        rows["markets"][1].update({**_NO_ORDERS, "pivot": 1010})
        moved = rows["orders"].pop()
        own = {name: moved[name] for name in ("auction", "number", "buy", "price", "quantity", "fill")}
        rows["orders"].insert(1, {**rows["orders"][0], **own, "better": 0, "at": 0, "gained": 0})

    bundles = [[Entry(Kind.BUY, 0, 103, 9), Entry(Kind.SELL, 1, 1011, 4)], [Entry(Kind.SELL, 0, 97, 5)]]
    return changed(honest(bundles), None, change)


def _one_lot_less() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        for row in rows["orders"]:
            row["allotted"] += 1

    return changed(honest(), Priced(lambda p: p, lambda fills: [fills[0] - 1, *fills[1:]]), change)


def two(sells: int = 5) -> EpochInput:
    """One buy at 103 and one sell at 97, the reference at 100."""
    return honest([(Entry(Kind.BUY, 0, 103, 5),), (Entry(Kind.SELL, 0, 97, sells),)])


def _lots_from_nowhere(name: str) -> Forged:
    """A side's sum starts with two lots that nobody offers, and the other side shares them."""

    def decide(auction: Auction, orders: Sequence[Order]) -> Auction:
        more: Any = {name: getattr(auction, name) + 2}
        made = replace(auction, volume=auction.volume + 2, lots=auction.lots + 2, **more)
        return replace(made, fills=tuple(fills_at(made, orders)))

    def change(rows: Rows, _: Execution) -> None:
        for row in rows["orders"]:
            row[f"sum.{name}"] += 2

    return changed(honest() if name.startswith("sell") else two(9), _Decided(decide), change)


def _auction_in_halves() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        rows["markets"][0].update({**_NO_ORDERS, "present": 2})
        for row in rows["orders"]:
            _certified([row], 100, ration_buys=1)

    return changed(honest([[Entry(Kind.BUY, 0, 95, 5)], [Entry(Kind.SELL, 0, 105, 5)]]), None, change)


def _market_twice_and_back() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        row = rows["markets"][1]
        row.update(real=2, pivot=row["reference"])
        rows["markets"].append({**row, "real": -1})

    return changed(honest(), None, change)


def _trade_without_a_market() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        row, now = rows["markets"][0], time(0, Phase.CREDIT, 5)
        funds = row["funds"] + 2 * row["volume"] * row["fee"]
        rows["markets"].append(
            {"trade": 1, "even": 1, "market": 5, "funds": funds, "fees.before": time(0, Phase.CREDIT, 0)}
        )
        next(r for r in rows["cells"] if r.get("balance") and (r["account"], r["asset"]) == (0, 0))["until"] = now

    return changed(honest(), None, change)


def _auction_without_a_market() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        rows["markets"][0].update(_NO_ORDERS)
        rows["markets"].append({"present": 1, "buy_better": 5, "volume": 5, "pivot": 90})
        _certified(rows["orders"], 90, ration_buys=0)

    decided = _Decided(lambda a, o: replace(a, fills=(5,)), idle=True)
    return changed(honest([[Entry(Kind.BUY, 0, 95, 5)]]), decided, change)


def _sold_to_nobody() -> Forged:
    def decide(auction: Auction, orders: Sequence[Order]) -> Auction:
        sums: Any = dict.fromkeys(_SUMS, 0) | {"sell_better": 5}
        return replace(auction, **sums, pivot=110, neighbour=0, lots=0, wanted=1, phase=0, fills=(5,))

    return lie(honest([[Entry(Kind.SELL, 0, 105, 5)]]), _Decided(decide, idle=True))


_OTHER_PRICE: Final = _Decided(lambda a, o: replace(a, price=102))


def _price_of_a_row_without_a_market() -> Forged:
    def change(rows: Rows, forged: Execution) -> None:
        row = rows["markets"][0]
        rows["markets"].append({n: row[n] for n in ("batch", "market", "base", "quote", "lower", "upper", "fee_ppm")})
        rows["markets"][-1].update(price=102, fee=row["fee"], asked=row["asked"])
        row.update(price=101, asked=0)
        first, *others = forged.results[0]
        forged.results[0] = (replace(first, price=101), *others)

    return changed(honest(), _OTHER_PRICE, change)


def _uneven() -> Forged:
    def decide(auction: Auction, orders: Sequence[Order]) -> Auction:
        sums: Any = dict.fromkeys(_SUMS, 0) | {"buy_better": 5, "sell_better": 9}
        made = replace(auction, **sums, price=100, pivot=100, volume=5, neighbour=0, lots=0, wanted=1, phase=0)
        return replace(made, fills=(5, 9))

    def change(rows: Rows, _: Execution) -> None:
        rows["markets"][0].update(even=1, sell_pressure=0, by_volume=0, by_surplus=0, by_reference=0)
        for row in rows["orders"]:
            row["ration_buys"] = 1

    return changed(two(9), _Decided(decide), change)


def _volume_of_one_lot_more() -> Forged:
    return lie(two(), _Decided(lambda a, o: replace(a, volume=a.volume + 1, lots=a.lots + 1)))


def _larger_surplus() -> Forged:
    limits = ((Kind.BUY, 101, 5), (Kind.BUY, 100, 3), (Kind.SELL, 100, 5), (Kind.SELL, 101, 4))
    epoch = honest([[Entry(kind, 0, price, lots)] for kind, price, lots in limits], references=(105, 1010))
    return changed(
        epoch,
        Priced(lambda p: p and 101),
        lambda rows, _: rows["markets"][0].update(by_surplus=0, by_reference=1),
    )


def _many_lots() -> Forged:
    """At the price 33 buyers share five lots. With so many wanted, the first one's lots can be negative modulo p."""
    most = 8_388_607
    buyers = 33
    made = Venue(7, buyers + 1, balances=dict.fromkeys(range(2, buyers + 3), (10**13, 10**12, 0)))
    bundles = [[Entry(Kind.BUY, 0, 101, most)]] * buyers + [[Entry(Kind.SELL, 0, 101, 5)]]

    def decide(auction: Auction, orders: Sequence[Order]) -> Auction:
        own, turns = (most * auction.lots + auction.phase) % auction.wanted, MODULUS // auction.wanted
        turns += own < MODULUS % auction.wanted
        first, second, *others = auction.fills
        return replace(auction, fills=(first - turns, second + turns, *others))

    return lie(made.epoch([made.batch(0, bundles)]), _Decided(decide))


AUCTION_ROWS: Final[dict[str, Callable[[], Forged]]] = {
    "three buys": _three_buys,
    "auction without an end": _auction_without_an_end,
    "auction that nobody asks for": _auction_that_nobody_asks_for,
    "one lot less": _one_lot_less,
    "order in another auction": _order_in_another_auction,
    **{f"{name} from nowhere": (lambda name=name: _lots_from_nowhere(name)) for name in _SUMS[:4]},  # type: ignore[misc]
    "auction in halves": _auction_in_halves,
    "market twice and back": _market_twice_and_back,
    "trade without a market": _trade_without_a_market,
    "auction without a market": _auction_without_a_market,
    "sold to nobody": _sold_to_nobody,
    "another price than the pivot": lambda: lie(honest(), _OTHER_PRICE),
    "price of a row without a market": _price_of_a_row_without_a_market,
    "uneven": _uneven,
    "volume of one lot more": _volume_of_one_lot_more,
    "larger surplus": _larger_surplus,
    "many lots": _many_lots,
}
"""Executions by name."""
