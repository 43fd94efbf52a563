"""Reference interpreter of a tape over whole traces, in plain integers.

The native layer does the same fast (``fill``, ``messages``, ``check``); this one reads like the definition and is
what the native one is tested against. Slow: for small heights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .expression import MODULUS, Op
from .tape import Program

Trace = npt.NDArray[np.uint64]
Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Violation:
    """A row on which an assert is not zero, or a message that does not balance (row -1)."""

    label: str
    row: int
    detail: tuple[int, ...] = ()


def node_values(program: Program, matrix: int, trace: Trace) -> list[Values]:
    """The value of every graph node on every row."""
    height = len(trace)
    columns = [trace[:, i].astype(object) for i in range(trace.shape[1])]
    ones, index = np.full(height, 1, dtype=object), np.arange(height)
    fixed = {
        Op.FIRST: np.where(index == 0, ones, 0 * ones),
        Op.LAST: np.where(index == height - 1, ones, 0 * ones),
        Op.TRANSITION: np.where(index == height - 1, 0 * ones, ones),
    }
    values: list[Values] = []
    for node in program.matrices[matrix].graph.nodes:
        if node.op is Op.LOCAL:
            value = columns[node.a]
        elif node.op is Op.NEXT:
            value = np.roll(columns[node.a], -1)
        elif node.op is Op.CONST:
            value = node.a * ones
        elif node.op in fixed:
            value = fixed[node.op]
        elif node.op is Op.ADD:
            value = (values[node.a] + values[node.b]) % MODULUS
        elif node.op is Op.SUB:
            value = (values[node.a] - values[node.b]) % MODULUS
        else:
            value = values[node.a] * values[node.b] % MODULUS
        values.append(value)
    return values


def check(program: Program, traces: Sequence[Trace], public: Sequence[tuple[int, Sequence[int]]]) -> list[Violation]:
    """Everything that is wrong with the traces; ``public`` messages are (bus, fields), sent once each."""
    violations: list[Violation] = []
    balance: Counter[tuple[int, tuple[int, ...]]] = Counter()
    for bus, given in public:
        width = program.buses[bus].width
        balance[(bus, (*given, *[0] * (width - len(given))))] += 1
    for index, (matrix, trace) in enumerate(zip(program.matrices, traces, strict=True)):
        values = node_values(program, index, trace)
        for constraint in matrix.asserts:
            rows = np.nonzero(values[constraint.expression.index])[0]
            violations += [Violation(constraint.label, int(row)) for row in rows[:3]]
        for message in matrix.messages:
            counts = values[message.count.index]
            rows = np.nonzero(counts)[0]
            if not len(rows):
                continue
            columns = [values[f.index][rows] for f in message.fields]
            sign = -1 if message.sign else 1
            for place, count in enumerate(counts[rows]):
                fields = tuple(int(column[place]) for column in columns)
                balance[(program.bus_id(message.bus), fields)] += sign * int(count)
    violations += [
        Violation(f"bus {program.buses[bus].name}", -1, (count, *message_fields))
        for (bus, message_fields), count in balance.items()
        if count % MODULUS
    ]
    return violations
