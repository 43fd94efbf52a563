"""Words for lies against single constraints: a few cells each; what follows is found by :mod:`..repair`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..forgery import Forgery, Told

Row = int | Mapping[str, int]
SPARE: Final = 61
"""A row on which no table of the ledger says anything."""


def to(column: str, row: Row, value: int) -> Told:
    """A cell takes another value."""
    return Told(column, row, value)


def by(column: str, row: Row, amount: int) -> Told:
    """A cell changes by an amount."""
    return Told(column, row, amount, added=True)


def lie(against: str, falsehood: str, *told: Told, epoch: str = "book") -> Forgery:
    """A forgery against one constraint, told in some cells of an epoch, or by the epoch itself."""
    return Forgery(", ".join(map(str, told)) or epoch, falsehood, (against,), epoch, told)
