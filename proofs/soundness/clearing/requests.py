"""Attacks on clauses 1 to 3: the queue, the leaves, authorisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from commitments.bundle import Entry, Kind
from proofs.statement.witness.execute import MarketResult, execute
from proofs.statement.witness.inputs import OpenedLeaf

from .core import (
    Forged,
    attack,
    book,
    honest,
    lie,
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
