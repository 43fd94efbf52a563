"""A message is counted by flags and by the columns of this list: one sent minus once would answer a false request."""

from __future__ import annotations

import pytest

from proofs.dsl import Matrix
from proofs.soundness.registry import SUBJECTS
from proofs.soundness.sheet import Sheet
from proofs.soundness.subject import Subject
from proofs.tape import BLIND

CONTENT = "free: what the row says is true however often"
PLACE = "0 or 1 by asserts on the rows before and after, see the table"
KNOWN = {
    "poseidon2.multiplicity": CONTENT,
    "limbs.multiplicity": CONTENT,
    "limbs.counter.multiplicity": CONTENT,
    "markets.asked": CONTENT,
    "walk.asked": CONTENT,
    "walk.zeros": CONTENT,
    "nodes.key": "whatever is not 0 or 1 gives a tag that no other table knows",
    "nodes.root": "a root may be vouched for any number of times",
    "nodes.left": "a flag on rows of the state; a key row may vouch any number of times",
    "nodes.right": "a flag on rows of the state; a key row may vouch any number of times",
    "row.end": "asserted on every row",
    "entries.first": PLACE,
    "entries.last": PLACE,
    "entries.pair": PLACE,
    "entries.group_start": PLACE,
    "entries.cover": "the bundle's flag where there is an order",
    "orders.real": PLACE,
    "bundles.last": PLACE,
    "bundles.opened": "as many bundles of entries as take the row's own number",
    "bundles.charged": "a field of a public message wherever it is not 0",
}
"""By column, why its value is a whole number that is not negative, or why it may be any."""


def flags(matrix: Matrix, sheet: Sheet) -> set[int]:
    """Columns that an assert of their own keeps at 0 or 1."""
    alone = [sheet.cone(a.expression.index) for a in matrix.asserts if a.label.endswith("is a flag")]
    return {next(iter(cone))[1] for cone in alone if len(cone) == 1}


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: s.name)
def test_no_other_column_counts_messages(subject: Subject) -> None:
    for number, matrix in enumerate(subject.program().matrices):
        sheet = Sheet(matrix, number)
        explained = flags(matrix, sheet) | {column for name, column in matrix.names.items() if name in KNOWN}
        for message in matrix.messages:
            if message.bus != BLIND:
                assert sheet.direct(message.count.index) <= explained, message.label
