"""Rows of the node table for many trees at once, and the digests of their roots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from commitments.hashing import compress_all
from commitments.types import ZERO, Digest

from .draft import Draft


@dataclass
class Tree:
    """A tree of fixed depth with its touched leaves (index -> (before, after)).

    ``node`` gives any node before the change by (level, index), level 0 being the root.
    """

    number: int
    depth: int
    leaves: dict[int, tuple[Digest, Digest]]
    node: Callable[[int, int], Digest]
    root: tuple[Digest, Digest] = (ZERO, ZERO)


def grow(draft: Draft, trees: Sequence[Tree]) -> None:
    """Add the node rows of all trees and set their roots."""
    changes = {tree.number: dict(tree.leaves) for tree in trees}
    for height in range(max((tree.depth for tree in trees), default=0)):
        work: list[tuple[Tree, int, list[tuple[Digest, Digest]], list[bool]]] = []
        for tree in trees:
            level = tree.depth - height
            if level <= 0:
                continue
            below = changes[tree.number]
            for parent in sorted({index >> 1 for index in below}):
                touched = [2 * parent + side in below for side in (0, 1)]
                children = []
                for side, touch in enumerate(touched):
                    index = 2 * parent + side
                    if touch:
                        children.append(below[index])
                    else:
                        still = tree.node(level, index)
                        children.append((still, still))
                work.append((tree, parent, children, touched))
            changes[tree.number] = {}
        changed = [w for w in work if any(before != after for before, after in w[2])]
        hashed = iter(
            compress_all([children[0][1] for _, _, children, _ in changed], [c[1][1] for _, _, c, _ in changed])
        )
        known = {id(w): after for w, after in zip(changed, hashed, strict=True)}
        for item in work:
            tree, parent, children, touched = item
            level = tree.depth - height - 1
            before = tree.node(level, parent)
            after = known.get(id(item), before)
            changes[tree.number][parent] = (before, after)
            draft.add(
                "nodes",
                real=1, tree=tree.number, level=level, index=parent, same=int(id(item) not in known),
                old=before, new=after, left=int(touched[0]), right=int(touched[1]),
                old_left=children[0][0], new_left=children[0][1],
                old_right=children[1][0], new_right=children[1][1],
            )  # fmt: skip
    for tree in trees:
        tree.root = changes[tree.number][0]
