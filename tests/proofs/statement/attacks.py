"""Forged witnesses: for each clause of the statement, executions that break it and recompute everything else.

Each attack gives draft traces and the public messages that the verifier will insist on. What a liar may choose (prices,
balances, the new root) is taken from the forged execution; what L1 knows (sealed roots, the queue, draws, parameters, references)
is taken from the honest one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from proofs.expression import MODULUS
from proofs.statement.buses import Phase
from proofs.statement.kinds import Kind, QueueKind
from proofs.statement.program import clearing_program
from proofs.statement.witness.clearing import clear, describe
from proofs.statement.witness.execute import Execution, execute
from proofs.statement.witness.forest import compress_all
from proofs.statement.witness.inputs import (
    BatchInput,
    Entry,
    EpochInput,
    Market,
    OpenedLeaf,
)
from proofs.statement.witness.memory import time
from proofs.statement.witness.rules import Auction, Order, Rules

from .scenario import Messages, Venue, public_messages

Forged = tuple[Execution, Messages]


Traces = list[npt.NDArray[np.uint64]]


@dataclass(frozen=True)
class Attack:
    """``build`` forges the execution; ``tamper``, if any, the finished traces of the tables that serve."""

    name: str
    clause: int
    build: Callable[[], Forged]
    tamper: Callable[[Traces], None] = lambda traces: None


ATTACKS: list[Attack] = []


def attack(
    clause: int, tamper: Callable[[Traces], None] = lambda traces: None
) -> Callable[[Callable[[], Forged]], Callable[[], Forged]]:
    def register(build: Callable[[], Forged]) -> Callable[[], Forged]:
        ATTACKS.append(Attack(build.__name__, clause, build, tamper))
        return build

    return register


# -- the honest epoch that is attacked


def book() -> list[tuple[Entry, ...]]:
    """Bundles of accounts 2..: buy pressure at 101 with two rationed buys, one order further out."""
    return [
        (Entry(Kind.BUY, 0, 101, 40),),
        (Entry(Kind.BUY, 0, 101, 35),),
        (Entry(Kind.BUY, 0, 103, 10), Entry(Kind.SELL, 0, 106, 5)),
        (Entry(Kind.SELL, 0, 99, 50), Entry(Kind.SELL, 0, 101, 10)),
        (Entry(Kind.WITHDRAWAL, 0, 0, 70), Entry(Kind.BUY, 0, 95, 7)),
    ]


def venue(**settings: object) -> Venue:
    made = Venue(seed=7, accounts=8, **settings)  # type: ignore[arg-type]
    return made


def honest(bundles: Sequence[Sequence[Entry]] | None = None, **settings: object) -> EpochInput:
    made = venue(**settings)
    return made.epoch([made.batch(0, bundles if bundles is not None else book())])


def lie(epoch: EpochInput, rules: Rules | None = None, sealed: EpochInput | None = None) -> Forged:
    """Execute ``epoch`` by false ``rules``; L1 knows what ``sealed`` (the honest epoch) sealed and queued."""
    forged = execute(epoch, rules)
    return forged, public_messages(sealed or epoch, forged, execute(sealed) if sealed else forged)


# -- clause 1: the queue


def _queue(change: Callable[[list], list], batches: int = 1) -> Forged:  # type: ignore[type-arg]
    made = venue()
    queue = [made.deposit(2, 0, 500), made.key(20), made.deposit(3, 1, 70)]
    sealed = made.epoch([made.batch(0, book(), queue=queue), *(made.batch(1, []) for _ in range(batches - 1))])
    first = sealed.batches[0]
    forged = replace(sealed, batches=[replace(first, queue=change(list(queue))), *sealed.batches[1:]])
    return lie(forged, sealed=sealed)


@attack(1)
def deposit_skipped() -> Forged:
    return _queue(lambda queue: queue[1:])


@attack(1)
def deposit_repeated() -> Forged:
    return _queue(lambda queue: [*queue, queue[0]])


@attack(1)
def deposit_of_another_amount() -> Forged:
    return _queue(lambda queue: [replace(queue[0], value=(501, 0, 0, 0)), *queue[1:]])


@attack(1)
def deposit_to_another_account() -> Forged:
    return _queue(lambda queue: [replace(queue[0], account=3), *queue[1:]])


@attack(1)
def deposit_of_another_asset() -> Forged:
    return _queue(lambda queue: [replace(queue[0], asset=1), *queue[1:]])


@attack(1)
def key_replaced() -> Forged:
    return _queue(lambda queue: [queue[0], replace(queue[1], value=(1, 2, 3, 4)), queue[2]])


@attack(1)
def queue_after_its_batch() -> Forged:
    """The deposit would have covered an order of the batch; it is applied to the next."""
    made = venue(balances={2: (10, 0, 0)})
    queue = [made.deposit(2, 0, 10_000)]
    sealed = made.epoch([made.batch(0, book(), queue=queue), made.batch(1, [])])
    late = [replace(sealed.batches[0], queue=[]), replace(sealed.batches[1], queue=queue)]
    return lie(replace(sealed, batches=late), sealed=sealed)


@attack(1)
def deposit_not_credited() -> Forged:
    """The entry is taken from the queue and its row leaves the balance as it was."""
    made = venue()
    epoch = made.epoch([made.batch(0, [], queue=[made.deposit(15, 2, 500)])])
    forged = execute(epoch)
    row = forged.draft.rows["queue"][0]
    row["value"] = (0, 0, 0, 0)
    return forged, public_messages(epoch, forged, forged)


# -- clause 2: the leaves


def _leaves(change: Callable[[list], list], sealed: EpochInput | None = None) -> Forged:  # type: ignore[type-arg]
    sealed = sealed or honest()
    batch = sealed.batches[0]
    return lie(replace(sealed, batches=[replace(batch, leaves=change(list(batch.leaves)))]), sealed=sealed)


@attack(2)
def leaf_left_out() -> Forged:
    return _leaves(lambda leaves: leaves[1:])


@attack(2)
def leaf_beyond_count() -> Forged:
    made = venue()
    sealed = made.epoch([made.batch(0, book()[:4])])
    more = made.epoch([made.batch(0, book())])
    return lie(more, sealed=sealed)


@attack(2)
def leaves_out_of_order() -> Forged:
    """Also sealed out of order: the root is the forged one."""
    sealed = honest()
    batch = sealed.batches[0]
    swapped = replace(batch, leaves=[batch.leaves[1], batch.leaves[0], *batch.leaves[2:]])
    return lie(replace(sealed, batches=[swapped]))


@attack(2)
def two_leaves_of_one_account() -> Forged:
    sealed = honest()
    batch = sealed.batches[0]
    return lie(replace(sealed, batches=[replace(batch, leaves=[batch.leaves[0], *batch.leaves])]))


@attack(2)
def leaf_of_the_fee_account() -> Forged:
    made = venue()
    batch = made.batch(0, book())
    leaf = replace(batch.leaves[0], account=0)
    return lie(made.epoch([replace(batch, leaves=[leaf, *batch.leaves[1:]])]))


@attack(2)
def opened_leaf_said_to_be_another_bundle() -> Forged:
    made = venue()
    sealed = made.epoch([made.batch(0, book())])
    other = [(Entry(Kind.BUY, 0, 110, 400),), *book()[1:]]
    return lie(made.epoch([made.batch(0, other)]), sealed=sealed)


@attack(2)
def count_of_the_batch_one_less() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    messages = [
        (bus, (fields[0], fields[1], fields[2] - 1, *fields[3:])) if fields[0] == 4 else (bus, fields)
        for bus, fields in public_messages(epoch, forged, forged)
    ]
    return forged, messages


# -- clause 3: authorisation


@attack(3)
def secret_that_is_not_the_accounts() -> Forged:
    sealed = honest()
    return _leaves(lambda leaves: [replace(leaves[0], secret=(1, 2, 3, 4)), *leaves[1:]], sealed)


def _sealed_with(leaf: Callable[[OpenedLeaf, Venue], OpenedLeaf]) -> Forged:
    """The operator sealed the forged leaf itself, so that only the key path can stop it."""
    made = venue()
    batch = made.batch(0, book())
    first = batch.leaves[0]
    assert isinstance(first, OpenedLeaf)
    forged = made.epoch([replace(batch, leaves=[leaf(first, made), *batch.leaves[1:]])])
    return lie(forged)


@attack(3)
def secret_of_the_operators_own() -> Forged:
    return _sealed_with(lambda leaf, made: replace(leaf, secret=(1, 2, 3, 4)))


@attack(3)
def key_of_another_batch() -> Forged:
    return _sealed_with(lambda leaf, made: made.with_key_of(leaf, batch=1))


@attack(3)
def key_of_another_account() -> Forged:
    return _sealed_with(lambda leaf, made: made.with_key_of(leaf, batch=0, owner=3))


@attack(3)
def key_root_of_another_account() -> Forged:
    """The path leads to account 3's root, and the row says that this is account 2's."""
    made = venue()
    batch = made.batch(0, book())
    first = batch.leaves[0]
    assert isinstance(first, OpenedLeaf)
    epoch = made.epoch([replace(batch, leaves=[made.with_key_of(first, batch=0, owner=3), *batch.leaves[1:]])])
    forged = execute(epoch)
    forged.draft.rows["bundles"][0]["key_root"] = made.key_trees[3].node(0, 0)
    return forged, public_messages(epoch, forged, forged)


@attack(3)
def key_of_another_venue() -> Forged:
    made, elsewhere = venue(), Venue(seed=7, accounts=8, venue=99)
    batch = made.batch(0, book())
    first, other = batch.leaves[0], elsewhere.batch(0, book()).leaves[0]
    assert isinstance(first, OpenedLeaf) and isinstance(other, OpenedLeaf)
    leaf = replace(first, secret=other.secret, key_path=other.key_path)
    return lie(made.epoch([replace(batch, leaves=[leaf, *batch.leaves[1:]])]))


# -- clause 4: entries, cover and admission


class _Careless(Rules):
    """Takes orders that are none into the auction and clears at the price of the others."""

    def fee_per_lot(self, price: int, fee_ppm: int) -> int:
        return -(-price * fee_ppm // 10**6)

    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        sound = [o for o in orders if market.lower <= o.price <= market.upper and 0 < o.quantity <= 8_388_607]
        cleared = clear(market, reference, draw, sound)
        price = cleared.price if cleared.trade else None
        shape = describe(market, reference, draw, orders, price, [])
        return replace(shape, fills=tuple(fills_at(shape, orders)))


def _entries(entries: Sequence[Entry], **settings: object) -> Forged:
    """A malformed bundle, sealed and opened as if it were none: the rule calls it missing."""
    return lie(honest([entries, *book()[1:]], **settings), _Careless())


@attack(4)
def quantity_zero() -> Forged:
    return _entries([Entry(Kind.BUY, 0, 101, 0)])


@attack(4)
def quantity_above_the_cap() -> Forged:
    return _entries([Entry(Kind.SELL, 0, 101, 8_388_608)], balances={2: (10**9, 10**9, 0)})


@attack(4)
def quantities_together_above_the_cap() -> Forged:
    return _entries([Entry(Kind.SELL, 0, 101, 8_388_000), Entry(Kind.SELL, 0, 102, 700)], balances={2: (10**9, 10**9, 0)})


@attack(4)
def negative_quantity() -> Forged:
    return _entries([Entry(Kind.SELL, 0, 101, -5 % MODULUS)])


@attack(4)
def price_below_the_band() -> Forged:
    return _entries([Entry(Kind.BUY, 0, 89, 5)])


@attack(4)
def price_above_the_band() -> Forged:
    return _entries([Entry(Kind.SELL, 0, 111, 5)])


@attack(4)
def negative_price() -> Forged:
    return _entries([Entry(Kind.BUY, 0, -5 % MODULUS, 5)])


@attack(4)
def negative_withdrawal() -> Forged:
    return _entries([Entry(Kind.WITHDRAWAL, 0, 0, -1000 % MODULUS)])


@attack(4)
def withdrawal_of_zero() -> Forged:
    return _entries([Entry(Kind.WITHDRAWAL, 0, 0, 0)])


@attack(4)
def withdrawal_of_62_bits_and_one() -> Forged:
    return _entries([Entry(Kind.WITHDRAWAL, 0, 0, 2**62)])


@attack(4)
def withdrawal_of_an_asset_out_of_range() -> Forged:
    epoch = honest([[Entry(Kind.WITHDRAWAL, 14, 0, 5)], *book()[1:]])
    epoch.tree.set({16 * 2 + 16: (100, 0, 0, 0)})  # type: ignore[attr-defined]
    forged = execute(epoch, _Admitting(lambda rest, debit: False))
    return forged, public_messages(epoch, forged, forged)


@attack(4)
def market_that_does_not_exist() -> Forged:
    epoch = honest([[Entry(Kind.BUY, 2, 101, 5)], *book()[1:]])
    markets = (*epoch.parameters.markets, Market(1, 0, 90, 110, 0))
    wide = replace(
        epoch,
        parameters=replace(epoch.parameters, markets=markets),
        references=(*epoch.references, 100),
        batches=[replace(b, draws=(*b.draws, 5)) for b in epoch.batches],
    )
    forged = execute(wide)
    messages = [m for m in public_messages(wide, forged, forged) if not (m[1][0] == 5 and m[1][2] == 2)]
    return forged, messages


@attack(4)
def entries_out_of_order() -> Forged:
    return _entries([Entry(Kind.SELL, 0, 101, 5), Entry(Kind.BUY, 0, 101, 5)])


@attack(4)
def one_asset_in_two_groups() -> Forged:
    """So that the second group would see the balance without what the first admitted."""
    buy, sell = Entry(Kind.BUY, 0, 100, 6), Entry(Kind.SELL, 0, 105, 1)
    return _entries([buy, sell, buy], balances={2: (1000, 50, 0)})


@attack(4)
def entries_beyond_the_headers_count() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    for row in forged.draft.rows["entries"]:
        if row["bundle"] == 2:
            row["count"] = 1
    return forged, public_messages(epoch, forged, forged)


@attack(4)
def sixty_five_entries() -> Forged:
    return _entries([Entry(Kind.BUY, 0, 95, 1) for _ in range(65)])


class _Admitting(Rules):
    def __init__(self, admits: Callable[[int, int], bool]) -> None:
        self._admits = admits

    def admits(self, rest: int, debit: int) -> bool:
        return self._admits(rest, debit)


@attack(4)
def admitted_though_it_does_not_fit() -> Forged:
    return lie(honest(balances={2: (100, 0, 0)}), _Admitting(lambda rest, debit: True))


@attack(4)
def admitted_though_one_unit_short() -> Forged:
    """101 + fee 1 = 102 a lot, 40 lots: 4080."""
    return lie(honest(balances={2: (4079, 0, 0)}), _Admitting(lambda rest, debit: debit <= rest + 1))


@attack(4)
def dropped_though_it_fits() -> Forged:
    return lie(honest(), _Admitting(lambda rest, debit: rest >= debit and debit != 4080))


@attack(4)
def dropped_though_it_fits_exactly() -> Forged:
    return lie(honest(balances={2: (4080, 0, 0)}), _Admitting(lambda rest, debit: rest > debit))


class _Covering(Rules):
    def __init__(self, answer: bool) -> None:
        self._answer = answer

    def covers(self, funds: int, miss_fee: int) -> bool:
        return self._answer


@attack(4)
def orders_without_cover_admitted() -> Forged:
    made = venue(balances={5: (49, 1000, 0)})
    return lie(made.epoch([made.batch(0, book())]), _Covering(True))


@attack(4)
def orders_with_cover_dropped() -> Forged:
    return lie(honest(), _Covering(False))


@attack(4)
def proceeds_of_the_batch_spent() -> Forged:
    """The debit takes the balance that the same batch's credit left, though it comes before."""
    made = venue(balances={5: (60, 1000, 0)})
    bundles = book()
    bundles[3] = (Entry(Kind.BUY, 0, 95, 5), *bundles[3])
    epoch = made.epoch([made.batch(0, bundles)])
    forged = execute(epoch, _Admitting(lambda rest, debit: True))
    rows = [r for r in forged.draft.rows["entries"] if r["account"] == 5]
    buy, paid = rows[0], next(r for r in rows if r["sell"] and r.get("credited"))
    rich, credited_at = 60 + paid["credit"], time(0, Phase.CREDIT, paid["number"])  # type: ignore[operator, arg-type]
    paid.update({"target.before": 0, "funds": 60})
    buy.update({"group.before": credited_at, "rest": rich, "balance": rich})
    cell = next(r for r in forged.draft.rows["cells"] if (r["account"], r["asset"]) == (5, 0) and r.get("balance"))
    cell["until"] = time(0, Phase.DEBIT, buy["number"])  # type: ignore[arg-type]
    return forged, public_messages(epoch, forged, execute(epoch))


