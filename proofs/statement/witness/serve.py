"""What the tables that serve have to provide, from the messages that the others send."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from commitments import _native

from ...layout import Block, Column, Layout, derived_columns
from ...serving import Ranges, ranges
from ...tape import Program
from ..buses import HASH, RANGE


@dataclass(frozen=True)
class Served:
    """Compressions that no node row makes anyway, those that one does, and range checks."""

    hashes: Column
    """Inputs, shape (n, 8)."""
    hash_counts: Column
    node_counts: Column
    """By row of the node table."""
    ranges: Ranges


def serve(program: Program, ledger: Layout, nodes: Block) -> Served:
    """Counts of what the ledger and the node table's rows ask for, modulo the field.

    The compressions that node rows make serve too.
    """
    buses = [program.bus_id(bus) for bus in (HASH, RANGE)]
    derived = derived_columns(program.derived)
    hashes, checks = _native.sent(program.tape, derived, ledger.matrix, ledger.native, buses)
    messages, counts = _native.distinct(np.concatenate([hashes, _before(nodes)]))
    wanted = np.ascontiguousarray(messages[:, :8])
    places = _native.places(np.hstack([nodes["new_left"], nodes["new_right"]]), wanted)
    known = places >= 0
    node_counts = np.zeros(len(nodes["state"]), dtype=np.uint64)
    # Two messages may name the inputs of one row, if one of them lies about the output.
    rows = places[known].astype(np.uint64)
    found, sums = _native.distinct(np.column_stack([rows, counts[known], rows]))
    node_counts[found[:, 0]] = sums
    return Served(wanted[~known], counts[~known], node_counts, ranges(checks))


def _before(nodes: Block) -> Column:
    """What node rows ask for: the hash of their node before the change, but for those of key paths."""
    rows = np.nonzero(nodes["state"])[0]
    columns = [nodes[name][rows] for name in ("old_left", "old_right", "old")]
    return np.hstack([rows.astype(np.uint64)[:, None], nodes["state"][rows, None], *columns])
