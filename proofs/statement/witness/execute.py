"""Executing an epoch: from its input to draft traces and to everything that becomes public."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from commitments.bundle import Kind
from commitments.hashing import compress_all, empty_roots
from commitments.state import balance_slot
from commitments.types import KEY_SLOT, ZERO, Digest

from ...expression import MODULUS
from ...params import (
    COMMITMENT_DEPTH,
    FEE_ACCOUNT,
    INSURANCE_ACCOUNT,
    STATE_DEPTH,
)
from ..buses import WITHDRAWAL_SLOT, Phase
from ..kinds import QueueKind
from ..program import clearing_program
from .draft import Draft, Row
from .forest import Tree, add, grow, key_paths
from .inputs import BatchInput, EpochInput, OpenedLeaf
from .memory import Memory, time
from .rules import Auction, Order, Rules


@dataclass(frozen=True, slots=True)
class MarketResult:
    """What becomes public of one market in one batch."""

    reference: int
    price: int
    volume: int


@dataclass(frozen=True, slots=True)
class MissingReveal:
    batch: int
    account: int
    commitment: Digest
    charged: bool


@dataclass(frozen=True, slots=True)
class Fill:
    """One entry's outcome: admitted or dropped, and the lots filled (an admitted withdrawal: its amount)."""

    batch: int
    account: int
    position: int
    admitted: bool
    filled: int


@dataclass
class Execution:
    """An executed epoch. ``results[k]`` is empty for a batch without commitments."""

    draft: Draft
    old_root: Digest = ZERO
    new_root: Digest = ZERO
    roots: list[Digest] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    results: list[tuple[MarketResult, ...]] = field(default_factory=list)
    missing: list[MissingReveal] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    balances: list[tuple[int, int, int]] = field(default_factory=list)
    withdrawals: list[tuple[int, int, int]] = field(default_factory=list)
    leaves: dict[int, Digest] = field(default_factory=dict)
    """Changed and touched leaves of the state tree with their value after the epoch."""
    references: tuple[int, ...] = ()
    """The markets' reference prices after the epoch."""


def execute(epoch: EpochInput, rules: Rules | None = None) -> Execution:
    """Execute an epoch by the rules, writing the tables' rows on the way."""
    return _Executor(epoch, rules or Rules()).run()


@dataclass
class _Opened:
    """An opened leaf on its way through the batch."""

    leaf: OpenedLeaf
    row: Row
    number: int
    batch: int
    cover: bool
    entries: list[Row] = field(default_factory=list)


