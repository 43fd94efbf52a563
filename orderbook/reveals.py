"""Reveals: whether one opens its sealed leaf in time, and what the operator signs about it."""

from __future__ import annotations

import asyncio

import msgspec

from . import attest
from .batch import Batch
from .errors import RequestError
from .events import ZERO, Digest, OpenedEntry, RevealAccepted
from .floor import Floor
from .openings import RevealError, check_opening
from .sessions import Answer
from .state import VenueState
from .wire import Acknowledgement, Refusal, RefusalReason, Reveal, digest_of, digests_of, hex_digest

__all__ = ["Reveals"]


class Reveals:
    """Decides over the venue's state."""

    def __init__(self, state: VenueState, operator: attest.SigningKey, domain: attest.Domain, floor: Floor) -> None:
        self._state = state
        self._operator = operator
        self._domain = domain
        self._floor = floor

    def reveal(self, account: int, request: Reveal) -> Answer:
        """Acknowledge an opening of the sealed leaf, or refuse it for a reason that is signed.

        :raises RequestError: ``unknown_batch``, ``wrong_phase``.
        """
        batch = self._state.lifecycle.check_reveal_phase(request.batch)
        try:
            _, leaf = batch.leaf(account)
        except RequestError as error:
            return self._refusal(request, account, ZERO, "no_leaf", str(error))
        if batch.settled is not None:
            given = batch.acknowledgements.get(account)
            if given is None:
                return self._refusal(request, account, leaf.commitment, "late", "the batch is settled")
            return _acknowledged(request, account, leaf.commitment, given)
        try:
            reveal = self._opened(batch, account, leaf.commitment, request)
        except RevealError as error:
            return self._refusal(request, account, leaf.commitment, error.reason, str(error))
        earlier = batch.reveals.get(account)
        if earlier is None:
            if batch.reveals_ended or self._floor.head() > (self._state.lifecycle.reveal_until(batch.number) or 0):
                return self._refusal(request, account, leaf.commitment, "late", "the reveal deadline has passed")
            acknowledgement = self._operator.sign(self._domain.acknowledgement(batch.number, account, leaf.commitment))
            earlier = msgspec.structs.replace(reveal, acknowledgement=acknowledgement)
            written = self._floor.record([earlier])
        else:
            written = self._floor.record([])
        return _acknowledged(request, account, leaf.commitment, earlier.acknowledgement, written)

    def _opened(self, batch: Batch, account: int, commitment: Digest, request: Reveal) -> RevealAccepted:
        """The reveal as an event, checked against the leaf (without acknowledgement)."""
        salt = digest_of(request.salt, "salt")
        if salt[3] != 0:
            raise RevealError("malformed_bundle", "salt: its fourth element is not 0", "salt")
        reveal = RevealAccepted(
            batch=batch.number,
            account=account,
            entries=tuple(OpenedEntry(e.kind, e.market, e.price, e.quantity) for e in request.entries),
            salt=salt[:3],
            secret=digest_of(request.secret, "secret"),
            key_position=request.key_position,
            key_path=digests_of(request.key_path, "key_path"),
            acknowledgement=b"",
        )
        check_opening(self._state.parameters, reveal, commitment, self._state.key_root(account, batch.number))
        return reveal

    def _refusal(
        self, request: Reveal, account: int, commitment: Digest, reason: RefusalReason, message: str
    ) -> Answer:
        digest = self._domain.refusal(request.batch, account, commitment, reason)
        refused = Refusal(
            id=request.id,
            batch=request.batch,
            account=account,
            commitment=hex_digest(commitment),
            reason=reason,
            message=message,
            signature="0x" + self._operator.sign(digest).hex(),
        )
        return Answer(refused)


def _acknowledged(
    request: Reveal, account: int, commitment: Digest, signature: bytes, written: asyncio.Future[None] | None = None
) -> Answer:
    digest = hex_digest(commitment)
    return Answer(Acknowledgement(request.id, request.batch, account, digest, "0x" + signature.hex()), written)
