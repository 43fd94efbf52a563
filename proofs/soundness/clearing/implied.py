"""Constraints that follow from others of the clearing program, each with the argument.

Each is implied by all the others together. An argument may use another constraint that is implied too, so they are not
to be removed together, and they stay: they say what a table is, and they cost nothing on L1.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_OTHER_FLAG: Final = (
    "let real be v, not 0 or 1, so v is not last, a flag. On the table's last row `ends` says real = last. On any "
    "other `real rows come first` gives real.next = 0 and `goes on` gives real.next = 1"
)
_LAST_OF_NOTHING: Final = (
    "were real 0 and last 1, real - last would not be 0. On the table's last row `ends` forbids that. On any other "
    "`goes on` gives real.next = 1, which `real rows come first` forbids after a row that is not real"
)
_ONE_CELL: Final = (
    "the access takes one value of a slot and leaves a later one as often. No two rows leave the same value, as their "
    "times differ, and each slot has one cell, which takes one value. Going back from the latest, each value is "
    "taken as often as a cell stands at the end of its chain: never or once"
)
_NO_COUNT: Final = (
    "a batch's rows from its leaf 0 on would end without `count of the batch`. The verifier sends that once for the "
    "batch, so another run of rows takes it, which starts at leaf 0 too, and a leaf is under its root once. What the "
    "verifier does not name as a batch has no empty leaves but where its number is a multiple of 2^20 off, and then "
    "the times of its accesses are out of range"
)
_STARTS_AND_ENDS: Final = (
    "for each bundle number the bundle table sends as many `entries start` as it takes `entries end`, none or one. "
)
_ROWS_END: Final = (
    "A row that is last ends a group and a run, so it is real; a row with real not 0 or 1 ends no run, shares its key "
    "with the next, which has its kind, and so on to the table's last row, which must be last"
)

IMPLIED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "orders: real is a flag": _OTHER_FLAG,
        "bundles: real is a flag": _OTHER_FLAG,
        "orders: only real rows end an auction": _LAST_OF_NOTHING,
        "bundles: only real rows end a batch": _LAST_OF_NOTHING,
        "bundles: last is a flag": (
            "let last be v, not 0 or 1. The row is real, and so is the next, one position further and at position 0. "
            "So this one is at position -1 and takes a count of 0 leaves, v times. The verifier names no batch without "
            "leaves"
        ),
        "bundles: opened is a flag": f"by the key's access, whose count it is: {_ONE_CELL}",
        "markets: trade is a flag": f"by the access of the fees, whose count it is: {_ONE_CELL}",
        "bundles: charged is a flag": (
            "a charged row is a missing one, so `missing` takes it from the public list with charged as a field, and "
            "the verifier sends only 0 and 1 there"
        ),
        "bundles: a batch goes on": _NO_COUNT,
        "bundles: the last batch ends": _NO_COUNT,
        "queue: one kind of entry": (
            "an entry of both kinds takes a public entry of kind 3, and L1's queue has kinds 1 and 2. Rows of hashes "
            "can send that tag only below another such row, up to a hash that ends in two zeros"
        ),
        "entries: a group ends with the bundle": (
            "memory balances, so over all rows group_start and group_end have one sum. Within a bundle each start "
            "follows an end, and first rows start one: so as many last rows end a group as there are bundles"
        ),
        "entries: a group starts with the bundle": (
            "each value left in a slot is taken, by rows that start a group or by the slot's cell. There are as many "
            "values as groups and the one before the epoch, so one taker for each, which takes it once"
        ),
        "entries: a group has one asset": (
            "keys rise or stay in a bundle, so a group that does not end with the asset it starts with ends with a "
            "higher one. Of the lowest asset of an account that such a group starts with, more is taken than left"
        ),
        "entries: the first row starts a bundle": (
            f"{_STARTS_AND_ENDS}Every later bundle of rows starts and ends once. So the first must start as often as "
            f"it ends, and as often as it is real. {_ROWS_END}"
        ),
        "entries: real rows come first": (
            f"{_STARTS_AND_ENDS}A real row after one of padding, which is not last, would not be first, and its bundle "
            f"would end without a start. {_ROWS_END}"
        ),
        "entries: a bundle goes on": f"{_STARTS_AND_ENDS}A bundle that does not go on would start and not end",
        "entries: the last bundle ends": f"{_STARTS_AND_ENDS}A bundle that does not end would start and not end",
        "entries: a bundle starts after the last ended": (
            f"{_STARTS_AND_ENDS}Bundles of rows end once, so each starts once, on a row at position 1. Were that not "
            "its first row, the row before would ask whether its own number is above itself; such questions have "
            "positive counts and are not answered"
        ),
    }
)
"""The argument by the constraint's name."""
