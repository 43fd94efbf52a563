"""Rows of the node table for many trees at once, and the digests of their roots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from commitments import _native
from commitments.types import ZERO, Digest

from ...layout import Block, Column, digests
from ...params import KEY_DEPTH
from ..buses import LEVEL
from .draft import Draft


@dataclass
class Tree:
    """A tree of fixed depth with its touched leaves (index -> (before, after)).

    ``node`` gives any node before the change by (level, index), level 0 being the root.
    """

    number: int
    depth: int
    leaves: Mapping[int, tuple[Digest, Digest]]
    node: Callable[[int, int], Digest]
    root: tuple[Digest, Digest] = (ZERO, ZERO)


def grow(draft: Draft, trees: Sequence[Tree]) -> None:
    """Add the node rows of all trees and set their roots."""
    blocks = []
    for tree in trees:
        indices = sorted(tree.leaves)
        before, after = (digests([tree.leaves[i][side] for i in indices]) for side in (0, 1))
        made, tree.root = levels(tree.number, tree.depth, np.array(indices, dtype=np.uint64), before, after, tree.node)
        blocks += made
    add(draft, blocks)


def add(draft: Draft, blocks: Sequence[Block]) -> None:
    """Add node rows that were made as blocks."""
    if blocks:
        draft.rows.extend("nodes", {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]})


def levels(
    number: int, depth: int, indices: Column, before: Column, after: Column, node: Callable[[int, int], Digest]
) -> tuple[list[Block], tuple[Digest, Digest]]:
    """The rows of a tree from its lowest nodes up, and its roots before and after.

    ``indices``: rising, of the touched leaves, with their digests before and after, shape (n, 4).
    """
    made, roots = [], (ZERO, ZERO)
    for level in range(depth - 1, -1, -1):
        if not len(indices):
            break
        first, rows = _groups(indices >> np.uint64(1))
        parents = indices[first] >> np.uint64(1)
        touched = np.zeros((2, len(parents)), dtype=np.uint64)
        old, new = np.zeros((2, 2, len(parents), 4), dtype=np.uint64)
        sides = (indices & np.uint64(1)).astype(np.int64)
        touched[sides, rows] = 1
        old[sides, rows], new[sides, rows] = before, after
        for side in (0, 1):
            still = np.nonzero(touched[side] == 0)[0]
            if len(still):
                nodes = [node(level + 1, 2 * parent + side) for parent in parents[still].tolist()]
                old[side, still] = new[side, still] = digests(nodes)
        before, after = _native.compress_many(old[0], old[1]), _native.compress_many(new[0], new[1])
        indices, ones = parents, np.ones(len(parents), dtype=np.uint64)
        made.append(_block(ones, ones - ones, number + LEVEL * level, indices, before, after, old, new, touched))
        roots = _digest(before[0]), _digest(after[0])
    return made, roots


def key_paths(leaves: Column, positions: Column, paths: Column) -> list[Block]:
    """The rows of the paths from key leaves (n, 4) at ``positions`` (n) with siblings (n, depth, 4).

    Paths under one root share their nodes.
    """
    steps = []
    node, index = leaves, positions
    for height in range(KEY_DEPTH):
        right = (index & np.uint64(1)).astype(bool)[:, None]
        other = paths[:, height]
        children = np.stack([np.where(right, other, node), np.where(right, node, other)])
        node = _native.compress_many(children[0], children[1])
        steps.append((children, node))
        index = index >> np.uint64(1)
    roots = node
    _, trees = np.unique(roots, axis=0, return_inverse=True)
    # Paths by the place of their leaf; of those that pass through one node, one stands for all above it. A node vouches
    # once for a child that is a node too, and for a leaf as often as it is asked for.
    paths_of = np.lexsort((positions, trees.ravel()))
    below, tree = positions[paths_of], trees.ravel()[paths_of].astype(np.uint64) << np.uint64(KEY_DEPTH)
    made = []
    for height, (children, own) in enumerate(steps):
        first, row = _groups(tree | below >> np.uint64(1))
        sides = (below & np.uint64(1)).astype(np.int64)
        touched = np.bincount(sides * len(first) + row, minlength=2 * len(first)).reshape(2, -1).astype(np.uint64)
        paths_of, tree, below = paths_of[first], tree[first], below[first] >> np.uint64(1)
        level, root = KEY_DEPTH - height - 1, roots[paths_of]
        none = np.zeros(len(first), dtype=np.uint64)
        top = none + np.uint64(level == 0)
        before = np.stack([root, root])
        made.append(
            _block(none, top, LEVEL * level, below, root, own[paths_of], before, children[:, paths_of], touched)
        )
    return made


def _groups(keys: Column) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each distinct key of a sorted array stands first, and the number of each key among these."""
    starts = np.ones(len(keys), dtype=bool)
    starts[1:] = keys[1:] != keys[:-1]
    return np.flatnonzero(starts), np.cumsum(starts) - 1


def _block(
    state: Column, root: Column, place: int, index: Column, old: Column, new: Column, before: Column, after: Column,
    touched: Column,
) -> Block:  # fmt: skip
    """Rows of one level; ``before`` and ``after`` hold the left and the right children, shape (2, n, 4)."""
    return {
        "state": state, "key": np.uint64(1) - state, "root": root,
        "place": np.full(len(index), place, dtype=np.uint64), "index": index, "old": old, "new": new,
        "left": touched[0], "right": touched[1], "old_left": before[0], "new_left": after[0],
        "old_right": before[1], "new_right": after[1],
    }  # fmt: skip


def _digest(row: Column) -> Digest:
    a, b, c, d = row.tolist()
    return (a, b, c, d)