# -- clause 5: the price and the fills


class _Priced(Rules):
    """Clears at a price of the liar's choice, with the fills that the rule gives at that price."""

    def __init__(self, price: Callable[[int | None], int | None], fills: Callable[[list[int]], list[int]] | None = None):
        self._price, self._fills = price, fills or (lambda fills: fills)

    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        honest = clear(market, reference, draw, orders)
        price = self._price(honest.price if honest.trade else None)
        shape = describe(market, reference, draw, orders, price, [0] * len(orders))
        fills = fills_at(shape, orders)
        return replace(shape, fills=tuple(self._fills(fills) if orders else fills))


def fills_at(auction: Auction, orders: Sequence[Order]) -> list[int]:
    """The rule's fills at the auction's pivot, for whatever lots and phase it claims."""
    fills, claim = [], 0
    ration_buys = not (auction.trade and auction.surplus < 0)
    for order in orders:
        edge = order.price - auction.pivot if order.buy else auction.pivot - order.price
        fill = order.quantity if auction.trade and edge >= 0 else 0
        if edge == 0 and order.buy == ration_buys:
            done = (claim * auction.lots + auction.phase) // auction.wanted
            claim += order.quantity
            fill = (claim * auction.lots + auction.phase) // auction.wanted - done
        fills.append(fill)
    return fills


