"""What builders of forged witnesses share: an execution whose rows are changed, and nothing else is recomputed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from commitments.bundle import Entry, Kind

from ...statement.buses import LEVEL
from ...statement.witness.execute import Execution, execute
from ...statement.witness.inputs import EpochInput
from ...statement.witness.rules import Rules
from .core import Forged, honest
from .scenario import public_messages

Rows = Any
"""The rows of a draft, by table, or some of them."""


def changed(epoch: EpochInput, rules: Rules | None, change: Callable[[Rows, Execution], None]) -> Forged:
    """An execution by ``rules``, with some of its rows and claims changed."""
    forged = execute(epoch, rules)
    change(forged.draft.rows, forged)
    return forged, public_messages(epoch, forged, forged)


def withdrawals(*bundles: Sequence[tuple[int, int]]) -> EpochInput:
    """Bundles of withdrawals, each (asset, amount)."""
    return honest([[Entry(Kind.WITHDRAWAL, asset, 0, amount) for asset, amount in bundle] for bundle in bundles])


def of_commitments(row: Rows) -> bool:
    """Whether a node stands in the commitment tree of batch 0."""
    return bool(row["state"]) and int(row["place"]) % LEVEL == 1
