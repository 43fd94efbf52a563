"""Executions that lie in one place, as starting points of forgeries; the rest follows by repair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from commitments.bundle import Entry, Kind

from ...expression import MODULUS
from ...params import PPM
from ...statement.buses import Phase
from ...statement.witness.clearing import clear
from ...statement.witness.execute import execute
from ...statement.witness.inputs import EpochInput, Market, MissingLeaf
from ...statement.witness.memory import time
from ...statement.witness.rules import Auction, Order, Rules
from .core import Forged, Priced, book, honest, lie, malformed, venue
from .scenario import public_messages, rebuild_state


def two_batches() -> EpochInput:
    """Deposits, a new key, two missing reveals, trades in two batches with pressure on different sides."""
    made = venue()
    queue = [made.deposit(2, 0, 500), made.key(20), made.deposit(3, 1, 70)]
    first = made.batch(0, [*book(), (Entry(Kind.WITHDRAWAL, 2, 0, 9),)], queue=queue)
    leaves = [first.leaves[0], made.missing(first.leaves[1]), *first.leaves[2:5], made.missing(first.leaves[5])]
    bundles = [(Entry(Kind.BUY, 0, 103, 9),), (Entry(Kind.SELL, 0, 97, 5), Entry(Kind.SELL, 1, 1011, 4))]
    return made.epoch([replace(first, leaves=leaves), made.batch(1, bundles, queue=[made.deposit(4, 2, 33)])])


def wrapped_fee(limb: int) -> Forged:
    """A buyer's fee that wraps around the field, so that an order that fits is dropped.

    ``fee * 10^6 - price * fee_ppm`` is as small as the rule says, modulo p. The multiple of p is chosen such that of
    the fee's three upper limbs only ``limb`` is not zero.
    """
    price, ppm = (1 << 30, PPM) if limb == 5 else (103, 1000)
    multiples = range(62_500, 250_000, 62_500) if limb == 5 else range(1, 200_000)
    fee = next(
        f
        for k in multiples
        for f in [-(-(k * MODULUS + price * ppm) // PPM)]
        if [i for i in (3, 4, 5) if f >> (12 * i) & (4095 if i < 5 else 15)] == [limb]
    )
    if limb < 5:
        return lie(honest(), _WrappedFee(price, fee))
    market = Market(1, 0, price - 10, price + 10, ppm)
    made = venue(balances={2: (1 << 40, 0, 0)}, markets=(market,), references=(price + 1,))
    return lie(made.epoch([made.batch(0, [[Entry(Kind.BUY, 0, price, 1)]])]), _WrappedFee(price, fee))


class _WrappedFee(Rules):
    def __init__(self, price: int, fee: int) -> None:
        self._price, self._fee = price, fee

    def fee_per_lot(self, price: int, fee_ppm: int) -> int:
        return self._fee if price == self._price else super().fee_per_lot(price, fee_ppm)


def _changed(change: Callable[[Any], None], epoch: EpochInput | None = None) -> Forged:
    """An honest execution with some rows changed; nothing else is recomputed."""
    epoch = epoch or honest()
    forged = execute(epoch)
    change(forged.draft.rows)
    return forged, public_messages(epoch, forged, forged)


def _bundles_swapped(epoch: EpochInput) -> Forged:
    def change(rows: Any) -> None:
        first, second = rows["entries"]
        first["number"], second["number"] = 1, 0
        rows["entries"] = [second, first]

    return _changed(change, epoch)


def _a_bundle_each() -> EpochInput:
    """Two batches with one bundle each, of different accounts."""
    made = venue()
    first, second = (made.batch(k, [[Entry(Kind.WITHDRAWAL, 0, 0, 5 + k)]] * (k + 1)) for k in range(2))
    return made.epoch([first, replace(second, leaves=second.leaves[1:])])


class _WithoutTheLast(Rules):
    """Clears as if the auction's last order were not there."""

    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        cleared = clear(market, reference, draw, orders[:-1])
        return replace(cleared, fills=(*cleared.fills, 0)) if orders else cleared


def _passed_over() -> Forged:
    """The last order is better than the price, and its row says that it is worse."""
    bundles = [(Entry(Kind.BUY, 0, 101, 40),), (Entry(Kind.SELL, 0, 99, 40),), (Entry(Kind.BUY, 0, 105, 7),)]
    epoch = honest(bundles)
    forged = execute(epoch, _WithoutTheLast())
    rows: Any = forged.draft.rows["orders"]
    rows[2].update(better=0, **{name: value for name, value in rows[1].items() if name.startswith("sum.")})
    return forged, public_messages(epoch, forged, forged)


