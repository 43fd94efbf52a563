"""The tables that serve all others, compressions and range checks, filled with what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ..expression import MODULUS
from ..prover_api import fill
from ..statement.buses import Bits
from ..tape import Program

Trace = npt.NDArray[np.uint64]

SERVICE = ("poseidon2", "limbs")
"""Tables whose rows follow from what the others ask."""
RANGES = {int(Bits.LIMB): 1 << 12, int(Bits.SMALL): 1 << 36, int(Bits.AMOUNT): 1 << 62}
"""What the classes of range checks hold: the values below the bound."""
_LIMBS = 4096


class NoRoomError(ValueError):
    """The heights do not hold what the tables ask for."""


def columns(program: Program, matrix: int) -> dict[str, int]:
    """Column numbers by ``table.name``."""
    found = program.matrices[matrix]
    names: dict[str, int] | None = getattr(found, "names", None)
    return names or {name: i for i, name in enumerate(found.columns)}


def _own(program: Program, matrix: int, table: str) -> dict[str, int]:
    names = columns(program, matrix)
    return {n.removeprefix(f"{table}."): i for n, i in names.items() if n.startswith(f"{table}.")}


def _free_rows(program: Program, matrix: int, trace: Trace) -> list[int]:
    """Rows on which nothing but a serving table says anything."""
    names = columns(program, matrix)
    others = sorted({i for n, i in names.items() if n.split(".")[0] not in (*SERVICE, "row", "blind")})
    if not others:
        return list(range(len(trace)))
    return np.nonzero(~trace[:, others].any(axis=1))[0].tolist()


def unserved(program: Program, matrix: int, trace: Trace) -> Trace:
    """The trace without what it serves: only what other tables say is left."""
    bare = trace.copy()
    hashing, ranging = _own(program, matrix, "poseidon2"), _own(program, matrix, "limbs")
    if hashing:
        free = _free_rows(program, matrix, trace)
        for name, column in hashing.items():
            if name == "multiplicity":
                bare[:, column] = 0
            elif name.startswith("in"):
                bare[free, column] = 0
        bare = _filled(program, matrix, bare)
    for name, column in ranging.items():
        if name != "counter":
            bare[:, column] = 0
    return bare


def serve(
    program: Program,
    base: Sequence[Trace],
    cells: Sequence[Sequence[Sequence[int]]],
    asked: Mapping[tuple[str, tuple[int, ...]], int],
    fixed: Mapping[tuple[int, int], frozenset[int]],
) -> list[Trace]:
    """Complete traces; ``asked`` are the messages of the other tables with their counts."""
    made = [np.array(rows, dtype=np.uint64) for rows in cells]
    hashes = {f[:8]: c for (bus, f), c in asked.items() if bus == "hash"}
    values = {f: c for (bus, f), c in asked.items() if bus == "range" and f[0] != Bits.LIMB}
    limbs = {f[1]: c for (bus, f), c in asked.items() if bus == "range" and f[0] == Bits.LIMB}
    for matrix in range(len(made)):
        if hashing := _own(program, matrix, "poseidon2"):
            _serve_hashes(program, matrix, made[matrix], hashing, hashes)
            made[matrix] = _filled(program, matrix, made[matrix])
        if ranging := _own(program, matrix, "limbs"):
            looked = _looked_up(program, matrix)
            beside = any(n.split(".")[0] not in (*SERVICE, "row", "blind") for n in columns(program, matrix))
            _serve_ranges(made[matrix], ranging, values, limbs, looked, beside)
        derived = [d.column for d in program.matrices[matrix].derived]
        for (number, row), columns_ in fixed.items():
            if number == matrix and columns_:
                made[matrix][row, derived] = [cells[matrix][row][column] for column in derived]
    return made


def _serve_hashes(
    program: Program, matrix: int, trace: Trace, place: Mapping[str, int], asked: Mapping[tuple[int, ...], int]
) -> None:
    inputs = [place[f"in{i}"] for i in range(8)]
    rows: dict[tuple[int, ...], int] = {}
    for row, own in enumerate(map(tuple, trace[:, inputs].tolist())):
        rows.setdefault(own, row)
    spare = rows.get((0,) * 8) if (0,) * 8 in asked else None
    free = iter(r for r in _free_rows(program, matrix, trace) if r != spare and not trace[r, inputs].any())
    for own, count in asked.items():
        row = rows.get(own, -1)
        if row < 0:
            row = next(free, -1)
            trace[row, inputs] = own
        if row < 0:
            raise NoRoomError("no room for the compressions")
        trace[row, place["multiplicity"]] = count % MODULUS


def _serve_ranges(
    trace: Trace,
    place: Mapping[str, int],
    values: Mapping[tuple[int, ...], int],
    direct: Mapping[int, int],
    looked: frozenset[int],
    beside: bool,
) -> None:
    """``looked``: limbs that are looked up; ``beside``: the zeros of the empty rows are in ``direct`` already."""
    if len(values) > len(trace):
        raise NoRoomError("no room for the range checks")
    parts = [place[f"limb{i}"] for i in range(6) if f"limb{i}" in place]
    counts = np.zeros(_LIMBS, dtype=np.int64)
    if not beside:
        counts[0] = len(trace) * len(looked)
    for value, count in direct.items():
        if value < _LIMBS:
            counts[value] += count if count <= MODULUS // 2 else count - MODULUS
    for row, ((kind, value), count) in enumerate(values.items()):
        wide = int(kind == Bits.AMOUNT)
        if "wide" in place:
            trace[row, place["wide"]] = wide
        trace[row, place["multiplicity"]] = count % MODULUS
        for i, column in enumerate(parts):
            digit = (value >> (12 * i)) & (_LIMBS - 1) if i < 5 else value >> 60
            trace[row, column] = digit
            if i in looked:
                counts[0] -= 1
                counts[min(digit, _LIMBS - 1)] += 1
    trace[:_LIMBS, place["counter.multiplicity"]] = [int(c) % MODULUS for c in counts]


def recount(program: Program, trace: Trace, asked: Mapping[tuple[str, tuple[int, ...]], int]) -> None:
    """Count anew how often each number of the counter is asked for, by the limbs in ``trace`` and directly."""
    matrix = program.matrix_of("limbs")
    place = _own(program, matrix, "limbs")
    wanted: dict[int, int] = {}
    for (bus, fields), count in asked.items():
        if bus == "range" and fields[0] == Bits.LIMB:
            wanted[fields[1]] = wanted.get(fields[1], 0) + count
    for i in _looked_up(program, matrix):
        for value in trace[:, place[f"limb{i}"]].tolist():
            wanted[value] = wanted.get(value, 0) + 1
    counters = trace[:, place["counter"]].tolist()
    trace[:, place["counter.multiplicity"]] = 0
    for value, count in wanted.items():
        if value in counters:
            trace[counters.index(value), place["counter.multiplicity"]] = count % MODULUS


def _looked_up(program: Program, matrix: int) -> frozenset[int]:
    """Numbers of the limbs that the table asks its own counter for."""
    labels = {m.label for m in program.matrices[matrix].messages}
    return frozenset(i for i in range(6) if f"limbs: limb {i}" in labels)


def _filled(program: Program, matrix: int, trace: Trace) -> Trace:
    return fill(program.tape, [d for d in program.derived if d.matrix == matrix], matrix, trace)
