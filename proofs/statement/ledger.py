"""Tables of the state: the touched slots and the L1 queue."""

from __future__ import annotations

from ..dsl import Expr, Row
from ..params import STATE_DEPTH
from .buses import (
    HOLDINGS,
    LEVEL,
    MEMORY,
    PUBLIC,
    RANGE,
    TIME_SHIFT,
    WITHDRAWAL_SLOT,
    WITHDRAWN,
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


def real_up_to(row: Row, real: Expr, last: Expr, label: str) -> None:
    """``real`` is 1 from the table's first row to the last one on which ``last`` is, and 0 behind it.

    Where ``last`` is 1, so is ``real``; where it is 0, ``real`` is what it is on the next row, or 0 at the table's end.
    """
    row.zero(real - last - (1 - last) * (1 - row.end) * real.next, label)


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
    (before,) = row.share(f"{name}.before")
    padding = [row.nought] * (4 - len(old))
    row.receive(MEMORY, [account, slot, before, *old, *padding], count, f"{name}: take")
    row.send(MEMORY, [account, slot, now, *new, *padding], count, f"{name}: leave")
    small(row, now - before - 1, count, f"{name}: later than before")


def cells(row: Row) -> None:
    """Clauses 7 and 8: each touched slot, before and after the epoch; changed balances and withdrawals are public."""
    key, balance, withdrawal = row.flag("key"), row.flag("balance"), row.flag("withdrawal")
    real = key + balance + withdrawal
    row.zero(real * (real - 1), "one kind of slot")
    money = balance + withdrawal
    account, asset, until = row.share("account", "asset", "until")
    slot = asset + 2 * balance + WITHDRAWAL_SLOT * withdrawal
    row.zero(key * asset, "the key's slot is 0")
    old, new = row.share_digest("old"), row.share_digest("new")

    # What nobody accesses cannot change, and what is accessed has whole numbers for account and slot. A leaf's index is
    # a whole number below 2^24 by its path, so an accessed address names one leaf. Left to rule out is that a balance
    # is taken for a withdrawal (slots from 32), or the other way round.
    row.send(RANGE, [int(Bits.LIMB), 256 * asset], money, "asset number below 16")
    # A balance is one number: every access says so of the other three elements, and what nobody accesses stays.
    row.zero(withdrawal * old[0], "nothing is withdrawn before the epoch")
    amount(row, new[0], money, "a balance has 62 bits")

    row.send(MEMORY, [account, slot, 0, *old], real, "before the epoch")
    row.receive(MEMORY, [account, slot, until, *new], real, "after the epoch")
    node: list[Expr | int] = [int(Tag.NODE), STATE_DEPTH * LEVEL, 0, 16 * account + slot, *old, *new]
    row.receive(PUBLIC, node, key + balance, "leaf of the state tree")

    unchanged = row.is_zero("unchanged", new[0] - old[0])
    changed = row.derive("changed", money * (1 - unchanged))
    # What changed was accessed, so account and asset are whole numbers, and the key names one slot.
    key_of_holding = 256 * account + asset + WITHDRAWN * withdrawal
    row.receive(HOLDINGS, [key_of_holding, new[0]], changed, "changed balance or withdrawal")


def queue(row: Row) -> None:
    """Clause 1: the L1 queue's entries, each at its place before its batch: key roots and deposits."""
    key, deposit = row.flag("key"), row.flag("deposit")
    real = key + deposit  # not 2: L1 has no entry of kind 3
    batch, position, account, asset = row.share("batch", "position", "account", "asset")
    value, old = row.share_digest("value"), row.share_digest("old")
    new = [v + deposit * o for v, o in zip(value, old, strict=True)]
    entry: list[Expr | int] = [int(Tag.QUEUE), batch, position, key + 2 * deposit, account, asset, *value]
    row.receive(PUBLIC, entry, real, "entry")
    access(row, "slot", account, asset + 2 * deposit, time(batch, Phase.QUEUE, position), old, new, real)
