"""Poseidon2 compressions, natively: the twin of :mod:`commitments.poseidon2`; and digests as text."""

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


def format_digest(digest: Digest) -> str:
    """``0x`` and 64 lowercase hex digits, the elements big-endian."""
    return _native.format_digest(digest)


def parse_digests(texts: Sequence[str]) -> list[Digest]:
    """The digests that texts stand for. Raises ValueError if one is not four canonical elements."""
    return _native.parse_digests(texts)


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
