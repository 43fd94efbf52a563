"""The state: key roots and balances in one tree of depth 24 (``docs/protocol.md`` section 5)."""

from __future__ import annotations

from .merkle import MerkleTree
from .types import BALANCE_SLOT, KEY_SLOT, SLOTS, STATE_DEPTH, Digest


def leaf_index(account: int, slot: int) -> int:
    """Index of a slot's leaf: 20 bits of account, 4 bits of slot."""
    return SLOTS * account + slot


def balance_slot(asset: int) -> int:
    return BALANCE_SLOT + asset


def balance_leaf(units: int) -> Digest:
    return (units, 0, 0, 0)


class StateTree(MerkleTree):
    """The state tree, by accounts."""

    def __init__(self) -> None:
        super().__init__(STATE_DEPTH)

    def slot(self, account: int, slot: int) -> Digest:
        return self.leaf(leaf_index(account, slot))

    def key_root(self, account: int) -> Digest:
        return self.slot(account, KEY_SLOT)

    def balance(self, account: int, asset: int) -> int:
        return self.slot(account, balance_slot(asset))[0]

    def slot_path(self, account: int, slot: int) -> tuple[Digest, ...]:
        """Siblings of a slot, from the leaf upwards."""
        return self.path(leaf_index(account, slot))