class _Executor:
    def __init__(self, epoch: EpochInput, rules: Rules) -> None:
        self.epoch = epoch
        self.rules = rules
        self.draft = Draft(clearing_program())
        self.memory = Memory(epoch.tree, STATE_DEPTH)
        self.out = Execution(self.draft)
        self.references = list(epoch.references)
        self.position = 0
        self.opened: list[_Opened] = []
        self.all_rows: list[Row] = []
        parameters = epoch.parameters
        self.constants = {
            "venue": parameters.venue,
            "first_batch": epoch.first_batch,
            "miss_fee": parameters.miss_fee,
            "fee_asset": parameters.fee_asset,
        }
        self.draft.constants.update({f"bundles.{name}": value for name, value in self.constants.items()})
        self.draft.numbered = ("bundles.number", "entries.number")

    def run(self) -> Execution:
        # The fee account's first balance is always touched, so that every epoch has a state path.
        self.memory.read(FEE_ACCOUNT, balance_slot(self.epoch.parameters.fee_asset))
        for k, batch in enumerate(self.epoch.batches):
            self._queue(k, batch)
            self._batch(k, batch)
        self._hash_bundles()
        self._trees()
        out, memory = self.out, self.memory
        memory.add_cells(self.draft)
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
        opened = self._leaves(k, batch)
        for item in opened:
            self._admission(k, item)
        auctions = self._auctions(k, batch, opened)
        for item in opened:
            self._settle(k, item, auctions)
        self._fees(k, auctions)

    def _leaves(self, k: int, batch: BatchInput) -> list[_Opened]:
        parameters, memory, opened = self.epoch.parameters, self.memory, []
        fee_slot = balance_slot(parameters.fee_asset)
        for position, leaf in enumerate(batch.leaves):
            number = len(self.all_rows)
            now = time(k, Phase.BUNDLE, number)
            is_open = isinstance(leaf, OpenedLeaf)
            before, value = memory.read(leaf.account, fee_slot)
            funds = value[0]
            cover = self.rules.covers(funds, parameters.miss_fee)
            row = self.draft.add(
                "bundles", **self.constants, real=1, opened=int(is_open),
                last=int(position == len(batch.leaves) - 1), batch=k, number=number, position=position,
                account=leaf.account, cover=int(cover), funds=funds, **{"funds.before": before},
            )  # fmt: skip
            self.all_rows.append(row)
            fee = 0
            if isinstance(leaf, OpenedLeaf):
                key_before, key_root = memory.read(leaf.account, KEY_SLOT)
                memory.write(leaf.account, KEY_SLOT, now, key_root)
                row.update(
                    {"key.before": key_before}, count=len(leaf.entries), salt=leaf.salt, secret=leaf.secret,
                    key_root=key_root, key_position=leaf.key_position,
                )  # fmt: skip
                opened.append(_Opened(leaf, row, number, k, cover))
            else:
                row["commitment"] = leaf.commitment
                self.out.missing.append(MissingReveal(k, leaf.account, leaf.commitment, leaf.charged))
                if leaf.charged:
                    fee = self.rules.miss_charge(funds, parameters.miss_fee)
                    slot_before, insurance = memory.add(INSURANCE_ACCOUNT, fee_slot, now, fee)
                    row.update({"insurance.before": slot_before}, charged=1, insurance=insurance)
            memory.write(leaf.account, fee_slot, now, (funds - fee, 0, 0, 0))
        self.opened += opened
        return opened

    def _admission(self, k: int, item: _Opened) -> None:
        """Rows of the bundle's entries up to what is admitted."""
        markets, leaf = self.epoch.parameters.markets, item.leaf
        entries, group, rest = leaf.entries, -1, 0
        table = self.draft.rows.setdefault("entries", [])
        run_quantity, run_key = 0, -1
        for index, entry in enumerate(entries):
            number = len(table)
            order = entry.kind is not Kind.WITHDRAWAL
            market = markets[entry.market] if order else None
            asset = entry.market
            if market is not None:
                asset = market.quote if entry.kind is Kind.BUY else market.base
            key = asset * 65536 + (entry.market * 256 if order else 0) + entry.kind
            if key != run_key:
                run_key, run_quantity = key, 0
            run_quantity += entry.quantity
            row: Row = {
                "withdraw": int(not order), "buy": int(entry.kind is Kind.BUY),
                "sell": int(entry.kind is Kind.SELL), "number": number, "position": index + 1,
                "bundle": item.number, "account": leaf.account, "batch": k, "count": len(entries),
                "cover": int(item.cover), "first": int(index == 0), "last": int(index == len(entries) - 1),
                "price": entry.price, "quantity": entry.quantity, "market": entry.market,
                "pair": int(index % 2 == 0), "run_quantity": run_quantity,
            }  # fmt: skip
            if asset != group:
                group = asset
                before, value = self.memory.read(leaf.account, balance_slot(asset))
                rest = value[0]
                row["group_start"], row["group.before"] = 1, before
            debit = entry.quantity
            if market is not None:
                row.update(
                    base=market.base, quote=market.quote, lower=market.lower, upper=market.upper,
                    fee_ppm=market.fee_ppm,
                )  # fmt: skip
                if entry.kind is Kind.BUY:
                    fee = self.rules.fee_per_lot(entry.price, market.fee_ppm)
                    row["fee"] = fee
                    debit = entry.quantity * (entry.price + fee)
            admitted = (item.cover or not order) and self.rules.admits(rest, debit)
            row["rest"], row["admitted"] = rest, int(admitted)
            if admitted:
                rest -= debit
            if index % 2 == 0 and index + 1 < len(entries):
                other = entries[index + 1]
                row["second.code"] = other.code
                row["second.quantity"] = other.quantity
            table.append(row)
            item.entries.append(row)
        for row, after in zip(item.entries, [*item.entries[1:], None], strict=True):
            row["group_end"] = int(after is None or bool(after.get("group_start")))
            row["run_end"] = int(after is None or _run(row) != _run(after))

    def _auctions(self, k: int, batch: BatchInput, opened: Sequence[_Opened]) -> list[Auction]:
        markets = self.epoch.parameters.markets
        books: list[list[tuple[Order, Row]]] = [[] for _ in markets]
        for item in opened:
            for row in item.entries:
                if row["admitted"] and not row["withdraw"]:
                    order = Order(row["number"], bool(row["buy"]), row["price"], row["quantity"])
                    books[row["market"]].append((order, row))
        auctions = []
        results = []
        for index, (market, book) in enumerate(zip(markets, books, strict=True)):
            reference = self.references[index]
            orders = [order for order, _ in book]
            auction = self.rules.auction(market, reference, batch.draws[index], orders)
            for (_, row), fill in zip(book, auction.fills, strict=True):
                row["fill"] = fill
            auctions.append(auction)
            results.append(MarketResult(reference, auction.price, auction.volume))
            self._order_rows(256 * k + index, orders, auction)
            self.references[index] = auction.price
        self.out.results.append(tuple(results))
        for index, (book, auction, result) in enumerate(zip(books, auctions, results, strict=True)):
            self._market_row(k, index, batch.draws[index], len(book), auction, result.reference)
        return auctions

    def _order_rows(self, number: int, orders: Sequence[Order], auction: Auction) -> None:
        ration_buys = not (auction.trade and auction.surplus < 0)
        sums = dict.fromkeys(("buy_better", "buy_at", "sell_better", "sell_at", "beyond"), 0)
        claim = allotted = 0
        for index, (order, fill) in enumerate(zip(orders, auction.fills, strict=True)):
            edge = order.price - auction.pivot if order.buy else auction.pivot - order.price
            side = "buy" if order.buy else "sell"
            gained = 0
            if edge > 0:
                sums[f"{side}_better"] += order.quantity
            elif edge == 0:
                sums[f"{side}_at"] += order.quantity
                if order.buy == ration_buys:
                    claim += order.quantity
                    gained = fill
                    allotted += gained
            elif edge == -1 and auction.neighbour == (-1 if order.buy else 1):
                sums["beyond"] += order.quantity
            self.draft.add(
                "orders", real=1, last=int(index == len(orders) - 1), buy=int(order.buy), auction=number,
                number=order.number, price=order.price, quantity=order.quantity, fill=fill,
                pivot=auction.pivot, neighbour=auction.neighbour, ration_buys=int(ration_buys),
                lots=auction.lots, wanted=auction.wanted, phase=auction.phase,
                better=int(edge > 0), at=int(edge == 0), claim=claim, allotted=allotted, gained=gained,
                **{f"sum.{name}": value for name, value in sums.items()},
            )  # fmt: skip

    def _market_row(self, k: int, index: int, draw: int, orders: int, auction: Auction, reference: int) -> None:
        market, trade, surplus = self.epoch.parameters.markets[index], auction.trade, auction.surplus
        up, down = int(auction.neighbour == 1), int(auction.neighbour == -1)
        row = self.draft.add(
            "markets", real=1, trade=int(trade), present=int(orders > 0), batch=k, market=index,
            reference=reference, price=auction.price, volume=auction.volume, draw=draw, base=market.base,
            quote=market.quote, lower=market.lower, upper=market.upper, fee_ppm=market.fee_ppm,
            buy_better=auction.buy_better, buy_at=auction.buy_at, sell_better=auction.sell_better,
            sell_at=auction.sell_at, beyond=auction.beyond, pivot=auction.pivot,
            even=int(trade and surplus == 0), buy_pressure=int(trade and surplus > 0),
            sell_pressure=int(trade and surplus < 0), up=up, down=down, phase=auction.phase,
            fee=self.rules.fee_per_lot(auction.price, market.fee_ppm),
        )  # fmt: skip
        if trade and surplus:
            better = auction.buy_better if surplus > 0 else auction.sell_better
            demand = auction.buy_better + auction.buy_at
            supply = auction.sell_better + auction.sell_at
            opposite = (
                supply + auction.beyond - auction.buy_better
                if surplus > 0
                else demand + auction.beyond - auction.sell_better
            )
            if auction.volume != better:
                reason = "by_volume"
            elif opposite != abs(surplus):
                reason = "by_surplus"
            else:
                reason = "by_reference"
            row[reason] = 1

    # -- after the auctions

    def _settle(self, k: int, item: _Opened, auctions: Sequence[Auction]) -> None:
        markets, memory, account = self.epoch.parameters.markets, self.memory, item.leaf.account
        asked: dict[int, int] = {}
        balance = credit = 0
        credited: list[Row] = []
        for row in item.entries:
            number, quantity, index = row["number"], row["quantity"], row["market"]
            admitted, fill = bool(row["admitted"]), row.get("fill", 0)
            if row.get("group_start"):
                balance = row["rest"]
            if row["withdraw"]:
                taken = given = quantity if admitted else 0
                asset = index
            else:
                market, price = markets[index], auctions[index].price
                fee = self.rules.fee_per_lot(price, market.fee_ppm)
                asked[index] = asked.get(index, 0) + 1
                row["clearing_price"], row["clearing_fee"] = price, fee
                if row["buy"]:
                    asset, taken, given = market.quote, fill * (price + fee), fill
                else:
                    asset, taken, given = market.base, fill, fill * (price - fee)
            balance -= taken
            row["balance"] = balance
            credit += given
            row["credit"] = credit
            if row["run_end"]:
                if credit:
                    row["credited"] = 1
                    credited.append(row)
                credit = 0
            if row["group_end"]:
                memory.write(account, balance_slot(asset), time(k, Phase.DEBIT, number), (balance, 0, 0, 0))
            filled = quantity if row["withdraw"] and admitted else fill
            self.out.fills.append(Fill(k, account, row["position"] - 1, admitted, filled))
        for row in credited:
            index = row["market"]
            if row["withdraw"]:
                slot = WITHDRAWAL_SLOT + index
            else:
                slot = balance_slot(markets[index].base if row["buy"] else markets[index].quote)
            now = time(k, Phase.CREDIT, row["number"])
            row["target.before"], row["funds"] = memory.add(account, slot, now, row["credit"])
        rows = {(r["batch"], r["market"]): r for r in self.draft.rows["markets"]}
        for index, count in asked.items():
            market_row = rows[(k, index)]
            market_row["asked"] = market_row.get("asked", 0) + count

    def _fees(self, k: int, auctions: Sequence[Auction]) -> None:
        markets = self.epoch.parameters.markets
        rows = [r for r in self.draft.rows["markets"] if r["batch"] == k]
        for index, (row, auction) in enumerate(zip(rows, auctions, strict=True)):
            if auction.trade:
                now = time(k, Phase.CREDIT, index)
                slot = balance_slot(markets[index].quote)
                fees = 2 * auction.volume * row["fee"]
                row["fees.before"], row["funds"] = self.memory.add(FEE_ACCOUNT, slot, now, fees)

    # -- hashing

    def _hash_bundles(self) -> None:
        """Headers, chains, commitments and leaves, all bundles side by side."""
        venue, first = self.epoch.parameters.venue, self.epoch.first_batch
        opened = self.opened
        where = [(venue, first + item.batch, item.leaf.account) for item in opened]
        state = compress_all([(2, *w) for w in where], [(len(o.leaf.entries), *o.leaf.salt) for o in opened])
        for item, digest in zip(opened, state, strict=True):
            item.row["header"] = digest
        chain = dict(enumerate(state))
        for pair in range(0, max((len(o.leaf.entries) for o in opened), default=0), 2):
            live = [i for i, o in enumerate(opened) if pair < len(o.entries)]
            rows = [opened[i].entries[pair] for i in live]
            codes = [
                (_code(r), r["quantity"], r.get("second.code", 0) % MODULUS, r.get("second.quantity", 0)) for r in rows
            ]
            after = compress_all([chain[i] for i in live], codes)
            for i, row, digest in zip(live, rows, after, strict=True):
                row["before"], row["after"] = chain[i], digest
                if pair + 1 < len(opened[i].entries):
                    opened[i].entries[pair + 1].update(before=digest, after=digest)
                chain[i] = digest
        secrets = [o.leaf.secret for o in opened]
        commitments = compress_all(list(chain.values()), secrets)
        keys = compress_all(secrets, [(1, v, b, 0) for v, b, _ in where])
        for item, body, commitment, key in zip(opened, chain.values(), commitments, keys, strict=True):
            item.row.update(body=body, commitment=commitment, key_leaf=key)
        leaves = compress_all(
            [r["commitment"] for r in self.all_rows],
            [(3, venue, first + r["batch"], r["account"]) for r in self.all_rows],
        )
        for row, leaf in zip(self.all_rows, leaves, strict=True):
            row["leaf"] = leaf

    def _trees(self) -> None:
        empty = empty_roots(max(STATE_DEPTH, COMMITMENT_DEPTH))
        state = Tree(0, STATE_DEPTH, self.memory.changed_leaves(), self.epoch.tree.node)
        leaves: dict[int, dict[int, tuple[Digest, Digest]]] = {}
        for row in self.all_rows:
            leaves.setdefault(row["batch"], {})[row["position"]] = (ZERO, row["leaf"])
        batches = {
            k: Tree(1 + k, COMMITMENT_DEPTH, touched, lambda level, _: empty[COMMITMENT_DEPTH - level])
            for k, touched in leaves.items()
        }
        grow(self.draft, [state, *batches.values()])
        self._key_paths()
        self.out.old_root, self.out.new_root = state.root
        self.out.roots = [
            batches[k].root[1] if k in batches else empty[COMMITMENT_DEPTH] for k in range(len(self.epoch.batches))
        ]

    def _key_paths(self) -> None:
        if not self.opened:
            return
        blocks = key_paths(
            np.array([o.row["key_leaf"] for o in self.opened], dtype=np.uint64),
            np.array([o.leaf.key_position for o in self.opened], dtype=np.uint64),
            np.array([o.leaf.key_path for o in self.opened], dtype=np.uint64),
        )
        add(self.draft, blocks)


def _run(row: Row) -> tuple[int, int, int]:
    return (row["market"], row["buy"], row["withdraw"])


def _code(row: Row) -> int:
    kind = row["withdraw"] + 2 * row["buy"] + 3 * row["sell"]
    code: int = kind + 256 * row["market"] + 65536 * row["price"]
    return code % MODULUS
