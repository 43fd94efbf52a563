"""Draft traces: rows by name, before padding, derived columns and the tables that serve the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from commitments import _native

from ...dsl import Matrix
from ...expression import MODULUS
from ...params import TIERS, Tier
from ...serving import LIMB_VALUES, blind, fill_limbs
from ...tape import Program
from .serve import Served, serve

Column = npt.NDArray[np.uint64]
Row = dict[str, Any]
"""A number by column, or a sequence of them by digest."""
Block = dict[str, Column]
"""Rows of one table as arrays: shape (n,) for a column, (n, size) for a digest."""


_NONE = (0, 0, 0, 0)


class EpochTooLarge(ValueError):
    """No tier holds the epoch: prove fewer batches together."""

    code = "epoch_too_large"
    retryable = False


class Rows(dict[str, list[Row]]):
    """Rows by table. A table that the builder made as a block becomes rows when it is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: dict[str, Block] = {}

    def __missing__(self, table: str) -> list[Row]:
        block = self.blocks.pop(table, None)
        if block is None:
            raise KeyError(table)
        columns = [c.tolist() if c.ndim == 1 else list(map(tuple, c.tolist())) for c in block.values()]
        self[table] = rows = [dict(zip(block, values, strict=True)) for values in zip(*columns, strict=True)]
        return rows

    def count(self, table: str) -> int:
        block = self.blocks.get(table)
        return len(self.get(table, ())) if block is None else len(next(iter(block.values())))


