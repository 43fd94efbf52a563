"""Proofs in small heights, with the production prover and parameters."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache

import numpy as np
import numpy.typing as npt

from commitments import _native
from proofs.params import PROOF
from proofs.statement.program import clearing_program

from .scenario import Messages

HEIGHTS = (12, 12, 8)
"""Heights for epochs of a handful of bundles."""
CONTEXT = bytes(range(32))


@cache
def key(heights: tuple[int, ...] = HEIGHTS) -> bytes:
    """The verification key of the statement in given heights."""
    return _native.setup(clearing_program().key_tape, list(heights), asdict(PROOF))


def prove(traces: list[npt.NDArray[np.uint64]], heights: tuple[int, ...] = HEIGHTS) -> bytes:
    return _native.prove(key(heights), CONTEXT, traces)


def packed(messages: Messages) -> npt.NDArray[np.uint64]:
    """Rows of (bus, fields), padded with zeros, as the native checker takes them."""
    width = max(len(fields) for _, fields in messages)
    return np.array([[bus, *fields, *[0] * (width - len(fields))] for bus, fields in messages], dtype=np.uint64)
