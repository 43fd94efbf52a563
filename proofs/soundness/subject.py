"""The programs that are examined, each with its honest epochs and its forged witnesses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..tape import Program
from .forgery import Forgery, Told
from .removal import Constraint, constraints
from .repair import Claims
from .world import World


@dataclass(frozen=True)
class Subject:
    """A program under examination.

    ``worlds`` builds an honest witness by name, ``forged`` one that lies already. ``forgeries`` are written by hand,
    ``recipes`` names a file of those that the search has found. ``claims`` tells which public messages a liar may add.
    """

    name: str
    program: Callable[[], Program]
    worlds: Mapping[str, Callable[[], World]]
    forged: Mapping[str, Callable[[], World]]
    claims: Claims
    forgeries: Sequence[Forgery]
    recipes: Path
    private: Callable[[Constraint], bool] = lambda constraint: constraint.blinding

    @cached_property
    def constraints(self) -> tuple[Constraint, ...]:
        return constraints(self.program())

    def found(self) -> list[Forgery]:
        """The forgeries of the recipe file."""
        if not self.recipes.exists():
            return []
        return [_read(name, recipe) for name, recipe in json.loads(self.recipes.read_text()).items()]


def _read(constraint: str, recipe: Mapping[str, Any]) -> Forgery:
    told = tuple(Told(column, row, value, added) for column, row, value, added in recipe["told"])
    return Forgery(
        ", ".join(map(str, told)),
        recipe["falsehood"],
        (constraint,),
        recipe["epoch"],
        told,
        tuple(recipe.get("together", ())),
        tuple(recipe.get("silent", ())),
    )


def write_recipes(path: Path, found: Mapping[str, Forgery]) -> None:
    """Record what the search has found, by the name of the constraint."""
    recipes = {
        name: {
            "epoch": f.epoch,
            "told": [[t.column, t.row, t.value, t.added] for t in f.told],
            "falsehood": f.falsehood,
            **({"together": list(f.together)} if f.together else {}),
            **({"silent": list(f.silent)} if f.silent else {}),
        }
        for name, f in sorted(found.items())
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(recipe)}" for name, recipe in recipes.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
