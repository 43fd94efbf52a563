"""Accounts and the L1 queue, as the chain's events tell them (``docs/protocol.md`` sections 5 and 6)."""

from __future__ import annotations

from bisect import bisect_left

from .errors import ChainMismatchError
from .events import ZERO, AccountRegistered, Digest, QueueAppended
from .snapshot import Snapshot

KEY = 1
DEPOSIT = 2


class Registry:
    """Registered accounts, the queue's entries in order, and each account's key roots by queue position."""

    def __init__(self) -> None:
        self.accounts: dict[int, AccountRegistered] = {}
        self.queue: list[QueueAppended] = []
        """From position ``base`` on."""
        self.base = 0
        self._roots: dict[int, list[tuple[int, Digest]]] = {}

    @property
    def length(self) -> int:
        """How many entries the queue ever had."""
        return self.base + len(self.queue)

    @property
    def roots(self) -> dict[int, tuple[tuple[int, Digest], ...]]:
        """Queue position and value of each account's key roots that still matter."""
        return {account: tuple(roots) for account, roots in self._roots.items()}

    def restore(self, snapshot: Snapshot) -> None:
        """Take over a snapshot in the place of the events before it."""
        self.accounts = {event.account: event for event in snapshot.accounts}
        self.base, self.queue = snapshot.queue_base, list(snapshot.queue)
        self._roots = {account: list(roots) for account, roots in snapshot.roots.items()}

    def register(self, event: AccountRegistered) -> None:
        self.accounts[event.account] = event

    def append(self, event: QueueAppended) -> None:
        """Append a queue entry.

        :raises ChainMismatchError: the position is not the next one.
        """
        if event.position != self.length:
            raise ChainMismatchError(f"queue entry {event.position} follows entry {self.length - 1}", field="position")
        self.queue.append(event)
        if event.kind == KEY:
            self._roots.setdefault(event.account, []).append((event.position, event.values))

    def forget(self, cut: int) -> None:
        """Drop the entries before ``cut``, which are applied and settled, and key roots that they replaced."""
        gone = self.queue[: max(0, cut - self.base)]
        for account in {entry.account for entry in gone if entry.kind == KEY}:
            roots = self._roots[account]
            del roots[: max(0, bisect_left(roots, cut, key=_position) - 1)]
        del self.queue[: len(gone)]
        self.base += len(gone)

    def key_root(self, account: int, cut: int) -> Digest:
        """The account's key root once the entries before ``cut`` are applied; zero before the registration is."""
        roots = self._roots.get(account, [])
        index = bisect_left(roots, cut, key=_position)
        return roots[index - 1][1] if index else ZERO

    def entries(self, start: int, cut: int) -> tuple[QueueAppended, ...]:
        """The entries from ``start`` up to, not with, ``cut``; none of them forgotten."""
        return tuple(self.queue[start - self.base : cut - self.base])


def _position(root: tuple[int, Digest]) -> int:
    return root[0]
