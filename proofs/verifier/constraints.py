"""A table's constraints at the out-of-domain point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .domain import Selectors
from .field import E, FieldLayer
from .tape import Op, Table


def evaluate_tape(
    layer: FieldLayer[E], table: Table, local: Sequence[E], following: Sequence[E], row: Selectors[E]
) -> list[E]:
    """The value of every node: ``local`` and ``following`` are the columns at the point and at its successor.

    ``following`` is empty for a table that reads no next row.
    """
    constants = [layer.lift(value) for value in table.constants]
    values: list[E] = []
    for op, a, b in table.operations:
        if op is Op.MUL:
            values.append(values[a] * values[b])
        elif op is Op.ADD:
            values.append(values[a] + values[b])
        elif op is Op.SUB:
            values.append(values[a] - values[b])
        elif op is Op.LOCAL:
            values.append(local[a])
        elif op is Op.NEXT:
            values.append(following[a])
        elif op is Op.CONST:
            values.append(constants[a])
        elif op is Op.FIRST:
            values.append(row.first)
        elif op is Op.LAST:
            values.append(row.last)
        else:
            values.append(row.transition)
    return values


def fold_constraints(layer: FieldLayer[E], alpha: E, values: Iterable[E]) -> E:
    """``sum(alpha^(n - 1 - i) * values[i])``: the first constraint gets the highest power."""
    total = layer.zero
    for value in values:
        total = total * alpha + value
    return total


def from_basis(layer: FieldLayer[E], coordinates: Sequence[E]) -> list[E]:
    """Openings of an extension column from those of its base columns, two by two: ``v0 + v1 X``.

    An extension column is committed as two base columns; each is opened at an extension point.
    """
    unit = layer.element(0, 1)
    return [low + high * unit for low, high in zip(coordinates[::2], coordinates[1::2], strict=True)]
