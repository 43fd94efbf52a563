"""Clause 4: the entries of the opened bundles, their admission, and what they move."""

from __future__ import annotations

from ..dsl import Expr, Row
from ..params import ASSETS, PPM, QUANTITY_CAP
from .buses import HASH, MEMORY, PUBLIC, RANGE, WITHDRAWAL_SLOT, Bits, Phase, Tag
from .ledger import access, below, real_up_to, small, time


def fee_per_lot(row: Row, name: str, price: Expr, fee_ppm: Expr, count: Expr) -> Expr:
    """A column ``f = ceil(price * fee_ppm / 10^6)`` wherever ``count`` is 1."""
    (fee,) = row.share(name)
    rest = row.derive(f"{name}.rest", fee * PPM - price * fee_ppm)
    small(row, fee, count, f"{name} is a number")
    small(row, rest, count, f"{name} is rounded up")
    small(row, (PPM - 1) - rest, count, f"{name} is rounded up by less than one")
    return fee


def entries(row: Row) -> None:
    """One row for each entry: real rows first, bundle after bundle, in the order of the bundle table."""
    # At most one of the three is 1, as `real` is 0 or 1 (see below). All three count range checks, on rows that are not
    # real too: one that counts -1 would answer a false check of another row.
    withdraw, buy, sell = row.flag("withdraw"), row.flag("buy"), row.flag("sell")
    order = buy + sell
    real = withdraw + order
    number, position = row.columns("number", "position")
    bundle, account, batch, count, cover = row.columns("bundle", "account", "batch", "count", "cover")
    first, last = row.columns("first", "last")
    more = real - last

    # Bundles: where one starts and ends, and that its rows stand together. That `real`, `first` and `last` are flags
    # follows: a row with another `real` is no pair, so it starts no bundle, so the one before goes on with the same
    # `real` and is a pair. A row that is last by another number stands at position 0, and positions start at 1.
    row.on_first(number, "rows are numbered from 0")
    row.step(number.next - number - 1, "rows are numbered")
    real_up_to(row, real, last, "real rows up to the last bundle's end")
    starts = real.next - more
    row.zero(first.next - starts, "a bundle starts where none goes on")
    for name, column in {"bundle": bundle, "account": account, "batch": batch, "count": count, "cover": cover}.items():
        row.step(more * (column.next - column), f"{name} is one for the bundle")
    row.zero(first * (position - 1), "positions start at 1")
    row.step(more * (position.next - position - 1), "positions rise")
    row.zero(last * (position - count), "all entries of the header's count")
    small(row, bundle.next - bundle - 1, starts * (1 - row.end), "bundles in the order of their numbers")

    # The hash chain over pairs of entries.
    price, quantity, market = row.columns("price", "quantity", "market")
    before, after = row.digest("before"), row.digest("after")
    pair = row.column("pair")
    kind = withdraw + 2 * buy + 3 * sell
    code = kind + 256 * market + 65536 * price
    second = [
        row.column("second.code"),
        row.column("second.quantity"),
    ]
    row.zero(first * (1 - pair), "a pair starts with the bundle")
    row.zero(pair * (1 - real), "only real rows start a pair")
    row.step(more * (pair.next + pair - 1), "pairs alternate")
    for column, value in zip(second, (code.next, quantity.next), strict=True):
        row.zero(column - pair * (1 - last) * value, "the pair's second entry, or zero after the last")
    row.send(HASH, [*before, code, quantity, *second, *after], pair, "pair of entries")
    for b, a in zip(before, after, strict=True):
        row.zero((1 - pair) * (a - b), "the second of a pair adds no hash")
        row.step(more * (b.next - a), "the chain goes on")
    start: list[Expr | int] = [int(Tag.BUNDLE_START), bundle, account, batch, count, cover, *before]
    row.receive(PUBLIC, start, first, "bundle starts")
    row.send(PUBLIC, [int(Tag.BUNDLE_END), bundle, *after], last, "bundle ends")

    # Fields in range.
    base, quote, lower, upper, fee_ppm = row.columns("base", "quote", "lower", "upper", "fee_ppm")
    clearing, clearing_fee = row.columns("clearing_price", "clearing_fee")
    info: list[Expr | int] = [int(Tag.MARKET_INFO), batch, market, base, quote, lower, upper, fee_ppm]
    info += [clearing, clearing_fee]
    row.send(PUBLIC, info, order, "market of the order")
    row.send(RANGE, [order * int(Bits.SMALL) + withdraw * int(Bits.AMOUNT), quantity], real, "quantity or amount")
    inverse = row.inverse_hint("quantity.inverse", quantity)
    row.zero(quantity * inverse - real, "quantity or amount is not zero")
    row.zero(withdraw * price, "a withdrawal has no price")
    below(row, market, ASSETS, withdraw, "asset of the withdrawal")
    small(row, price - lower, order, "price not below the band")
    small(row, upper - price, order, "price not above the band")

    # Order of entries: groups of one debited asset, runs of one asset, market and kind.
    asset = row.derive("debited", withdraw * market + buy * quote + sell * base)
    key = row.derive("key", asset * 65536 + order * market * 256 + kind)
    run_end, group_end = row.flag("run_end"), row.flag("group_end")
    group_start = row.column("group_start")
    # That a group ends with the bundle, and has one asset, the memory bus says: see docs/proofs.md.
    row.zero(group_end * (1 - run_end), "a run ends with its group")
    row.zero(run_end * (1 - real), "only real rows end runs")
    row.step((real - run_end) * (key.next - key), "a run has one key")
    small(row, key.next - key - 1, run_end - last, "runs rise")
    small(row, asset.next - asset - 1, group_end - last, "groups rise")
    row.zero(group_start.next - real.next + more * (1 - group_end), "a group starts where none goes on")
    total = row.column("run_quantity")
    row.on_first(total - quantity, "a run's quantity starts")
    row.step(total.next - (1 - run_end) * total - quantity.next, "a run's quantity adds up")
    small(row, QUANTITY_CAP - total, order, "cap per bundle, market and side")

    # Admission: the rest of the balance after what earlier entries took.
    fee = fee_per_lot(row, "fee", price, fee_ppm, buy)
    debit = row.derive("debit", (withdraw + sell) * quantity + buy * quantity * (price + fee))
    considered = withdraw + cover * order
    admitted = row.flag("admitted")
    row.zero(admitted * (1 - considered), "without cover, orders are dropped")
    rest = row.column("rest")
    gap = row.derive("gap", admitted * (rest - debit) + (considered - admitted) * (debit - rest - 1))
    row.send(RANGE, [int(Bits.AMOUNT), gap], considered, "fits or does not")
    row.step((real - group_end) * (rest.next - rest + admitted * debit), "the rest runs down")

    # What is traded, and what that moves.
    fill = row.column("fill")
    live = admitted * order
    row.zero(fill * (1 - live), "only admitted orders are filled")
    row.send(PUBLIC, [int(Tag.ORDER), 256 * batch + market, number, buy, price, quantity, fill], live, "order")
    balance, credit = row.columns("balance", "credit")
    amount = withdraw * admitted * quantity
    taken = amount + sell * fill + buy * fill * (clearing + clearing_fee)
    given = amount + buy * fill + sell * fill * (clearing - clearing_fee)
    row.zero(group_start * (balance - rest + taken), "a group starts with the balance before the batch")
    row.step((real - group_end) * (balance.next - balance + taken.next), "the balance runs down")
    row.on_first(credit - given, "a run's proceeds start")
    row.step(credit.next - (1 - run_end) * credit - given.next, "a run's proceeds add up")
    _debit_access(row, account, asset, time(batch, Phase.DEBIT, number), rest, balance, group_start, group_end)

    credited = row.flag("credited")
    row.zero(credited * (1 - run_end), "proceeds are credited at a run's end")
    row.zero((run_end - credited) * credit, "proceeds that are not zero are credited")
    target = row.derive("target", withdraw * (market + WITHDRAWAL_SLOT) + buy * (base + 2) + sell * (quote + 2))
    funds = row.column("funds")
    access(row, "target", account, target, time(batch, Phase.CREDIT, number), [funds], [funds + credit], credited)


def _debit_access(
    row: Row, account: Expr, asset: Expr, now: Expr, old: Expr, new: Expr, start: Expr, end: Expr
) -> None:
    """One access for a group: taken at its first row, left at its last."""
    before = row.column("group.before")
    row.receive(MEMORY, [account, asset + 2, before, old], start, "group: take")
    row.send(MEMORY, [account, asset + 2, now, new], end, "group: leave")
    small(row, now - before - 1, start, "group: later than before")
