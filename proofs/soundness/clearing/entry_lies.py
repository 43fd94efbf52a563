"""Lies about entries: requests, their order, their admission and what they move."""

from __future__ import annotations

from typing import Final

from .telling import SPARE, by, lie, to

_WITHDRAWAL: Final = {"withdraw": 1, "first": 1}
_MIDDLE: Final = {"position": 2, "withdraw": 1}

ENTRY_LIES: Final = (
    lie(
        "entries: buy is a flag",
        "an order without a price withdraws what was never debited",
        to("entries.buy", _WITHDRAWAL, -1),
        to("entries.sell", _WITHDRAWAL, 1),
        epoch="withdrawals",
    ),
    lie(
        "entries: sell is a flag",
        "a malformed entry withdraws what was never debited",
        to("entries.sell", _WITHDRAWAL, -1),
        to("entries.buy", _WITHDRAWAL, 1),
        epoch="withdrawals",
    ),
    lie(
        "entries: quantity or amount",
        "an order of minus five lots is admitted",
        to("entries.quantity", {"sell": 1, "price": 106}, -5),
    ),
    lie("entries: fee is rounded up", "a buyer's debit has one unit of fee less", by("entries.fee", {"buy": 1}, -1)),
    lie(
        "entries: fee is rounded up by less than one",
        "a buyer's debit has one unit of fee more",
        by("entries.fee", {"buy": 1}, 1),
    ),
    lie(
        "entries: run_end is a flag",
        "proceeds are counted three times, and taken back elsewhere",
        to("entries.run_end", {"bundle": 0, "first": 1}, 2),
        to("entries.run_end", {"bundle": 1, "first": 1}, -2),
        to("entries.run_quantity", {"bundle": 0, "position": 2}, 0),
        to("entries.run_quantity", {"bundle": 1, "position": 2}, 8),
        epoch="two runs",
    ),
    lie(
        "entries: group_end is a flag",
        "a group that ends twice",
        to("entries.group_end", {"bundle": 0, "first": 1}, 2),
        to("entries.group_start", {"bundle": 0, "position": 2}, 2),
        to("entries.group_end", {"bundle": 1, "first": 1}, -2),
        to("entries.group_start", {"bundle": 1, "position": 2}, -2),
        epoch="two groups",
    ),
    lie(
        "entries: groups rise",
        "an asset is debited in two groups",
        to("entries.group_end", _WITHDRAWAL, 1),
        to("entries.group_start", {"buy": 1, "position": 2}, 1),
    ),
    lie(
        "entries: the rest runs down",
        "an order is weighed against more than is left",
        by("entries.rest", {"buy": 1, "position": 2, "market": 0}, 50),
    ),
    lie(
        "entries: admitted is a flag",
        "a withdrawal happens twice",
        to("entries.admitted", _WITHDRAWAL, 2),
    ),
    lie(
        "entries: runs rise",
        "a bundle with entries out of order is opened",
        epoch="buy before withdrawal",
    ),
    lie(
        "entries: bundles in the order of their numbers",
        "bundles change places in the auction",
        epoch="bundles swapped",
    ),
    lie(
        "entries: asset of the withdrawal, above", "a withdrawal of asset 30 is opened", epoch="withdrawal of asset 30"
    ),
    lie("entries: pair of entries", "entries that were not committed", by("entries.after0", {"last": 1, "pair": 1}, 1)),
    lie("entries: market of the order", "another fee is paid", by("entries.clearing_fee", {"buy": 1}, 1)),
    *(
        lie(
            f"entries: {name} is one for the bundle",
            "rows of a bundle that belong elsewhere",
            by(f"entries.{name}", _MIDDLE, 7),
            epoch="three withdrawals",
        )
        for name in ("bundle", "account", "batch", "count", "cover")
    ),
    lie(
        "entries: a run has one key",
        "entries of two kinds in one run",
        to("entries.run_end", _WITHDRAWAL, 0),
        epoch="dropped withdrawal",
    ),
    lie(
        "entries: the balance runs down",
        "a buyer is debited one unit less",
        by("entries.balance", {"buy": 1, "position": 2, "market": 0}, 1),
    ),
    lie("entries: a run's proceeds start", "proceeds of one lot more", by("entries.credit", 0, 1)),
    lie(
        "entries: proceeds that are not zero are credited",
        "a buyer is not given the lots",
        epoch="proceeds_not_credited",
    ),
    lie("entries: positions start at 1", "a bundle shorter than its header", by("entries.position", {"first": 1}, 1)),
    lie("entries: positions rise", "a bundle shorter than its header", by("entries.position", {"position": 2}, 1)),
    lie(
        "entries: all entries of the header's count",
        "a bundle shorter than its header",
        by("entries.count", {"first": 1, "last": 1}, 1),
    ),
    lie("entries: debited is derived", "another asset is debited", to("entries.debited", SPARE, 1)),
    lie("entries: credited is a flag", "an access that counts twice", epoch="nothing credited twice"),
    lie("entries: proceeds are credited at a run's end", "an access too early", epoch="credited before the end"),
    lie("entries: a run ends with its group", "one account is paid for another", epoch="run across bundles"),
    lie("entries: a run has one key", "a withdrawal is paid in lots", epoch="withdrawal credited as lots"),
    lie("entries: a group starts where none goes on", "a free withdrawal", epoch="first of a group for nothing"),
    lie(
        "entries: real rows up to the last bundle's end",
        "withdrawals that nobody committed to",
        epoch="bundle around the end",
    ),
    lie(
        "entries: a bundle starts where none goes on",
        "a withdrawal that nobody committed to",
        epoch="entry before its bundle",
    ),
)
"""One or more for each constraint."""
