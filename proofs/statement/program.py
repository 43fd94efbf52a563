"""The statement of ``docs/protocol.md`` section 10 as a program."""

from __future__ import annotations

from functools import cache

from ..tape import Program, assemble
from .arithmetic import limbs, poseidon2
from .auction import markets, orders
from .bundles import bundles
from .buses import BUSES
from .entries import entries
from .ledger import cells, nodes, queue


@cache
def clearing_program() -> Program:
    """The program that proves an epoch of batches (one tape for every tier)."""
    return assemble(
        "clearing",
        BUSES,
        {
            "poseidon2": {"poseidon2": poseidon2},
            "limbs": {"limbs": limbs},
            "nodes": {"nodes": nodes},
            "entries": {"entries": entries, "orders": orders},
            "batches": {"bundles": bundles, "markets": markets, "cells": cells, "queue": queue},
        },
    )
