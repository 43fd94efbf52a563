"""How often a message is sent or taken is a number of times: 0 to 3, and never minus once.

A row with count -1 beside one with count 1 exchanges one message for another and cancels its range checks, so each
count has to be bounded below by asserts. For flags that is computed here; other columns in a count need a reason.
"""

from __future__ import annotations

from itertools import product

import pytest

from proofs.dsl import Matrix, Message
from proofs.expression import MODULUS, Expr, Op
from proofs.solvency.program import solvency_program
from proofs.statement.program import clearing_program
from proofs.tape import Program

REASONS = {
    "row.end": "1 on the last row and 0 on all others, by two asserts",
    "orders.real": "`last`, or that of the next row, or 0 at the table's end",
    "bundles.last": "`real` before a row that is not; before a real one another number would stand at position -1",
    "bundles.opened": "as many bundles of entries as start with the row's own number",
    "bundles.charged": "a field of a public message wherever it is not 0, and the verifier sends 0 and 1",
    "entries.first": "1 where a bundle starts, which is where `real` goes on and no bundle does",
    "entries.last": "another number would stand at position 0, and positions start at 1",
    "entries.pair": "1 where a bundle starts, alternates while it goes on, 0 on rows that are not real",
    "entries.cover": "one for the bundle, which starts with the message of its row in the bundles, where it is a flag",
    "entries.group_start": "1 where a bundle starts or a group ended, on real rows: `real.next` less what goes on",
    "cells.changed": "derived: a kind of slot, one flag of two, times whether the value differs",
    "nodes.key": "it makes the message's tag too: any other number of times, it is another message (see the table)",
    "nodes.root": "a root says of itself what is true, however often",
}
"""Columns of counts that no assert makes flags, and why the counts are numbers of messages all the same."""


def _nodes(matrix: Matrix, expression: Expr) -> set[tuple[Op, int]]:
    """Operation and column of each leaf of an expression."""
    stack, seen, found = [expression.index], set(), set()
    while stack:
        index = stack.pop()
        node = matrix.graph.nodes[index]
        if index in seen or node.op is Op.CONST:
            continue
        seen.add(index)
        if node.op in (Op.ADD, Op.SUB, Op.MUL):
            stack += [node.a, node.b]
        else:
            found.add((node.op, node.a))
    return found


def _columns(matrix: Matrix, expression: Expr) -> set[int]:
    return {column for op, column in _nodes(matrix, expression) if op in (Op.LOCAL, Op.NEXT)}


def _flags(matrix: Matrix) -> set[int]:
    """Columns x with the assert x (x - 1)."""
    asserted = {a.expression.index for a in matrix.asserts}
    found = set()
    for column in range(len(matrix.columns)):
        x = matrix.graph.intern(Op.LOCAL, column)
        if (x * (x - 1)).index in asserted:
            found.add(column)
    return found


def _value(matrix: Matrix, index: int, row: dict[int, int]) -> int:
    node = matrix.graph.nodes[index]
    if node.op is Op.CONST:
        return node.a
    if node.op is Op.LOCAL:
        return row[node.a]
    a, b = (_value(matrix, i, row) for i in (node.a, node.b))
    return (a + b if node.op is Op.ADD else a - b if node.op is Op.SUB else a * b) % MODULUS


def _rules(matrix: Matrix) -> list[tuple[int, set[int]]]:
    """Asserts on a row alone: node, and columns."""
    rules = [(a.expression.index, _nodes(matrix, a.expression)) for a in matrix.asserts]
    return [(index, {c for _, c in nodes}) for index, nodes in rules if all(op is Op.LOCAL for op, _ in nodes)]


def _counts(matrix: Matrix, message: Message, rules: list[tuple[int, set[int]]]) -> set[int]:
    """What a count of flags can be on a row that breaks no assert on these flags alone."""
    own = sorted(_columns(matrix, message.count))
    related = [index for index, columns in rules if columns <= set(own)]
    found = set()
    for values in product((0, 1), repeat=len(own)):
        row = dict(zip(own, values, strict=True))
        if all(_value(matrix, index, row) == 0 for index in related):
            found.add(_value(matrix, message.count.index, row))
    return found


def _bounded(matrix: Matrix) -> list[Message]:
    """Messages whose counts rows must bound: all but those that serve."""
    return [message for message in matrix.messages if message.weight]


@pytest.mark.parametrize("program", [clearing_program(), solvency_program()], ids=lambda p: p.name)
def test_a_count_of_flags_is_never_negative(program: Program) -> None:
    tried = 0
    for matrix in program.matrices:
        flags, rules = _flags(matrix), _rules(matrix)
        for message in _bounded(matrix):
            local = all(op is Op.LOCAL for op, _ in _nodes(matrix, message.count))
            if local and _columns(matrix, message.count) <= flags:
                assert _counts(matrix, message, rules) <= {0, 1, 2, 3}, message.label
                tried += 1
    assert tried >= 10


def test_other_columns_of_counts_have_a_reason() -> None:
    found = set()
    for program in (clearing_program(), solvency_program()):
        for matrix in program.matrices:
            flags = _flags(matrix)
            for message in _bounded(matrix):
                found |= {matrix.columns[column] for column in _columns(matrix, message.count) - flags}
    assert found == set(REASONS)