@dataclass
class Draft:
    """Rows of each table, as the builder (or an attack) wrote them.

    A row maps a column's name to its value; ``digest`` columns may be given as one sequence. Values are any
    integers, taken modulo the field. ``constants`` are columns with one value on all rows, ``numbered`` those that hold
    the row's number.
    """

    program: Program
    rows: Rows = field(default_factory=Rows)
    constants: dict[str, int] = field(default_factory=dict)
    numbered: tuple[str, ...] = ()

    def add(self, table: str, **values: int | Sequence[int]) -> Row:
        row: Row = dict(values)
        self.rows.setdefault(table, []).append(row)
        return row

    def heights(self) -> dict[str, int]:
        """Rows that each matrix needs, but for those that serve."""
        return {
            matrix.name: max((sum(map(self.rows.count, tables)) for tables in _stacks(matrix)), default=0)
            for matrix in self.program.matrices
        }

    def traces(
        self, log_heights: Sequence[int] | None = None, tiers: Sequence[Tier] = TIERS
    ) -> tuple[Tier | None, list[Column]]:
        """Complete traces in the heights of the first tier that holds them, or in given heights.

        Raises :class:`EpochTooLarge` when no tier does.
        """
        needed = self.heights()
        sizes_of: Iterable[tuple[Tier | None, Sequence[int]]] = (
            [(None, log_heights)] if log_heights is not None else [(t, t.log_heights) for t in tiers]
        )
        ledger = self._ledger(needed["ledger"])
        nodes = self._nodes()
        asking = {"hashes": self._asking(nodes), "ledger": self._padded(ledger, _power(needed["ledger"]))}
        first = self.program.matrices[self.program.matrix_of("nodes")].names["poseidon2.in0"]
        served = serve(self.program, asking, nodes[:, first : first + 8])
        needed["hashes"] += len(served.hashes)
        needed["limbs"] = max(len(served.values), LIMB_VALUES)
        for tier, heights in sizes_of:
            sizes = {m.name: 1 << h for m, h in zip(self.program.matrices, heights, strict=True)}
            if any(needed[name] > size for name, size in sizes.items()):
                continue
            made = {
                "hashes": self._hashes(nodes, served, sizes["hashes"]),
                "limbs": self._limbs(served, sizes["limbs"]),
                "ledger": self._padded(ledger, sizes["ledger"]),
            }
            traces = [made[m.name] for m in self.program.matrices]
            blind(self.program, traces)
            return tier, traces
        raise EpochTooLarge(f"no tier holds {needed}")

    def _ledger(self, rows: int) -> Column:
        """The ledger's rows, and one of padding behind them."""
        index = self.program.matrix_of("entries")
        matrix = self.program.matrices[index]
        trace = np.zeros((rows + 1, len(matrix.columns)), dtype=np.uint64)
        for tables in _stacks(matrix):
            start = 0
            for table in tables:
                start += self._write(matrix, table, trace[start:])
        for name, value in self.constants.items():
            trace[self.rows.count(name.split(".")[0]) :, matrix.names[name]] = value
        for name in self.numbered:
            used = self.rows.count(name.split(".")[0])
            trace[used:, matrix.names[name]] = np.arange(used, rows + 1)
        return self._filled(index, trace)

    def _padded(self, ledger: Column, height: int) -> Column:
        """The ledger in a height, with its last row marked."""
        names = self.program.matrices[self.program.matrix_of("entries")].names
        rows = len(ledger) - 1
        trace = np.empty((height, ledger.shape[1]), dtype=np.uint64)
        trace[:rows], trace[rows:] = ledger[:-1], ledger[-1]
        for name in self.numbered:
            trace[rows:, names[name]] = np.arange(rows, height)
        trace[-1, names["row.end"]] = 1
        return trace

    def _nodes(self) -> Column:
        """The rows of the node table, derived columns left out."""
        matrix = self.program.matrices[self.program.matrix_of("nodes")]
        trace = np.zeros((self.rows.count("nodes"), len(matrix.columns)), dtype=np.uint64)
        self._write(matrix, "nodes", trace)
        first = matrix.names["poseidon2.in0"]
        for offset, name in ((0, "new_left"), (4, "new_right")):
            digests = self._column("nodes", name)
            if digests is not None:
                trace[:, first + offset : first + offset + 4] = digests
        return trace

    def _asking(self, nodes: Column) -> Column:
        """The nodes that ask for the hash before the change: not those of key paths."""
        names = self.program.matrices[self.program.matrix_of("nodes")].names
        asking = nodes[nodes[:, names["nodes.state"]] != 0]
        trace = np.zeros((_power(len(asking)), nodes.shape[1]), dtype=np.uint64)
        trace[: len(asking)] = asking
        return trace

    def _column(self, table: str, name: str) -> Column | None:
        block = self.rows.blocks.get(table)
        if block is not None:
            return block[name]
        rows = self.rows.get(table)
        return _numbers([row.get(name, _NONE) for row in rows]) if rows else None

    def _write(self, matrix: Matrix, table: str, trace: Column) -> int:
        """Write a table's rows from the trace's first row on; gives their number."""
        block, prefix = self.rows.blocks.get(table), f"{table}."
        places = {name.removeprefix(prefix): c for name, c in matrix.names.items() if name.startswith(prefix)}
        count = self.rows.count(table)
        if block is not None:
            named = block
        else:
            rows = self.rows.get(table, [])
            known = set().union(*rows)
            named = {n: _numbers([row.get(n, 0) for row in rows]) for n in places if n in known}
            digests = [n for n in known if n not in places and f"{n}0" in places]
            for name in digests:
                none = _NONE[: sum(f"{name}{i}" in places for i in range(4))]
                named[name] = _numbers([row.get(name, none) for row in rows])
        for name, values in named.items():
            if values.ndim == 1 and name in places:
                trace[:count, places[name]] = values
            elif f"{name}0" in places:
                trace[:count, places[f"{name}0"] : places[f"{name}0"] + values.shape[1]] = values
        return count

    def _filled(self, index: int, trace: Column, height: int | None = None) -> Column:
        derived = [(d.matrix, d.column, d.node, int(d.inverse)) for d in self.program.derived if d.matrix == index]
        return _native.fill(self.program.tape, derived, index, trace, height)

    def _hashes(self, nodes: Column, served: Served, height: int) -> Column:
        index = self.program.matrix_of("nodes")
        names = self.program.matrices[index].names
        used, multiplicity, first = self.rows.count("nodes"), names["poseidon2.multiplicity"], names["poseidon2.in0"]
        end = used + len(served.hashes)
        trace = np.zeros((end + 1, nodes.shape[1]), dtype=np.uint64)
        trace[:used] = nodes
        trace[used:end, first : first + 8] = served.hashes
        trace[used:end, multiplicity] = served.hash_counts
        for row, count in served.node_counts.items():
            trace[row, multiplicity] = count
        return self._filled(index, trace, height)

    def _limbs(self, served: Served, height: int) -> Column:
        matrix = self.program.matrices[self.program.matrix_of("limbs")]
        trace = np.zeros((height, len(matrix.columns)), dtype=np.uint64)
        fill_limbs(matrix, trace, served.values, served.wide, served.value_counts, served.limbs)
        return trace


def _stacks(matrix: Matrix) -> list[list[str]]:
    """The matrix's tables: those in one list have their rows after one another."""
    grouped = {table: members for members in matrix.groups.values() for table in members}
    tables = dict.fromkeys(name.split(".")[0] for name in matrix.names)
    return [*matrix.groups.values(), *([table] for table in tables if table not in grouped)]


def _numbers(values: Sequence[int | Sequence[int]]) -> Column:
    """Any integers as field elements."""
    try:
        numbers = np.array(values, dtype=np.uint64)
    except OverflowError:
        return np.array(np.array(values, dtype=object) % MODULUS, dtype=np.uint64)
    numbers[numbers >= MODULUS] -= np.uint64(MODULUS)
    return numbers


def _power(rows: int) -> int:
    """The least power of two that holds so many rows, at least one."""
    return 1 << max(rows - 1, 0).bit_length()


__all__ = ["Block", "Draft", "EpochTooLarge"]
