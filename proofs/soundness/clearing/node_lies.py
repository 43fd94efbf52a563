"""Lies about Merkle nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..forgery import Forgery
from .telling import by, lie, to

_FREE_ROW: Final = -2
"""A row of the hashes on which there is no node."""
_STATE_ROOT: Final = {"nodes.state": 1, "nodes.place": 0}


def _each_element() -> Iterator[Forgery]:
    """Lies that there are for each element of a digest."""
    for i in range(4):
        number = "" if i == 0 else f" ({i + 1})"
        yield lie(
            f"nodes: a right child that is not touched stays{number}",
            "an untouched part of the state changes",
            by(f"poseidon2.in{4 + i}", _STATE_ROOT, 1),
        )
        yield lie(
            f"nodes: a left child that is not touched stays{number}",
            "an untouched part of the state changes",
            by(f"poseidon2.in{i}", {"nodes.state": 1, "nodes.left": 0, "nodes.right": 1}, 1),
        )
        for side in ("left", "right"):
            yield lie(
                f"nodes: the {side} child is under the same root{number}",
                "a key path changes its root",
                by(f"nodes.old_{side}{i}", {"nodes.key": 1, f"nodes.{side}": 0}, 1),
            )
        yield lie(
            f"nodes: a root is the root{number}",
            "a key path under a root that is not its own",
            to("nodes.key", _FREE_ROW, 1),
            to("nodes.root", _FREE_ROW, 1),
            to(f"nodes.old{i}", _FREE_ROW, 1),
        )


NODE_LIES: Final = (
    *_each_element(),
    lie(
        "nodes: only key paths have roots of their own",
        "a state that L1 does not know",
        to("nodes.state", _FREE_ROW, 1),
        to("nodes.root", _FREE_ROW, 1),
    ),
    lie(
        "nodes: a root is at level 0",
        "a key path that is too short",
        to("nodes.key", _FREE_ROW, 1),
        to("nodes.root", _FREE_ROW, 1),
        to("nodes.place", _FREE_ROW, 5 << 20),
    ),
    lie(
        "nodes: the left child is asked for once or not",
        "one balance has two histories",
        to("nodes.left", {"nodes.state": 1, "nodes.place": 23 << 20, "nodes.index": 17}, 2),
        epoch="two histories, left",
    ),
    lie(
        "nodes: the right child is asked for once or not",
        "one balance has two histories",
        to("nodes.right", {"nodes.state": 1, "nodes.place": 23 << 20, "nodes.index": 17}, 2),
        epoch="two histories, right",
    ),
    lie(
        "nodes: hash before",
        "a balance that is not in the old state",
        by("nodes.old_left0", {"nodes.state": 1, "nodes.place": 23 << 20, "nodes.index": 17, "nodes.left": 1}, 1000),
    ),
)
"""One or more for each constraint."""
