"""Forgeries against the permutation: a register that is not what it is derived from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..tape import Program
from .forgery import Forgery, Told
from .removal import constraints

_DERIVED = " is derived"


def registers(program: Program, table: str, row: Mapping[str, int], epoch: str, falsehood: str) -> Iterator[Forgery]:
    """For each register of the compressions in ``table``, that it is one more than it should be on a row."""
    for constraint in constraints(program):
        own, _, label = constraint.name.partition(": ")
        if own == table and label.endswith(_DERIVED):
            register = label.removesuffix(_DERIVED)
            told = Told(f"{table}.{register}", row, 1, added=True)
            yield Forgery(f"false_permutation({register})", falsehood, (constraint.name,), epoch, (told,))
