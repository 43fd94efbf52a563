"""Pieces of :mod:`.plain_prover`: transforms of polynomials, masks, encodings, salted Merkle trees."""

from __future__ import annotations

import random
from collections.abc import Sequence

from proofs.verifier.field import FAST, Extension, P, generator_of_order
from proofs.verifier.transcript import keccak256
from proofs.verifier.vk import SALT

Polynomial = list[int]
"""Coefficients in F, the constant one first."""


def transformed(values: Sequence[int], root: int) -> list[int]:
    """Values of a polynomial at the powers of ``root``, whose order is the (two-adic) number of coefficients."""
    if len(values) == 1:
        return list(values)
    square = root * root % P
    even, odd = transformed(values[::2], square), transformed(values[1::2], square)
    low, high, x = [], [], 1
    for a, b in zip(even, odd, strict=True):
        low.append((a + x * b) % P)
        high.append((a - x * b) % P)
        x = x * root % P
    return low + high


def values_on(polynomial: Polynomial, log_size: int, shift: int) -> list[int]:
    """Values at ``shift w^i`` in the order of i, whatever the degree."""
    size, scale = 1 << log_size, 1
    wrapped = [0] * size
    for i, coefficient in enumerate(polynomial):
        wrapped[i % size] = (wrapped[i % size] + coefficient * scale) % P
        scale = scale * shift % P
    return transformed(wrapped, generator_of_order(log_size))


def interpolated(values: Sequence[int], shift: int) -> Polynomial:
    """The polynomial of least degree with these values at ``shift w^i``."""
    log_size = len(values).bit_length() - 1
    scale, step = pow(len(values), -1, P), pow(shift, -1, P)
    out = []
    for coefficient in transformed(values, pow(generator_of_order(log_size), -1, P)):
        out.append(coefficient * scale % P)
        scale = scale * step % P
    return out


def masked(polynomial: Polynomial, size: int, shift: int, mask: Polynomial) -> Polynomial:
    """``f + ((x / shift)^size - 1) r``."""
    scale = pow(shift, -size, P)
    out = polynomial + [0] * (size + len(mask) - len(polynomial))
    for i, random_coefficient in enumerate(mask):
        out[i] = (out[i] - random_coefficient) % P
        out[i + size] = (out[i + size] + scale * random_coefficient) % P
    return out


def value_at(polynomial: Polynomial, point: Extension) -> Extension:
    total = FAST.zero
    for coefficient in reversed(polynomial):
        total = total * point + FAST.lift(coefficient)
    return total


def encoded(values: Sequence[Extension]) -> bytes:
    """As the head and the transcript hold them."""
    return b"".join(v.to_bytes(8, "little") for value in values for v in (value.a, value.b))


def recorded(values: Sequence[Extension]) -> bytes:
    """As leaves and query records hold them."""
    return b"".join(v.to_bytes(8, "big") for value in values for v in (value.a, value.b))


class Commitment:
    """A salted tree over rows of several heights; ``rows[height][i]`` are the bytes of row i without salt."""

    def __init__(self, rows: dict[int, list[bytes]], cap_height: int, rng: random.Random) -> None:
        self.heights = sorted(rows, reverse=True)
        self.leaves = {
            height: [row + b"".join(rng.randrange(P).to_bytes(8, "big") for _ in range(SALT)) for row in group]
            for height, group in rows.items()
        }
        level = [keccak256(leaf) for leaf in self.leaves[self.heights[0]]]
        self.levels = [level]
        for height in range(self.heights[0] - 1, cap_height - 1, -1):
            level = [keccak256(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
            if height in rows:
                level = [keccak256(a + keccak256(b)) for a, b in zip(level, self.leaves[height], strict=True)]
            self.levels.append(level)
        self.cap = b"".join(level)

    def opened(self, index: int) -> bytes:
        leaves = b"".join(self.leaves[h][index >> self.heights[0] - h] for h in self.heights)
        return leaves + self.path(index)

    def path(self, index: int) -> bytes:
        return b"".join(level[index >> k ^ 1] for k, level in enumerate(self.levels[:-1]))