@attack(5)
def price_one_tick_up() -> Forged:
    return lie(honest(), _Priced(lambda p: p and p + 1))


@attack(5)
def price_one_tick_down() -> Forged:
    return lie(honest(), _Priced(lambda p: p and p - 1))


@attack(5)
def price_at_the_top_of_the_band() -> Forged:
    return lie(honest(), _Priced(lambda p: p and 110))


@attack(5)
def price_at_the_bottom_of_the_band() -> Forged:
    return lie(honest(), _Priced(lambda p: p and 90))


@attack(5)
def no_trade_for_a_crossing_book() -> Forged:
    return lie(honest(), _Priced(lambda p: None))


@attack(5)
def trade_in_a_book_that_does_not_cross() -> Forged:
    return lie(honest([(Entry(Kind.BUY, 0, 95, 5),), (Entry(Kind.SELL, 0, 105, 5),)]), _Priced(lambda p: 100))


def _two(low: int, high: int, reference: int, buys: int = 5, sells: int = 5) -> EpochInput:
    """One buy at ``high`` and one sell at ``low``: every price between clears."""
    return honest([(Entry(Kind.BUY, 0, high, buys),), (Entry(Kind.SELL, 0, low, sells),)], references=(reference, 1010))


@attack(5)
def even_book_away_from_the_reference() -> Forged:
    return lie(_two(97, 103, 100), _Priced(lambda p: p and 101))


