"""Accounts and the L1 queue, as the chain's events tell them (``docs/protocol.md`` sections 5 and 6)."""

from __future__ import annotations

from bisect import bisect_left

from .errors import ChainMismatchError
from .events import ZERO, AccountRegistered, Digest, QueueAppended

KEY = 1
DEPOSIT = 2


class Registry:
    """Registered accounts, the queue's entries in order, and each account's key roots by queue position."""

    def __init__(self) -> None:
        self.accounts: dict[int, AccountRegistered] = {}
        self.queue: list[QueueAppended] = []
        self._roots: dict[int, tuple[list[int], list[Digest]]] = {}

    def register(self, event: AccountRegistered) -> None:
        self.accounts[event.account] = event

    def append(self, event: QueueAppended) -> None:
        """Append a queue entry.

        :raises ChainMismatchError: the position is not the next one.
        """
        if event.position != len(self.queue):
            raise ChainMismatchError(
                f"queue entry {event.position} follows entry {len(self.queue) - 1}", field="position"
            )
        self.queue.append(event)
        if event.kind == KEY:
            positions, roots = self._roots.setdefault(event.account, ([], []))
            positions.append(event.position)
            roots.append(event.values)

    def key_root(self, account: int, cut: int) -> Digest:
        """The account's key root once the entries before ``cut`` are applied; zero before the registration is."""
        positions, roots = self._roots.get(account, ([], []))
        index = bisect_left(positions, cut)
        return roots[index - 1] if index else ZERO

    def entries(self, start: int, cut: int) -> tuple[QueueAppended, ...]:
        """The entries from ``start`` up to, not with, ``cut``."""
        return tuple(self.queue[start:cut])
