"""Salted keccak Merkle trees over matrices of several heights, opened up to a cap.

A leaf is the keccak of the rows of all tallest matrices at that index and of one salt. A node is the keccak
of its two children. Where a level has as many nodes as shorter matrices have rows, each node is hashed once
more with the leaf hash of those matrices. A shorter matrix is thus opened at the index shifted down to its
height.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from .transcript import keccak256


class Digests(Protocol):
    """A cap: digests by node number."""

    def __getitem__(self, index: int, /) -> bytes: ...


def opens(cap: Digests, log_height: int, index: int, leaves: Mapping[int, bytes], path: Sequence[bytes]) -> bool:
    """Whether the leaf hashes at ``index`` lead to the cap.

    ``leaves`` maps a log2 height to the leaf hash of the matrices of that height; ``path`` holds the siblings
    from the leaf upwards. The verification key guarantees ``index < 2^log_height``, a path of ``log_height -
    cap_height`` digests, and that no matrix is shorter than the cap, so that every leaf enters.
    """
    digest = leaves[log_height]
    for level, sibling in enumerate(path, start=1):
        digest = keccak256(sibling + digest if index & 1 else digest + sibling)
        index >>= 1
        leaf = leaves.get(log_height - level)
        if leaf is not None:
            digest = keccak256(digest + leaf)
    return cap[index] == digest