@attack(5)
def even_book_below_a_high_reference() -> Forged:
    return lie(_two(97, 103, 108), _Priced(lambda p: p and 102))


@attack(5)
def even_book_above_a_low_reference() -> Forged:
    return lie(_two(97, 103, 92), _Priced(lambda p: p and 98))


@attack(5)
def buy_pressure_not_at_the_highest_price() -> Forged:
    return lie(_two(97, 103, 100, buys=9), _Priced(lambda p: p and p - 1))


@attack(5)
def sell_pressure_not_at_the_lowest_price() -> Forged:
    return lie(_two(97, 103, 100, sells=9), _Priced(lambda p: p and p + 1))


def _tie(reference: int) -> EpochInput:
    """Equal volume and equal surplus at 100 (buys left) and at 101 (sells left): the reference decides."""
    bundles = [
        (Entry(Kind.BUY, 0, 101, 5),), (Entry(Kind.BUY, 0, 100, 3),),
        (Entry(Kind.SELL, 0, 100, 5),), (Entry(Kind.SELL, 0, 101, 3),),
    ]  # fmt: skip
    return honest(bundles, references=(reference, 1010))


@attack(5)
def tie_for_the_price_beyond_the_reference() -> Forged:
    return lie(_tie(99), _Priced(lambda p: 101))


