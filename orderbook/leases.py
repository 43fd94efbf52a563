"""Held-back cancels: a maker leaves a signed cancel and renews it; when the renewals end, it is carried out.

What was left is in the journal; when it lapses is not: after a restart every lease starts anew, so that a client has
its whole time to come back.
"""

from __future__ import annotations

from .events import CommitmentLeased
from .lifecycle import Lifecycle

__all__ = ["Leases"]


class Leases:
    """Deadlines of the leases of the open batch. Time is given by the caller, in seconds."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle
        self._deadlines: dict[tuple[int, int, int], float] = {}

    def renew(self, lease: CommitmentLeased, now: float) -> None:
        """The owner of a lease is there."""
        self._deadlines[_key(lease)] = now + lease.seconds

    def lapsed(self, now: float) -> list[CommitmentLeased]:
        """Leases of the open batch that nobody renewed in time and no later message has made void."""
        batch = self._lifecycle.open_batch
        leases = [] if batch is None else list(batch.leases.values())
        self._deadlines = {
            _key(lease): self._deadlines.get(_key(lease), now + lease.seconds)
            for lease in leases
            if batch is not None and batch.commitments[lease.account].sequence < lease.sequence
        }
        return [lease for lease in leases if self._deadlines.get(_key(lease), now + 1.0) <= now]


def _key(lease: CommitmentLeased) -> tuple[int, int, int]:
    return (lease.batch, lease.account, lease.sequence)
