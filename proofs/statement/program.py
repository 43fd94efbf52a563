"""The statement of ``docs/protocol.md`` section 10 as a program."""

from __future__ import annotations

from functools import cache

from ..tape import Program, assemble
from .arithmetic import limbs
from .auction import markets, orders
from .bundles import bundles
from .buses import BUSES
from .entries import entries
from .ledger import cells, queue
from .nodes import hashes


@cache
def clearing_program() -> Program:
    """The program that proves an epoch of batches (one tape for every tier)."""
    return assemble(
        "clearing",
        BUSES,
        {
            "hashes": {"nodes": hashes},
            "limbs": {"limbs": limbs},
            "ledger": {
                "entries": entries,
                "orders": orders,
                "accounts": {"bundles": bundles, "markets": markets, "cells": cells, "queue": queue},
            },
        },
    )
