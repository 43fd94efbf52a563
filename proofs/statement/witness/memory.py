"""The slots an epoch touches: their value before, their running value, and when it was left."""

from __future__ import annotations

import numpy as np

from commitments.types import BALANCE_SLOT, KEY_SLOT, Digest

from ...expression import MODULUS
from ...layout import Block, digests, elements, exact, numbers
from ...params import ASSETS
from ..buses import TIME_SHIFT, WITHDRAWAL_SLOT, Phase
from .inputs import TreeView


def time(batch: int, phase: Phase, sequence: int) -> int:
    """See :data:`proofs.statement.buses.TIME_SHIFT`."""
    return ((4 * batch + phase + 1) << TIME_SHIFT) + sequence


class Memory:
    """Running values of slots, read from the state tree at their first touch."""

    def __init__(self, tree: TreeView, depth: int) -> None:
        self._tree = tree
        self._depth = depth
        self.before: dict[tuple[int, int], Digest] = {}
        self._now: dict[tuple[int, int], tuple[int, Digest]] = {}

    def read(self, account: int, slot: int) -> tuple[int, Digest]:
        """When the slot's value was left, and the value."""
        key = (account, slot)
        if key not in self._now:
            value: Digest = (0, 0, 0, 0)
            if slot < 16:
                value = self._tree.node(self._depth, 16 * account + slot)
            self.before[key] = value
            self._now[key] = (0, value)
        return self._now[key]

    def write(self, account: int, slot: int, when: int, value: Digest) -> None:
        self.read(account, slot)
        a, b, c, d = (element % MODULUS for element in value)
        self._now[(account, slot)] = (when, (a, b, c, d))

    def keep(self, account: int, slot: int, when: int) -> tuple[int, Digest]:
        """Leave a slot as it is; gives when it was left before, and its value."""
        known = self.read(account, slot)
        self._now[(account, slot)] = (when, known[1])
        return known

    def put(self, account: int, slot: int, when: int, amount: int) -> None:
        """Write a number to a slot that was read."""
        self._now[(account, slot)] = (when, (amount % MODULUS, 0, 0, 0))

    def add(self, account: int, slot: int, when: int, amount: int) -> tuple[int, int]:
        """Add to a number; gives when it was left before, and its value before."""
        before, value = self.read(account, slot)
        self.put(account, slot, when, value[0] + amount)
        return before, value[0]

    def touched(self) -> list[tuple[int, int]]:
        return sorted(self._now)

    def cells(self) -> Block:
        """Rows of the cell table for everything touched."""
        touched = self.touched()
        accounts, slots = (exact([address[i] for address in touched]) for i in (0, 1))
        key, balance, withdrawal = slots == KEY_SLOT, (slots != KEY_SLOT) & (slots < 16), slots >= 16
        asset = slots - np.where(key, KEY_SLOT, np.where(balance, BALANCE_SLOT, WITHDRAWAL_SLOT))
        if (asset >= ASSETS).any():
            raise ValueError(f"slot {slots[asset >= ASSETS][0]} is no slot of the state")
        flags = {"key": key, "balance": balance, "withdrawal": withdrawal}
        return {
            **{name: elements(flag) for name, flag in flags.items()},
            "account": elements(accounts), "asset": elements(asset),
            "until": numbers([self._now[address][0] for address in touched]),
            "old": digests([self.before[address] for address in touched]),
            "new": digests([self._now[address][1] for address in touched]),
        }  # fmt: skip

    def changed_leaves(self) -> dict[int, tuple[Digest, Digest]]:
        """Touched leaves of the state tree: index -> (before, after)."""
        return {
            16 * account + slot: (self.before[(account, slot)], self._now[(account, slot)][1])
            for account, slot in self.touched()
            if slot < 16
        }

    def changed_balances(self) -> list[tuple[int, int, int]]:
        """(account, asset, new value) of every balance that differs from before, in order."""
        return [
            (account, slot - BALANCE_SLOT, self._now[(account, slot)][1][0])
            for account, slot in self.touched()
            if BALANCE_SLOT <= slot < 16 and self._now[(account, slot)][1] != self.before[(account, slot)]
        ]

    def withdrawals(self) -> list[tuple[int, int, int]]:
        """(account, asset, amount) of every withdrawal, in order."""
        return [
            (account, slot - WITHDRAWAL_SLOT, self._now[(account, slot)][1][0])
            for account, slot in self.touched()
            if slot >= WITHDRAWAL_SLOT and self._now[(account, slot)][1][0]
        ]
