"""Clearing one batch: revealed bundles in, fills, fees and balances out (``docs/protocol.md`` sections 8 and 9).

Pure: the same batch over the same ledger gives the same outcome on every machine, and exactly the outcome that the
proof's witness builder arrives at from the same input. Order of effects: queue entries up to the cut; miss-fee cover
and miss fees; admission by entry; one auction per market; debits, proceeds and fees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from matching.admission import BundleEntry, EntryKind, admit
from matching.fast import clear_arrays
from matching.fees import fee_per_lot
from matching.types import Market
from proofs.statement.public import draw

from .batch import Batch, CommitmentLeaf
from .events import (
    AccountOutcome,
    BatchCleared,
    EntryOutcome,
    MarketOutcome,
    OpenedEntry,
    QueueAppended,
    RevealAccepted,
)
from .ledger import Ledger
from .parameters import FEE_ACCOUNT, INSURANCE_ACCOUNT, VenueParameters
from .registry import DEPOSIT


def clear_batch(
    parameters: VenueParameters, ledger: Ledger, queue: Sequence[QueueAppended], batch: Batch
) -> BatchCleared:
    """Clear a sealed batch whose reveals have ended and whose draw is known, over the ledger before it.

    ``queue``: the entries that apply before this batch. The ledger is not changed; the event that is returned says
    how it changes.
    """
    return _Clearing(parameters, ledger, batch).run(queue)


@dataclass
class _Account:
    """An account's leaf on its way through the batch."""

    leaf: CommitmentLeaf
    reveal: RevealAccepted | None
    covered: bool
    charged: int = 0
    admitted: tuple[bool, ...] = ()
    fills: list[int] = field(default_factory=list)
    fees: list[int] = field(default_factory=list)
    changes: dict[int, int] = field(default_factory=dict)

    @property
    def entries(self) -> tuple[OpenedEntry, ...]:
        return self.reveal.entries if self.reveal is not None else ()

    def change(self, asset: int, units: int) -> None:
        self.changes[asset] = self.changes.get(asset, 0) + units


