"""Forged witnesses: for each clause of the statement, executions that break it and recompute everything else."""

from . import asserts, auction, ledger, requests
from .core import ATTACKS, Attack, fills_at, honest

__all__ = ["ATTACKS", "Attack", "asserts", "auction", "fills_at", "honest", "ledger", "requests"]
