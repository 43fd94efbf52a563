"""What a cheating operator could hand to the deployed contract: forged executions, one or two for each clause.

Each takes the honest epoch of the stage and gives an execution in which everything that follows from the lie has
been recomputed. What the contract knows (seals, queue, draws, references) it will insert itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from commitments.bundle import Entry, Kind
from proofs.statement.witness.clearing import clear, describe
from proofs.statement.witness.execute import Execution, execute
from proofs.statement.witness.inputs import BatchInput, EpochInput, Market, OpenedLeaf
from proofs.statement.witness.rules import Auction, Order, Rules

from ..proofs.statement.attacks import fills_at
from ..proofs.statement.scenario import rebuild_state
from .settlement import IDLE, MADE_UP, Stage


@dataclass(frozen=True)
class Attack:
    """``error``: the contract's custom error, which is the verifier's own."""

    name: str
    clause: int
    error: str
    forge: Callable[[Stage], Execution]


ATTACKS: list[Attack] = []


def attack(clause: int, error: str = "Bus") -> Callable[[Callable[[Stage], Execution]], Callable[[Stage], Execution]]:
    def register(forge: Callable[[Stage], Execution]) -> Callable[[Stage], Execution]:
        ATTACKS.append(Attack(forge.__name__, clause, error, forge))
        return forge

    return register


def _with(epoch: EpochInput, change: Callable[[BatchInput], BatchInput]) -> EpochInput:
    return replace(epoch, batches=[change(epoch.batches[0])])


# -- clause 1: the queue


@attack(1)
def deposit_of_one_unit_more(stage: Stage) -> Execution:
    def change(batch: BatchInput) -> BatchInput:
        last = batch.queue[-1]
        return replace(batch, queue=[*batch.queue[:-1], replace(last, value=(last.value[0] + 1, 0, 0, 0))])

    return execute(_with(stage.epoch, change))


@attack(1)
def deposit_left_out(stage: Stage) -> Execution:
    return execute(_with(stage.epoch, lambda batch: replace(batch, queue=batch.queue[:-1])))


# -- clause 2: the sealed leaves


@attack(2)
def order_added_after_the_seal(stage: Stage) -> Execution:
    late = stage.keys.leaf(0, IDLE, [Entry(Kind.SELL, 0, 100, 20)])
    return execute(_with(stage.epoch, lambda batch: replace(batch, leaves=[*batch.leaves, late])))


@attack(2)
def other_bundle_than_the_sealed_one(stage: Stage) -> Execution:
    def change(batch: BatchInput) -> BatchInput:
        first = batch.leaves[0]
        assert isinstance(first, OpenedLeaf)
        return replace(batch, leaves=[replace(first, entries=(Entry(Kind.BUY, 0, 101, 41),)), *batch.leaves[1:]])

    return execute(_with(stage.epoch, change))


# -- clause 3: authorisation


@attack(3)
def secret_that_is_not_the_accounts(stage: Stage) -> Execution:
    """The operator sealed this leaf itself: seal and commitment are in order, the key is not."""

    def change(batch: BatchInput) -> BatchInput:
        assert stage.made_up is not None
        leaves = [stage.made_up if leaf.account == MADE_UP else leaf for leaf in batch.leaves]
        return replace(batch, leaves=leaves)

    return execute(_with(stage.epoch, change))


# -- clause 4: admission


class _Dropping(Rules):
    """Passes one order (account 2's: 40 lots at 101 and a fee of 1) off as too large for its balance."""

    def admits(self, rest: int, debit: int) -> bool:
        return super().admits(rest, debit) and debit != 40 * 102


@attack(4, "Constraints")
def admissible_order_passed_off_as_inadmissible(stage: Stage) -> Execution:
    return execute(stage.epoch, _Dropping())


# -- clause 5: price and fills


class _Priced(Rules):
    """Another price, with the fills that the rule gives there."""

    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        true = clear(market, reference, draw, orders)
        if not true.trade:
            return true
        shape = describe(market, reference, draw, orders, true.price + 1, [0] * len(orders))
        return replace(shape, fills=tuple(fills_at(shape, orders)))


class _Filled(Rules):
    """One lot of the first rationed order goes to the second."""

    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        true = clear(market, reference, draw, orders)
        if not true.trade:
            return true
        first, second, *rest = true.fills
        return replace(true, fills=(first - 1, second + 1, *rest))


@attack(5)
def changed_price(stage: Stage) -> Execution:
    return execute(stage.epoch, _Priced())


@attack(5)
def changed_fill(stage: Stage) -> Execution:
    return execute(stage.epoch, _Filled())


# -- clause 6: balances and the fee for a missing reveal


class _Waiving(Rules):
    def miss_charge(self, funds: int, miss_fee: int) -> int:
        return 0


@attack(6)
def fee_for_the_missing_reveal_waived(stage: Stage) -> Execution:
    return execute(stage.epoch, _Waiving())


@attack(6, "Constraints")
def seller_paid_one_unit_more(stage: Stage) -> Execution:
    forged = execute(stage.epoch)
    row = next(r for r in forged.draft.rows["entries"] if r["sell"] and r.get("credited"))
    row["credit"] += 1  # type: ignore[operator]
    rebuild_state(stage.epoch, forged, {(int(row["account"]), 0): 1})  # type: ignore[arg-type]
    return forged


# -- clause 7: the state


@attack(7)
def balance_out_of_nothing(stage: Stage) -> Execution:
    """An account that the epoch does not touch becomes rich: in the cells, the tree, the root and the list."""
    forged = execute(stage.epoch)
    rebuild_state(stage.epoch, forged, {(15, 0): 1_000_000})
    return forged


@attack(7)
def new_root_of_the_operators_choice(stage: Stage) -> Execution:
    forged = execute(stage.epoch)
    forged.new_root = (1, 2, 3, 4)
    return forged


# -- clause 8: the lists


@attack(8)
def withdrawal_to_another_account(stage: Stage) -> Execution:
    forged = execute(stage.epoch)
    next(r for r in forged.draft.rows["cells"] if r.get("withdrawal"))["account"] = IDLE
    forged.withdrawals = [(IDLE, *forged.withdrawals[0][1:])]
    return forged


@attack(8)
def withdrawal_left_off_the_list(stage: Stage) -> Execution:
    forged = execute(stage.epoch)
    forged.withdrawals = []
    return forged


@attack(8)
def changed_balance_not_listed(stage: Stage) -> Execution:
    forged = execute(stage.epoch)
    forged.balances = forged.balances[1:]
    return forged
