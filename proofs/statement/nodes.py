"""Merkle nodes: of the state and of commitments before and after, and of key paths."""

from __future__ import annotations

from ..dsl import Row
from .arithmetic import poseidon2
from .buses import HASH, LEVEL, PUBLIC, Tag


def hashes(row: Row) -> None:
    """A row is a compression, and it may be a Merkle node too: the node's children are its inputs.

    Trees grow from the root down. A *state* row (of the state or a commitment tree) answers one request for its node,
    before and after, and requests those children that change hands below it. A child that is not requested is the same
    before and after. A *key* row is a node of a key path under the root that its message carries in the place of
    the node before. It vouches for its children any number of times; it is vouched for itself, or it is the root.

    That free number is harmless. On a key row it counts something true, whatever its sign: who takes the message hangs
    on a row that sent it, and that row on another one level higher, up to a root. A state row may ask once or not at
    all. All other rows have tag 0, which nobody takes.
    """
    children, node = poseidon2(row.beside("poseidon2"))
    left, right = children[:4], children[4:]
    # `key` needs no assert: whatever is not 0 or 1 gives a tag of its own, or counts of no whole number of messages.
    state, (key, root) = row.flag("state"), row.columns("key", "root")
    place, index = row.columns("place", "index")
    old, old_left, old_right = row.digest("old"), row.digest("old_left"), row.digest("old_right")
    row.zero(root * (1 - key), "only key paths have roots of their own")
    row.zero(root * place, "a root is at level 0")
    for known, own in zip(old, node, strict=True):
        row.zero(root * (known - own), "a root is the root")

    tag = int(Tag.NODE) * state + int(Tag.KEY_NODE) * key
    row.receive(PUBLIC, [tag, place, 0, index, *old, *node], state + key - root, "this node")
    for bit, (name, before, after) in enumerate((("left", old_left, left), ("right", old_right, right))):
        touch = row.column(name)
        row.zero(state * touch * (touch - 1), f"the {name} child is asked for once or not")
        for b, a, known in zip(before, after, old, strict=True):
            row.zero(state * (1 - touch) * (b - a), f"a {name} child that is not touched stays")
            row.zero(key * (b - known), f"the {name} child is under the same root")
        row.vouch(PUBLIC, [tag, place + LEVEL, 0, 2 * index + bit, *before, *after], touch, f"{name} child")
    row.send(HASH, [*old_left, *old_right, *old], state, "hash before")
