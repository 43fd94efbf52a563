"""Bundles: what an account wants in one batch, and the commitment to it (``docs/protocol.md`` sections 4 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from .errors import BundleError
from .hashing import compress
from .merkle import MerkleTree
from .types import (
    AMOUNT_LIMIT,
    ASSETS,
    COMMITMENT_DEPTH,
    FIRST_ACCOUNT,
    MAX_COUNT,
    MAX_ENTRIES,
    QUANTITY_CAP,
    Digest,
    Salt,
)


class Kind(IntEnum):
    """Kind of an entry, as it is hashed."""

    WITHDRAWAL = 1
    BUY = 2
    SELL = 3


class MarketBand(Protocol):
    """What an entry is checked against: asset numbers and price band of its market."""

    @property
    def base(self) -> int: ...
    @property
    def quote(self) -> int: ...
    @property
    def lower(self) -> int: ...
    @property
    def upper(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. Of a withdrawal, ``market`` is the asset, ``price`` is 0 and ``quantity`` the amount in units."""

    kind: Kind
    market: int
    price: int
    quantity: int

    @property
    def code(self) -> int:
        """First element of the entry's encoding; the second is the quantity."""
        return self.kind + (self.market << 8) + (self.price << 16)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Entries and the salt that hides them."""

    entries: tuple[Entry, ...] = field(repr=False)
    salt: Salt = field(repr=False)


def sort_key(entry: Entry, markets: Sequence[MarketBand]) -> tuple[int, int, int]:
    """(debited asset, market, kind): entries stand in this order; a withdrawal's market counts as 0."""
    if entry.kind is Kind.WITHDRAWAL:
        return (entry.market, 0, int(entry.kind))
    market = markets[entry.market]
    return (market.quote if entry.kind is Kind.BUY else market.base, entry.market, int(entry.kind))


def check_entries(entries: Sequence[Entry], markets: Sequence[MarketBand], assets: int = ASSETS) -> None:
    """Raise :class:`BundleError` for the first rule that the entries break, naming the entry and the field."""
    if not 1 <= len(entries) <= MAX_ENTRIES:
        raise BundleError("entries", f"{len(entries)} of them, not 1 to {MAX_ENTRIES}")
    before = (-1, -1, -1)
    totals: dict[tuple[int, Kind], int] = {}
    for index, entry in enumerate(entries):
        where = f"entries[{index}]"
        _check_entry(where, entry, markets, assets)
        key = sort_key(entry, markets)
        if key < before:
            raise BundleError(where, "not in the order (debited asset, market, kind)")
        before = key
        if entry.kind is not Kind.WITHDRAWAL:
            side = (entry.market, entry.kind)
            totals[side] = totals.get(side, 0) + entry.quantity
            if totals[side] > QUANTITY_CAP:
                raise BundleError(f"{where}.quantity", f"more than {QUANTITY_CAP} lots on one side of a market")


def _check_entry(where: str, entry: Entry, markets: Sequence[MarketBand], assets: int) -> None:
    if entry.kind is Kind.WITHDRAWAL:
        if not 0 <= entry.market < min(assets, ASSETS):
            raise BundleError(f"{where}.market", f"there is no asset {entry.market}")
        if entry.price != 0:
            raise BundleError(f"{where}.price", "a withdrawal has price 0")
        if not 0 < entry.quantity < AMOUNT_LIMIT:
            raise BundleError(f"{where}.quantity", "an amount is in [1, 2^62)")
        return
    if not 0 <= entry.market < len(markets):
        raise BundleError(f"{where}.market", f"there is no market {entry.market}")
    market = markets[entry.market]
    if not market.lower <= entry.price <= market.upper:
        raise BundleError(f"{where}.price", f"{entry.price} is not in the band {market.lower} to {market.upper}")
    if not 0 < entry.quantity <= QUANTITY_CAP:
        raise BundleError(f"{where}.quantity", f"{entry.quantity} is not in 1 to {QUANTITY_CAP}")


def bundle_hash(venue: int, batch: int, account: int, bundle: Bundle) -> Digest:
    """Header and entries, two by two, the last pair padded with zeros."""
    entries = bundle.entries
    running = compress((2, venue, batch, account), (len(entries), *bundle.salt))
    for index in range(0, len(entries), 2):
        first = entries[index]
        second = (entries[index + 1].code, entries[index + 1].quantity) if index + 1 < len(entries) else (0, 0)
        running = compress(running, (first.code, first.quantity, *second))
    return running


def commitment(venue: int, batch: int, account: int, bundle: Bundle, secret: Digest) -> Digest:
    """What is committed: the bundle bound to the batch's one-time secret."""
    return compress(bundle_hash(venue, batch, account, bundle), secret)


def commitment_leaf(venue: int, batch: int, account: int, committed: Digest) -> Digest:
    """The leaf of the batch's tree."""
    return compress(committed, (3, venue, batch, account))


def commitment_tree(venue: int, batch: int, committed: Sequence[tuple[int, Digest]]) -> MerkleTree:
    """The tree of a batch over (account, commitment), accounts strictly increasing, zero leaves after the last."""
    if len(committed) > MAX_COUNT:
        raise BundleError("count", f"{len(committed)} commitments, at most {MAX_COUNT}")
    before = FIRST_ACCOUNT - 1
    for account, _ in committed:
        if account <= before:
            raise BundleError("account", f"{account} does not rise above {before}")
        before = account
    tree = MerkleTree(COMMITMENT_DEPTH)
    if committed:
        tree.set({i: commitment_leaf(venue, batch, a, c) for i, (a, c) in enumerate(committed)})
    return tree
