"""What the witness builder computes side by side is what plain code computes one by one."""

from __future__ import annotations

import random

import numpy as np
import pytest

from commitments import bundle as committed
from commitments.bundle import Bundle
from matching.certificate import build_certificate
from matching.rationing import phase
from matching.types import Market as Band
from matching.types import Order as Limit
from matching.types import Side
from proofs.expression import MODULUS
from proofs.layout import Block, Layout, Rows, digests, elements, exact, lay_out, numbers, placed, stacks
from proofs.statement.program import clearing_program
from proofs.statement.witness.clearing import describe
from proofs.statement.witness.draft import Draft
from proofs.statement.witness.execute import execute
from proofs.statement.witness.inputs import Market, OpenedLeaf
from proofs.statement.witness.rules import Book, Order
from proofs.trace import node_values

from .proving import HEIGHTS
from .scenario import random_epoch


def _written(draft: Draft, heights: tuple[int, ...]) -> list[np.ndarray]:
    """The rows as they are named, cell by cell, without what is derived, padded or served."""
    traces = []
    for matrix, height in zip(draft.program.matrices, heights, strict=True):
        trace = np.zeros((1 << height, len(matrix.columns)), dtype=object)
        for tables in stacks(matrix):
            place = 0
            for table in tables:
                for row in draft.rows.get(table, []):
                    for name, value in row.items():
                        cells = (
                            {name: value} if isinstance(value, int) else {f"{name}{i}": v for i, v in enumerate(value)}
                        )
                        for cell, number in cells.items():
                            if f"{table}.{cell}" in matrix.names:
                                trace[place, matrix.names[f"{table}.{cell}"]] = number % MODULUS
                    place += 1
        traces.append(trace)
    return traces


@pytest.mark.parametrize("seed", [3, 11])
def test_traces_are_the_rows_and_what_follows(seed: int) -> None:
    epoch, program = random_epoch(seed), clearing_program()
    draft, looked_at = execute(epoch).draft, execute(epoch).draft
    plain = _written(looked_at, HEIGHTS)
    made = [draft.traces(HEIGHTS)[1], looked_at.traces(HEIGHTS)[1]]
    padded = {*draft.constants, *draft.numbered}
    for index, (matrix, one, other) in enumerate(zip(program.matrices, *made, strict=True)):
        derived = {d.column for d in matrix.derived}
        for tables in stacks(matrix):
            used = sum(draft.rows.count(table) for table in tables)
            for name, column in matrix.names.items():
                if name.startswith("blind."):
                    continue
                assert (one[:, column] == other[:, column]).all()
                table = name.split(".")[0]
                if table in tables and column not in derived:
                    end = draft.rows.count(table) if name in padded else used
                    assert plain[index][:end, column].tolist() == one[:end, column].tolist(), name
        values = node_values(program, index, one)
        for d in matrix.derived:
            node = values[d.expression.index]
            expected = [pow(int(v), -1, MODULUS) if v else 0 for v in node] if d.inverse else node.tolist()
            assert one[:, d.column].tolist() == expected


def test_bundles_are_hashed_as_commitments_are() -> None:
    epoch = random_epoch(5, batches=3)
    done, venue = execute(epoch), epoch.parameters.venue
    rows = done.draft.rows["bundles"]
    leaves = [(k, leaf) for k, batch in enumerate(epoch.batches) for leaf in batch.leaves]
    assert [row["account"] for row in rows] == [leaf.account for _, leaf in leaves]
    for (k, leaf), row in zip(leaves, rows, strict=True):
        batch = epoch.first_batch + k
        if isinstance(leaf, OpenedLeaf):
            bundle = Bundle(leaf.entries, leaf.salt)
            assert row["body"] == committed.bundle_hash(venue, batch, leaf.account, bundle)
            assert row["commitment"] == committed.commitment(venue, batch, leaf.account, bundle, leaf.secret)
        assert row["leaf"] == committed.commitment_leaf(venue, batch, leaf.account, row["commitment"])


@pytest.mark.parametrize("seed", range(20))
def test_certificate_of_a_book_is_that_of_its_orders(seed: int) -> None:
    pick = random.Random(seed)
    market, draw, reference = Market(1, 0, 90, 110, 1000), pick.randrange(2**32), pick.randint(90, 110)
    orders = [
        Order(i, pick.random() < 0.5, pick.randint(95, 105), pick.randint(1, 50)) for i in range(pick.randrange(12))
    ]
    limits = [Limit(Side.BUY if o.buy else Side.SELL, o.price, o.quantity) for o in orders]
    for price in (None, pick.randint(94, 106)):
        shown = build_certificate(Band(90, 110, reference), limits, price, draw)
        made = describe(market, reference, draw, orders, price, [])
        assert (made.trade, made.pivot) == (shown.trade, shown.pivot)
        sums = (made.buy_better, made.buy_at, made.sell_better, made.sell_at, made.beyond)
        assert sums == (shown.buys_better, shown.buys_at, shown.sells_better, shown.sells_at, shown.neighbour)
        assert (made.neighbour, made.lots) == (shown.direction.value, shown.available)
        assert made.phase == phase(draw, made.wanted)


def test_book_is_a_sequence_of_orders() -> None:
    orders = [Order(4, True, 101, 5), Order(9, False, 2**40, -3)]
    book = Book.of(orders)
    assert list(book) == orders
    assert book[:-1] == orders[:1]
    assert book[-1] == orders[-1]
    assert Book.of(book) is book


def _block(*values: int) -> Block:
    return {"a": numbers(values), "d": numbers([(v, 0, 0, 0) for v in values])}


def test_rows_are_blocks_until_they_are_looked_at() -> None:
    rows = Rows()
    rows.extend("t", _block(1))
    rows.extend("t", _block(2))
    assert (rows.count("t"), len(rows), list(rows)) == (2, 1, ["t"])
    assert rows["t"] == [{"a": 1, "d": (1, 0, 0, 0)}, {"a": 2, "d": (2, 0, 0, 0)}]
    rows["t"][0]["a"] = 7
    rows.extend("t", _block(3))
    assert [row["a"] for row in rows.get("t", [])] == [7, 2, 3]
    rows.extend("u", _block(4))
    rows["u"] = [{"a": 5}]
    assert rows["u"] == [{"a": 5}]
    del rows["u"]
    assert "u" not in rows
    assert rows.get("u") is None
    assert rows.count("u") == 0


def test_integers_are_exact_and_become_elements() -> None:
    for values in ([1, -1, 2**31 - 1], [2**31, -5], [2**64, -(2**70), 3]):
        array = exact(values)
        assert (array.dtype == object) == (max(map(abs, values)) >= 2**31)
        assert (array * array).tolist() == [v * v for v in values]
        assert elements(array).tolist() == numbers(values).tolist() == [v % MODULUS for v in values]
    with pytest.raises(ValueError, match=r"^not all are of 4 elements$"):
        digests([(1, 2, 3), (4, 5, 6, 7, 8)])


def test_named_column_wins_over_its_digest() -> None:
    program = clearing_program()
    index = program.matrix_of("bundles")
    rows = Rows()
    rows["bundles"] = [{"salt": (1, 2), "salt1": 9, "header": (3, 4, 5, 6)}]
    parts, height = placed(program.matrices[index], rows)
    trace = lay_out(program, Layout(index, parts, 1, 2), [])
    names = program.matrices[index].names
    assert height == 1
    assert [int(trace[0, names[f"bundles.salt{i}"]]) for i in range(3)] == [1, 9, 0]
    assert [int(trace[0, names[f"bundles.header{i}"]]) for i in range(4)] == [3, 4, 5, 6]
