"""The whole venue as processes."""

PATIENT = 120
"""Blocks of a reveal window in which a machine may stall for half a minute: it ends with the last reveal anyway."""
