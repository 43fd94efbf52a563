"""Forged witnesses: for each clause of the statement, executions that break it and recompute everything else.

Each attack gives draft traces and the public messages that the verifier will insist on. What a liar may choose
(prices, balances, the new root) is taken from the forged execution; what L1 knows (sealed roots, the queue, draws,
parameters, references) is taken from the honest one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from commitments.bundle import Entry, Kind
from proofs.statement.witness.clearing import clear, describe
from proofs.statement.witness.execute import Execution, execute
from proofs.statement.witness.inputs import EpochInput, Market
from proofs.statement.witness.rules import Auction, Order, Rules

from .scenario import Messages, Venue, public_messages

Forged = tuple[Execution, Messages]


Traces = list[npt.NDArray[np.uint64]]


@dataclass(frozen=True)
class Attack:
    """``build`` forges the execution; ``tamper``, if any, the finished traces of the tables that serve."""

    name: str
    clause: int
    build: Callable[[], Forged]
    tamper: Callable[[Traces], None] = lambda traces: None


ATTACKS: list[Attack] = []


def attack(
    clause: int, tamper: Callable[[Traces], None] = lambda traces: None
) -> Callable[[Callable[[], Forged]], Callable[[], Forged]]:
    def register(build: Callable[[], Forged]) -> Callable[[], Forged]:
        ATTACKS.append(Attack(build.__name__, clause, build, tamper))
        return build

    return register


# -- the honest epoch that is attacked


def book() -> list[tuple[Entry, ...]]:
    """Bundles of accounts 2..: buy pressure at 101 with two rationed buys, one order further out."""
    return [
        (Entry(Kind.BUY, 0, 101, 40),),
        (Entry(Kind.BUY, 0, 101, 35),),
        (Entry(Kind.BUY, 0, 103, 10), Entry(Kind.SELL, 0, 106, 5)),
        (Entry(Kind.SELL, 0, 99, 50), Entry(Kind.SELL, 0, 101, 10)),
        (Entry(Kind.WITHDRAWAL, 0, 0, 70), Entry(Kind.BUY, 0, 95, 7)),
    ]


def venue(**settings: object) -> Venue:
    return Venue(seed=7, accounts=8, **settings)  # type: ignore[arg-type]


def honest(bundles: Sequence[Sequence[Entry]] | None = None, **settings: object) -> EpochInput:
    made = venue(**settings)
    return made.epoch([made.batch(0, bundles if bundles is not None else book())])


def lie(epoch: EpochInput, rules: Rules | None = None, sealed: EpochInput | None = None) -> Forged:
    """Execute ``epoch`` by false ``rules``; L1 knows what ``sealed`` (the honest epoch) sealed and queued."""
    forged = execute(epoch, rules)
    return forged, public_messages(sealed or epoch, forged, execute(sealed) if sealed else forged)


def queued(change: Callable[[list], list], batches: int = 1) -> Forged:  # type: ignore[type-arg]
    made = venue()
    queue = [made.deposit(2, 0, 500), made.key(20), made.deposit(3, 1, 70)]
    sealed = made.epoch([made.batch(0, book(), queue=queue), *(made.batch(1, []) for _ in range(batches - 1))])
    first = sealed.batches[0]
    forged = replace(sealed, batches=[replace(first, queue=change(list(queue))), *sealed.batches[1:]])
    return lie(forged, sealed=sealed)


def relabelled(change: Callable[[list], list], sealed: EpochInput | None = None) -> Forged:  # type: ignore[type-arg]
    sealed = sealed or honest()
    batch = sealed.batches[0]
    return lie(replace(sealed, batches=[replace(batch, leaves=change(list(batch.leaves)))]), sealed=sealed)


class Admitting(Rules):
    def __init__(self, admits: Callable[[int, int], bool]) -> None:
        self._admits = admits

    def admits(self, rest: int, debit: int) -> bool:
        return self._admits(rest, debit)


class Priced(Rules):
    """Clears at a price of the liar's choice, with the fills that the rule gives at that price."""

    def __init__(
        self, price: Callable[[int | None], int | None], fills: Callable[[list[int]], list[int]] | None = None
    ) -> None:
        self._price, self._fills = price, fills or (lambda fills: fills)

    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        honest = clear(market, reference, draw, orders)
        price = self._price(honest.price if honest.trade else None)
        shape = describe(market, reference, draw, orders, price, [0] * len(orders))
        fills = fills_at(shape, orders)
        return replace(shape, fills=tuple(self._fills(fills) if orders else fills))


def fills_at(auction: Auction, orders: Sequence[Order]) -> list[int]:
    """The rule's fills at the auction's pivot, for whatever lots and phase it claims."""
    fills, claim = [], 0
    ration_buys = not (auction.trade and auction.surplus < 0)
    for order in orders:
        edge = order.price - auction.pivot if order.buy else auction.pivot - order.price
        fill = order.quantity if auction.trade and edge >= 0 else 0
        if edge == 0 and order.buy == ration_buys:
            done = (claim * auction.lots + auction.phase) // auction.wanted
            claim += order.quantity
            fill = (claim * auction.lots + auction.phase) // auction.wanted - done
        fills.append(fill)
    return fills


class Careless(Rules):
    """Takes orders that are none into the auction and clears at the price of the others."""

    def fee_per_lot(self, price: int, fee_ppm: int) -> int:
        return -(-price * fee_ppm // 10**6)

    def auction(self, market: Market, reference: int, draw: int, orders: Sequence[Order]) -> Auction:
        sound = [o for o in orders if market.lower <= o.price <= market.upper and 0 < o.quantity <= 8_388_607]
        cleared = clear(market, reference, draw, sound)
        price = cleared.price if cleared.trade else None
        shape = describe(market, reference, draw, orders, price, [])
        return replace(shape, fills=tuple(fills_at(shape, orders)))


def malformed(entries: Sequence[Entry], **settings: object) -> Forged:
    """A malformed bundle, sealed and opened as if it were none: the rule calls it missing."""
    return lie(honest([entries, *book()[1:]], **settings), Careless())
