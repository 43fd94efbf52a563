"""What a request knows of the connection that it came over."""

from __future__ import annotations

from dataclasses import dataclass, field

from .streams import Key

__all__ = ["Session"]


@dataclass(eq=False, slots=True)
class Session:
    """One connection as the handler sees it."""

    challenge: bytes
    account: int | None = None
    """The account that logged in first."""
    accounts: dict[int, None] = field(default_factory=dict)
    """All accounts that logged in, in order."""
    operator: bool = False
    channels: dict[Key, None] = field(default_factory=dict)
    """What is pushed to it besides what concerns its accounts."""
