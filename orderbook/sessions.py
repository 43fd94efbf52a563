"""What a request knows of the connection that it came over, and what the connection learns of the answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

from .streams import Key
from .wire import Message

__all__ = ["Answer", "Session"]


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


class Answer(NamedTuple):
    """A reply, and what it must wait for: done once all that the reply says is on disk, None if it says nothing new."""

    message: Message
    written: asyncio.Future[None] | None = None
