"""The forged witnesses of the clearing program, clause by clause of the statement."""

from . import admission, auction, ledger, padding, paths, requests, structure
from .core import ATTACKS, Attack, fills_at, honest

__all__ = [
    "ATTACKS",
    "Attack",
    "admission",
    "auction",
    "fills_at",
    "honest",
    "ledger",
    "padding",
    "paths",
    "requests",
    "structure",
]
