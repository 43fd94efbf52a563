"""Rows by name, as dicts or as arrays, and where they stand in a matrix: what all witness builders share."""

from __future__ import annotations

from collections.abc import Collection, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from commitments import _native

from .dsl import Matrix
from .expression import MODULUS
from .tape import DerivedColumn, Program

Column = npt.NDArray[np.uint64]
Integers = npt.NDArray[Any]
"""Exact integers of any sign, of dtype int64 or object: see :func:`exact`."""
Row = dict[str, Any]
"""A number by column, or a sequence of them by digest. Any integers: they are taken modulo the field."""
Block = dict[str, Column]
"""Rows of one table as arrays of field elements: shape (n,) for a column, (n, size) for a digest."""
Part = tuple[int, int, Column]
"""First row, first column and values (shape (n, columns)) of a piece of a trace."""
_SMALL: Final = 1 << 31


class Rows(MutableMapping[str, list[Row]]):
    """Rows by table. A table that was made as a block becomes rows when it is looked at."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {}
        self._blocks: dict[str, Block] = {}

    def __getitem__(self, table: str) -> list[Row]:
        block = self._blocks.pop(table, None)
        if block is not None:
            columns = [c.tolist() if c.ndim == 1 else list(map(tuple, c.tolist())) for c in block.values()]
            self._rows[table] = [dict(zip(block, values, strict=True)) for values in zip(*columns, strict=True)]
        return self._rows[table]

    def __setitem__(self, table: str, rows: list[Row]) -> None:
        self._blocks.pop(table, None)
        self._rows[table] = rows

    def __delitem__(self, table: str) -> None:
        del (self._blocks if table in self._blocks else self._rows)[table]

    def __iter__(self) -> Iterator[str]:
        return iter([*self._rows, *self._blocks])

    def __len__(self) -> int:
        return len(self._rows) + len(self._blocks)

    def count(self, table: str) -> int:
        block = self._blocks.get(table)
        return len(next(iter(block.values()))) if block else len(self._rows.get(table, ()))

    def extend(self, table: str, block: Block) -> None:
        """Add rows that were made as a block. All blocks of a table have the same columns."""
        if table in self._rows:
            own = self._rows.pop(table)
            self._blocks[table] = block
            self[table] = [*own, *self[table]]
            return
        known = self._blocks.get(table)
        self._blocks[table] = {n: np.concatenate([known[n], c]) for n, c in block.items()} if known else block

    def block(self, matrix: Matrix, table: str) -> Block:
        """The table's rows as arrays; columns of the matrix that no row names may be absent.

        What a row names and the matrix does not have is a digest of four.
        """
        block = self._blocks.get(table)
        if block is not None:
            return block
        rows, sizes = self._rows.get(table, []), _sizes(matrix, table)
        made: Block = {}
        for name in sorted(set().union(*rows)):
            if f"{table}.{name}" in matrix.names:
                made[name] = numbers([row.get(name, 0) for row in rows])
            else:
                size = sizes.get(name, 4)
                made[name] = numbers([_whole(row.get(name, ()), size) for row in rows])
        return made


def numbers(values: Sequence[int | Sequence[int]]) -> Column:
    """Any integers as field elements."""
    try:
        whole = np.array(values, dtype=np.uint64)
    except OverflowError:
        return np.array(np.array(values, dtype=object) % MODULUS, dtype=np.uint64)
    whole[whole >= MODULUS] -= np.uint64(MODULUS)
    return whole


def exact(values: Sequence[int]) -> Integers:
    """Any integers in an array in which a product of two is exact: 64 bits where all are below 2^31, else objects."""
    try:
        array = np.array(values, dtype=np.int64)
    except OverflowError:
        return np.array(values, dtype=object)
    small = not len(array) or (array.min() > -_SMALL and array.max() < _SMALL)
    return array if small else array.astype(object)


def elements(values: Integers) -> Column:
    """An array of exact integers as field elements."""
    if values.dtype == object:
        return np.array(values % MODULUS, dtype=np.uint64)
    wrapped = values.astype(np.uint64)
    return np.where(values < 0, wrapped + np.uint64(MODULUS), wrapped)


def digests(values: Collection[Sequence[int]], size: int = 4) -> Column:
    """Tuples of canonical field elements, shape (n, size). Raises ValueError for tuples of another size."""
    if any(len(value) != size for value in values):
        raise ValueError(f"not all are of {size} elements")
    return np.fromiter(chain.from_iterable(values), dtype=np.uint64, count=len(values) * size).reshape(-1, size)


def placed(matrix: Matrix, rows: Rows) -> tuple[list[Part], int]:
    """The rows of the matrix's tables where they stand in its trace, and how many rows they take."""
    parts: list[Part] = []
    height = 0
    for tables in stacks(matrix):
        first = 0
        for table in tables:
            count = rows.count(table)
            for name, values in rows.block(matrix, table).items() if count else ():
                column = matrix.names.get(f"{table}.{name}", matrix.names.get(f"{table}.{name}0"))
                if column is not None:
                    parts.append((first, column, np.ascontiguousarray(values).reshape(count, -1)))
            first += count
        height = max(height, first)
    # A column that is named by itself wins over the digest of which it is a part.
    parts.sort(key=lambda part: -part[2].shape[1])
    return parts, height


@dataclass(frozen=True)
class Layout:
    """A trace by its parts, before it is written.

    In the first ``rows`` rows parts stand over zeros, and derived columns follow from them. The last of these rows is
    repeated to the end; parts from row ``rows`` on stand over it. Later parts stand over earlier ones.
    """

    matrix: int
    parts: Sequence[Part] = field(repr=False)
    rows: int
    height: int

    @property
    def native(self) -> tuple[list[Part], int, int]:
        return list(self.parts), self.rows, self.height


def derived_columns(derived: Sequence[DerivedColumn]) -> list[tuple[int, int, int, int]]:
    """Derived columns as the native module takes them."""
    return [(d.matrix, d.column, d.node, int(d.inverse)) for d in derived]


def lay_out(program: Program, layout: Layout, derived: Sequence[DerivedColumn] | None = None) -> Column:
    """The trace, with all derived columns of its matrix or with those that are given."""
    columns = derived_columns(program.derived if derived is None else derived)
    return _native.lay_out(program.tape, columns, layout.matrix, layout.native)


def stacks(matrix: Matrix) -> list[list[str]]:
    """The matrix's tables: those in one list have their rows after one another."""
    grouped = {table for members in matrix.groups.values() for table in members}
    tables = dict.fromkeys(name.split(".")[0] for name in matrix.names)
    return [*matrix.groups.values(), *([table] for table in tables if table not in grouped)]


def _sizes(matrix: Matrix, table: str) -> dict[str, int]:
    """Columns of each digest of a table, by the digest's name."""
    sizes: dict[str, int] = {}
    for full in matrix.names:
        prefix, name = full.split(".", 1)
        if prefix == table and name[-1:].isdigit() and f"{table}.{name[:-1]}" not in matrix.names:
            sizes[name[:-1]] = max(sizes.get(name[:-1], 0), int(name[-1]) + 1)
    return sizes


def _whole(digest: Sequence[int], size: int) -> Sequence[int]:
    """The digest with zeros behind it up to its size."""
    return digest if len(digest) == size else (*digest, *(0,) * (size - len(digest)))
