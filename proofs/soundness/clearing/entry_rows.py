"""Entries whose rows stand where they must not, as starting points of forgeries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from commitments.bundle import Entry, Kind
from commitments.hashing import compress
from commitments.types import ZERO

from ...statement.buses import TIME_SHIFT, Phase
from ...statement.witness.execute import Execution, execute
from ...statement.witness.memory import time
from .changes import Rows, changed, of_commitments, withdrawals
from .core import Forged, honest
from .scenario import public_messages, rebuild_state

Amounts = Sequence[tuple[int, int]]
"""Withdrawals: (asset, amount)."""
_ROWS: Final = 64
"""Rows of the ledger in these executions."""


def _nothing_credited_twice() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        rows["entries"][0].update({"credited": 2, "target.before": 0, "funds": 0})
        cell = {"withdrawal": 1, "account": 2, "asset": 0, "until": time(0, Phase.CREDIT, 0)}
        rows["cells"] += [{**cell, "old": ZERO, "new": ZERO} for _ in range(2)]

    return changed(withdrawals([(0, 10**9)]), None, change)


def _credited_before_the_end() -> Forged:
    def change(rows: Rows, _: Execution) -> None:
        rows["entries"][0].update({"credited": 1, "target.before": 0, "funds": 0})
        rows["entries"][1]["target.before"] = time(0, Phase.CREDIT, 0)

    return changed(withdrawals([(0, 10**9), (0, 5)]), None, change)


def _run_across_bundles() -> Forged:
    def change(rows: Rows, forged: Execution) -> None:
        one, two, three = rows["entries"]
        one.update({"run_end": 1, "credited": 1, "credit": 5, "target.before": 0, "funds": 0})
        two.update(run_end=0, credited=0, credit=7, run_quantity=7)
        three.update(credit=13, run_quantity=13)
        paid = {2: (5, time(0, Phase.CREDIT, 0)), 3: (13, time(0, Phase.CREDIT, 2))}
        for cell in rows["cells"]:
            if cell.get("withdrawal"):
                amount, until = paid[cell["account"]]
                cell.update(new=(amount, 0, 0, 0), until=until)
        forged.withdrawals = [(account, 0, amount) for account, (amount, _) in paid.items()]

    return changed(withdrawals([(0, 5), (0, 7)], [(0, 6)]), None, change)


def _withdrawal_credited_as_lots() -> Forged:
    bundle = [Entry(Kind.WITHDRAWAL, 0, 0, 5), Entry(Kind.BUY, 0, 103, 5)]
    epoch = honest([bundle, [Entry(Kind.SELL, 0, 97, 5)]])
    forged = execute(epoch)
    rows: Rows = forged.draft.rows
    rows["entries"][0].update(run_end=0, credited=0)
    rows["entries"][1].update(run_quantity=10, credit=10)
    rows["cells"] = [r for r in rows["cells"] if not r.get("withdrawal")]
    rebuild_state(epoch, forged, {(2, 1): 5})
    forged.withdrawals = []
    return forged, public_messages(epoch, forged, forged)


def _first_of_a_group_for_nothing() -> Forged:
    epoch = withdrawals([(0, 5), (1, 6), (1, 7)])
    forged = execute(epoch)
    rows: Rows = forged.draft.rows
    _, free, paid = rows["entries"]
    free.update(group_start=0, rest=free["rest"] + 6, balance=free["balance"] + 6)
    paid.update({"group_start": 1, "group.before": free["group.before"]})
    paid.update(rest=paid["rest"] + 6, balance=paid["balance"] + 6)
    rebuild_state(epoch, forged, {(2, 1): 6})
    return forged, public_messages(epoch, forged, forged)


def _uncommitted(committed: Amounts, executed: Amounts, change: Callable[[Rows, Rows], None]) -> Forged:
    """Account 2 committed to some withdrawals, and others are executed; ``change`` is told the honest rows, too."""
    epoch, sealed = withdrawals(executed), execute(withdrawals(committed))
    forged = execute(epoch)
    rows: Rows = forged.draft.rows
    true: Rows = sealed.draft.rows
    bundle = true["bundles"][0]
    rows["bundles"][0].update({n: bundle[n] for n in ("count", "header", "body", "commitment", "leaf")})
    rows["nodes"] = [r for r in rows["nodes"] if not of_commitments(r)] + [
        r for r in true["nodes"] if of_commitments(r)
    ]
    forged.roots = sealed.roots
    change(rows, true)
    return forged, public_messages(epoch, forged, sealed)


def _entry_before_its_bundle() -> Forged:
    """The committed entry stands behind one that is in no hash, at position 0."""

    def change(rows: Rows, true: Rows) -> None:
        (committed,) = true["entries"]
        extra, own = rows["entries"]
        header = committed["before"]
        extra.update({"first": 0, "position": 0, "pair": 0, "count": 1, "before": header, "after": header})
        extra.update({"second.code": 0, "second.quantity": 0})
        own.update({"first": 1, "position": 1, "pair": 1, "count": 1, "before": header, "after": committed["after"]})

    return _uncommitted([(1, 6)], [(0, 5), (1, 6)], change)


def _bundle_around_the_end() -> Forged:
    """A bundle's first entry stands on the table's last row and its last one on the first: nothing chains the two."""

    def change(rows: Rows, true: Rows) -> None:
        (committed,) = true["entries"]
        start, end = rows["entries"]
        before = committed["before"]
        both = (1, start["quantity"], start["second.code"], start["second.quantity"])
        start.update({"number": _ROWS - 1, "count": 1, "before": before, "after": compress(before, both)})
        end.update({"number": 0, "before": committed["after"], "after": committed["after"]})
        end.update({"run_quantity": end["quantity"]})
        rows["entries"] = [end, *({"number": n, "bundle": -1} for n in range(1, _ROWS - 1)), start]
        for cell in rows["cells"]:
            phase = cell["until"] >> TIME_SHIFT
            if phase and (phase - 1) % 4 in (Phase.DEBIT, Phase.CREDIT):
                cell["until"] = (phase << TIME_SHIFT) + (0 if cell["asset"] else _ROWS - 1)

    return _uncommitted([(2, 7)], [(0, 5), (1, 6)], change)


ENTRY_ROWS: Final[dict[str, Callable[[], Forged]]] = {
    "nothing credited twice": _nothing_credited_twice,
    "credited before the end": _credited_before_the_end,
    "run across bundles": _run_across_bundles,
    "withdrawal credited as lots": _withdrawal_credited_as_lots,
    "first of a group for nothing": _first_of_a_group_for_nothing,
    "entry before its bundle": _entry_before_its_bundle,
    "bundle around the end": _bundle_around_the_end,
}
"""Executions by name."""
