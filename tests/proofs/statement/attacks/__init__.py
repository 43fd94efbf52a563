"""The suite of forged witnesses: see :mod:`proofs.soundness.clearing`."""

from proofs.soundness.clearing import ATTACKS, Attack, auction, fills_at, honest, ledger, requests, structure

__all__ = ["ATTACKS", "Attack", "auction", "fills_at", "honest", "ledger", "requests", "structure"]
