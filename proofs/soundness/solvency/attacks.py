"""Forged witnesses of solvency. All else is recomputed honestly: each fails for the reason it was written for."""

from __future__ import annotations

from . import flags, omitted, sums
from .core import ATTACKS, Attack

__all__ = ["ATTACKS", "Attack", "flags", "omitted", "sums"]
