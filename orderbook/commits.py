"""Commitments, cancels and leases: what each request of a client means for the open batch."""

from __future__ import annotations

from collections.abc import Callable

from . import attest, views
from .errors import RequestError
from .events import ZERO, CommitmentAccepted, CommitmentLeased, Digest
from .floor import Floor
from .leases import Leases
from .sessions import Answer
from .state import VenueState
from .wire import Cancel, Commit, GetReceipt, Lease, Leased, Receipt, hex_digest

__all__ = ["Commits"]


class Commits:
    """Decides over the venue's state; ``clock`` gives seconds since 1970 UTC."""

    def __init__(
        self,
        state: VenueState,
        operator: attest.SigningKey,
        domain: attest.Domain,
        floor: Floor,
        clock: Callable[[], float],
    ) -> None:
        self._state = state
        self._operator = operator
        self._domain = domain
        self._floor = floor
        self._clock = clock
        self._leases = Leases(state.lifecycle)

    def commit(self, account: int, request: Commit | Cancel, commitment: Digest) -> Answer:
        """Place, replace, or cancel (commitment zero).

        :raises RequestError: the request is refused, for the reason in ``code``.
        """
        if isinstance(request, Commit) and commitment == ZERO:
            raise RequestError("commitment 0 is a cancel", code="malformed", field="commitment")
        registered = self._state.registry.accounts[account]
        signature = bytes.fromhex(request.signature[2:])
        message = (request.batch, account, request.sequence, commitment)
        attest.check_signer(self._domain.commitment(*message), signature, registered.commit_key)
        if not self._state.reachable(account):
            raise RequestError(
                "the registration may not be applied before this batch",
                code="registration_pending",
                retryable=True,
            )
        accepted = self._state.lifecycle.check_commitment(*message)
        if accepted is None and commitment != ZERO and self._floor.draining:
            raise RequestError("the venue takes no new commitments: it will stop", code="unavailable", retryable=True)
        if accepted is None:
            receipt = self._operator.sign(self._domain.receipt(*message))
            accepted = CommitmentAccepted(*message, signature, receipt)
            written = self._floor.record([accepted])
        else:
            written = self._floor.record([])
        return Answer(
            Receipt(
                id=request.id,
                batch=request.batch,
                account=account,
                sequence=request.sequence,
                commitment=hex_digest(commitment),
                signature="0x" + accepted.receipt.hex(),
            ),
            written,
        )

    def lease(self, account: int, request: Lease) -> Answer:
        """Hold a cancel back until its renewals end.

        :raises RequestError: as :meth:`commit`.
        """
        signature = bytes.fromhex(request.signature[2:])
        lease = CommitmentLeased(request.batch, account, request.sequence, signature, request.seconds)
        held = self._state.lifecycle.batch(request.batch).leases.get(account)
        if held != lease:
            registered = self._state.registry.accounts[account]
            digest = self._domain.commitment(request.batch, account, request.sequence, ZERO)
            attest.check_signer(digest, signature, registered.commit_key)
        self._state.lifecycle.check_lease(request.batch, account, request.sequence)
        self._leases.renew(lease, self._clock())
        written = self._floor.record([] if held == lease else [lease])
        return Answer(Leased(request.id, request.batch, request.sequence, request.seconds), written)

    def receipt(self, account: int, request: GetReceipt) -> Receipt:
        """The receipt of the account's newest message for a batch.

        :raises RequestError: ``unknown_batch``, ``not_found``.
        """
        accepted = self._state.lifecycle.batch(request.batch).commitments.get(account)
        if accepted is None:
            raise RequestError(f"batch {request.batch} holds no message of account {account}", code="not_found")
        return views.receipt(accepted, request.id)

    def lapsed(self, now: float) -> list[CommitmentAccepted]:
        """The cancels of leases that were not renewed, to be recorded."""
        cancels = []
        for lease in self._leases.lapsed(now):
            message = (lease.batch, lease.account, lease.sequence, ZERO)
            receipt = self._operator.sign(self._domain.receipt(*message))
            cancels.append(CommitmentAccepted(*message, lease.signature, receipt))
        return cancels
