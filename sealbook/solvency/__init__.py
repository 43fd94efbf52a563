"""Proofs of solvency of a venue: its state from L1, the proof, the contract's comparison, and a demonstration."""
