"""Which programs are examined."""

from __future__ import annotations

from typing import Final

from .clearing.subject import CLEARING
from .solvency.subject import SOLVENCY
from .subject import Subject

SUBJECTS: Final[tuple[Subject, ...]] = (CLEARING, SOLVENCY)
"""Every program whose proofs a contract takes, with its forgeries."""
