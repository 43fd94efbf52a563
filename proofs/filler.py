"""From rows by name to complete traces, for any program.

What a statement says for itself is given row by row. What follows from it is computed: derived columns, the rows of the
tables that serve (``poseidon2`` answers compressions, ``limbs`` range checks), and the blinding of the last rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from . import prover_api
from .dsl import SEND, Matrix
from .expression import MODULUS
from .prover_api import Trace
from .serving import LIMB_VALUES, blind, counted, fill_limbs
from .statement.buses import HASH, RANGE, Bits
from .tape import Program

Row = dict[str, "int | Sequence[int]"]
SERVING = ("poseidon2", "limbs")


class DoesNotFit(ValueError):
    """The rows do not fit the heights. ``matrix`` is the one that is too low, ``rows`` what it needs."""

    code = "does_not_fit"
    retryable = False

    def __init__(self, matrix: str, rows: int, height: int) -> None:
        super().__init__(f"{matrix}: {rows} rows do not fit a height of {height}")
        self.matrix = matrix
        self.rows = rows


@dataclass
class Filler:
    """Rows of each table, as a witness builder (or an attack) wrote them.

    A row maps a column's name to its value, and the name of a digest to the sequence of its columns' values. Values are
    any integers, taken modulo the field; what is left out is 0.
    """

    program: Program
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, **values: int | Sequence[int]) -> Row:
        """Append a row to a table; gives it for later changes. Raises KeyError for names that the table has not."""
        known = self.program.matrices[self.program.matrix_of(table)].names
        for name in values:
            if f"{table}.{name}" not in known and f"{table}.{name}0" not in known:
                raise KeyError(f"{table} has no column {name}")
        row: Row = dict(values)
        self.rows.setdefault(table, []).append(row)
        return row

    def traces(self, log_heights: Sequence[int]) -> list[Trace]:
        """One trace for each matrix, of ``2^log_heights`` rows. Raises :class:`DoesNotFit`."""
        traces = [
            self._written(matrix, 1 << log_height)
            for matrix, log_height in zip(self.program.matrices, log_heights, strict=True)
        ]
        traces = [self._filled(index, trace, serving=False) for index, trace in enumerate(traces)]
        blind(self.program, traces)
        served = [self._serve(table, traces) for table in SERVING]
        for index in {index for index in served if index is not None}:
            traces[index] = self._filled(index, traces[index], serving=True)
        return traces

    def _written(self, matrix: Matrix, height: int) -> Trace:
        trace = np.zeros((height, len(matrix.columns)), dtype=np.uint64)
        for name, column in matrix.names.items():
            table, label = name.split(".", 1)
            rows = self.rows.get(table, ())
            if len(rows) > height:
                raise DoesNotFit(matrix.name, len(rows), height)
            if rows:
                trace[: len(rows), column] = [_value(row, label) for row in rows]
        return trace

    def _filled(self, index: int, trace: Trace, serving: bool) -> Trace:
        """With the derived columns of the tables that serve, or of all others."""
        matrix = self.program.matrices[index]
        served = {column for name, column in matrix.names.items() if name.split(".")[0] in SERVING}
        derived = [d for d in self.program.derived if d.matrix == index and (d.column in served) == serving]
        return prover_api.fill(self.program.tape, derived, index, trace)

    def _serve(self, table: str, traces: list[Trace]) -> int | None:
        """Give a table that serves its rows; gives its matrix, None where the program has no such table."""
        try:
            index = self.program.matrix_of(table)
        except KeyError:
            return None
        serve = self._poseidon2 if table == "poseidon2" else self._limbs
        serve(self.program.matrices[index], traces[index], traces)
        return index

    def _poseidon2(self, matrix: Matrix, trace: Trace, traces: list[Trace]) -> None:
        asked, counts = self._asked(traces, HASH.name)
        if len(asked) > len(trace):
            raise DoesNotFit(matrix.name, len(asked), len(trace))
        first = matrix.names["poseidon2.in0"]
        trace[: len(asked), first : first + 8] = asked[:, :8]
        trace[: len(asked), matrix.names["poseidon2.multiplicity"]] = counts

    def _limbs(self, matrix: Matrix, trace: Trace, traces: list[Trace]) -> None:
        asked, counts = self._asked(traces, RANGE.name)
        limb = asked[:, 0] == int(Bits.LIMB)
        direct = dict(zip(asked[limb, 1].tolist(), counts[limb].tolist(), strict=True))
        # The table's own limbs are all 0 still, and were counted: one for each message and row.
        own = sum(m.label.startswith("limbs: ") and m.sign == SEND for m in matrix.messages)
        direct[0] = (direct.get(0, 0) - own * len(trace)) % MODULUS
        values, needed = asked[~limb], max(int((~limb).sum()), LIMB_VALUES)
        if needed > len(trace):
            raise DoesNotFit(matrix.name, needed, len(trace))
        fill_limbs(matrix, trace, values[:, 1], values[:, 0] == int(Bits.AMOUNT), counts[~limb], direct)

    def _asked(self, traces: list[Trace], bus: str) -> tuple[Trace, Trace]:
        """Distinct messages sent on a bus and how often, modulo the field."""
        tape, names = self.program.tape, [b.name for b in self.program.buses]
        sent = [prover_api.messages(tape, i, trace, names.index(bus), SEND) for i, trace in enumerate(traces)]
        return counted(np.concatenate(sent))


def _value(row: Row, label: str) -> int:
    value = row.get(label, 0)
    if label not in row and label[-1:].isdigit():
        digest = row.get(label[:-1], ())
        place = int(label[-1])
        value = digest[place] if not isinstance(digest, int) and place < len(digest) else 0
    if not isinstance(value, int):
        raise TypeError(f"{label} is one number, not {value!r}")
    return value % MODULUS
