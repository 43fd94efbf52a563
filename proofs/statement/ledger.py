"""Tables of the state: the Merkle nodes, the touched slots, and the L1 queue."""

from __future__ import annotations

from ..dsl import Expr, Row
from ..params import ASSETS, STATE_DEPTH
from .buses import (
    HASH,
    MEMORY,
    PUBLIC,
    RANGE,
    TIME_SHIFT,
    WITHDRAWAL_SLOT,
    Bits,
    Phase,
    Tag,
)


def small(row: Row, value: Expr, count: Expr, label: str) -> None:
    """``value`` is in [0, 2^36): for the differences of numbers below 2^31, that it is not negative."""
    row.send(RANGE, [int(Bits.SMALL), value], count, label)


def amount(row: Row, value: Expr, count: Expr, label: str) -> None:
    """``value`` is in [0, 2^62)."""
    row.send(RANGE, [int(Bits.AMOUNT), value], count, label)


def below(row: Row, value: Expr, bound: int, count: Expr, label: str) -> None:
    """``value`` is in [0, bound), for a bound up to 2^12."""
    row.send(RANGE, [int(Bits.LIMB), value], count, label)
    row.send(RANGE, [int(Bits.LIMB), (bound - 1) - value], count, f"{label}, above")


def time(batch: Expr, phase: Phase, sequence: Expr) -> Expr:
    return (4 * batch + (int(phase) + 1)) * (1 << TIME_SHIFT) + sequence


def access(
    row: Row,
    name: str,
    account: Expr | int,
    slot: Expr,
    now: Expr,
    old: list[Expr],
    new: list[Expr],
    count: Expr,
) -> None:
    """Take a slot's last value and leave a new one, ``count`` times 0 or 1."""
    before = row.column(f"{name}.before")
    padding = [row.nought] * (4 - len(old))
    row.receive(MEMORY, [account, slot, before, *old, *padding], count, f"{name}: take")
    row.send(MEMORY, [account, slot, now, *new, *padding], count, f"{name}: leave")
    small(row, now - before - 1, count, f"{name}: later than before")


def nodes(row: Row) -> None:
    """Clause 7: Merkle trees from the root down, each touched node once, before and after.

    A row answers one request for its node and requests those children that change hands below it. A child that is
    not requested is the same before and after. A path is a tree in which nothing changes, a commitment tree one
    that was empty.
    """
    real = row.flag("real")
    tree, level, index = row.columns("tree", "level", "index")
    same = row.flag("same")
    row.zero(same * (1 - real), "same is for real rows")
    old, new = row.digest("old"), row.digest("new")
    children = [(row.digest(f"old_{s}"), row.digest(f"new_{s}")) for s in ("left", "right")]
    touched = [row.flag("left"), row.flag("right")]

    row.receive(PUBLIC, [int(Tag.NODE), tree, level, index, *old, *new], real, "this node")
    for bit, ((before, after), touch) in enumerate(zip(children, touched, strict=True)):
        row.zero(touch * (1 - real), "only real rows ask for children")
        for b, a in zip(before, after, strict=True):
            row.equal(b, a, "a child that is not touched stays", when=real - touch)
        row.send(PUBLIC, [int(Tag.NODE), tree, level + 1, 2 * index + bit, *before, *after], touch, "child")
    (old_left, new_left), (old_right, new_right) = children
    row.send(HASH, [*old_left, *old_right, *old], real, "hash before")
    row.send(HASH, [*new_left, *new_right, *new], real - same, "hash after")
    for b, a in zip([*old_left, *old_right, *old], [*new_left, *new_right, *new], strict=True):
        row.equal(b, a, "nothing changes below", when=same)


def cells(row: Row) -> None:
    """Clauses 7 and 8: each touched slot, before and after the epoch; changed balances and withdrawals are public."""
    key, balance, withdrawal = row.flag("key"), row.flag("balance"), row.flag("withdrawal")
    real = key + balance + withdrawal
    row.zero(real * (real - 1), "one kind of slot")
    money = balance + withdrawal
    account, asset, until = row.columns("account", "asset", "until")
    slot = row.derive("slot", balance * (asset + 2) + withdrawal * (asset + WITHDRAWAL_SLOT))
    old, new = row.digest("old"), row.digest("new")

    small(row, account, real, "account number")
    below(row, asset, ASSETS, money, "asset number")
    for i in range(1, 4):
        row.zero(money * old[i], "a balance is one number")
        row.zero(money * new[i], "a balance is one number")
    row.zero(withdrawal * old[0], "nothing is withdrawn before the epoch")
    amount(row, new[0], money, "a balance has 62 bits")

    row.send(MEMORY, [account, slot, 0, *old], real, "before the epoch")
    row.receive(MEMORY, [account, slot, until, *new], real, "after the epoch")
    node: list[Expr | int] = [int(Tag.NODE), 0, STATE_DEPTH, 16 * account + slot, *old, *new]
    row.receive(PUBLIC, node, key + balance, "leaf of the state tree")

    unchanged = row.is_zero("unchanged", new[0] - old[0])
    tag = int(Tag.BALANCE) * balance + int(Tag.WITHDRAWAL) * withdrawal
    changed = row.derive("changed", money * (1 - unchanged))
    row.receive(PUBLIC, [tag, account, asset, new[0]], changed, "changed balance or withdrawal")


def queue(row: Row) -> None:
    """Clause 1: the L1 queue's entries, each at its place before its batch: key roots and deposits."""
    key, deposit = row.flag("key"), row.flag("deposit")
    real = key + deposit
    row.zero(real * (real - 1), "one kind of entry")
    batch, position, account, asset = row.columns("batch", "position", "account", "asset")
    value, old = row.digest("value"), row.digest("old")
    slot = row.derive("slot", deposit * (asset + 2))
    new = [row.derive(f"new{i}", key * v + deposit * (o + v)) for i, (v, o) in enumerate(zip(value, old, strict=True))]
    entry: list[Expr | int] = [int(Tag.QUEUE), batch, position, key + 2 * deposit, account, asset, *value]
    row.receive(PUBLIC, entry, real, "entry")
    access(row, "slot", account, slot, time(batch, Phase.QUEUE, position), old, new, real)
