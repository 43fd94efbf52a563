"""Draft traces: rows by name, before padding, derived columns and the tables that serve the others."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from commitments import _native

from ...dsl import SEND
from ...expression import MODULUS
from ...params import TIERS, Tier
from ...tape import Program
from ..buses import HASH, RANGE, Bits

_K = TypeVar("_K")
Column = npt.NDArray[np.uint64]
Row = dict[str, "int | Sequence[int]"]


class EpochTooLarge(ValueError):
    """No tier holds the epoch: prove fewer batches together."""

    code = "epoch_too_large"
    retryable = False


@dataclass
class Draft:
    """Rows of each table, as the builder (or an attack) wrote them.

    A row maps a column's name to its value; ``digest`` columns may be given as one sequence. Values are any
    integers, taken modulo the field. ``fillers`` give the padding of columns that are not zero there.
    """

    program: Program
    rows: dict[str, list[Row]] = field(default_factory=dict)
    fillers: dict[str, Callable[[int], int]] = field(default_factory=dict)

    def add(self, table: str, **values: int | Sequence[int]) -> Row:
        row: Row = dict(values)
        self.rows.setdefault(table, []).append(row)
        return row

    def heights(self) -> dict[str, int]:
        """Rows that each matrix needs, but for those that serve."""
        needed: dict[str, int] = {}
        for matrix in self.program.matrices:
            tables = {column.split(".")[0] for column in matrix.columns}
            needed[matrix.name] = max((len(self.rows.get(t, ())) for t in tables), default=0)
        return needed

    def traces(self, log_heights: Sequence[int] | None = None) -> tuple[Tier | None, list[Column]]:
        """Complete traces in the heights of the smallest tier that holds them, or in given heights.

        Raises :class:`EpochTooLarge` when no tier does.
        """
        needed = self.heights()
        tiers: Iterable[tuple[Tier | None, Sequence[int]]] = (
            [(None, log_heights)] if log_heights is not None else [(t, t.log_heights) for t in TIERS]
        )
        served: _Served | None = None
        for tier, heights in tiers:
            sizes = {m.name: 1 << h for m, h in zip(self.program.matrices, heights, strict=True)}
            if any(needed[name] > size for name, size in sizes.items()):
                continue
            asking = {
                m.name: self._trace(i, sizes[m.name])
                for i, m in enumerate(self.program.matrices)
                if m.name not in ("poseidon2", "limbs")
            }
            if served is None:
                served = _served(self.program, asking)
            hashes, values = served.hashes, served.values
            if len(hashes) > sizes["poseidon2"] or len(values) > sizes["limbs"] or sizes["limbs"] < 4096:
                continue
            asking["poseidon2"] = self._poseidon2(hashes, sizes["poseidon2"])
            asking["limbs"] = self._limbs(values, served.limbs, sizes["limbs"])
            traces = [asking[m.name] for m in self.program.matrices]
            _blind(self.program, traces)
            return tier, traces
        raise EpochTooLarge(f"no tier holds {needed}" + (f", {served}" if served else ""))

    def _trace(self, index: int, height: int) -> Column:
        matrix = self.program.matrices[index]
        trace = np.zeros((height, len(matrix.columns)), dtype=np.uint64)
        for position, name in enumerate(matrix.columns):
            table, column = name.split(".", 1)
            rows = self.rows.get(table, [])
            if rows:
                trace[: len(rows), position] = _values(rows, column)
            if name == "row.start":
                trace[0, position] = 1
            filler = self.fillers.get(name)
            if filler is not None:
                trace[len(rows) :, position] = [filler(i) % MODULUS for i in range(len(rows), height)]
        return self._filled(index, trace)

    def _filled(self, index: int, trace: Column) -> Column:
        derived = [(d.matrix, d.column, d.node, int(d.inverse)) for d in self.program.derived if d.matrix == index]
        return _native.fill(self.program.tape, derived, index, trace)

    def _poseidon2(self, hashes: Mapping[tuple[int, ...], int], height: int) -> Column:
        index = self.program.matrix_of("poseidon2")
        matrix = self.program.matrices[index]
        trace = np.zeros((height, len(matrix.columns)), dtype=np.uint64)
        trace[0, matrix.columns.index("row.start")] = 1
        if hashes:
            trace[: len(hashes), :8] = np.array([key[:8] for key in hashes], dtype=np.uint64)
            trace[: len(hashes), matrix.columns.index("poseidon2.multiplicity")] = list(hashes.values())
        return self._filled(index, trace)

    def _limbs(self, values: Mapping[tuple[int, int], int], direct: Mapping[int, int], height: int) -> Column:
        index = self.program.matrix_of("limbs")
        columns = self.program.matrices[index].columns
        trace = np.zeros((height, len(columns)), dtype=np.uint64)
        place = {name.split(".", 1)[1]: i for i, name in enumerate(columns)}
        trace[0, place["start"]] = 1
        used = np.zeros((height, 6), dtype=np.uint64)
        if values:
            numbers = np.array([v for _, v in values], dtype=np.uint64)
            wide = np.array([c == Bits.AMOUNT for c, _ in values])
            limbs = (numbers[:, None] >> (12 * np.arange(6, dtype=np.uint64))) & np.uint64(4095)
            limbs[~wide, 3:] = 0
            used[: len(values)] = limbs
            trace[: len(values), place["wide"]] = wide
            trace[: len(values), place["multiplicity"]] = list(values.values())
        trace[:, place["limb0"] : place["limb0"] + 6] = used
        counts = np.bincount(used.ravel().astype(np.int64), minlength=4096)[:4096]
        for value, count in direct.items():
            if value < 4096:
                counts[value] += count
        trace[:, place["counter"]] = np.minimum(np.arange(height), 4095)
        trace[:4096, place["counter.multiplicity"]] = counts
        return self._filled(index, trace)


@dataclass(frozen=True)
class _Served:
    """What the other tables ask: compressions, range checks by class, and 12-bit numbers."""

    hashes: dict[tuple[int, ...], int]
    values: dict[tuple[int, int], int]
    limbs: dict[int, int]

    def __str__(self) -> str:
        return f"{len(self.hashes)} compressions, {len(self.values)} range checks"


def _served(program: Program, traces: Mapping[str, Column]) -> _Served:
    hashes: dict[tuple[int, ...], int] = {}
    values: dict[tuple[int, int], int] = {}
    limbs: dict[int, int] = {}
    for index, matrix in enumerate(program.matrices):
        trace = traces.get(matrix.name)
        if trace is None:
            continue
        for key, count in _counted(_native.messages(program.tape, index, trace, program.bus_id(HASH), SEND)):
            hashes[key] = hashes.get(key, 0) + count
        for key, count in _counted(_native.messages(program.tape, index, trace, program.bus_id(RANGE), SEND)):
            if key[0] == Bits.LIMB:
                limbs[key[1]] = limbs.get(key[1], 0) + count
            else:
                pair = (key[0], key[1])
                values[pair] = values.get(pair, 0) + count
    return _Served(_nonzero(hashes), _nonzero(values), _nonzero(limbs))


def _nonzero(counts: dict[_K, int]) -> dict[_K, int]:
    """Counts modulo the field; a forged trace may ask minus once."""
    return {key: count % MODULUS for key, count in counts.items() if count % MODULUS}


def _counted(asked: Column) -> Iterable[tuple[tuple[int, ...], int]]:
    """Distinct messages with the sum of their counts, from rows ``(row, count, fields...)``."""
    if not len(asked):
        return
    fields = np.ascontiguousarray(asked[:, 2:])
    flat = fields.view(np.dtype((np.void, fields.dtype.itemsize * fields.shape[1]))).ravel()
    _, first, inverse = np.unique(flat, return_index=True, return_inverse=True)
    counts = [0] * len(first)
    for place, count in zip(inverse.tolist(), asked[:, 1].tolist(), strict=True):
        counts[place] += count
    for row, count in zip(fields[first].tolist(), counts, strict=True):
        yield tuple(row), count


def _values(rows: Sequence[Row], column: str) -> list[int]:
    if column in rows[0]:
        return [row.get(column, 0) % MODULUS for row in rows]  # type: ignore[operator]
    stem, digit = column[:-1], column[-1:]
    if digit.isdigit() and any(stem in row for row in rows):
        index = int(digit)
        return [row[stem][index] % MODULUS if stem in row else 0 for row in rows]  # type: ignore[index]
    return [row.get(column, 0) % MODULUS for row in rows]  # type: ignore[operator]


def _blind(program: Program, traces: Sequence[Column]) -> None:
    """Fresh random pairs, cyclic over the matrices (see :mod:`proofs.tape`)."""
    pairs = [[secrets.randbelow(MODULUS) for _ in range(2)] for _ in traces]
    for index, (matrix, trace) in enumerate(zip(program.matrices, traces, strict=True)):
        own = matrix.columns.index("blind.own0")
        successor = matrix.columns.index("blind.successor0")
        trace[0, own : own + 2] = pairs[index]
        trace[0, successor : successor + 2] = pairs[(index + 1) % len(traces)]


__all__ = ["Draft", "EpochTooLarge"]