class _Clearing:
    def __init__(self, parameters: VenueParameters, ledger: Ledger, batch: Batch) -> None:
        self.parameters = parameters
        self.ledger = ledger
        self.batch = batch
        self.touched: dict[tuple[int, int], int] = {}
        self.withdrawals: dict[tuple[int, int], int] = {}
        self.fee_ppm = {index: market.fee_ppm for index, market in enumerate(parameters.markets)}

    def run(self, queue: Sequence[QueueAppended]) -> BatchCleared:
        for entry in queue:
            if entry.kind == DEPOSIT:
                self._add(entry.account, entry.asset, entry.values[0])
        accounts = [self._admit(leaf) for leaf in self.batch.leaves or ()]
        markets = tuple(self._auction(index, accounts) for index in range(len(self.parameters.markets)))
        for account in accounts:
            self._settle(account, markets)
        return BatchCleared(
            batch=self.batch.number,
            markets=markets if accounts else (),
            accounts=tuple(self._outcome(account) for account in accounts),
            balances=tuple(
                (account, asset, units)
                for (account, asset), units in sorted(self.touched.items())
                if units != self.ledger.balance(account, asset)
            ),
            withdrawals=tuple((account, asset, units) for (account, asset), units in sorted(self.withdrawals.items())),
        )

    def _balance(self, account: int, asset: int) -> int:
        units = self.touched.get((account, asset))
        return self.ledger.balance(account, asset) if units is None else units

    def _add(self, account: int, asset: int, units: int) -> None:
        self.touched[(account, asset)] = self._balance(account, asset) + units

    def _admit(self, leaf: CommitmentLeaf) -> _Account:
        parameters = self.parameters
        funds = self._balance(leaf.account, parameters.fee_asset)
        account = _Account(leaf, self.batch.reveals.get(leaf.account), funds >= parameters.miss_fee)
        if account.reveal is None:
            account.charged = min(funds, parameters.miss_fee)
            self._add(INSURANCE_ACCOUNT, parameters.fee_asset, account.charged)
            account.change(parameters.fee_asset, -account.charged)
            return account
        entries = [self._debited(entry) for entry in account.entries]
        balances = {asset: self._balance(leaf.account, asset) for asset in {entry.asset for entry in entries}}
        verdicts = admit(entries, balances, self.fee_ppm, account.covered).verdicts
        account.admitted = tuple(verdict.admitted for verdict in verdicts)
        account.fills = [0] * len(entries)
        account.fees = [0] * len(entries)
        return account

    def _debited(self, entry: OpenedEntry) -> BundleEntry:
        kind = EntryKind(entry.kind)
        asset = self.parameters.debited_asset(entry.kind, entry.market)
        market = 0 if kind is EntryKind.WITHDRAWAL else entry.market
        return BundleEntry(kind, asset, market, entry.price, entry.quantity)

    def _auction(self, index: int, accounts: Sequence[_Account]) -> MarketOutcome:
        """Clear one market over the admitted orders in the order (account, position) and note their fills."""
        rules, reference = self.parameters.markets[index], self.ledger.references[index]
        draw_ = draw(self.batch.beacon.beacon, index) if self.batch.beacon is not None else 0
        places, rows = [], []
        for account in accounts:
            for position, (entry, admitted) in enumerate(zip(account.entries, account.admitted, strict=False)):
                if admitted and entry.kind != EntryKind.WITHDRAWAL and entry.market == index:
                    places.append((account, position))
                    rows.append((entry.kind, entry.price, entry.quantity))
        if not rows:
            return MarketOutcome(index, reference, reference, 0, draw_)
        sides, prices, quantities = np.array(rows, dtype=np.int64).T
        market = Market(rules.lower, rules.upper, reference)
        outcome = clear_arrays(market, sides, prices, quantities, draw_)
        if outcome.price is None:
            return MarketOutcome(index, reference, reference, 0, draw_)
        for (account, position), fill in zip(places, outcome.fills.tolist(), strict=True):
            account.fills[position] = fill
        fee = fee_per_lot(outcome.price, rules.fee_ppm)
        self._add(FEE_ACCOUNT, rules.quote, 2 * outcome.volume * fee)
        return MarketOutcome(index, reference, outcome.price, outcome.volume, draw_)

    def _settle(self, account: _Account, markets: Sequence[MarketOutcome]) -> None:
        number = account.leaf.account
        for position, entry in enumerate(account.entries):
            if not account.admitted[position]:
                continue
            if entry.kind == EntryKind.WITHDRAWAL:
                account.fills[position] = entry.quantity
                account.change(entry.market, -entry.quantity)
                key = (number, entry.market)
                self.withdrawals[key] = self.withdrawals.get(key, 0) + entry.quantity
                continue
            rules, fill, price = (
                self.parameters.markets[entry.market],
                account.fills[position],
                markets[entry.market].price,
            )
            fee = fill * fee_per_lot(price, rules.fee_ppm)
            account.fees[position] = fee
            bought = 1 if entry.kind == EntryKind.BUY else -1
            account.change(rules.base, bought * fill)
            account.change(rules.quote, -bought * fill * price - fee)
        for asset, units in account.changes.items():
            self._add(number, asset, units)

    def _outcome(self, account: _Account) -> AccountOutcome:
        return AccountOutcome(
            account=account.leaf.account,
            opened=account.reveal is not None,
            covered=account.covered,
            charged=account.charged,
            entries=account.entries,
            outcomes=tuple(
                EntryOutcome(admitted, fill, fee)
                for admitted, fill, fee in zip(account.admitted, account.fills, account.fees, strict=True)
            ),
            changes=tuple((asset, units) for asset, units in sorted(account.changes.items()) if units),
        )
