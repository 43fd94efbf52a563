"""Executions whose rows stand where they must not, as starting points of forgeries; nothing is left to repair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from commitments.bundle import Entry, Kind
from commitments.hashing import empty_roots
from commitments.types import ZERO

from ...params import COMMITMENT_DEPTH
from ...statement.buses import LEVEL, TIME_SHIFT, Phase
from ...statement.witness.clearing import clear, describe
from ...statement.witness.execute import Execution, execute
from ...statement.witness.forest import Tree, grow
from ...statement.witness.inputs import EpochInput, Market, MissingLeaf
from ...statement.witness.memory import time
from ...statement.witness.rules import Auction, Order, Rules
from .core import Forged, Priced, book, fills_at, honest, lie, venue
from .scenario import public_messages, rebuild_state

Rows = Any
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


def _told(epoch: EpochInput, rules: Rules | None, change: Callable[[Rows, Execution], None]) -> Forged:
    forged = execute(epoch, rules)
    change(forged.draft.rows, forged)
    return forged, public_messages(epoch, forged, forged)


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


# -- orders and markets


def _three_buys() -> Forged:
    bundles = [[Entry(Kind.BUY, 0, 103, lots)] for lots in (10, 20, 10)]
    return lie(honest([*bundles, [Entry(Kind.SELL, 0, 97, 40)]]))


def _orders_after_an_empty_row() -> Forged:
    return _told(honest(), None, lambda rows, _: rows["orders"].insert(0, {}))


def _auction_without_an_end() -> Forged:
    """Orders whose auction never ends: nobody asks what their sums are."""

    def change(rows: Rows, _: Execution) -> None:
        rows["markets"][0].update(_NO_ORDERS)
        orders = rows["orders"]
        _certified(orders, 1 << 20, ration_buys=1)
        orders[-1]["last"] = 0
        last = orders[-1]
        kept = {n: v for n, v in last.items() if n.startswith("sum.") or n in _SHARED}
        orders += [{**kept, "number": last["number"] + 1} for _ in range(_ROWS - len(orders))]

    paid = _Decided(lambda a, o: replace(a, fills=tuple(x.quantity for x in o)), idle=True)
    return _told(honest([[Entry(Kind.SELL, 0, 105, 1)]] * 5), paid, change)


def _auction_that_fills_its_table() -> Forged:
    """Orders on all rows; those of the second market come first in the batch and last in the table."""

    def decide(auction: Auction, orders: Sequence[Order]) -> Auction:
        return replace(auction, fills=tuple(x.quantity * (x.price > 1000) for x in orders))

    def change(rows: Rows, _: Execution) -> None:
        rows["markets"][1].update({**_NO_ORDERS, "pivot": 1010})
        orders = [row for row in rows["orders"] if row["auction"]]
        _certified(orders, 1 << 20, ration_buys=1)
        orders[-1]["last"] = 0

    bundles = [[Entry(Kind.SELL, 1, 1015, 1)] * 8] * 4 + [[Entry(Kind.SELL, 0, 105, 1)] * 8] * 4
    return _told(honest(bundles), _Decided(decide, idle=True), change)


def _order_in_another_auction() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        rows["markets"][1].update({**_NO_ORDERS, "pivot": 1010})
        moved = rows["orders"].pop()
        own = {name: moved[name] for name in ("auction", "number", "buy", "price", "quantity", "fill")}
        rows["orders"].insert(1, {**rows["orders"][0], **own, "better": 0, "at": 0, "gained": 0})

    bundles = [[Entry(Kind.BUY, 0, 103, 9), Entry(Kind.SELL, 1, 1011, 4)], [Entry(Kind.SELL, 0, 97, 5)]]
    return _told(honest(bundles), None, change)


def _one_lot_less() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        for row in rows["orders"]:
            row["allotted"] += 1

    return _told(honest(), Priced(lambda p: p, lambda fills: [fills[0] - 1, *fills[1:]]), change)


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

    return _told(honest() if name.startswith("sell") else two(9), _Decided(decide), change)


def _auction_in_halves() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        rows["markets"][0].update({**_NO_ORDERS, "present": 2})
        for row in rows["orders"]:
            _certified([row], 100, ration_buys=1)

    return _told(honest([[Entry(Kind.BUY, 0, 95, 5)], [Entry(Kind.SELL, 0, 105, 5)]]), None, change)


def _market_twice_and_back() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        row = rows["markets"][1]
        row.update(real=2, pivot=row["reference"])
        rows["markets"].append({**row, "real": -1})

    return _told(honest(), None, change)


def _trade_without_a_market() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        row, now = rows["markets"][0], time(0, Phase.CREDIT, 5)
        funds = row["funds"] + 2 * row["volume"] * row["fee"]
        rows["markets"].append(
            {"trade": 1, "even": 1, "market": 5, "funds": funds, "fees.before": time(0, Phase.CREDIT, 0)}
        )
        next(r for r in rows["cells"] if r.get("balance") and (r["account"], r["asset"]) == (0, 0))["until"] = now

    return _told(honest(), None, change)


def _auction_without_a_market() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        rows["markets"][0].update(_NO_ORDERS)
        rows["markets"].append({"present": 1, "buy_better": 5, "volume": 5, "pivot": 90})
        _certified(rows["orders"], 90, ration_buys=0)

    decided = _Decided(lambda a, o: replace(a, fills=(5,)), idle=True)
    return _told(honest([[Entry(Kind.BUY, 0, 95, 5)]]), decided, change)


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

    return _told(honest(), _OTHER_PRICE, change)


def _uneven() -> Forged:
    def decide(auction: Auction, orders: Sequence[Order]) -> Auction:
        sums: Any = dict.fromkeys(_SUMS, 0) | {"buy_better": 5, "sell_better": 9}
        made = replace(auction, **sums, price=100, pivot=100, volume=5, neighbour=0, lots=0, wanted=1, phase=0)
        return replace(made, fills=(5, 9))

    def change(rows: Rows, _: Execution) -> None:
        rows["markets"][0].update(even=1, sell_pressure=0, by_volume=0, by_surplus=0, by_reference=0)
        for row in rows["orders"]:
            row["ration_buys"] = 1

    return _told(two(9), _Decided(decide), change)


def _volume_of_one_lot_more() -> Forged:
    return lie(two(), _Decided(lambda a, o: replace(a, volume=a.volume + 1, lots=a.lots + 1)))


def _larger_surplus() -> Forged:
    limits = ((Kind.BUY, 101, 5), (Kind.BUY, 100, 3), (Kind.SELL, 100, 5), (Kind.SELL, 101, 4))
    epoch = honest([[Entry(kind, 0, price, lots)] for kind, price, lots in limits], references=(105, 1010))
    return _told(
        epoch,
        Priced(lambda p: p and 101),
        lambda rows, _: rows["markets"][0].update(by_surplus=0, by_reference=1),
    )


# -- cells


def _leaf_of_no_slot() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    rebuild_state(epoch, forged, {(40, 0): 10**6})
    rows: Rows = forged.draft.rows
    next(r for r in rows["cells"] if r["account"] == 40).update(withdrawal=-1, asset=32)
    forged.balances = [b for b in forged.balances if b[0] != 40]
    return forged, public_messages(epoch, forged, forged)


def _leaf_of_two_slots() -> Forged:
    """Account 38's slot 34 has the leaf of account 40's slot 2."""
    epoch = honest()
    forged = execute(epoch)
    rebuild_state(epoch, forged, {(40, 0): 0})
    rows: Rows = forged.draft.rows
    next(r for r in rows["cells"] if r["account"] == 40).update(withdrawal=1, account=38)
    forged.balances = [b for b in forged.balances if b[0] != 40]
    return forged, public_messages(epoch, forged, forged)


# -- entries


def _withdrawals(*bundles: Sequence[tuple[int, int]]) -> EpochInput:
    """Bundles of withdrawals, each (asset, amount)."""
    return honest([[Entry(Kind.WITHDRAWAL, asset, 0, amount) for asset, amount in bundle] for bundle in bundles])


def _nothing_credited_twice() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        rows["entries"][0].update({"credited": 2, "target.before": 0, "funds": 0})
        cell = {"withdrawal": 1, "account": 2, "asset": 0, "until": time(0, Phase.CREDIT, 0)}
        rows["cells"] += [{**cell, "old": ZERO, "new": ZERO} for _ in range(2)]

    return _told(_withdrawals([(0, 10**9)]), None, change)


def _credited_before_the_end() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        rows["entries"][0].update({"credited": 1, "target.before": 0, "funds": 0})
        rows["entries"][1]["target.before"] = time(0, Phase.CREDIT, 0)

    return _told(_withdrawals([(0, 10**9), (0, 5)]), None, change)


def _run_across_bundles() -> Forged:
    def change(rows: Rows, forged: Execution) -> None:
        one, two, three = rows["entries"]
        one.update({"run_end": 1, "credited": 1, "credit": 5, "target.before": 0, "funds": 0})
        two.update(run_end=0, credited=0, credit=7, run_quantity=7)
        three.update(credit=13, run_quantity=13)
        paid = {2: (5, time(0, Phase.CREDIT, 0)), 3: (13, time(0, Phase.CREDIT, 2))}
        for cell in rows["cells"]:
            if cell.get("withdrawal"):
                amount, until = paid[cell["account"]]
                cell.update(new=(amount, 0, 0, 0), until=until)
        forged.withdrawals = [(account, 0, amount) for account, (amount, _) in paid.items()]

    return _told(_withdrawals([(0, 5), (0, 7)], [(0, 6)]), None, change)


def _withdrawal_credited_as_lots() -> Forged:
    bundle = [Entry(Kind.WITHDRAWAL, 0, 0, 5), Entry(Kind.BUY, 0, 103, 5)]
    epoch = honest([bundle, [Entry(Kind.SELL, 0, 97, 5)]])
    forged = execute(epoch)
    rows: Rows = forged.draft.rows
    rows["entries"][0].update(run_end=0, credited=0)
    rows["entries"][1].update(run_quantity=10, credit=10)
    rows["cells"] = [r for r in rows["cells"] if not r.get("withdrawal")]
    rebuild_state(epoch, forged, {(2, 1): 5})
    forged.withdrawals = []
    return forged, public_messages(epoch, forged, forged)


def _first_of_a_group_for_nothing() -> Forged:
    epoch = _withdrawals([(0, 5), (1, 6), (1, 7)])
    forged = execute(epoch)
    rows: Rows = forged.draft.rows
    _, free, paid = rows["entries"]
    free.update(group_start=0, rest=free["rest"] + 6, balance=free["balance"] + 6)
    paid.update({"group_start": 1, "group.before": free["group.before"]})
    paid.update(rest=paid["rest"] + 6, balance=paid["balance"] + 6)
    rebuild_state(epoch, forged, {(2, 1): 6})
    return forged, public_messages(epoch, forged, forged)


# -- bundles


def _of_commitments(row: Rows) -> bool:
    return bool(row["state"]) and int(row["place"]) % LEVEL == 1


def _placed(positions: Sequence[int]) -> Forged:
    """The leaves of the book at other places of the sealed tree."""

    def change(rows: Rows, forged: Execution) -> None:
        for row, position in zip(rows["bundles"], positions, strict=True):
            row["position"] = position
        leaves = {r["position"]: (ZERO, r["leaf"]) for r in rows["bundles"]}
        rows["nodes"] = [r for r in rows["nodes"] if not _of_commitments(r)]
        empty = empty_roots(COMMITMENT_DEPTH)
        tree = Tree(1, COMMITMENT_DEPTH, leaves, lambda level, _: empty[COMMITMENT_DEPTH - level])
        grow(forged.draft, [tree])
        forged.roots[0], forged.counts[0] = tree.root[1], positions[-1] + 1

    return _told(honest(), None, change)


def _renumbered(rows: Rows, numbers: Mapping[int, int]) -> None:
    """Give the rows of bundles other numbers, wherever these are named."""
    for row in rows["bundles"]:
        row["number"] = numbers[row["number"]]
    for row in rows.get("entries", []):
        row["bundle"] = numbers[row["bundle"]]
    for table in ("entries", "bundles", "markets", "cells", "queue"):
        for row in rows.get(table, []):
            for name, value in row.items():
                phase, number = (
                    divmod(value, 1 << TIME_SHIFT) if name == "until" or name.endswith(".before") else (0, 0)
                )
                if phase and (phase - 1) % 4 == Phase.BUNDLE:
                    row[name] = (phase << TIME_SHIFT) + numbers[number]


def _bundles_after_an_empty_row() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        _renumbered(rows, {i: i + 1 for i in range(len(rows["bundles"]))})
        constants = {n: rows["bundles"][0][n] for n in ("venue", "first_batch", "miss_fee", "fee_asset")}
        rows["bundles"].insert(0, {**constants, "number": 0})

    return _told(honest(), None, change)


def _batches_entangled() -> Forged:
    """Two leaves of account 3 in one batch; between them stands the other batch's last."""
    made = venue()
    empty = [made.batch(k, []) for k in range(2)]
    accounts = ((3, 3), (2, 4))
    leaves = [[MissingLeaf(a, made.digest(), charged=False) for a in pair] for pair in accounts]
    epoch = made.epoch([replace(batch, leaves=own) for batch, own in zip(empty, leaves, strict=True)])

    def change(rows: Rows, _: Execution) -> None:
        _renumbered(rows, {0: 0, 1: 3, 2: 2, 3: 1})
        rows["bundles"].sort(key=lambda row: row["number"])

    return _told(epoch, None, change)