def _leaf_of_account_1() -> Forged:
    made = venue()
    batch = made.batch(0, book())
    leaf = MissingLeaf(1, made.digest(), charged=False)
    return lie(made.epoch([replace(batch, leaves=[leaf, *batch.leaves])]))


def _pivot_at_the_reference() -> Forged:
    return _changed(lambda rows: rows["markets"][1].update(pivot=rows["markets"][1]["reference"]))


def _two(sells: int = 5) -> EpochInput:
    """One buy at 103 and one sell at 97, the reference at 100."""
    return honest([(Entry(Kind.BUY, 0, 103, 5),), (Entry(Kind.SELL, 0, 97, sells),)])


def _tie() -> EpochInput:
    """Equal volume and surplus at 100 and 101; the reference is 99."""
    bundles = [
        (Entry(Kind.BUY, 0, 101, 5),),
        (Entry(Kind.BUY, 0, 100, 3),),
        (Entry(Kind.SELL, 0, 100, 5),),
        (Entry(Kind.SELL, 0, 101, 3),),
    ]
    return honest(bundles, references=(99, 1010))


def _two_histories(asset: int) -> Forged:
    """A balance that an order that is not filled has touched is in a second cell, too."""
    order = Entry(Kind.SELL, 0, 106, 5) if asset else Entry(Kind.BUY, 0, 95, 5)

    def change(rows: Any) -> None:
        cell = next(r for r in rows["cells"] if r.get("balance") and (r["account"], r["asset"]) == (2, asset))
        rows["cells"].append({**cell, "until": 0})

    return _changed(change, honest([(order,)]))


def _even_at_the_top() -> Forged:
    bundles = [(Entry(Kind.BUY, 0, 103, 5),), (Entry(Kind.SELL, 0, 97, 5),)]
    return lie(honest(bundles), Priced(lambda p: p and 103))


def _phase(turn: int) -> Forged:
    """A phase of an auction without orders that is right modulo p, ``turn`` times around."""

    def change(rows: Any) -> None:
        row = rows["markets"][1]
        drawn = (row["draw"] + turn) % (1 << 32)
        row["phase"] = (row["draw"] - drawn + turn * MODULUS) >> 32

    return _changed(change)