@attack(5)
def tie_for_the_price_before_the_reference() -> Forged:
    return lie(_tie(105), _Priced(lambda p: 100))


@attack(5)
def reference_of_the_liars_choice() -> Forged:
    sealed = _two(97, 103, 100)
    return lie(replace(sealed, references=(102, 1010)), sealed=sealed)


def _filled(change: Callable[[list[int]], list[int]]) -> Forged:
    return lie(honest(), _Priced(lambda p: p, change))


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
    second.update(claim=sum(quantities), allotted=sum(fills), gained=fills[1])  # type: ignore[arg-type]
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


# -- clause 6: balances


@attack(6)
def seller_paid_one_unit_more() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    row = next(r for r in forged.draft.rows["entries"] if r["sell"] and r.get("credited"))
    row["credit"] += 1  # type: ignore[operator]
    return _rebuilt(epoch, forged, account=5, asset=0, extra=1)


@attack(6)
def buyer_debited_one_unit_less() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    row = next(r for r in forged.draft.rows["entries"] if r["buy"] and r["account"] == 2)
    row["balance"] += 1  # type: ignore[operator]
    return _rebuilt(epoch, forged, account=2, asset=0, extra=1)


@attack(6)
def proceeds_not_credited() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    row = next(r for r in forged.draft.rows["entries"] if r["buy"] and r.get("credited") and r["account"] == 3)
    gone = row["credit"]
    assert isinstance(gone, int)
    row["credited"] = 0
    return _rebuilt(epoch, forged, account=3, asset=1, extra=-gone)


def _rebuilt(epoch: EpochInput, forged: Execution, account: int, asset: int, extra: int) -> Forged:
    """The liar's balance in the cells, the node rows, the root and the public list: all recomputed."""
    from .scenario import rebuild_state

    rebuild_state(epoch, forged, {(account, asset): extra})
    return forged, public_messages(epoch, forged, execute(epoch))


