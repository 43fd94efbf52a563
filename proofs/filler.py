"""From rows by name to complete traces, for any program.

What a statement says for itself is given row by row. What follows from it is computed: derived columns, the rows of the
tables that serve (``poseidon2`` answers compressions, ``limbs`` range checks), and the blinding of the last rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from commitments import _native

from . import prover_api
from .dsl import SEND, Bus
from .expression import MODULUS
from .layout import Layout, Part, Row, Rows, lay_out, placed
from .prover_api import Trace
from .serving import blinding, limb_parts, ranges
from .statement.buses import HASH, RANGE
from .tape import DerivedColumn, Program

SERVING = ("poseidon2", "limbs")

__all__ = ["DoesNotFit", "Filler", "Row"]


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
    rows: Rows = field(default_factory=Rows)

    def add(self, table: str, **values: int | Sequence[int]) -> Row:
        """Append a row to a table; gives it for later changes.

        :raises KeyError: a name that the table has not
        :raises TypeError: what is one number is not given as one
        """
        known = self.program.matrices[self.program.matrix_of(table)].names
        for name, value in values.items():
            if f"{table}.{name}" not in known and f"{table}.{name}0" not in known:
                raise KeyError(f"{table} has no column {name}")
            if f"{table}.{name}" in known and not isinstance(value, int):
                raise TypeError(f"{name} is one number, not {value!r}")
        row: Row = dict(values)
        self.rows.setdefault(table, []).append(row)
        return row

    def traces(self, log_heights: Sequence[int]) -> list[Trace]:
        """One trace for each matrix, of ``2^log_heights`` rows. Raises :class:`DoesNotFit`."""
        heights = [1 << log_height for log_height in log_heights]
        layouts = []
        for index, blind in enumerate(blinding(self.program, heights)):
            matrix, height = self.program.matrices[index], heights[index]
            parts, rows = placed(matrix, self.rows)
            if rows > height:
                raise DoesNotFit(matrix.name, rows, height)
            layouts.append(Layout(index, [*parts, *blind], height, height))
        asking = [lay_out(self.program, layout, self._own(layout.matrix)) for layout in layouts]
        for table, serve in (("poseidon2", self._poseidon2), ("limbs", self._limbs)):
            place = self._matrix_of(table)
            if place is not None:
                layout = layouts[place]
                layouts[place] = replace(layout, parts=[*layout.parts, *serve(layout, asking)])
        return [lay_out(self.program, layout) for layout in layouts]

    def _own(self, index: int) -> list[DerivedColumn]:
        """Derived columns of the tables that do not serve."""
        names = self.program.matrices[index].names
        serving = {column for name, column in names.items() if name.split(".")[0] in SERVING}
        return [d for d in self.program.derived if d.matrix == index and d.column not in serving]

    def _matrix_of(self, table: str) -> int | None:
        try:
            return self.program.matrix_of(table)
        except KeyError:
            return None

    def _poseidon2(self, layout: Layout, asking: Sequence[Trace]) -> list[Part]:
        matrix = self.program.matrices[layout.matrix]
        asked, counts = _native.distinct(self._sent(HASH, asking))
        if len(asked) > layout.height:
            raise DoesNotFit(matrix.name, len(asked), layout.height)
        inputs = np.ascontiguousarray(asked[:, :8])
        return [
            (0, matrix.names["poseidon2.in0"], inputs),
            (0, matrix.names["poseidon2.multiplicity"], counts[:, None]),
        ]

    def _limbs(self, layout: Layout, asking: Sequence[Trace]) -> list[Part]:
        matrix = self.program.matrices[layout.matrix]
        asked = ranges(self._sent(RANGE, asking))
        # The table's own limbs are all 0 still, and were counted: one for each message and row.
        own = sum(m.label.startswith("limbs: ") and m.sign == SEND for m in matrix.messages)
        asked.direct[0] = (asked.direct.get(0, 0) - own * layout.height) % MODULUS
        if asked.rows > layout.height:
            raise DoesNotFit(matrix.name, asked.rows, layout.height)
        return limb_parts(matrix, asked, layout.height, layout.height)

    def _sent(self, bus: Bus, traces: Sequence[Trace]) -> Trace:
        """The messages that all tables send on a bus: rows ``(row, count, fields...)``."""
        number = self.program.bus_id(bus)
        return np.concatenate(
            [prover_api.messages(self.program.tape, i, trace, number, SEND) for i, trace in enumerate(traces)]
        )
