"""The buses of the statement and the tags of their messages."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from ..dsl import Bus

HASH: Final = Bus("hash", 12)
"""``(left[4], right[4], out[4])``: out = compress(left, right)."""
RANGE: Final = Bus("range", 2)
"""``(class, value)``: see :class:`Bits`."""
MEMORY: Final = Bus("memory", 7)
"""``(account, slot, time, value[4])``: a slot's value since ``time``. An access takes the last and leaves a newer."""
PUBLIC: Final = Bus("public", 13)
"""``(tag, ...)``: what the verifier sends, and what tables tell each other. The tags keep them apart."""

HOLDINGS: Final = Bus("holdings", 2)
"""``(key, units)``: what the verifier sends for each changed balance and each withdrawal. The key is
``256 * account + asset``, and :data:`WITHDRAWN` more for a withdrawal. Nearly all public messages are of this bus."""
WITHDRAWN: Final = 1 << 31
"""Above all keys of balances: accounts are below 2^20."""

BUSES: Final = (HASH, RANGE, MEMORY, PUBLIC, HOLDINGS)


class Bits(IntEnum):
    """Classes of range checks."""

    LIMB = 0
    """12 bits, exact."""
    SMALL = 1
    """36 bits: tells a difference of two 31-bit numbers from a negative one."""
    AMOUNT = 2
    """62 bits, exact: balances and amounts."""


class Tag(IntEnum):
    """First field of a message on :data:`PUBLIC`. Those below 32 are sent by the verifier, once for each key."""

    PARAMS = 1
    NODE = 2
    """Also between tables: a parent node asks for its touched children."""
    BATCH_COUNT = 4
    MARKET = 5
    QUEUE = 6
    MISSING = 7

    BUNDLE_START = 32
    BUNDLE_END = 33
    MARKET_INFO = 34
    ORDER = 35
    AUCTION = 36
    KEY_NODE = 37


TIME_SHIFT: Final = 26
"""A time is ``(4 * batch + phase + 1) * 2^26 + sequence``; 0 is the state before the epoch."""


class Phase(IntEnum):
    """What happens to a slot within one batch, in this order."""

    QUEUE = 0
    BUNDLE = 1
    DEBIT = 2
    CREDIT = 3


WITHDRAWAL_SLOT: Final = 32
"""Slot 32 + a holds what the account has withdrawn of asset a in this epoch. It is not in the state tree."""
LEVEL: Final = 1 << 20
"""The place of a node is ``tree + LEVEL * level``; tree 0 is the state, 1 + k the commitments of batch k."""
