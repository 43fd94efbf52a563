"""Kinds of queue entries, as they are published."""

from __future__ import annotations

from enum import IntEnum


class QueueKind(IntEnum):
    """Kind of an entry of the L1 queue."""

    KEY = 1
    DEPOSIT = 2
