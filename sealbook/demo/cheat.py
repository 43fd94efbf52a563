"""A cheating operator: complete proofs of false settlements, made by the production prover.

Each forgery executes the sealed batch by a false rule, recomputes every other number (fills, balances, state root,
public data, transcript) and is proven. The public messages are those that the contract itself will insist on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from commitments.bundle import Entry, Kind
from proofs.params import FIRST_ACCOUNT
from proofs.statement.public import EpochContext
from proofs.statement.settlement import Witness, assemble
from proofs.statement.witness.clearing import clear, describe
from proofs.statement.witness.execute import execute
from proofs.statement.witness.inputs import BatchInput, EpochInput, Leaf, Market, OpenedLeaf
from proofs.statement.witness.rules import Auction, Order, Rules


@dataclass(frozen=True)
class Place:
    """Where the settlement is to be accepted."""

    chain_id: int
    exchange: str
    known: EpochContext


@dataclass(frozen=True)
class Forgery:
    """``build`` gives traces and statement of a settlement that breaks ``rule``."""

    title: str
    rule: str
    build: Callable[[EpochInput, Place], Witness]


def forgeries() -> Sequence[Forgery]:
    """The operator's repertoire."""
    return (
        Forgery(
            "a price one tick higher",
            "section 9: the price that maximises volume, by the published ties",
            lambda epoch, place: _lie(epoch, place, _HigherPrice()),
        ),
        Forgery(
            "one lot moved from one buyer to another",
            "section 9: pro-rata rationing at the price, with the drawn phase",
            lambda epoch, place: _lie(epoch, place, _MovedLot()),
        ),
        Forgery(
            "an admissible order passed off as inadmissible",
            "section 8: an entry that fits the balance is admitted",
            lambda epoch, place: _lie(epoch, place, _Exclusion(_first_debit(epoch))),
        ),
        Forgery(
            "an order with a secret that is not the account's",
            "section 6: the secret lies under the account's key root",
            _foreign_secret,
        ),
        Forgery(
            "an order added after the seal",
            "section 8: exactly the sealed leaves, no more",
            _added_order,
        ),
    )


def _lie(epoch: EpochInput, place: Place, rules: Rules | None = None) -> Witness:
    return assemble(execute(epoch, rules), epoch.first_batch, place.known, place.chain_id, place.exchange)


class _HigherPrice(Rules):
    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        honest = clear(market, reference, draw, orders)
        if not honest.trade:
            return honest
        shape = describe(market, reference, draw, orders, honest.price + 1, [])
        return replace(shape, fills=_fills(shape, orders))


class _MovedLot(Rules):
    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        honest = clear(market, reference, draw, orders)
        fills = list(honest.fills)
        buyers = [i for i, order in enumerate(orders) if order.buy and fills[i]]
        if len(buyers) > 1:
            fills[buyers[0]] += 1
            fills[buyers[-1]] -= 1
        return replace(honest, fills=tuple(fills))


class _Exclusion(Rules):
    def __init__(self, debit: int) -> None:
        self._debit = debit

    def admits(self, rest: int, debit: int) -> bool:
        return super().admits(rest, debit) and debit != self._debit


def _fills(auction: Auction, orders: Sequence[Order]) -> tuple[int, ...]:
    """The rule's fills at whatever price the auction claims."""
    fills, claim = [], 0
    ration_buys = auction.surplus >= 0
    for order in orders:
        edge = order.price - auction.pivot if order.buy else auction.pivot - order.price
        fill = order.quantity if edge >= 0 else 0
        if edge == 0 and order.buy == ration_buys:
            done = (claim * auction.lots + auction.phase) // auction.wanted
            claim += order.quantity
            fill = (claim * auction.lots + auction.phase) // auction.wanted - done
        fills.append(fill)
    return tuple(fills)


def _first_debit(epoch: EpochInput) -> int:
    """What the first sell order of the batch takes from its balance."""
    for leaf in epoch.batches[0].leaves:
        if isinstance(leaf, OpenedLeaf):
            for entry in leaf.entries:
                if entry.kind is Kind.SELL:
                    return entry.quantity
    raise ValueError("the attacked batch has no sell order")


def _changed(epoch: EpochInput, change: Callable[[list[Leaf]], list[Leaf]]) -> EpochInput:
    batch: BatchInput = epoch.batches[0]
    return replace(epoch, batches=[replace(batch, leaves=change(list(batch.leaves))), *epoch.batches[1:]])


def _foreign_secret(epoch: EpochInput, place: Place) -> Witness:
    def change(leaves: list[Leaf]) -> list[Leaf]:
        index = next(i for i, leaf in enumerate(leaves) if isinstance(leaf, OpenedLeaf))
        victim = leaves[index]
        assert isinstance(victim, OpenedLeaf)
        leaves[index] = replace(victim, secret=(1, 2, 3, 4))
        return leaves

    return _lie(_changed(epoch, change), place)


def _added_order(epoch: EpochInput, place: Place) -> Witness:
    """A bundle of an account that had committed nothing, slipped in among the sealed ones."""

    def change(leaves: list[Leaf]) -> list[Leaf]:
        taken = {leaf.account for leaf in leaves}
        account = next(number for number in range(FIRST_ACCOUNT, len(taken) + FIRST_ACCOUNT + 1) if number not in taken)
        model = next(leaf for leaf in leaves if isinstance(leaf, OpenedLeaf))
        order = Entry(Kind.BUY, 0, epoch.parameters.markets[0].upper, 10)
        added = replace(model, account=account, entries=(order,))
        return sorted([*leaves, added], key=lambda leaf: leaf.account)

    return _lie(_changed(epoch, change), place)
