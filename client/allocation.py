"""One ladder over several accounts: which account takes which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from commitments.types import MAX_ENTRIES, QUANTITY_CAP
from matching.admission import EntryKind

from .errors import CapExceededError
from .orders import Entry, Instruction, debit_of, debited_asset, entry_of
from .venue import Venue

__all__ = ["Share", "allocate"]


@dataclass
class Share:
    """What one account takes: ``places`` are indices into the ladder. ``left``: units by asset that are free."""

    left: dict[int, int]
    places: list[int] = field(default_factory=list)
    sums: dict[tuple[int, int], int] = field(default_factory=dict)

    def takes(self, entry: Entry) -> bool:
        """Whether the entry fits the caps of one bundle."""
        side = (entry.market, entry.kind)
        within = entry.kind == EntryKind.WITHDRAWAL or self.sums.get(side, 0) + entry.quantity <= QUANTITY_CAP
        return within and len(self.places) < MAX_ENTRIES

    def take(self, place: int, entry: Entry, asset: int, debit: int) -> None:
        self.places.append(place)
        side = (entry.market, entry.kind)
        self.sums[side] = self.sums.get(side, 0) + entry.quantity
        self.left[asset] = self.left.get(asset, 0) - debit


def allocate(venue: Venue, ladder: Sequence[Instruction], funds: Sequence[Mapping[int, int]]) -> list[Share]:
    """Give each order to the account that has most left of the asset that it debits; ``funds``: units of each account.

    The result is the same for the same input. An order that no account can cover goes to the one with most left, where
    the venue drops it unless that account's balance grows.

    :raises CapExceededError: more orders, or more lots on one side of a market, than the accounts may hold together.
    :raises InputError: an order that is not possible.
    """
    shares = [Share(dict(units)) for units in funds]
    for place, item in enumerate(ladder):
        entry = entry_of(venue, item, f"orders[{place}]")
        asset, debit = debited_asset(venue, entry), debit_of(venue, entry)
        able = [share for share in shares if share.takes(entry)]
        if not able:
            raise CapExceededError(
                f"orders[{place}] fits no account: {len(shares)} of them hold {MAX_ENTRIES} entries each, and "
                f"{QUANTITY_CAP} lots on one side of a market",
                field=f"orders[{place}]",
                advice="give the maker more accounts, or quote less",
            )
        chosen = max(able, key=lambda share: (share.left.get(asset, 0), -len(share.places)))
        chosen.take(place, entry, asset, debit)
    return shares
