"""What every witness builder needs besides its own rows: counting requests, range checks, blinding."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .dsl import Matrix
from .expression import MODULUS
from .tape import Program

Column = npt.NDArray[np.uint64]
LIMB_VALUES = 1 << 12
"""Rows that the limbs table needs at least: its counter passes every 12-bit number."""


def counted(asked: Column) -> tuple[Column, Column]:
    """Distinct messages and the sums of their counts, where not 0, from rows ``(row, count, fields...)``.

    Counts are taken modulo the field: a forged trace may ask minus once.
    """
    if not len(asked):
        return asked[:, 2:], asked[:, 1]
    fields = np.ascontiguousarray(asked[:, 2:])
    whole = fields.view(np.dtype((np.void, fields.dtype.itemsize * fields.shape[1]))).ravel()
    _, first, inverse = np.unique(whole, return_index=True, return_inverse=True)
    if (asked[:, 1] == 1).all():
        sums = np.bincount(inverse, minlength=len(first)).astype(np.uint64)
    else:
        exact = [0] * len(first)
        for place, count in zip(inverse.tolist(), asked[:, 1].tolist(), strict=True):
            exact[place] += count
        sums = np.array([count % MODULUS for count in exact], dtype=np.uint64)
    kept = sums != 0
    return fields[first][kept], sums[kept]


def fill_limbs(
    matrix: Matrix,
    trace: Column,
    values: Column,
    wide: npt.NDArray[np.bool_],
    counts: Column,
    direct: Mapping[int, int],
) -> None:
    """Write the limbs table into ``trace``: ``values`` with their ``counts``, and requests for each 12-bit number.

    ``wide``: which values have 62 bits; the others have 36. ``direct``: requests for 12-bit numbers by other tables.
    """
    place = {name.removeprefix("limbs."): column for name, column in matrix.names.items() if name.startswith("limbs.")}
    limbs = (values[:, None] >> (12 * np.arange(6, dtype=np.uint64))) & np.uint64(LIMB_VALUES - 1)
    limbs[~wide, 3:] = 0
    first, used = place["limb0"], len(values)
    trace[:used, first : first + 6] = limbs
    if "wide" in place:
        trace[:used, place["wide"]] = wide
    trace[:used, place["multiplicity"]] = counts
    asked = np.bincount(trace[:, first : first + 5].ravel().astype(np.int64), minlength=LIMB_VALUES)[:LIMB_VALUES]
    wanted = [int(n) for n in asked]
    for value, count in direct.items():
        if value < LIMB_VALUES:
            wanted[value] += count
    trace[:, place["counter"]] = np.minimum(np.arange(len(trace)), LIMB_VALUES - 1)
    trace[:LIMB_VALUES, place["counter.multiplicity"]] = np.array([n % MODULUS for n in wanted], dtype=np.uint64)


def blind(program: Program, traces: Sequence[Column]) -> None:
    """Mark the last rows and write a fresh random pair between each two neighbours (see :mod:`proofs.tape`)."""
    pairs = [[secrets.randbelow(MODULUS) for _ in range(2)] for _ in traces]
    for index, (matrix, trace) in enumerate(zip(program.matrices, traces, strict=True)):
        for name, pair in (("blind.own", pairs[index]), ("blind.predecessor", pairs[index - 1])):
            column = matrix.names.get(f"{name}0")
            if column is not None:
                trace[-1, column : column + 2] = pair
        if "row.end" in matrix.names:
            trace[-1, matrix.names["row.end"]] = 1


def blind_again(program: Program, traces: Sequence[Column]) -> None:
    """Shift the pairs of :func:`blind` by fresh ones, in place, before each proof.

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
