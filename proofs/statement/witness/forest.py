"""Rows of the node table for many trees at once, and the digests of their roots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from commitments import _native
from commitments.types import ZERO, Digest

from ...layout import Block, Column
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
    add(draft, [level for tree in trees for level in _levels(tree)])


def add(draft: Draft, blocks: Sequence[Block]) -> None:
    """Add node rows that were made as blocks."""
    if blocks:
        draft.rows.extend("nodes", {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]})


def _levels(tree: Tree) -> list[Block]:
    """The tree's rows, from its lowest nodes up; sets the root."""
    made = []
    indices = np.array(sorted(tree.leaves), dtype=np.uint64)
    before, after = (
        np.array([tree.leaves[i][side] for i in indices.tolist()], dtype=np.uint64).reshape(-1, 4) for side in (0, 1)
    )
    for level in range(tree.depth - 1, -1, -1):
        parents, rows = np.unique(indices >> np.uint64(1), return_inverse=True)
        touched = np.zeros((2, len(parents)), dtype=np.uint64)
        old, new = np.zeros((2, 2, len(parents), 4), dtype=np.uint64)
        sides = (indices & np.uint64(1)).astype(np.int64)
        touched[sides, rows] = 1
        old[sides, rows], new[sides, rows] = before, after
        for side in (0, 1):
            still = np.nonzero(touched[side] == 0)[0]
            if len(still):
                nodes = [tree.node(level + 1, 2 * parent + side) for parent in parents[still].tolist()]
                old[side, still] = new[side, still] = np.array(nodes, dtype=np.uint64)
        before, after = _native.compress_many(old[0], old[1]), _native.compress_many(new[0], new[1])
        indices, ones = parents, np.ones(len(parents), dtype=np.uint64)
        made.append(_block(ones, ones - ones, tree.number + LEVEL * level, indices, before, after, old, new, touched))
    if made:
        tree.root = _digest(before[0]), _digest(after[0])
    return made


def key_paths(leaves: Column, positions: Column, paths: Column) -> list[Block]:
    """The rows of the paths from key leaves (n, 4) at ``positions`` (n) with siblings (n, depth, 4).

    Paths under one root share their nodes.
    """
    levels = []
    node, index = leaves, positions
    for height in range(KEY_DEPTH):
        right = (index & np.uint64(1)).astype(bool)[:, None]
        other = paths[:, height]
        children = np.stack([np.where(right, other, node), np.where(right, node, other)])
        node = _native.compress_many(children[0], children[1])
        levels.append((KEY_DEPTH - height - 1, index, children, node))
        index = index >> np.uint64(1)
    roots = node
    _, trees = np.unique(roots, axis=0, return_inverse=True)
    tree = trees.ravel().astype(np.uint64) << np.uint64(KEY_DEPTH)
    made = []
    # A node vouches once for a child that is a node too, and for a leaf as often as it is asked for.
    asking: npt.NDArray[np.int64] = np.arange(len(leaves))
    for level, below, children, own in levels:
        _, first, row = np.unique(tree | below >> np.uint64(1), return_index=True, return_inverse=True)
        touched = np.zeros((2, len(first)), dtype=np.uint64)
        np.add.at(touched, ((below[asking] & np.uint64(1)).astype(np.int64), row[asking]), np.uint64(1))
        asking, root = first.astype(np.int64), roots[first]
        none = np.zeros(len(first), dtype=np.uint64)
        made.append(
            _block(
                none,
                none + np.uint64(level == 0),
                LEVEL * level,
                below[first] >> np.uint64(1),
                root,
                own[first],
                np.stack([root, root]),
                children[:, first],
                touched,
            )
        )
    return made


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
