"""Draft traces: rows by name, before padding, derived columns and the tables that serve the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...dsl import Matrix
from ...layout import Block, Column, Layout, Part, Row, Rows, lay_out, placed
from ...params import TIERS, Tier
from ...serving import blinding, limb_parts
from ...tape import Program
from .serve import Served, serve


class EpochTooLarge(ValueError):
    """No tier holds the epoch: prove fewer batches together."""

    code = "epoch_too_large"
    retryable = False


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
        return {matrix.name: placed(matrix, self.rows)[1] for matrix in self.program.matrices}

    def traces(
        self, log_heights: Sequence[int] | None = None, tiers: Sequence[Tier] = TIERS
    ) -> tuple[Tier | None, list[Column]]:
        """The complete traces of :meth:`layouts`."""
        tier, layouts = self.layouts(log_heights, tiers)
        return tier, [lay_out(self.program, layout) for layout in layouts]

    def layouts(
        self, log_heights: Sequence[int] | None = None, tiers: Sequence[Tier] = TIERS
    ) -> tuple[Tier | None, list[Layout]]:
        """All that traces say, in the heights of the first tier that holds them, or in given heights.

        Raises :class:`EpochTooLarge` when no tier does.
        """
        sizes_of = [
            (tier, {m.name: 1 << h for m, h in zip(self.program.matrices, heights, strict=True)})
            for tier, heights in self._candidates(log_heights, tiers)
        ]
        parts, rows = placed(self._matrix("entries"), self.rows)
        # What the ledger asks for decides the tier, and does not depend on how much padding it has.
        ledger = self._ledger(parts, rows, _power(rows))
        nodes = self._nodes()
        served = serve(self.program, ledger, nodes)
        used = self.rows.count("nodes") + len(served.hashes)
        needed = {"hashes": used, "limbs": served.ranges.rows, "ledger": rows}
        for tier, sizes in sizes_of:
            if any(needed[name] > size for name, size in sizes.items()):
                continue
            made = {
                "hashes": self._hashes(nodes, served, sizes["hashes"]),
                "limbs": self._limbs(served, sizes["limbs"]),
                "ledger": self._ledger(parts, rows, sizes["ledger"]),
            }
            layouts = [made[m.name] for m in self.program.matrices]
            blinded = blinding(self.program, [layout.height for layout in layouts])
            return tier, [replace(one, parts=[*one.parts, *own]) for one, own in zip(layouts, blinded, strict=True)]
        raise EpochTooLarge(f"no tier holds {needed}")

    @staticmethod
    def _candidates(
        log_heights: Sequence[int] | None, tiers: Sequence[Tier]
    ) -> Iterable[tuple[Tier | None, Sequence[int]]]:
        return [(None, log_heights)] if log_heights is not None else [(tier, tier.log_heights) for tier in tiers]

    def _matrix(self, table: str) -> Matrix:
        return self.program.matrices[self.program.matrix_of(table)]

    def _layout(self, table: str, parts: Sequence[Part], rows: int, height: int) -> Layout:
        """The layout of a table's matrix, with a row of padding behind its rows where there is room."""
        return Layout(self.program.matrix_of(table), parts, min(rows + 1, height), height)

    def _ledger(self, parts: Sequence[Part], rows: int, height: int) -> Layout:
        """The ledger, with its last row marked."""
        names, padded = self._matrix("entries").names, min(rows + 1, height)
        more: list[Part] = [(height - 1, names["row.end"], np.ones((1, 1), dtype=np.uint64))]
        for name, value in self.constants.items():
            used = self.rows.count(name.split(".")[0])
            more.append((used, names[name], np.full((padded - used, 1), value, dtype=np.uint64)))
        for name in self.numbered:
            used = self.rows.count(name.split(".")[0])
            for first, end in ((used, padded), (padded, height)):
                more.append((first, names[name], np.arange(first, end, dtype=np.uint64)[:, None]))
        return self._layout("entries", [*parts, *more], rows, height)

    def _nodes(self) -> Block:
        """The node table's rows, with every column that asks or serves."""
        block = self.rows.block(self._matrix("nodes"), "nodes")
        count = self.rows.count("nodes")
        absent = {"state": (count,), **dict.fromkeys(_DIGESTS, (count, 4))}
        return {**{name: np.zeros(shape, dtype=np.uint64) for name, shape in absent.items()}, **block}

    def _hashes(self, nodes: Block, served: Served, height: int) -> Layout:
        names = self._matrix("nodes").names
        multiplicity, first = names["poseidon2.multiplicity"], names["poseidon2.in0"]
        parts, used = placed(self._matrix("nodes"), self.rows)
        parts += [
            (0, first, nodes["new_left"]),
            (0, first + 4, nodes["new_right"]),
            (0, multiplicity, served.node_counts[:, None]),
            (used, first, served.hashes),
            (used, multiplicity, served.hash_counts[:, None]),
        ]
        return self._layout("nodes", parts, used + len(served.hashes), height)

    def _limbs(self, served: Served, height: int) -> Layout:
        rows = min(served.ranges.rows + 1, height)
        parts = limb_parts(self._matrix("limbs"), served.ranges, rows, height)
        return Layout(self.program.matrix_of("limbs"), parts, rows, height)


def _power(rows: int) -> int:
    """The least power of two that holds so many rows, at least one."""
    return 1 << max(rows - 1, 0).bit_length()


_DIGESTS = ("old", "old_left", "old_right", "new_left", "new_right")

__all__ = ["Block", "Draft", "EpochTooLarge", "Row"]
