"""What every witness builder needs besides its own rows: counting requests, range checks, blinding."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from commitments import _native

from .dsl import Matrix
from .expression import MODULUS
from .layout import Column, Layout, Part
from .statement.buses import Bits
from .tape import Program

LIMB_VALUES = 1 << 12
"""Rows that the limbs table needs at least: its counter passes every 12-bit number."""


@dataclass(frozen=True)
class Ranges:
    """What range checks ask for: distinct values of 36 or 62 bits (``wide``) with their counts, and 12-bit numbers."""

    values: Column
    wide: npt.NDArray[np.bool_]
    counts: Column
    direct: dict[int, int]
    """Count by number."""

    @property
    def rows(self) -> int:
        """Rows that the limbs table needs."""
        return max(len(self.values), LIMB_VALUES)


def ranges(asked: Column) -> Ranges:
    """Sort out the messages that are sent on the bus of range checks.

    Counts are sums modulo the field, here and in all that serves: a forged trace may ask minus once.
    """
    fields, counts = _native.distinct(asked)
    limb = fields[:, 0] == int(Bits.LIMB)
    direct = dict(zip(fields[limb, 1].tolist(), counts[limb].tolist(), strict=True))
    kinds, values = fields[~limb].T
    return Ranges(values, kinds == int(Bits.AMOUNT), counts[~limb], direct)


def limb_parts(matrix: Matrix, asked: Ranges, rows: int, height: int) -> list[Part]:
    """The limbs table in a trace of so many rows before those that repeat the last, and in all."""
    place = {name.removeprefix("limbs."): column for name, column in matrix.names.items() if name.startswith("limbs.")}
    limbs = (asked.values[:, None] >> (12 * np.arange(6, dtype=np.uint64))) & np.uint64(LIMB_VALUES - 1)
    limbs[~asked.wide, 3:] = 0
    wanted = np.bincount(limbs[:, :5].ravel().astype(np.int64), minlength=LIMB_VALUES).tolist()
    wanted[0] += 5 * (height - len(limbs))
    for value, count in asked.direct.items():
        if value < LIMB_VALUES:
            wanted[value] += count
    columns = {
        "limb0": limbs,
        "wide": asked.wide.astype(np.uint64)[:, None],
        "multiplicity": asked.counts[:, None],
        "counter": np.minimum(np.arange(rows, dtype=np.uint64), np.uint64(LIMB_VALUES - 1))[:, None],
        "counter.multiplicity": np.array([n % MODULUS for n in wanted], dtype=np.uint64)[:, None],
    }
    return [(0, place[name], values) for name, values in columns.items() if name in place]


def blinding(program: Program, heights: Sequence[int]) -> list[list[Part]]:
    """For each matrix the mark of its last row and random pairs, fresh between each two neighbours.

    See :mod:`proofs.tape`.
    """
    pairs = [[secrets.randbelow(MODULUS) for _ in range(2)] for _ in heights]
    made: list[list[Part]] = []
    for index, (matrix, height) in enumerate(zip(program.matrices, heights, strict=True)):
        cells = {"blind.own0": pairs[index], "blind.predecessor0": pairs[index - 1], "row.end": [1]}
        made.append(
            [
                (height - 1, matrix.names[name], np.array([values], dtype=np.uint64))
                for name, values in cells.items()
                if name in matrix.names
            ]
        )
    return made


def blind_again(program: Program, traces: Sequence[Column]) -> None:
    """Shift the pairs of :func:`blinding` by fresh ones, in place, before each proof.

    A pair hides the terminals of one proof. Of two proofs with one pair, each gives it away to whoever guesses the rows
    right, and the other then confirms the guess. What was forged in a trace stays as it was.
    """
    # Another number of traces is the prover's to refuse.
    for (matrix, following), (trace, next_trace) in zip(pairwise(program.matrices), pairwise(traces), strict=False):
        for i in range(2):
            amount = secrets.randbelow(MODULUS)
            own, taken = matrix.names[f"blind.own{i}"], following.names[f"blind.predecessor{i}"]
            for row, column in ((trace[-1], own), (next_trace[-1], taken)):
                row[column] = (int(row[column]) + amount) % MODULUS


def blinded_again(program: Program, layouts: Sequence[Layout]) -> list[Layout]:
    """The layouts with fresh pairs over those they have: for :func:`blind_again`'s reason, before each proof."""
    fresh = blinding(program, [layout.height for layout in layouts])
    return [replace(layout, parts=[*layout.parts, *parts]) for layout, parts in zip(layouts, fresh, strict=True)]
