"""Which programs are examined."""

from __future__ import annotations

from typing import Final

from .clearing.subject import CLEARING
from .subject import Subject

SUBJECTS: Final[tuple[Subject, ...]] = (CLEARING,)
"""Every program whose proofs a contract takes, with its forgeries."""
