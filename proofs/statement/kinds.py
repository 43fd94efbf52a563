"""Kinds of bundle entries and of queue entries, as they are hashed and published."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """Kind of a bundle's entry."""

    WITHDRAWAL = 1
    BUY = 2
    SELL = 3


class QueueKind(IntEnum):
    """Kind of an entry of the L1 queue."""

    KEY = 1
    DEPOSIT = 2
