"""Numbers for what is pushed, and a bounded memory of it, so that a client sees a loss and can catch up after one.

Sequences rise by one in each channel (own channels: for each account). They are not journaled: a venue that starts
again has another ``identity``, and its clients take the present state instead of what they missed.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from typing import Final, TypeAlias, TypeVar

import msgspec

from .wire import Balances, BatchStatus, Channel, ChannelAt, Markets, Receipt, Result, Sealed

__all__ = ["PUBLIC", "Key", "Pushed", "Streams"]

PUBLIC: Final = ("batches", "markets")
"""Channels that need no session."""
Pushed: TypeAlias = BatchStatus | Markets | Balances | Receipt | Sealed | Result
Key: TypeAlias = tuple[Channel, int]
"""A channel and its account; 0 for public ones."""
P = TypeVar("P", bound=Pushed)


class Streams:
    """``keep``: messages remembered in each channel. ``accounts``: channels with a memory; the one that was idle
    longest is forgotten first, and its clients take a snapshot."""

    def __init__(self, keep: int = 128, accounts: int = 4_096) -> None:
        self.identity = "0x" + secrets.token_hex(32)
        self._keep = keep
        self._accounts = accounts
        self._last: dict[Key, int] = {}
        self._memory: OrderedDict[Key, deque[Pushed]] = OrderedDict()

    def stamp(self, key: Key, message: P) -> P:
        """The message with its number; it is remembered."""
        sequence = self._last[key] = self._last.get(key, 0) + 1
        stamped = msgspec.structs.replace(message, stream_sequence=sequence)
        memory = self._memory.setdefault(key, deque(maxlen=self._keep))
        memory.append(stamped)
        self._memory.move_to_end(key)
        while len(self._memory) > self._accounts:
            self._memory.popitem(last=False)
        return stamped

    def at(self, key: Key) -> ChannelAt:
        """A channel's last number."""
        return ChannelAt(key[0], self._last.get(key, 0), key[1])

    def missed(self, key: Key, after: int) -> tuple[Pushed, ...] | None:
        """What followed number ``after``; None if it is not remembered any more."""
        last = self._last.get(key, 0)
        if not 0 <= after <= last:
            return None
        memory = tuple(self._memory.get(key, ()))
        if last - after > len(memory):
            return None
        return memory[len(memory) - (last - after) :]