def _market_fee_wraps() -> Forged:
    def change(rows: Any) -> None:
        row = rows["markets"][1]
        row["fee"] = -(-(MODULUS + row["price"] * row["fee_ppm"]) // PPM)

    return _changed(change)


def _shadow_balance() -> Forged:
    """The miss fee is taken from a slot that is said to hold what was withdrawn, and holds nothing."""
    made = venue(balances={2: (10_000, 0, 0)})
    batch = made.batch(0, book())
    epoch = made.epoch([replace(batch, leaves=[made.missing(batch.leaves[0]), *batch.leaves[1:]])])
    forged = execute(epoch)
    rows: Any = forged.draft.rows
    cell = next(r for r in rows["cells"] if r.get("balance") and (r["account"], r["asset"]) == (2, 0))
    cell.update(balance=0, withdrawal=1, asset=-30, old=(0, 0, 0, 0), new=(0, 0, 0, 0))
    rows["bundles"][0].update(funds=0, cover=0)
    fund = next(r for r in rows["cells"] if r.get("balance") and (r["account"], r["asset"]) == (1, 0))
    fund["new"] = fund["old"]
    forged.balances = [b for b in forged.balances if b[:2] not in ((1, 0), (2, 0))]
    rebuild_state(epoch, forged, {})
    return forged, public_messages(epoch, forged, forged)


def _swapped(
    table: str, prefix: str, pick: Callable[[Any], Any], other: Callable[[Any], tuple[Any, str, int]]
) -> Forged:
    """Two accesses of one slot change places: the first takes what the second leaves."""

    def change(rows: Any) -> None:
        row = pick(rows)
        later, name, when = other(rows)
        later[name], row[f"{prefix}.before"] = row[f"{prefix}.before"], when

    return _changed(change, two_batches())


def _number(row: Any) -> int:
    return int(row["number"])


def _entries(rows: Any, account: int, batch: int) -> Any:
    return next(r for r in rows["entries"] if (r["account"], r["batch"]) == (account, batch))


def _bundle(rows: Any, account: int, batch: int) -> Any:
    return next(r for r in rows["bundles"] if (r["account"], r["batch"]) == (account, batch))


def _of_entry(name: str, phase: Phase, account: int, batch: int) -> Callable[[Any], tuple[Any, str, int]]:
    def other(rows: Any) -> tuple[Any, str, int]:
        row = _entries(rows, account, batch)
        return row, f"{name}.before", time(batch, phase, _number(row))

    return other


def _of_bundle(name: str, account: int, batch: int) -> Callable[[Any], tuple[Any, str, int]]:
    def other(rows: Any) -> tuple[Any, str, int]:
        row = _bundle(rows, account, batch)
        return row, f"{name}.before", time(batch, Phase.BUNDLE, _number(row))

    return other


def _second_fees(rows: Any) -> tuple[Any, str, int]:
    row = next(r for r in rows["markets"] if r["batch"] == 1 and r["trade"])
    return row, "fees.before", time(1, Phase.CREDIT, row["market"])


def _missing(rows: Any, which: int) -> Any:
    return [r for r in rows["bundles"] if r.get("charged")][which]


SWAPPED: Final[dict[str, Callable[[], Forged]]] = {
    "entries: group": lambda: _swapped(
        "entries", "group", lambda rows: _entries(rows, 2, 0), _of_bundle("funds", 2, 1)
    ),
    "entries: target": lambda: _swapped(
        "entries", "target", lambda rows: _entries(rows, 2, 0), _of_entry("target", Phase.CREDIT, 2, 1)
    ),
    "bundles: key": lambda: _swapped("bundles", "key", lambda rows: _bundle(rows, 2, 0), _of_bundle("key", 2, 1)),
    "bundles: funds": lambda: _swapped(
        "bundles", "funds", lambda rows: _bundle(rows, 2, 0), _of_entry("group", Phase.DEBIT, 2, 0)
    ),
    "bundles: insurance": lambda: _swapped(
        "bundles",
        "insurance",
        lambda rows: _missing(rows, 0),
        lambda rows: (_missing(rows, 1), "insurance.before", time(0, Phase.BUNDLE, _number(_missing(rows, 1)))),
    ),
    "markets: fees": lambda: _swapped(
        "markets", "fees", lambda rows: next(r for r in rows["markets"] if r["trade"]), _second_fees
    ),
    "queue: slot": lambda: _swapped("queue", "slot", lambda rows: rows["queue"][0], _of_bundle("funds", 2, 0)),
}

STARTS: Final[dict[str, Callable[[], Forged]]] = {
    **{f"wrapped fee, limb {i}": (lambda i=i: wrapped_fee(i)) for i in (3, 4, 5)},  # type: ignore[misc]
    **{f"{name}: swapped": build for name, build in SWAPPED.items()},
    "buy before withdrawal": lambda: malformed([Entry(Kind.BUY, 0, 95, 1), Entry(Kind.WITHDRAWAL, 0, 0, 5)]),
    "bundles swapped": lambda: _bundles_swapped(
        honest([(Entry(Kind.WITHDRAWAL, 0, 0, 5),), (Entry(Kind.WITHDRAWAL, 0, 0, 6),)])
    ),
    "bundles of two batches swapped": lambda: _bundles_swapped(_a_bundle_each()),
    "withdrawal of asset 30": lambda: malformed([Entry(Kind.WITHDRAWAL, 30, 0, 5)]),
    "leaf of account 1": _leaf_of_account_1,
    "book, pivot at the reference": _pivot_at_the_reference,
    "withdrawals": lambda: lie(honest([(Entry(Kind.WITHDRAWAL, 0, 0, 5),), (Entry(Kind.WITHDRAWAL, 0, 0, 6),)])),
    "better order passed over": _passed_over,
    "two runs": lambda: lie(honest([[Entry(Kind.BUY, 0, 95, 1)] * 2, [Entry(Kind.BUY, 0, 95, 2)] * 2])),
    "two groups": lambda: lie(honest([[Entry(Kind.WITHDRAWAL, 0, 0, 5), Entry(Kind.BUY, 0, 95, 2)]] * 2)),
    "three withdrawals": lambda: lie(honest([[Entry(Kind.WITHDRAWAL, 0, 0, units) for units in (5, 10**9, 6)]])),
    "dropped withdrawal": lambda: lie(honest([[Entry(Kind.WITHDRAWAL, 0, 0, 10**6), Entry(Kind.BUY, 0, 95, 2)]])),
    "no crossing": lambda: lie(honest([[Entry(Kind.BUY, 0, 95, 5)], [Entry(Kind.SELL, 0, 105, 5)]])),
    "even": lambda: lie(_two()),
    "sell pressure": lambda: lie(_two(sells=9)),
    "tie": lambda: lie(_tie()),
    "tie beyond the reference": lambda: lie(_tie(), Priced(lambda p: p and 101)),
    "two histories, left": lambda: _two_histories(0),
    "two histories, right": lambda: _two_histories(1),
    "even at the top": _even_at_the_top,
    "phase below zero": lambda: _phase(-1),
    "phase above the lots": lambda: _phase(1),
    "market fee wraps": _market_fee_wraps,
    "shadow balance": _shadow_balance,
}
"""Executions by name."""
