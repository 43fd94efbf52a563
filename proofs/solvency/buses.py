"""The bus of the solvency program, and the tags of its messages."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from ..dsl import Bus
from ..statement.buses import RANGE

WALK: Final = Bus("walk", 7)
"""``(tag, level, index, digest[4])`` and ``(tag, asset, units)``: see :class:`Tag`."""

BUSES: Final = (RANGE, WALK)
WALK_BUS: Final = BUSES.index(WALK)
"""The bus on which the contract speaks."""


class Tag(IntEnum):
    """First field of a message on :data:`WALK`."""

    SUBTREE = 1
    """Every leaf below this node of the state tree has to be counted. The contract asks it of the root."""
    EMPTY = 2
    """Every leaf below a node with this digest at this level is zero; the index is left out."""
    LIABILITY = 3
    """The contract's claim for an asset that anybody holds: the sum of its balances, in units."""