class _MissFee(Rules):
    def __init__(self, charge: int) -> None:
        self._charge = charge

    def miss_charge(self, funds: int, miss_fee: int) -> int:
        return self._charge


def _missing(charged: bool = True, funds: int = 10_000) -> EpochInput:
    made = venue(balances={2: (funds, 0, 0)})
    batch = made.batch(0, book())
    return made.epoch([replace(batch, leaves=[made.missing(batch.leaves[0], charged), *batch.leaves[1:]])])


@attack(6)
def miss_fee_too_high() -> Forged:
    return lie(_missing(), _MissFee(51))


@attack(6)
def miss_fee_waived() -> Forged:
    return lie(_missing(), _MissFee(0))


@attack(6)
def miss_fee_above_the_balance() -> Forged:
    return lie(_missing(funds=20), _MissFee(50))


def _charged_otherwise(charged: bool) -> Forged:
    """The fee is taken or not, and the public list says the opposite."""
    forged = execute(_missing(charged=charged))
    messages = public_messages(_missing(), forged, forged)
    return forged, [(bus, (*f[:7], int(not charged), *f[8:])) if f[0] == 7 else (bus, f) for bus, f in messages]


@attack(6)
def uncharged_leaf_charged() -> Forged:
    return _charged_otherwise(True)


@attack(6)
def charged_leaf_not_charged() -> Forged:
    return _charged_otherwise(False)


@attack(6)
def revealed_leaf_charged() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    row = forged.draft.rows["bundles"][0]
    row["charged"] = 1
    return forged, public_messages(epoch, forged, forged)


@attack(6)
def miss_fee_not_paid_to_the_insurance() -> Forged:
    epoch = _missing()
    forged = execute(epoch)
    from .scenario import rebuild_state

    rebuild_state(epoch, forged, {(1, 0): -50})
    return forged, public_messages(epoch, forged, execute(epoch))


# -- clauses 7 and 8: the state and what is listed


@attack(7)
def untouched_leaf_changed() -> Forged:
    from .scenario import rebuild_state

    epoch = honest()
    forged = execute(epoch)
    rebuild_state(epoch, forged, {(9, 0): 1_000_000})
    return forged, public_messages(epoch, forged, execute(epoch))


@attack(7)
def stale_root() -> Forged:
    """The epoch runs on a state in which account 2 is rich; L1 knows another root."""
    rich, poor = venue(balances={2: (10**9, 0, 0)}), venue(balances={2: (100, 0, 0)})
    sealed = poor.epoch([poor.batch(0, book())])
    return lie(rich.epoch([rich.batch(0, book())]), sealed=sealed)


@attack(7)
def new_root_of_the_liars_choice() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    forged.new_root = (1, 2, 3, 4)
    return forged, public_messages(epoch, forged, execute(epoch))


@attack(7)
def read_of_an_older_balance() -> Forged:
    """Two batches; the second spends the balance from before the first."""
    made = venue(balances={2: (4080, 0, 0)})
    bundles = book()
    epoch = made.epoch([made.batch(0, bundles), made.batch(1, bundles[:1])])
    forged = execute(epoch, _Admitting(lambda rest, debit: True))
    row = next(r for r in forged.draft.rows["entries"] if r["batch"] == 1 and r["account"] == 2)
    row["group.before"], row["rest"] = 0, 4080
    return forged, public_messages(epoch, forged, execute(epoch))


@attack(8)
def changed_balance_not_listed() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    return forged, [m for m in public_messages(epoch, forged, forged) if m[1][:3] != (8, 2, 0)]


@attack(8)
def unchanged_balance_listed() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    return forged, [*public_messages(epoch, forged, forged), (3, (8, 9, 0, 10_000) + (0,) * 9)]


@attack(8)
def balance_listed_with_another_value() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    return forged, [
        (bus, (*f[:3], f[3] + 1, *f[4:])) if f[:3] == (8, 2, 0) else (bus, f)
        for bus, f in public_messages(epoch, forged, forged)
    ]


@attack(8)
def withdrawal_counted_twice() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    return forged, [
        (bus, (*f[:3], 2 * f[3], *f[4:])) if f[0] == 9 else (bus, f) for bus, f in public_messages(epoch, forged, forged)
    ]


@attack(8)
def withdrawal_not_listed() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    return forged, [m for m in public_messages(epoch, forged, forged) if m[1][0] != 9]


@attack(8)
def withdrawal_that_was_not_admitted() -> Forged:
    return lie(honest(balances={6: (60, 0, 0)}), _Admitting(lambda rest, debit: True))



# -- attacks on single asserts: each of these would pass if one constraint were missing


