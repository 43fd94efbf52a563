"""Sparse Merkle trees of fixed depth over :func:`commitments.hashing.compress`.

Nodes are named by (level, index): level 0 is the root, level ``depth`` the leaves; index counts from the left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from . import _native
from .hashing import compress_all, empty_roots
from .types import Digest


class MerkleTree:
    """A tree that is empty until leaves are set; only what is not empty takes memory."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self._empty = empty_roots(depth)
        self._nodes: dict[tuple[int, int], Digest] = {}

    @property
    def root(self) -> Digest:
        return self.node(0, 0)

    def node(self, level: int, index: int) -> Digest:
        """A node; that of an empty subtree where nothing was set."""
        return self._nodes.get((level, index), self._empty[self.depth - level])

    def leaf(self, index: int) -> Digest:
        return self.node(self.depth, index)

    def path(self, index: int) -> tuple[Digest, ...]:
        """Siblings of a leaf, from the leaf upwards."""
        return tuple(self.node(self.depth - height, (index >> height) ^ 1) for height in range(self.depth))

    def set(self, leaves: Mapping[int, Digest]) -> None:
        """Set leaves and recompute what lies above them, level by level."""
        below = dict(leaves)
        for index in below:
            if not 0 <= index < 1 << self.depth:
                raise IndexError(f"leaf {index} of a tree of depth {self.depth}")
        for level in range(self.depth, 0, -1):
            self._nodes.update({(level, index): value for index, value in below.items()})
            parents = sorted({index >> 1 for index in below})
            above = compress_all(
                [self.node(level, 2 * index) for index in parents],
                [self.node(level, 2 * index + 1) for index in parents],
            )
            below = dict(zip(parents, above, strict=True))
        self._nodes.update({(0, index): value for index, value in below.items()})

    def copy(self) -> MerkleTree:
        """A snapshot that does not change with this tree."""
        snapshot = MerkleTree(self.depth)
        snapshot._nodes = dict(self._nodes)
        return snapshot


def root_of_path(leaf: Digest, index: int, path: Sequence[Digest]) -> Digest:
    """The root to which a leaf's siblings (from the leaf upwards) lead. ``index`` is below 2^64."""
    return _native.root_of_path(leaf, index, path)


def verify_path(root: Digest, leaf: Digest, index: int, path: Sequence[Digest], depth: int) -> bool:
    """Whether ``leaf`` stands at ``index`` of the tree of ``depth`` under ``root``."""
    return len(path) == depth and 0 <= index < 1 << depth and root_of_path(leaf, index, path) == root
