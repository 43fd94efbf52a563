"""Poseidon2 compressions, natively: the twin of :mod:`commitments.poseidon2`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from . import _native
from .types import MODULUS, ZERO, Digest


def compress(left: Digest, right: Digest) -> Digest:
    """``permute(left || right)[0:4] + left``. Raises ValueError for elements that are not canonical."""
    return _native.compress(left, right)


def compress_all(left: Sequence[Digest], right: Sequence[Digest]) -> list[Digest]:
    """Pairwise compressions of two equally long sequences."""
    if not left:
        return []
    rows = _native.compress_many(np.array(left, dtype=np.uint64), np.array(right, dtype=np.uint64))
    return [(a, b, c, d) for a, b, c, d in rows.tolist()]


@cache
def empty_roots(depth: int) -> tuple[Digest, ...]:
    """Roots of empty subtrees by height: the zero leaf first, the empty tree of ``depth`` last."""
    roots = [ZERO]
    for _ in range(depth):
        roots.append(compress(roots[-1], roots[-1]))
    return tuple(roots)


def is_canonical(digest: Sequence[int]) -> bool:
    """Whether all elements are below the field's order."""
    return all(0 <= element < MODULUS for element in digest)
