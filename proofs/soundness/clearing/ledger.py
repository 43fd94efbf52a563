"""Attacks on clauses 6 to 8: balances, the state, and what is listed."""

from __future__ import annotations

from dataclasses import replace

from proofs.statement.witness.execute import Execution, execute
from proofs.statement.witness.inputs import EpochInput
from proofs.statement.witness.rules import Rules

from .core import (
    Admitting,
    Forged,
    attack,
    book,
    honest,
    lie,
    venue,
)
from .scenario import HOLDINGS_BUS, PUBLIC_BUS, WITHDRAWN, holding, public_messages, rebuild_state


@attack(6)
def seller_paid_one_unit_more() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    row = next(r for r in forged.draft.rows["entries"] if r["sell"] and r.get("credited"))
    row["credit"] += 1
    return _rebuilt(epoch, forged, account=5, asset=0, extra=1)


@attack(6)
def buyer_debited_one_unit_less() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    row = next(r for r in forged.draft.rows["entries"] if r["buy"] and r["account"] == 2)
    row["balance"] += 1
    return _rebuilt(epoch, forged, account=2, asset=0, extra=1)


@attack(6)
def proceeds_not_credited() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    row = next(r for r in forged.draft.rows["entries"] if r["buy"] and r.get("credited") and r["account"] == 3)
    gone = row["credit"]
    assert isinstance(gone, int)
    row["credited"] = 0
    return _rebuilt(epoch, forged, account=3, asset=1, extra=-gone)


def _rebuilt(epoch: EpochInput, forged: Execution, account: int, asset: int, extra: int) -> Forged:
    """The liar's balance in the cells, the node rows, the root and the public list: all recomputed."""
    rebuild_state(epoch, forged, {(account, asset): extra})
    return forged, public_messages(epoch, forged, execute(epoch))


class _MissFee(Rules):
    def __init__(self, charge: int) -> None:
        self._charge = charge

    def miss_charge(self, funds: int, miss_fee: int) -> int:
        return self._charge


def _missing(charged: bool = True, funds: int = 10_000) -> EpochInput:
    made = venue(balances={2: (funds, 0, 0)})
    batch = made.batch(0, book())
    return made.epoch([replace(batch, leaves=[made.missing(batch.leaves[0], charged), *batch.leaves[1:]])])


@attack(6)
def miss_fee_too_high() -> Forged:
    return lie(_missing(), _MissFee(51))


@attack(6)
def miss_fee_waived() -> Forged:
    return lie(_missing(), _MissFee(0))


@attack(6)
def miss_fee_above_the_balance() -> Forged:
    return lie(_missing(funds=20), _MissFee(50))


def _charged_otherwise(charged: bool) -> Forged:
    """The fee is taken or not, and the public list says the opposite."""
    forged = execute(_missing(charged=charged))
    messages = public_messages(_missing(), forged, forged)
    return forged, [(bus, (*f[:7], int(not charged), *f[8:])) if f[0] == 7 else (bus, f) for bus, f in messages]


@attack(6)
def uncharged_leaf_charged() -> Forged:
    return _charged_otherwise(True)


@attack(6)
def charged_leaf_not_charged() -> Forged:
    return _charged_otherwise(False)


@attack(6)
def revealed_leaf_charged() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    row = forged.draft.rows["bundles"][0]
    row["charged"] = 1
    return forged, public_messages(epoch, forged, forged)


@attack(6)
def miss_fee_not_paid_to_the_insurance() -> Forged:
    epoch = _missing()
    forged = execute(epoch)
    rebuild_state(epoch, forged, {(1, 0): -50})
    return forged, public_messages(epoch, forged, execute(epoch))


@attack(7)
def untouched_leaf_changed() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    rebuild_state(epoch, forged, {(9, 0): 1_000_000})
    return forged, public_messages(epoch, forged, execute(epoch))


