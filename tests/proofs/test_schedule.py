"""The order of operations in keys: a permutation in which operands come first, in groups of one kind."""

from __future__ import annotations

from itertools import groupby, pairwise

import pytest

from proofs.expression import Graph, Op
from proofs.schedule import GROUP, schedule
from proofs.solvency.program import solvency_program
from proofs.statement.program import clearing_program
from proofs.tape import Program
from proofs.verifier.tape import Table, parse_tape

KINDS = (Op.ADD, Op.SUB, Op.MUL)
PROGRAMS = [clearing_program(), solvency_program()]


def _multiset(table: Table) -> list[tuple[object, ...]]:
    """What the table asserts and sends, each as the tree of its operations: the same whatever the order."""
    trees: list[int] = []
    known: dict[tuple[object, ...], int] = {}
    for op, a, b in table.operations:
        if op in KINDS:
            key: tuple[object, ...] = (op, trees[a], trees[b])
        else:
            key = (op, table.constants[a] if op is Op.CONST else a)
        trees.append(known.setdefault(key, hash(key)))
    asserts = [("assert", trees[node]) for node in table.asserts]
    return asserts + [
        (m.bus, m.receive, m.weight, trees[m.count], *(trees[f] for f in m.fields)) for m in table.messages
    ]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_both_tapes_say_the_same(program: Program) -> None:
    source, key = parse_tape(program.tape), parse_tape(program.key_tape)
    assert source.bus_widths == key.bus_widths
    for left, right in zip(source.tables, key.tables, strict=True):
        assert left.width == right.width
        assert _multiset(left) == _multiset(right)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_nearly_all_operations_stand_in_groups_of_one_kind(program: Program) -> None:
    for table in parse_tape(program.key_tape).tables:
        kinds = [op for op, _, _ in table.operations]
        rest = sum(len(list(run)) % GROUP for _, run in groupby(kinds))
        assert rest <= 40


def test_operands_come_first() -> None:
    graph = Graph()
    x, y = graph.intern(Op.LOCAL, 1), graph.intern(Op.LOCAL, 0)
    chain = x * y
    for _ in range(20):
        chain = (chain + x) * (chain - y)
    order = schedule(graph.nodes, range(len(graph.nodes)))
    place = {index: position for position, index in enumerate(order)}
    assert sorted(order) == list(range(len(graph.nodes)))
    assert order[:2] == [y.index, x.index]
    for index, node in enumerate(graph.nodes):
        if node.op in KINDS:
            assert max(place[node.a], place[node.b]) < place[index]


def test_a_whole_group_goes_before_a_larger_rest() -> None:
    graph = Graph()
    columns = [graph.intern(Op.LOCAL, i) for i in range(GROUP + 1)]
    sums = [a + b for a, b in pairwise(columns)]
    for a, b in zip(columns, columns[2:], strict=False):
        graph.intern(Op.MUL, a.index, b.index)
    order = schedule(graph.nodes, range(len(graph.nodes)))
    first = order[len(columns) : len(columns) + GROUP]
    assert len(sums) == GROUP
    assert [graph.nodes[index].op for index in first] == [Op.ADD] * GROUP
