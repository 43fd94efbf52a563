"""Executing an epoch: from its input to draft traces and to everything that becomes public."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from commitments.hashing import empty_roots
from commitments.state import balance_slot
from commitments.types import KEY_SLOT, Digest

from ...layout import Row, digests, elements, exact, numbers
from ...params import COMMITMENT_DEPTH, FEE_ACCOUNT, INSURANCE_ACCOUNT, STATE_DEPTH
from ..buses import WITHDRAWAL_SLOT, Phase
from ..kinds import QueueKind
from ..program import clearing_program
from .bundles import Bundles
from .clearing import market_row, order_rows
from .draft import Draft
from .entries import Entries, Opened
from .forest import add, key_paths, levels
from .inputs import BatchInput, EpochInput, MissingLeaf, OpenedLeaf
from .memory import Memory, time
from .results import Execution, Fill, MarketResult, MissingReveal
from .rules import Auction, Book, Rules

__all__ = ["Execution", "Fill", "MarketResult", "MissingReveal", "execute"]


def execute(epoch: EpochInput, rules: Rules | None = None) -> Execution:
    """Execute an epoch by the rules, writing the tables' rows on the way."""
    return _Executor(epoch, rules or Rules()).run()


class _Executor:
    """What does not depend on the state is computed for all entries at once; what does runs in plain loops."""

    def __init__(self, epoch: EpochInput, rules: Rules) -> None:
        self.epoch = epoch
        self.rules = rules
        self.draft = Draft(clearing_program())
        self.memory = Memory(epoch.tree, STATE_DEPTH)
        self.out = Execution(self.draft)
        self.references = list(epoch.references)
        self.position = 0
        parameters = epoch.parameters
        constants = {
            "venue": parameters.venue,
            "first_batch": epoch.first_batch,
            "miss_fee": parameters.miss_fee,
            "fee_asset": parameters.fee_asset,
        }
        self.draft.constants.update({f"bundles.{name}": value for name, value in constants.items()})
        self.draft.numbered = ("bundles.number", "entries.number")
        self.bundles = Bundles(epoch, constants)
        self.opened = self.bundles.opened
        self.entries = Entries(self.opened, parameters.markets, rules.fee_per_lot)
        self._prepare_entries()

    def _prepare_entries(self) -> None:
        """The entries' numbers as lists, for the loops, and what the loops find out about them."""
        entries, count = self.entries, len(self.entries.code)
        self.withdraw, self.buy = entries.withdraw.tolist(), entries.buy.tolist()
        self.group_start, self.group_end = entries.group_start.tolist(), entries.group_end.tolist()
        self.run_end, self.asset, self.market = (a.tolist() for a in (entries.run_end, entries.asset, entries.market))
        self.quantity, self.debit = entries.quantity.tolist(), entries.debit.tolist()
        self.admitted = [False] * count
        self.found: dict[str, list[int]] = {
            name: [0] * count
            for name in (
                "rest", "fill", "clearing_price", "clearing_fee", "balance", "credit", "credited", "funds",
                "group.before", "target.before",
            )
        }  # fmt: skip

    def run(self) -> Execution:
        # The fee account's first balance is always touched, so that every epoch has a state path.
        self.memory.read(FEE_ACCOUNT, balance_slot(self.epoch.parameters.fee_asset))
        for k, batch in enumerate(self.epoch.batches):
            self._queue(k, batch)
            self._batch(k, batch)
        self._add_rows()
        self._trees()
        out, memory = self.out, self.memory
        self.draft.rows.extend("cells", memory.cells())
        out.balances, out.withdrawals = memory.changed_balances(), memory.withdrawals()
        out.leaves = {index: new for index, (_, new) in memory.changed_leaves().items()}
        out.references = tuple(self.references)
        return out

    # -- before the batch

    def _queue(self, k: int, batch: BatchInput) -> None:
        for entry in batch.queue:
            slot = KEY_SLOT if entry.kind is QueueKind.KEY else balance_slot(entry.asset)
            now = time(k, Phase.QUEUE, self.position)
            before, old = self.memory.read(entry.account, slot)
            key, deposit = entry.value, (old[0] + entry.value[0], old[1], old[2], old[3])
            new = key if entry.kind is QueueKind.KEY else deposit
            self.memory.write(entry.account, slot, now, new)
            kind = "key" if entry.kind is QueueKind.KEY else "deposit"
            self.draft.add(
                "queue", **{kind: 1, "slot.before": before}, batch=k, position=self.position,
                account=entry.account, asset=entry.asset, value=entry.value, old=old,
            )  # fmt: skip
            self.position += 1

    # -- one batch

    def _batch(self, k: int, batch: BatchInput) -> None:
        self.out.counts.append(len(batch.leaves))
        if not batch.leaves:
            self.out.results.append(())
            return
        self._leaves(k, batch)
        first, end = self.bundles.opened_of(k)
        for index in range(first, end):
            self._admission(index)
        rows = slice(self.entries.offsets[first], self.entries.offsets[end])
        auctions, shown = self._auctions(k, batch, rows)
        for index in range(first, end):
            self._settle(index, auctions, shown)
        self._fees(k, auctions, shown)

    def _leaves(self, k: int, batch: BatchInput) -> None:
        parameters, memory, bundles = self.epoch.parameters, self.memory, self.bundles
        fee_slot = balance_slot(parameters.fee_asset)
        for number, leaf in enumerate(batch.leaves, bundles.starts[k]):
            now = time(k, Phase.BUNDLE, number)
            before, value = memory.read(leaf.account, fee_slot)
            funds, fee = value[0], 0
            bundles.funds[number], bundles.funds_before[number] = funds, before
            bundles.cover[number] = self.rules.covers(funds, parameters.miss_fee)
            if isinstance(leaf, OpenedLeaf):
                bundles.key_before[number], bundles.keys[number] = memory.keep(leaf.account, KEY_SLOT, now)
            else:
                self.out.missing.append(MissingReveal(k, leaf.account, leaf.commitment, leaf.charged))
                fee = self._charge(number, leaf, funds, now)
            memory.put(leaf.account, fee_slot, now, funds - fee)

    def _charge(self, number: int, leaf: MissingLeaf, funds: int, now: int) -> int:
        """What a missing reveal costs its account; the insurance account gets it."""
        if not leaf.charged:
            return 0
        parameters = self.epoch.parameters
        fee = self.rules.miss_charge(funds, parameters.miss_fee)
        before, insurance = self.memory.add(INSURANCE_ACCOUNT, balance_slot(parameters.fee_asset), now, fee)
        self.bundles.insurance[number], self.bundles.insurance_before[number] = insurance, before
        return fee

    def _admission(self, index: int) -> None:
        """What is admitted of one bundle: entries in their order, each against what earlier ones left."""
        item, offsets, admits = self.opened[index], self.entries.offsets, self.rules.admits
        account, cover, rest = item.leaf.account, self.bundles.cover[item.number], 0
        rests, befores = self.found["rest"], self.found["group.before"]
        for row in range(offsets[index], offsets[index + 1]):
            if self.group_start[row]:
                befores[row], value = self.memory.read(account, balance_slot(self.asset[row]))
                rest = value[0]
            rests[row] = rest
            if (cover or self.withdraw[row]) and admits(rest, self.debit[row]):
                self.admitted[row] = True
                rest -= self.debit[row]

    def _auctions(self, k: int, batch: BatchInput, rows: slice) -> tuple[list[Auction], list[Row]]:
        """The auctions of one batch and their rows in the market table."""
        markets, entries, fill = self.epoch.parameters.markets, self.entries, self.found["fill"]
        orders = np.flatnonzero(np.array(self.admitted[rows], dtype=bool) & entries.order[rows]) + rows.start
        auctions, results, shown = [], [], []
        for index, market in enumerate(markets):
            own = orders[entries.market[orders] == index]
            book = Book(own, entries.buy[own], entries.price[own], entries.quantity[own])
            reference = self.references[index]
            auction = self.rules.auction(market, reference, batch.draws[index], book)
            if len(own):
                self.draft.rows.extend("orders", order_rows(256 * k + index, book, auction))
            for row, filled in zip(own.tolist(), auction.fills, strict=True):
                fill[row] = filled
            auctions.append(auction)
            results.append(MarketResult(reference, auction.price, auction.volume))
            self.references[index] = auction.price
            fee = self.rules.fee_per_lot(auction.price, market.fee_ppm)
            result = market_row(market, reference, len(own), auction, fee)
            shown.append(self.draft.add("markets", batch=k, market=index, draw=batch.draws[index], **result))
        asked = np.bincount(entries.place[rows], minlength=len(markets) + 1).tolist()
        for row, count in zip(shown, asked, strict=False):
            row["asked"] = count
        self.out.results.append(tuple(results))
        return auctions, shown

    # -- after the auctions

    def _settle(self, index: int, auctions: Sequence[Auction], shown: Sequence[Row]) -> None:
        """What one bundle's entries take from its balances, and what they bring."""
        item, offsets, found, put = self.opened[index], self.entries.offsets, self.found, self.memory.put
        account, balance, credit = item.leaf.account, 0, 0
        now = time(item.batch, Phase.DEBIT, 0)
        for row in range(offsets[index], offsets[index + 1]):
            if self.group_start[row]:
                balance = found["rest"][row]
            if self.withdraw[row]:
                taken = given = self.quantity[row] if self.admitted[row] else 0
            else:
                market, filled = self.market[row], found["fill"][row]
                price, fee = auctions[market].price, shown[market]["fee"]
                found["clearing_price"][row], found["clearing_fee"][row] = price, fee
                buys = self.buy[row]
                taken, given = (filled * (price + fee), filled) if buys else (filled, filled * (price - fee))
            balance -= taken
            credit += given
            found["balance"][row], found["credit"][row] = balance, credit
            if self.run_end[row]:
                found["credited"][row] = int(credit != 0)
                credit = 0
            if self.group_end[row]:
                put(account, balance_slot(self.asset[row]), now + row, balance)
        self._credits(item, range(offsets[index], offsets[index + 1]))

    def _credits(self, item: Opened, rows: range) -> None:
        markets, found, add_to = self.epoch.parameters.markets, self.found, self.memory.add
        now = time(item.batch, Phase.CREDIT, 0)
        for row in rows:
            if not found["credited"][row]:
                continue
            market = self.market[row]
            if self.withdraw[row]:
                slot = WITHDRAWAL_SLOT + market
            else:
                slot = balance_slot(markets[market].base if self.buy[row] else markets[market].quote)
            credit = found["credit"][row]
            found["target.before"][row], found["funds"][row] = add_to(item.leaf.account, slot, now + row, credit)

    def _fees(self, k: int, auctions: Sequence[Auction], shown: Sequence[Row]) -> None:
        markets = self.epoch.parameters.markets
        for index, (row, auction) in enumerate(zip(shown, auctions, strict=True)):
            if auction.trade:
                now = time(k, Phase.CREDIT, index)
                slot = balance_slot(markets[index].quote)
                fees = 2 * auction.volume * row["fee"]
                row["fees.before"], row["funds"] = self.memory.add(FEE_ACCOUNT, slot, now, fees)

    # -- rows

    def _add_rows(self) -> None:
        """Bundles and entries with their hashes, and the outcome of each entry."""
        entries, rows = self.entries, self.draft.rows
        headers = self.bundles.headers(entries.sizes)
        before, after, bodies = entries.chain(headers)
        block = self.bundles.block(entries.sizes, headers, bodies)
        if len(block["real"]):
            rows.extend("bundles", block)
        if not len(entries.code):
            return
        batch = exact([item.batch for item in self.opened])[entries.bundle]
        account = exact([item.leaf.account for item in self.opened])[entries.bundle]
        cover = np.array([self.bundles.cover[o.number] for o in self.opened])[entries.bundle]
        admitted = np.array(self.admitted)
        own: dict[str, Any] = {
            **{name: numbers(values) for name, values in self.found.items()},
            "admitted": elements(admitted), "cover": elements(cover), "before": before, "after": after,
        }  # fmt: skip
        rows.extend("entries", {**entries.block(self.opened), **own})
        filled = np.where(entries.withdraw & admitted, entries.quantity, exact(self.found["fill"]))
        outcome = (batch, account, entries.position, admitted, filled)
        self.out.outcomes = tuple(values.tolist() for values in outcome)

    def _trees(self) -> None:
        empty = empty_roots(max(STATE_DEPTH, COMMITMENT_DEPTH))
        changed = sorted(self.memory.changed_leaves().items())
        indices = np.array([index for index, _ in changed], dtype=np.uint64)
        before, after = (digests([pair[side] for _, pair in changed]) for side in (0, 1))
        blocks, (self.out.old_root, self.out.new_root) = levels(
            0, STATE_DEPTH, indices, before, after, self.epoch.tree.node
        )

        def untouched(level: int, _: int) -> Digest:
            return empty[COMMITMENT_DEPTH - level]

        for k, (start, end) in enumerate(zip(self.bundles.starts, self.bundles.starts[1:], strict=False)):
            leaves = self.bundles.leaves[start:end]
            indices = np.arange(len(leaves), dtype=np.uint64)
            made, roots = levels(1 + k, COMMITMENT_DEPTH, indices, np.zeros_like(leaves), leaves, untouched)
            blocks += made
            self.out.roots.append(roots[1] if made else empty[COMMITMENT_DEPTH])
        if self.opened:
            blocks += key_paths(*self.bundles.key_leaves())
        add(self.draft, blocks)
