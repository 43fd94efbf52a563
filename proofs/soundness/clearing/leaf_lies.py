"""Lies about leaves of batches and of the state, the queue, and the times of accesses."""

from __future__ import annotations

from typing import Final

from .telling import SPARE, by, lie, to

_CELL: Final = {"key": 1, "balance": 1}

ORDERING: Final = frozenset({"ledger.row: end is 0 on all others"})
"""Switches blinding, as in every matrix, and here the order of the bundles too: a forged witness is shown."""

LEAF_LIES: Final = (
    lie("bundles: accounts 0 and 1 do not trade", "the insurance fund has a leaf", epoch="leaf of account 1"),
    *(
        lie(f"{name}: later than before", "a slot is read before it is written", epoch=f"{name}: swapped")
        for name in (
            "entries: group",
            "entries: target",
            "bundles: key",
            "bundles: funds",
            "bundles: insurance",
            "markets: fees",
            "queue: slot",
        )
    ),
    lie("bundles: header", "a header that no salt gives", by("bundles.header0", {"opened": 1}, 1)),
    lie("bundles: commitment", "a commitment that is not the bundle's", by("bundles.commitment0", {"opened": 1}, 1)),
    lie("bundles: leaf", "a leaf that is not the commitment's", by("bundles.leaf0", {"opened": 1}, 1)),
    lie("bundles: key leaf", "a key leaf without its secret", by("bundles.secret0", {"opened": 1}, 1)),
    lie("bundles: key leaf under its root", "a secret of the operator's own", by("bundles.secret0", {"opened": 1}, 1)),
    lie(
        "cells: asset number below 16",
        "a balance is taken for a withdrawal: no miss fee is paid",
        epoch="shadow balance",
    ),
    lie("bundles: parameters are constant (4)", "two fee assets", by("bundles.fee_asset", SPARE, 1)),
    lie(
        "bundles: only a missing reveal is charged",
        "an account pays although it revealed",
        to("bundles.charged", {"charged": 1}, 1),
        epoch="revealed_leaf_charged",
    ),
    lie(
        "cells: key is a flag",
        "a balance is listed that is not in the state",
        to("cells.key", SPARE, -1),
        to("cells.balance", SPARE, 1),
        to("cells.account", SPARE, 9),
        to("cells.new0", SPARE, 777),
    ),
    lie("cells: balance is a flag", "a slot of no kind", to("cells.key", SPARE, 1), to("cells.balance", SPARE, -1)),
    lie("cells: withdrawal is a flag", "a balance changes without an access", epoch="leaf of no slot"),
    lie("cells: one kind of slot", "a leaf of two slots", epoch="leaf of two slots"),
    lie(
        "cells: the key's slot is 0",
        "a changed balance is not listed",
        to("cells.key", {"balance": 1, "account": 2, "asset": 0}, 1),
        to("cells.asset", _CELL, 2),
        to("cells.balance", _CELL, 0),
    ),
    lie(
        "cells: unchanged only at zero",
        "a changed balance is not listed",
        to("cells.unchanged.inverse", {"balance": 1, "account": 2, "asset": 0}, 0),
    ),
    lie("queue: key is a flag", "an entry of no kind", to("queue.key", SPARE, -1), to("queue.deposit", SPARE, 1)),
    lie(
        "queue: deposit is a flag",
        "an entry of no kind",
        to("queue.key", SPARE, 1),
        to("queue.deposit", SPARE, -1),
    ),
    lie(
        "bundles: real rows up to the last batch's end",
        "a row without a leaf precedes a batch",
        epoch="bundles after an empty row",
    ),
    lie("bundles: real is a flag", "a leaf of no batch, and minus that leaf", epoch="leaf and its negative"),
    lie("bundles: a batch starts at leaf 0", "a batch without leaf 0", epoch="leaves from 1"),
    lie("bundles: leaves in order", "sealed leaves that are not in order", epoch="leaves at other places"),
    lie("bundles: a batch's rows stand together", "two leaves of one account", epoch="batches entangled"),
    lie("bundles: only real rows are opened", "a missing bundle is executed", epoch="opened without a leaf"),
    lie("bundles: only a missing reveal is charged", "a fee for a revealed bundle", epoch="charged though revealed"),
    lie(
        "ledger.row: end is 0 on all others",
        "bundles change places in the auction",
        to("ledger/row.end", 0, 1),
        to("ledger/row.end", SPARE, -1),
        epoch="bundles of two batches swapped",
    ),
)
"""One or more for each constraint."""
