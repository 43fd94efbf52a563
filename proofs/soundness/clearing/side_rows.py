"""Executions in which something is sent and not taken, or taken and not sent, as starting points of forgeries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from commitments.bundle import Entry, Kind
from commitments.hashing import compress, empty_roots

from ...params import COMMITMENT_DEPTH, FEE_ACCOUNT, INSURANCE_ACCOUNT, KEY_DEPTH, STATE_DEPTH
from ...statement.buses import LEVEL, Phase
from ...statement.witness.execute import Execution, execute
from ...statement.witness.inputs import EpochInput
from ...statement.witness.memory import time
from ...statement.witness.rules import Rules
from .changes import Rows, changed, withdrawals
from .core import Careless, Forged, honest, venue
from .scenario import public_messages, rebuild_state

_MORE: Final = 10**6


def _cell(rows: Rows, account: int, asset: int) -> Rows:
    return next(r for r in rows["cells"] if r.get("balance") and (r["account"], r["asset"]) == (account, asset))


def _rewound(
    epoch: EpochInput, account: int, asset: int, until: int, balance: int | None = None, rules: Rules | None = None
) -> Forged:
    """A balance ends with what was left at the time ``until``: with what it was before, if no other is given."""
    forged = execute(epoch, rules)
    cell = _cell(forged.draft.rows, account, asset)
    cell["until"] = until
    claimed = cell["old"][0] if balance is None else balance
    rebuild_state(epoch, forged, {(account, asset): claimed - cell["new"][0]})
    if claimed == cell["old"][0]:
        forged.balances = [b for b in forged.balances if b[:2] != (account, asset)]
    return forged, public_messages(epoch, forged, forged)


# -- memory


# A group that is not left at its bundle's end goes on, but for its account, with the next bundle: there a higher asset
# has the balance that it ends with.


def _order_not_left(before: int, until: int) -> Forged:
    """A group takes the balance of the time ``before`` and leaves none; the cell takes that of ``until``.

    No bundle follows. So the group asks, minus once, whether the next asset is higher, which it is not; that takes back
    the range check of an order one tick below the band.
    """
    forged = _rewound(honest([[Entry(Kind.BUY, 0, 89, 5)]]), 2, 0, until, rules=Careless())
    rows = forged[0].draft.rows
    (order,) = rows["entries"]
    order.update({"group_end": 0, "group.before": before})
    rows["entries"].append({"number": 1, "rest": 10_000 - 5 * (89 + order["fee"]), "balance": order["balance"]})
    return forged


def _deposit_beside_the_balance() -> Forged:
    """A deposit leaves a million without taking what was there; a group takes that and leaves nothing."""
    made = venue(balances={2: (10_000, 1_000, 0), 3: (10_000, 0, 994)})
    bundles = [[Entry(Kind.WITHDRAWAL, 1, 0, 6)], [Entry(Kind.WITHDRAWAL, 2, 0, 7)]]
    epoch = made.epoch([made.batch(0, bundles, queue=[made.deposit(2, 1, 500)])])
    forged = _rewound(epoch, 2, 1, time(0, Phase.QUEUE, 0), _MORE + 500)
    rows = forged[0].draft.rows
    rows["queue"][0]["old"] = (_MORE, 0, 0, 0)
    rows["entries"][0].update({"group_end": 0, "group.before": 0, "rest": 1_000, "balance": 994})
    return forged


def _proceeds_beside_the_balance() -> Forged:
    """The same for what a seller and a buyer are paid; the groups are those of dropped withdrawals, a batch later."""
    made = venue(balances=dict.fromkeys((2, 3, 4), (10_000, 10_000, 10_000)))
    trade = [[Entry(Kind.SELL, 0, 97, 5)], [Entry(Kind.BUY, 0, 103, 5)]]
    dropped = [[Entry(Kind.WITHDRAWAL, asset, 0, 10**9)] for asset in range(3)]
    epoch = made.epoch([made.batch(0, trade), made.batch(1, dropped)])
    forged = execute(epoch)
    rows = forged.draft.rows
    sold, bought, *later = rows["entries"]
    for row, account, asset in ((sold, 2, 0), (bought, 3, 1)):
        cell = _cell(rows, account, asset)
        cell["until"] = time(0, Phase.CREDIT, row["number"])
        row["funds"] += _MORE
        rebuild_state(epoch, forged, {(account, asset): row["funds"] + row["credit"] - cell["new"][0]})
    before = next(r for r in rows["bundles"] if (r["batch"], r["account"]) == (1, 2))
    before.update({"funds.before": time(0, Phase.BUNDLE, 0), "funds": 10_000})
    for row, since in zip(later, (time(1, Phase.BUNDLE, before["number"]), 0), strict=False):
        row.update({"group_end": 0, "group.before": since, "rest": 10_000, "balance": 10_000})
    return forged, public_messages(epoch, forged, forged)


def _debit_that_goes_nowhere() -> Forged:
    def change(rows: Rows, forged: Execution) -> None:
        rows["cells"] = [r for r in rows["cells"] if not r.get("withdrawal")]
        forged.withdrawals = []

    return changed(withdrawals([(0, 5)]), None, change)


def _fee_that_nobody_gets() -> Forged:
    made = venue()
    batch = made.batch(0, [[Entry(Kind.WITHDRAWAL, 2, 0, 9)]])
    epoch = made.epoch([replace(batch, leaves=[made.missing(batch.leaves[0])])])
    return _rewound(epoch, INSURANCE_ACCOUNT, 0, 0)


def _deposit_that_nobody_gets() -> Forged:
    made = venue()
    return _rewound(made.epoch([made.batch(0, [], queue=[made.deposit(3, 1, 70)])]), 3, 1, 0)


# -- trees


def _kept(forged: Execution, tree: int) -> Rows:
    """Of a tree's nodes only the root is left, with no child that changes. Gives it."""
    rows: Rows = forged.draft.rows
    top = next(r for r in rows["nodes"] if r["state"] and r["place"] == tree)
    rows["nodes"] = [r for r in rows["nodes"] if not r["state"] or r["place"] % LEVEL != tree]
    stays = {"left": 0, "right": 0, "new_left": top["old_left"], "new_right": top["old_right"]}
    rows["nodes"].append({**top, **stays})
    return rows["nodes"][-1]


