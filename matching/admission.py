"""Admission of the entries of one bundle (docs/protocol.md section 8, "Admission")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from matching.errors import LimitError, QuantityError
from matching.fees import fee_per_lot
from matching.types import TOTAL_LIMIT, Lots, Ticks

__all__ = ["BALANCE_LIMIT", "Admission", "BundleEntry", "EntryKind", "Verdict", "admit", "entry_debit"]

BALANCE_LIMIT = 2**62
"""Balances, debits and withdrawals are below this, in units."""


class EntryKind(IntEnum):
    """The entry kinds of docs/protocol.md section 4."""

    WITHDRAWAL = 1
    BUY = 2
    SELL = 3


@dataclass(frozen=True, slots=True)
class BundleEntry:
    """One entry with the asset that it debits (buy: quote, sell: base, withdrawal: its asset).

    `quantity` is in lots, or in units of the asset for a withdrawal, whose market and price are 0.
    """

    kind: EntryKind
    asset: int
    market: int
    price: Ticks
    quantity: Lots


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an entry is admitted, and the debit that was taken from the rest (0 if it was dropped)."""

    admitted: bool
    debit: int


@dataclass(frozen=True, slots=True)
class Admission:
    """One verdict per entry, and what remains of each balance that was given, before any proceeds."""

    verdicts: tuple[Verdict, ...]
    rest: Mapping[int, int]


def entry_debit(entry: BundleEntry, fee_ppm: Mapping[int, int]) -> int:
    """The units that an entry debits at most; `fee_ppm` by market.

    Raises LimitError for an unknown market or numbers out of range; those entries are malformed, so that
    their bundle never gets as far as admission.
    """
    limit = BALANCE_LIMIT if entry.kind is EntryKind.WITHDRAWAL else TOTAL_LIMIT
    if not 0 < entry.quantity < limit:
        raise QuantityError("quantity", f"{entry.quantity} is not in [1, 2^{limit.bit_length() - 1})")
    if entry.kind is EntryKind.WITHDRAWAL:
        return entry.quantity
    if entry.market not in fee_ppm:
        raise LimitError("market", f"{entry.market} is not a market of this version")
    if entry.kind is EntryKind.SELL:
        return entry.quantity
    debit = entry.quantity * (entry.price + fee_per_lot(entry.price, fee_ppm[entry.market]))
    if debit >= BALANCE_LIMIT:
        raise LimitError("quantity", f"the debit {debit} is not below 2^62")
    return debit


def admit(
    entries: Sequence[BundleEntry], balances: Mapping[int, int], fee_ppm: Mapping[int, int], covered: bool
) -> Admission:
    """Admit or drop every entry of a bundle, in order.

    `balances` by asset are those immediately before the batch (an absent asset has balance 0), in units;
    `covered` says that the balance of the fee asset there is at least the miss fee: otherwise the orders
    are dropped, and only withdrawals are looked at. An entry that does not fit leaves the rest untouched.
    """
    for asset, balance in balances.items():
        if not 0 <= balance < BALANCE_LIMIT:
            raise LimitError(f"balances[{asset}]", f"{balance} is not in [0, 2^62)")
    rest = dict(balances)
    verdicts = []
    for entry in entries:
        debit = entry_debit(entry, fee_ppm)
        left = rest.get(entry.asset, 0) - debit
        if left < 0 or not (covered or entry.kind is EntryKind.WITHDRAWAL):
            verdicts.append(Verdict(admitted=False, debit=0))
            continue
        rest[entry.asset] = left
        verdicts.append(Verdict(admitted=True, debit=debit))
    return Admission(tuple(verdicts), rest)