@attack(7)
def stale_root() -> Forged:
    """The epoch runs on a state in which account 2 is rich; L1 knows another root."""
    rich, poor = venue(balances={2: (10**9, 0, 0)}), venue(balances={2: (100, 0, 0)})
    sealed = poor.epoch([poor.batch(0, book())])
    return lie(rich.epoch([rich.batch(0, book())]), sealed=sealed)


@attack(7)
def new_root_of_the_liars_choice() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    forged.new_root = (1, 2, 3, 4)
    return forged, public_messages(epoch, forged, execute(epoch))


@attack(7)
def read_of_an_older_balance() -> Forged:
    """Two batches; the second spends the balance from before the first."""
    made = venue(balances={2: (4080, 0, 0)})
    bundles = book()
    epoch = made.epoch([made.batch(0, bundles), made.batch(1, bundles[:1])])
    forged = execute(epoch, Admitting(lambda rest, debit: True))
    row = next(r for r in forged.draft.rows["entries"] if r["batch"] == 1 and r["account"] == 2)
    row["group.before"], row["rest"] = 0, 4080
    return forged, public_messages(epoch, forged, execute(epoch))


@attack(8)
def changed_balance_not_listed() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    return forged, [m for m in public_messages(epoch, forged, forged) if not _is_first(m)]


@attack(8)
def unchanged_balance_listed() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    return forged, [*public_messages(epoch, forged, forged), holding(9, 0, 10_000)]


@attack(8)
def balance_listed_with_another_value() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    return forged, [
        (m[0], (m[1][0], m[1][1] + 1)) if _is_first(m) else m for m in public_messages(epoch, forged, forged)
    ]


@attack(8)
def withdrawal_counted_twice() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    return forged, [
        (m[0], (m[1][0], 2 * m[1][1])) if _is_withdrawal(m) else m for m in public_messages(epoch, forged, forged)
    ]


@attack(8)
def withdrawal_not_listed() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    return forged, [m for m in public_messages(epoch, forged, forged) if not _is_withdrawal(m)]


@attack(8)
def withdrawal_listed_as_a_balance() -> Forged:
    """The balances name an account's slot of another kind; L1 would owe nothing."""
    epoch = honest()
    forged = execute(epoch)
    return forged, [
        (m[0], (m[1][0] - WITHDRAWN, m[1][1])) if _is_withdrawal(m) else m
        for m in public_messages(epoch, forged, forged)
    ]


@attack(8)
def balance_listed_as_a_withdrawal() -> Forged:
    """An account's whole balance is claimed on L1 and stays in the state."""
    epoch = honest()
    forged = execute(epoch)
    return forged, [
        (m[0], (m[1][0] + WITHDRAWN, m[1][1])) if _is_first(m) else m for m in public_messages(epoch, forged, forged)
    ]


@attack(8)
def balance_listed_for_the_next_account() -> Forged:
    """The list gives what one account has to another."""
    epoch = honest()
    forged = execute(epoch)
    return forged, [
        (m[0], (m[1][0] + 256, m[1][1])) if _is_first(m) else m for m in public_messages(epoch, forged, forged)
    ]


@attack(8)
def balance_sent_on_the_wide_bus() -> Forged:
    """Elements as they are, padded with zeros to the width of the other messages."""
    epoch = honest()
    forged = execute(epoch)
    return forged, [
        (PUBLIC_BUS, (*m[1], *[0] * 11)) if _is_first(m) else m for m in public_messages(epoch, forged, forged)
    ]


def _is_first(message: tuple[int, tuple[int, ...]]) -> bool:
    """Whether it is the changed balance of account 2 in asset 0."""
    return message[0] == HOLDINGS_BUS and message[1][0] == 512


def _is_withdrawal(message: tuple[int, tuple[int, ...]]) -> bool:
    return message[0] == HOLDINGS_BUS and message[1][0] >= WITHDRAWN


@attack(8)
def withdrawal_that_was_not_admitted() -> Forged:
    return lie(honest(balances={6: (60, 0, 0)}), Admitting(lambda rest, debit: True))
