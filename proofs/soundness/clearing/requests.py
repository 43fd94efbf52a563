"""Attacks on clauses 1 to 4: the queue, the leaves, authorisation, entries and admission."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from commitments.bundle import Entry, Kind
from proofs.expression import MODULUS
from proofs.statement.buses import Phase
from proofs.statement.witness.execute import MarketResult, execute
from proofs.statement.witness.inputs import Market, OpenedLeaf
from proofs.statement.witness.memory import time
from proofs.statement.witness.rules import Rules

from .core import (
    Admitting,
    Forged,
    attack,
    book,
    honest,
    lie,
    malformed,
    queued,
    relabelled,
    venue,
)
from .scenario import Venue, public_messages

# -- clause 1: the queue


@attack(1)
def deposit_skipped() -> Forged:
    return queued(lambda queue: queue[1:])


@attack(1)
def deposit_repeated() -> Forged:
    return queued(lambda queue: [*queue, queue[0]])


@attack(1)
def deposit_of_another_amount() -> Forged:
    return queued(lambda queue: [replace(queue[0], value=(501, 0, 0, 0)), *queue[1:]])


@attack(1)
def deposit_to_another_account() -> Forged:
    return queued(lambda queue: [replace(queue[0], account=3), *queue[1:]])


@attack(1)
def deposit_of_another_asset() -> Forged:
    return queued(lambda queue: [replace(queue[0], asset=1), *queue[1:]])


@attack(1)
def key_replaced() -> Forged:
    return queued(lambda queue: [queue[0], replace(queue[1], value=(1, 2, 3, 4)), queue[2]])


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


@attack(2)
def leaf_left_out() -> Forged:
    return relabelled(lambda leaves: leaves[1:])


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


@attack(2)
def batch_skipped() -> Forged:
    """The first of two batches is proven as if nothing had been sealed in it."""
    made = venue()
    sealed = made.epoch([made.batch(0, book()), made.batch(1, book()[:2])])
    empty = replace(sealed.batches[0], leaves=[])
    forged = execute(replace(sealed, batches=[empty, sealed.batches[1]]))
    forged.results[0] = tuple(MarketResult(price, price, 0) for price in sealed.references)
    return forged, public_messages(sealed, forged, execute(sealed))


@attack(2)
def batch_numbers_that_start_one_later() -> Forged:
    """The batch is proven under the next number: its keys are those of a batch that L1 has not reached."""
    made = venue()
    sealed = made.epoch([made.batch(0, book())])
    later = replace(sealed, first_batch=sealed.first_batch + 1, batches=[made.batch(1, book())])
    return lie(later, sealed=sealed)


# -- clause 3: authorisation


@attack(3)
def secret_that_is_not_the_accounts() -> Forged:
    sealed = honest()
    return relabelled(lambda leaves: [replace(leaves[0], secret=(1, 2, 3, 4)), *leaves[1:]], sealed)


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
    assert isinstance(first, OpenedLeaf)
    assert isinstance(other, OpenedLeaf)
    leaf = replace(first, secret=other.secret, key_path=other.key_path)
    return lie(made.epoch([replace(batch, leaves=[leaf, *batch.leaves[1:]])]))


# -- clause 4: entries, cover and admission


@attack(4)
def quantity_zero() -> Forged:
    return malformed([Entry(Kind.BUY, 0, 101, 0)])


@attack(4)
def quantity_above_the_cap() -> Forged:
    return malformed([Entry(Kind.SELL, 0, 101, 8_388_608)], balances={2: (10**9, 10**9, 0)})


@attack(4)
def quantities_together_above_the_cap() -> Forged:
    entries = [Entry(Kind.SELL, 0, 101, 8_388_000), Entry(Kind.SELL, 0, 102, 700)]
    return malformed(entries, balances={2: (10**9, 10**9, 0)})


@attack(4)
def negative_quantity() -> Forged:
    return malformed([Entry(Kind.SELL, 0, 101, -5 % MODULUS)])


@attack(4)
def price_below_the_band() -> Forged:
    return malformed([Entry(Kind.BUY, 0, 89, 5)])


@attack(4)
def price_above_the_band() -> Forged:
    return malformed([Entry(Kind.SELL, 0, 111, 5)])


@attack(4)
def negative_price() -> Forged:
    return malformed([Entry(Kind.BUY, 0, -5 % MODULUS, 5)])


@attack(4)
def negative_withdrawal() -> Forged:
    return malformed([Entry(Kind.WITHDRAWAL, 0, 0, -1000 % MODULUS)])


@attack(4)
def withdrawal_of_zero() -> Forged:
    return malformed([Entry(Kind.WITHDRAWAL, 0, 0, 0)])


@attack(4)
def withdrawal_of_62_bits_and_one() -> Forged:
    return malformed([Entry(Kind.WITHDRAWAL, 0, 0, 2**62)])


@attack(4)
def withdrawal_of_an_asset_out_of_range() -> Forged:
    epoch = honest([[Entry(Kind.WITHDRAWAL, 14, 0, 5)], *book()[1:]])
    epoch.tree.set({16 * 2 + 16: (100, 0, 0, 0)})  # type: ignore[attr-defined]
    forged = execute(epoch, Admitting(lambda rest, debit: False))
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
    return malformed([Entry(Kind.SELL, 0, 101, 5), Entry(Kind.BUY, 0, 101, 5)])


@attack(4)
def one_asset_in_two_groups() -> Forged:
    """So that the second group would see the balance without what the first admitted."""
    buy, sell = Entry(Kind.BUY, 0, 100, 6), Entry(Kind.SELL, 0, 105, 1)
    return malformed([buy, sell, buy], balances={2: (1000, 50, 0)})


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
    return malformed([Entry(Kind.BUY, 0, 95, 1) for _ in range(65)])


@attack(4)
def admitted_though_it_does_not_fit() -> Forged:
    return lie(honest(balances={2: (100, 0, 0)}), Admitting(lambda rest, debit: True))


@attack(4)
def admitted_though_one_unit_short() -> Forged:
    """101 + fee 1 = 102 a lot, 40 lots: 4080."""
    return lie(honest(balances={2: (4079, 0, 0)}), Admitting(lambda rest, debit: debit <= rest + 1))


@attack(4)
def dropped_though_it_fits() -> Forged:
    return lie(honest(), Admitting(lambda rest, debit: rest >= debit and debit != 4080))


@attack(4)
def dropped_though_it_fits_exactly() -> Forged:
    return lie(honest(balances={2: (4080, 0, 0)}), Admitting(lambda rest, debit: rest > debit))


@attack(4)
def debits_that_wrap_across_markets() -> Forged:
    """Two buys in two markets, each within the balance; together they leave less than nothing."""
    bundle = (Entry(Kind.BUY, 0, 101, 40), Entry(Kind.BUY, 1, 1010, 5))
    return lie(honest([bundle, *book()[1:]], balances={2: (6000, 0, 0)}), Admitting(lambda rest, debit: True))


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
    forged = execute(epoch, Admitting(lambda rest, debit: True))
    rows = [r for r in forged.draft.rows["entries"] if r["account"] == 5]
    buy, paid = rows[0], next(r for r in rows if r["sell"] and r.get("credited"))
    rich, credited_at = 60 + paid["credit"], time(0, Phase.CREDIT, paid["number"])
    paid.update({"target.before": 0, "funds": 60})
    buy.update({"group.before": credited_at, "rest": rich, "balance": rich})
    cell = next(r for r in forged.draft.rows["cells"] if (r["account"], r["asset"]) == (5, 0) and r.get("balance"))
    cell["until"] = time(0, Phase.DEBIT, buy["number"])
    return forged, public_messages(epoch, forged, execute(epoch))
