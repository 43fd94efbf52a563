"""Checking a reveal against the sealed leaf (``docs/protocol.md`` sections 4, 6, 7)."""

from __future__ import annotations

from collections.abc import Sequence

from matching.admission import EntryKind
from proofs.params import ASSETS, KEY_DEPTH, MAX_ENTRIES, QUANTITY_CAP

from .errors import OrderbookError
from .events import OpenedEntry
from .parameters import VenueParameters
from .wire import RefusalReason


class RevealError(OrderbookError):
    """The reveal does not open the leaf; ``reason`` is what the operator signs."""

    default_code = "reveal_refused"

    def __init__(self, reason: RefusalReason, message: str, field: str = "") -> None:
        super().__init__(message, field=field)
        self.reason = reason


def check_entries(parameters: VenueParameters, entries: Sequence[OpenedEntry]) -> None:
    """Check count, ranges, bands, order and caps of a bundle's entries.

    :raises RevealError: ``malformed_bundle``, naming the entry and the rule.
    """
    if not 1 <= len(entries) <= MAX_ENTRIES:
        raise _malformed("entries", f"{len(entries)} entries, not 1 to {MAX_ENTRIES}")
    before = (-1, -1, -1)
    totals: dict[tuple[int, int], int] = {}
    for index, entry in enumerate(entries):
        key = _check_entry(parameters, f"entries[{index}]", entry)
        if key < before:
            raise _malformed(f"entries[{index}]", "not in the order (debited asset, market, kind)")
        before = key
        if entry.kind != EntryKind.WITHDRAWAL:
            side = (entry.market, entry.kind)
            totals[side] = totals.get(side, 0) + entry.quantity
            if totals[side] > QUANTITY_CAP:
                raise _malformed(
                    f"entries[{index}].quantity", f"more than {QUANTITY_CAP} lots on one side of a market"
                )


def _check_entry(parameters: VenueParameters, field: str, entry: OpenedEntry) -> tuple[int, int, int]:
    """Check one entry; its sort key."""
    if entry.kind == EntryKind.WITHDRAWAL:
        if entry.market >= min(ASSETS, len(parameters.assets)):
            raise _malformed(f"{field}.market", f"no asset {entry.market}")
        if entry.price != 0:
            raise _malformed(f"{field}.price", "a withdrawal has price 0")
        if not 0 < entry.quantity < 2**62:
            raise _malformed(f"{field}.quantity", "an amount is in [1, 2^62)")
        return (entry.market, 0, entry.kind)
    if entry.kind not in (EntryKind.BUY, EntryKind.SELL):
        raise _malformed(f"{field}.kind", f"no kind {entry.kind}")
    if entry.market >= len(parameters.markets):
        raise _malformed(f"{field}.market", f"no market {entry.market}")
    market = parameters.markets[entry.market]
    if not market.lower <= entry.price <= market.upper:
        raise _malformed(f"{field}.price", f"not in the band {market.lower} to {market.upper}")
    if not 0 < entry.quantity <= QUANTITY_CAP:
        raise _malformed(f"{field}.quantity", f"not in 1 to {QUANTITY_CAP}")
    return (parameters.debited_asset(entry.kind, entry.market), entry.market, entry.kind)


def check_key_path(position: int, path: Sequence[object]) -> None:
    """Check the shape of a key path.

    :raises RevealError: ``key_mismatch``.
    """
    if len(path) != KEY_DEPTH or not 0 <= position < 1 << KEY_DEPTH:
        raise RevealError("key_mismatch", f"a key path has {KEY_DEPTH} siblings", "key_path")


def _malformed(field: str, reason: str) -> RevealError:
    return RevealError("malformed_bundle", f"{field}: {reason}", field)
