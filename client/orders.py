"""Orders and withdrawals as callers write them, and the bundle of sorted integer entries that they become.

A bundle (``docs/protocol.md`` section 7) has 1 to 64 entries in the order (debited asset, market, kind);
admission looks at them in that order, so among entries that debit the same asset, earlier ones come first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from commitments.types import AMOUNT_LIMIT, MAX_ENTRIES, QUANTITY_CAP
from matching.admission import BundleEntry, EntryKind, admit, entry_debit
from matching.errors import MatchingError
from orderbook.wire import Entry

from .errors import CapExceededError, InputError, InsufficientBalanceError
from .venue import Market, Number, Venue, number

__all__ = ["Bundle", "Entry", "Instruction", "Order", "Side", "Withdrawal", "buy", "sell", "withdrawal"]


MAX_NAME: Final = 64
"""Longest ``client_order_id``."""


class Side(Enum):
    """Buy or sell; the values are the entry kinds."""

    BUY = 2
    SELL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Buy or sell up to ``quantity`` at ``price`` or better, for one batch.

    Integers are lots and ticks, strings and Decimals tokens. Without ``price``, ``slippage`` (a fraction such
    as ``"0.01"``) sets the limit around the reference price: a market order. ``client_order_id`` names the order: a
    repetition with the same name is the same order, also after a crash.
    """

    side: Side
    market: int | str
    quantity: Number
    price: Number | None = None
    slippage: str | None = None
    client_order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Take ``amount`` of an asset out; claimable on L1 once the batch is settled."""

    asset: int | str
    amount: Number
    client_order_id: str | None = None


Instruction: TypeAlias = Order | Withdrawal


def buy(
    market: int | str,
    quantity: Number,
    price: Number | None = None,
    *,
    slippage: str | None = None,
    client_order_id: str | None = None,
) -> Order:
    """A buy order; see :class:`Order`."""
    return _order(Side.BUY, market, quantity, price, slippage, client_order_id)


def sell(
    market: int | str,
    quantity: Number,
    price: Number | None = None,
    *,
    slippage: str | None = None,
    client_order_id: str | None = None,
) -> Order:
    """A sell order; see :class:`Order`."""
    return _order(Side.SELL, market, quantity, price, slippage, client_order_id)


def _order(
    side: Side, market: int | str, quantity: Number, price: Number | None, slippage: str | None, name: str | None
) -> Order:
    return Order(side=side, market=market, quantity=quantity, price=price, slippage=slippage, client_order_id=name)


def withdrawal(asset: int | str, amount: Number, *, client_order_id: str | None = None) -> Withdrawal:
    """A withdrawal; see :class:`Withdrawal`."""
    return Withdrawal(asset=asset, amount=amount, client_order_id=client_order_id)


def demand_orders(orders: object) -> None:
    """What callers give as orders is a list of them.

    :raises InputError: ``no_orders``.
    """
    if isinstance(orders, str) or not isinstance(orders, Sequence):
        raise InputError(
            f"orders: a {type(orders).__name__} is no list of orders",
            code="no_orders",
            field="orders",
            advice='write [buy("ETH/USD", "1", "2000")], in brackets, also for one',
        )
    for index, item in enumerate(orders):
        if not isinstance(item, Order | Withdrawal):
            raise InputError(
                f"orders[{index}]: a {type(item).__name__} is no order",
                code="no_orders",
                field=f"orders[{index}]",
                advice="make orders with buy(), sell() and withdrawal()",
            )


@dataclass(frozen=True, slots=True)
class Bundle:
    """Sorted entries; ``places[i]`` is the position of instruction i among them."""

    instructions: tuple[Instruction, ...]
    entries: tuple[Entry, ...]
    places: tuple[int, ...]

    def __repr__(self) -> str:
        return f"Bundle({len(self.entries)} entries)"

    @classmethod
    def of(cls, venue: Venue, instructions: Sequence[Instruction]) -> Bundle:
        """Convert, check and sort.

        :raises InputError: naming the field, e.g. ``orders[3].price``.
        """
        if not instructions:
            raise InputError("a commitment needs at least one entry", code="no_entries", field="orders")
        if len(instructions) > MAX_ENTRIES:
            raise CapExceededError(f"{len(instructions)} entries, at most {MAX_ENTRIES}", field="orders")
        _check_names(instructions)
        entries = [_entry(venue, item, f"orders[{i}]") for i, item in enumerate(instructions)]
        _check_caps(venue, entries)
        order = sorted(range(len(entries)), key=lambda i: _sort_key(venue, entries[i]))
        places = [0] * len(entries)
        for position, index in enumerate(order):
            places[index] = position
        return cls(tuple(instructions), tuple(entries[i] for i in order), tuple(places))

    def debits(self, venue: Venue) -> Mapping[int, int]:
        """The most that each asset can be debited, in units."""
        totals: dict[int, int] = {}
        fees = _fees(venue)
        for entry in self.entries:
            item = _admissible(venue, entry)
            totals[item.asset] = totals.get(item.asset, 0) + entry_debit(item, fees)
        return totals

    def check_funds(self, venue: Venue, balances: Mapping[int, int]) -> None:
        """Compare with balances in units by asset, as admission will.

        :raises InsufficientBalanceError: for the first entry that does not fit.
        """
        items = [_admissible(venue, entry) for entry in self.entries]
        known = {item.asset: balances.get(item.asset, 0) for item in items}
        verdicts = admit(items, known, _fees(venue), covered=True).verdicts
        for position, verdict in enumerate(verdicts):
            if verdict.admitted:
                continue
            index, asset = self.places.index(position), venue.asset(items[position].asset)
            debit = entry_debit(items[position], _fees(venue))
            left = known[asset.index] - sum(
                v.debit for v, item in zip(verdicts[:position], items, strict=False) if item.asset == asset.index
            )
            raise InsufficientBalanceError(
                f"orders[{index}] debits up to {asset.tokens(debit)} {asset.symbol} and {asset.tokens(left)} are left",
                field=f"orders[{index}]",
            )


def entry_of(venue: Venue, item: Instruction, field: str) -> Entry:
    """One instruction as an entry; ``field`` is its name in errors.

    :raises InputError: it is not possible.
    """
    return _entry(venue, item, field)


def debit_of(venue: Venue, entry: Entry) -> int:
    """The most that an entry can debit, in units of :func:`debited_asset`."""
    return entry_debit(_admissible(venue, entry), _fees(venue))


def debited_asset(venue: Venue, entry: Entry) -> int:
    """The asset that an entry takes from: a buy the quote, a sell the base, a withdrawal its own."""
    if entry.kind == EntryKind.WITHDRAWAL:
        return entry.market
    market = venue.markets[entry.market]
    return market.quote.index if entry.kind == EntryKind.BUY else market.base.index


def _sort_key(venue: Venue, entry: Entry) -> tuple[int, int, int]:
    market = 0 if entry.kind == EntryKind.WITHDRAWAL else entry.market
    return (debited_asset(venue, entry), market, entry.kind)


def _entry(venue: Venue, item: Instruction, field: str) -> Entry:
    if isinstance(item, Withdrawal):
        asset = venue.asset(item.asset, f"{field}.asset")
        amount = asset.units(item.amount, f"{field}.amount")
        if not 0 < amount < AMOUNT_LIMIT:
            raise InputError(f"{field}.amount: {amount} units are not in [1, 2^62)", field=f"{field}.amount")
        return Entry(EntryKind.WITHDRAWAL.value, asset.index, 0, amount)
    market = venue.market(item.market, f"{field}.market")
    lots = market.lots(item.quantity, f"{field}.quantity")
    if lots <= 0:
        raise InputError(f"{field}.quantity: {item.quantity} is not above zero", field=f"{field}.quantity")
    if lots > QUANTITY_CAP:
        most = f"{market.quantity(QUANTITY_CAP)} {market.base.symbol} ({QUANTITY_CAP} lots)"
        raise CapExceededError(
            f"{field}.quantity: at most {most} per market, side and batch", field=f"{field}.quantity"
        )
    entry = Entry(item.side.value, market.index, _limit(market, item, field), lots)
    try:
        entry_debit(_admissible(venue, entry), _fees(venue))
    except MatchingError as error:
        raise InputError(f"{field}: {error}", field=field) from None
    return entry


def _limit(market: Market, order: Order, field: str) -> int:
    if (order.price is None) == (order.slippage is None):
        raise InputError(f"{field}: give either a price or a slippage", code="no_price", field=f"{field}.price")
    if order.price is not None:
        return market.ticks(order.price, f"{field}.price")
    slippage = number(order.slippage, f"{field}.slippage")
    if not 0 <= slippage < 1:
        raise InputError(f"{field}.slippage: {slippage} is not a fraction below 1", field=f"{field}.slippage")
    span = int(slippage * market.reference)
    ticks = market.reference + span if order.side is Side.BUY else market.reference - span
    return min(max(ticks, market.lower), market.upper)


def _check_names(instructions: Sequence[Instruction]) -> None:
    seen: set[str] = set()
    for index, item in enumerate(instructions):
        name, field = item.client_order_id, f"orders[{index}].client_order_id"
        if name is None:
            continue
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise InputError(
                f"{field}: not a string of 1 to {MAX_NAME} printable characters",
                code="bad_client_order_id",
                field=field,
            )
        if name in seen:
            raise InputError(f"{field}: {name!r} is given twice", code="client_order_id_twice", field=field)
        seen.add(name)


def _check_caps(venue: Venue, entries: Sequence[Entry]) -> None:
    totals: dict[tuple[int, int], int] = {}
    for index, entry in enumerate(entries):
        if entry.kind == EntryKind.WITHDRAWAL:
            continue
        side = (entry.market, entry.kind)
        totals[side] = totals.get(side, 0) + entry.quantity
        if totals[side] > QUANTITY_CAP:
            market = venue.markets[entry.market]
            most = f"{market.quantity(QUANTITY_CAP)} {market.base.symbol} ({QUANTITY_CAP} lots)"
            raise CapExceededError(
                f"orders[{index}]: with the orders before it more than {most} on one side of {market.symbol}",
                field=f"orders[{index}].quantity",
            )


def _admissible(venue: Venue, entry: Entry) -> BundleEntry:
    kind = EntryKind(entry.kind)
    market = 0 if kind is EntryKind.WITHDRAWAL else entry.market
    return BundleEntry(kind, debited_asset(venue, entry), market, entry.price, entry.quantity)


def _fees(venue: Venue) -> dict[int, int]:
    return {market.index: market.fee_ppm for market in venue.markets}
