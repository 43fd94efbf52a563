"""What the tables that serve have to provide, from the messages that the others send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from commitments import _native

from ...dsl import SEND
from ...expression import MODULUS
from ...serving import counted
from ...tape import Program
from ..buses import HASH, RANGE, Bits

Column = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Served:
    """Compressions that no node row makes anyway, those that one does, range checks, and 12-bit numbers."""

    hashes: Column
    """Inputs, shape (n, 8)."""
    hash_counts: Column
    node_counts: dict[int, int]
    """By row of the node table."""
    values: Column
    wide: npt.NDArray[np.bool_]
    value_counts: Column
    limbs: dict[int, int]


def serve(program: Program, traces: Mapping[str, Column], nodes: Column) -> Served:
    """Counts of what ``traces`` ask for, modulo the field: a forged trace may ask minus once.

    ``nodes``: the inputs of the compressions that node rows make, shape (n, 8); they serve too.
    """
    asked: dict[str, list[Column]] = {HASH.name: [], RANGE.name: []}
    for index, matrix in enumerate(program.matrices):
        if matrix.name in traces:
            for bus in (HASH, RANGE):
                sent = _native.messages(program.tape, index, traces[matrix.name], program.bus_id(bus), SEND)
                asked[bus.name].append(sent)
    hashes, hash_counts = counted(np.concatenate(asked[HASH.name]))
    rows = {key: row for row, key in enumerate(_keys(nodes).tolist())}
    found = [rows.get(key) for key in _keys(hashes[:, :8]).tolist()]
    node_counts: dict[int, int] = {}
    for row, count in zip(found, hash_counts.tolist(), strict=True):
        if row is not None:
            node_counts[row] = (node_counts.get(row, 0) + count) % MODULUS
    new = np.array([row is None for row in found], dtype=bool)
    ranges = np.concatenate(asked[RANGE.name])
    limb = ranges[:, 2] == int(Bits.LIMB)
    limbs, limb_counts = counted(ranges[limb])
    values, value_counts = counted(ranges[~limb])
    return Served(
        hashes[new, :8],
        hash_counts[new],
        node_counts,
        values[:, 1],
        values[:, 0] == int(Bits.AMOUNT),
        value_counts,
        dict(zip(limbs[:, 1].tolist(), limb_counts.tolist(), strict=True)),
    )


def _keys(rows: Column) -> npt.NDArray[np.void]:
    """Each row as one opaque value."""
    rows = np.ascontiguousarray(rows)
    return rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