def _recompute(forged: Execution, level: int, index: int) -> None:
    """Recompute the state's new hashes from the parent of (level, index) up to the root."""
    rows = {(r["level"], r["index"]): r for r in forged.draft.rows["nodes"] if r["tree"] == 0}
    while level:
        child = rows[(level, index)]["new"]
        level, side, index = level - 1, index & 1, index >> 1
        row = rows[(level, index)]
        row["new_right" if side else "new_left"] = child
        row["new"] = compress_all([row["new_left"]], [row["new_right"]])[0]  # type: ignore[list-item]
        row["same"] = 0
    forged.new_root = rows[(0, 0)]["new"]  # type: ignore[assignment]


@attack(7)
def untouched_child_changed() -> Forged:
    """An account's balance appears in the new tree without any slot being touched."""
    epoch = honest()
    forged = execute(epoch)
    rows = [r for r in forged.draft.rows["nodes"] if r["tree"] == 0 and r["level"] == 23]
    row = next(r for r in rows if r["left"] and not r["right"])
    row["new_right"] = (1_000_000, 0, 0, 0)
    row["new"] = compress_all([row["new_left"]], [row["new_right"]])[0]  # type: ignore[list-item]
    row["same"] = 0
    _recompute(forged, 23, row["index"])  # type: ignore[arg-type]
    return forged, public_messages(epoch, forged, execute(epoch))


@attack(7)
def change_hidden_by_a_node_that_stays() -> Forged:
    """A node claims that nothing changes below it, though a balance does."""
    epoch = honest()
    forged = execute(epoch)
    rows = [r for r in forged.draft.rows["nodes"] if r["tree"] == 0 and r["level"] == 23]
    row = next(r for r in rows if r["old"] != r["new"])
    row["new"], row["same"] = row["old"], 1
    _recompute(forged, 23, row["index"])  # type: ignore[arg-type]
    return forged, public_messages(epoch, forged, execute(epoch))


@attack(2)
def false_compression_served_by_padding() -> Forged:
    """Another bundle is opened than was sealed; a padding row of the node table takes the false hash upon itself."""
    made = venue()
    sealed = made.epoch([made.batch(0, book())])
    other = [(Entry(Kind.BUY, 0, 110, 40),), *book()[1:]]
    forged = execute(replace(sealed, batches=[_with_entries(sealed.batches[0], other)]))
    true = execute(sealed)
    lied, told = forged.draft.rows["bundles"][0], true.draft.rows["bundles"][0]
    lied.update(commitment=told["commitment"], leaf=told["leaf"])
    forged.draft.rows["nodes"] = [r for r in forged.draft.rows["nodes"] if r["tree"] != 1] + [
        r for r in true.draft.rows["nodes"] if r["tree"] == 1
    ]
    forged.roots = true.roots
    half = {"left": lied["body"], "right": lied["secret"]}
    forged.draft.add(
        "nodes", same=1, old=told["commitment"], new=told["commitment"],
        old_left=half["left"], new_left=half["left"], old_right=half["right"], new_right=half["right"],
    )  # fmt: skip
    return forged, public_messages(sealed, forged, true)


def _with_entries(batch: BatchInput, bundles: Sequence[Sequence[Entry]]) -> BatchInput:
    leaves = [
        replace(leaf, entries=tuple(entries)) if isinstance(leaf, OpenedLeaf) else leaf
        for leaf, entries in zip(batch.leaves, bundles, strict=True)
    ]
    return replace(batch, leaves=leaves)


class _Without(Rules):
    """Clears as if the auction's first order were not there."""

    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        cleared = clear(market, reference, draw, orders[1:])
        return replace(cleared, fills=(0, *cleared.fills)) if orders else cleared


@attack(5)
def admitted_order_left_out_of_its_auction() -> Forged:
    epoch = honest()
    forged = execute(epoch, _Without())
    rows = forged.draft.rows["orders"]
    gone = rows.pop(0)
    if gone["at"]:
        for row in rows:
            if row["auction"] == gone["auction"]:
                row["claim"] -= gone["claim"]  # type: ignore[operator]
                row["sum.buy_at"] -= gone["sum.buy_at"]  # type: ignore[operator]
    return forged, public_messages(epoch, forged, forged)


@attack(5)
def auction_said_to_have_no_orders() -> Forged:
    epoch = honest()
    forged = execute(epoch, _Priced(lambda p: None))
    row = next(r for r in forged.draft.rows["markets"] if r["market"] == 0)
    row.update(present=0, buy_better=0, buy_at=0, sell_better=0, sell_at=0, beyond=0, phase=0, pivot=100)
    forged.draft.rows["orders"] = [r for r in forged.draft.rows["orders"] if r["auction"]]
    return forged, public_messages(epoch, forged, forged)


