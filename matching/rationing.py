"""Pro-rata rationing with a random phase (docs/protocol.md section 9, "Fills")."""

from __future__ import annotations

from collections.abc import Sequence

from matching.errors import LimitError
from matching.types import DRAW_RANGE, Lots, check_draw

__all__ = ["phase", "ration"]


def phase(draw: int, wanted: Lots) -> Lots:
    """phi = floor(u * Q / 2^32), in [0, Q) for Q > 0, and 0 for Q = 0."""
    check_draw(draw)
    return draw * wanted // DRAW_RANGE


def ration(quantities: Sequence[Lots], available: Lots, draw: int) -> list[Lots]:
    """Share `available` lots among orders that want `quantities`, in that order.

    The sum is exactly `available`; each fill is the floor or the ceiling of its exact share, so with
    `available` equal to what is wanted every order fills in full, and the longer and the shorter side
    need no distinction. Raises LimitError unless 0 <= available <= sum(quantities).
    """
    wanted = sum(quantities)
    if not 0 <= available <= wanted:
        raise LimitError("available", f"{available} is not in [0, {wanted}]")
    phi = phase(draw, wanted)
    if wanted == 0:
        return [0] * len(quantities)
    fills = []
    cumulative = before = 0
    for quantity in quantities:
        cumulative += quantity
        upto = (cumulative * available + phi) // wanted
        fills.append(upto - before)
        before = upto
    return fills