def _child_of_the_liars_choice(side: str) -> Forged:
    """The root asks for one child, and nobody answers: there is no other row of the state."""
    epoch = honest([])
    forged = execute(epoch)
    forged.draft.rows["cells"] = []
    root = _kept(forged, 0)
    root.update({side: 1, f"new_{side}": (1, 2, 3, 4)})
    forged.new_root = compress(root["new_left"], root["new_right"])
    return forged, public_messages(epoch, forged, forged)


def _state_that_stays() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    _kept(forged, 0)
    forged.new_root = forged.old_root
    return forged, public_messages(epoch, forged, forged)


def _leaves_that_were_not_sealed() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    _kept(forged, 1)
    forged.roots = [empty_roots(COMMITMENT_DEPTH)[-1]]
    return forged, public_messages(epoch, forged, forged)


def _nodes_under_no_root() -> Forged:
    """Nodes that are asked for leaves, and are not asked for themselves."""

    def change(rows: Rows, _: Execution) -> None:
        depths = {0: STATE_DEPTH, 1: COMMITMENT_DEPTH}
        rows["nodes"] = [
            {**r, "root": 0}
            for r in rows["nodes"]
            if r["place"] // LEVEL == (depths[r["place"] % LEVEL] if r["state"] else KEY_DEPTH) - 1
        ]

    return changed(honest(), None, change)


SIDE_ROWS: Final[dict[str, Callable[[], Forged]]] = {
    "order without an access": lambda: _order_not_left(0, time(0, Phase.BUNDLE, 0)),
    "order that keeps the balance": lambda: _order_not_left(time(0, Phase.BUNDLE, 0), 0),
    "withdrawal without an access": lambda: _rewound(withdrawals([(0, 5)]), 2, 0, time(0, Phase.BUNDLE, 0)),
    "deposit beside the balance": _deposit_beside_the_balance,
    "proceeds beside the balance": _proceeds_beside_the_balance,
    "debit that goes nowhere": _debit_that_goes_nowhere,
    "fees that nobody gets": lambda: _rewound(honest(), FEE_ACCOUNT, 0, 0),
    "miss fee that nobody gets": _fee_that_nobody_gets,
    "deposit that nobody gets": _deposit_that_nobody_gets,
    "no access": lambda: _rewound(honest([]), FEE_ACCOUNT, 0, 0, 1),
    "left child of the liar's choice": lambda: _child_of_the_liars_choice("left"),
    "right child of the liar's choice": lambda: _child_of_the_liars_choice("right"),
    "state that stays": _state_that_stays,
    "leaves that were not sealed": _leaves_that_were_not_sealed,
    "nodes under no root": _nodes_under_no_root,
}
"""Executions by name."""