@attack(8)
def withdrawal_of_another_account() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    next(r for r in forged.draft.rows["cells"] if r.get("withdrawal"))["account"] = 7
    forged.withdrawals = [(7, *forged.withdrawals[0][1:])]
    return forged, public_messages(epoch, forged, forged)


@attack(8)
def withdrawal_of_another_asset() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    next(r for r in forged.draft.rows["cells"] if r.get("withdrawal"))["asset"] = 1
    forged.withdrawals = [(6, 1, forged.withdrawals[0][2])]
    return forged, public_messages(epoch, forged, forged)


@attack(6)
def balance_of_63_bits() -> Forged:
    made = venue()
    return lie(made.epoch([made.batch(0, [], queue=[made.deposit(2, 1, 2**62)])]))


@attack(4)
def exact_cover_denied() -> Forged:
    made = venue(balances={5: (50, 1000, 0)})
    return lie(made.epoch([made.batch(0, book())]), _CoveringOnly(51))


@attack(4)
def cover_one_unit_short_granted() -> Forged:
    made = venue(balances={5: (49, 1000, 0)})
    return lie(made.epoch([made.batch(0, book())]), _CoveringOnly(49))


class _CoveringOnly(Rules):
    def __init__(self, enough: int) -> None:
        self._enough = enough

    def covers(self, funds: int, miss_fee: int) -> bool:
        return funds >= self._enough


@attack(2)
def batch_in_two_groups() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    rows = forged.draft.rows["bundles"]
    rows[1]["last"] = 1
    for row in rows[2:]:
        row["position"] -= 2  # type: ignore[operator]
    return forged, public_messages(epoch, forged, forged)


@attack(1)
def key_taken_for_a_deposit() -> Forged:
    def change(queue: list) -> list:  # type: ignore[type-arg]
        return [queue[0], replace(queue[1], kind=QueueKind.DEPOSIT, value=(queue[1].value[0], 0, 0, 0)), queue[2]]

    return _queue(change)


@attack(1)
def entries_in_another_order() -> Forged:
    """A rekey and the key before it, exchanged: the account keeps its old keys."""
    made = venue()
    queue = [made.key(20), made.key(20)]
    sealed = made.epoch([made.batch(0, book(), queue=queue)])
    turned = replace(sealed.batches[0], queue=queue[::-1])
    return lie(replace(sealed, batches=[turned]), sealed=sealed)


def _limbs() -> tuple[int, dict[str, int]]:
    program = clearing_program()
    index = program.matrix_of("limbs")
    names = program.matrices[index].columns
    return index, {name.removeprefix("limbs."): i for i, name in enumerate(names)}


def _all_limbs_of_a_small_value(traces: Traces) -> None:
    """Write the limbs of minus one, all six of them, into a row that claims a small value."""
    index, place = _limbs()
    trace, digits = traces[index], [(MODULUS - 1) >> (12 * i) & 4095 for i in range(6)]
    row = next(r for r in range(len(trace)) if [int(trace[r, place[f"limb{i}"]]) for i in range(3)] == digits[:3])
    for i in range(3, 6):
        trace[row, place[f"limb{i}"]] = digits[i]
        trace[0, place["counter.multiplicity"]] -= np.uint64(1)
        trace[digits[i], place["counter.multiplicity"]] += np.uint64(1)


@attack(4, tamper=_all_limbs_of_a_small_value)
def minus_one_passed_off_as_small() -> Forged:
    return _entries([Entry(Kind.BUY, 0, 89, 5)])


def _counter_that_jumps(traces: Traces) -> None:
    """One limb of five digits holds all of the value, and the counter jumps to it for one row."""
    index, place = _limbs()
    trace = traces[index]
    minus_one = MODULUS - 1
    digits = [minus_one >> (12 * i) & 4095 for i in range(3)]
    row = next(r for r in range(len(trace)) if [int(trace[r, place[f"limb{i}"]]) for i in range(3)] == digits)
    for i in range(3):
        trace[digits[i], place["counter.multiplicity"]] -= np.uint64(1)
        trace[row, place[f"limb{i}"]] = minus_one if i == 0 else 0
    trace[0, place["counter.multiplicity"]] += np.uint64(2)
    last = len(trace) - 2
    trace[last, place["counter"]] = minus_one
    trace[last, place["counter.multiplicity"]] = 1


@attack(4, tamper=_counter_that_jumps)
def minus_one_as_a_single_limb() -> Forged:
    return _entries([Entry(Kind.BUY, 0, 89, 5)])
