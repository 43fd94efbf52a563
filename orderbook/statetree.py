"""The settled state: a sparse Merkle tree of depth 24 over (account, slot) (``docs/protocol.md`` section 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from commitments import _native
from proofs.params import STATE_DEPTH

from .events import ZERO, Digest

SLOTS = 16


class StateTree:
    """Nodes by (level, index): level 0 is the root, level 24 the leaves; leaf index = 16 * account + slot."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[int, int], Digest] = {}
        empty = [ZERO]
        for _ in range(STATE_DEPTH):
            empty.append(_native.compress(empty[-1], empty[-1]))
        self._empty = tuple(reversed(empty))

    @property
    def root(self) -> Digest:
        return self.node(0, 0)

    def node(self, level: int, index: int) -> Digest:
        """A node; that of an empty subtree if nothing was ever written below it."""
        return self._nodes.get((level, index), self._empty[level])

    def leaf(self, account: int, slot: int) -> Digest:
        """The value of a slot."""
        return self.node(STATE_DEPTH, SLOTS * account + slot)

    def path(self, account: int, slot: int) -> tuple[Digest, ...]:
        """Siblings of a slot, from the leaf upwards."""
        index = SLOTS * account + slot
        return tuple(self.node(STATE_DEPTH - height, (index >> height) ^ 1) for height in range(STATE_DEPTH))

    def update(self, leaves: Mapping[tuple[int, int], Digest]) -> None:
        """Write slots, by (account, slot), and recompute what lies above them."""
        touched = set()
        for (account, slot), value in leaves.items():
            index = SLOTS * account + slot
            self._nodes[(STATE_DEPTH, index)] = value
            touched.add(index >> 1)
        for level in range(STATE_DEPTH - 1, -1, -1):
            order = sorted(touched)
            left, right = (
                np.array([self.node(level + 1, 2 * i + side) for i in order], dtype=np.uint64).reshape(-1, 4)
                for side in (0, 1)
            )
            for index, row in zip(order, _native.compress_many(left, right).tolist(), strict=True):
                self._nodes[(level, index)] = (row[0], row[1], row[2], row[3])
            touched = {index >> 1 for index in order}

    def part(self, accounts: Iterable[int]) -> StateTree:
        """The nodes that paths of these accounts read: enough to prove changes of them."""
        part = StateTree()
        for account in accounts:
            for height in range(STATE_DEPTH + 1):
                level, first, count = (
                    STATE_DEPTH - height,
                    (SLOTS * account) >> height,
                    max(1, SLOTS >> height),
                )
                for index in range(first, first + count):
                    for near in (index, index ^ 1):
                        node = self._nodes.get((level, near))
                        if node is not None:
                            part._nodes[(level, near)] = node
        return part