def _opened_without_a_leaf() -> Forged:
    """The last leaf is missing, and its bundle is opened in a row of its own."""

    def change(rows: Rows, _: Execution) -> None:
        leaf = rows["bundles"][-1]
        number = leaf["number"]
        rows["bundles"].append({**leaf, "number": number + 1, "real": 0, "last": 0})
        leaf.update(opened=0)
        for row in rows["entries"]:
            row["bundle"] += int(row["bundle"] == number)
        cell = next(r for r in rows["cells"] if r.get("key") and r["account"] == leaf["account"])
        cell["until"] = time(0, Phase.BUNDLE, number + 1)

    return _told(honest(), None, change)


def _charged_though_revealed() -> Forged:
    made = venue()
    batch = made.batch(0, [[Entry(Kind.WITHDRAWAL, 2, 0, 9)]] * 2)
    epoch = made.epoch([replace(batch, leaves=[made.missing(batch.leaves[0]), batch.leaves[1]])])
    forged = execute(epoch)
    rows: Rows = forged.draft.rows
    first, revealed = rows["bundles"]
    fund = next(r for r in rows["cells"] if r.get("balance") and (r["account"], r["asset"]) == (1, 0))
    revealed.update({"charged": 1, "insurance.before": fund["until"], "insurance": first["insurance"] + 50})
    fund["until"] = time(0, Phase.BUNDLE, 1)
    rebuild_state(epoch, forged, {(3, 0): -50, (1, 0): 50})
    return forged, public_messages(epoch, forged, forged)


FULL: Final[dict[str, Callable[[], Forged]]] = {"auction that fills its table": _auction_that_fills_its_table}
"""Executions that leave no row of the ledger free."""
ROWS: Final[dict[str, Callable[[], Forged]]] = {
    "three buys": _three_buys,
    "orders after an empty row": _orders_after_an_empty_row,
    "auction without an end": _auction_without_an_end,
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
    "leaf of no slot": _leaf_of_no_slot,
    "leaf of two slots": _leaf_of_two_slots,
    "nothing credited twice": _nothing_credited_twice,
    "credited before the end": _credited_before_the_end,
    "run across bundles": _run_across_bundles,
    "withdrawal credited as lots": _withdrawal_credited_as_lots,
    "first of a group for nothing": _first_of_a_group_for_nothing,
    "leaves from 1": lambda: _placed(range(1, len(book()) + 1)),
    "leaves at other places": lambda: _placed([0, 2, 1, *range(3, len(book()))]),
    "bundles after an empty row": _bundles_after_an_empty_row,
    "batches entangled": _batches_entangled,
    "opened without a leaf": _opened_without_a_leaf,
    "charged though revealed": _charged_though_revealed,
}
"""Executions by name."""
