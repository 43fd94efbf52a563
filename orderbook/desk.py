"""The desk: what each request of a client means. Decides, journals, answers; knows no sockets.

An event is applied in memory when it is decided and the reply leaves only after it is on disk, so that requests are
decided one after the other and still share a disk write.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from . import attest, views
from .batch import Batch
from .errors import RequestError
from .events import ZERO, CommitmentAccepted, CommitmentLeased, Digest, Event, OpenedEntry, RevealAccepted
from .leases import Leases
from .limits import Limits
from .openings import RevealError, check_opening, commitment_path
from .refusals import refusal
from .sessions import Answer
from .sessions import Session as Connection
from .state import VenueState
from .streams import PUBLIC, Streams
from .subscriptions import heartbeat, keys_of, open_channels
from .wire import (
    SCHEMA,
    Acknowledgement,
    Cancel,
    Commit,
    Drain,
    GetBalances,
    GetBatch,
    GetMarkets,
    GetPath,
    GetReceipt,
    GetResult,
    Heartbeat,
    Hello,
    Item,
    ItemReply,
    Lease,
    Leased,
    Login,
    Many,
    Message,
    Path,
    Receipt,
    Refusal,
    RefusalReason,
    Request,
    Results,
    Reveal,
    SealNow,
    Session,
    Subscribe,
    Subscribed,
    digest_of,
    digests_of,
    hex_digest,
)

OPERATOR = 0
"""Account number under which the operator logs in."""


class Floor(Protocol):
    """What the desk needs of the node around it."""

    def record(self, events: Sequence[Event]) -> asyncio.Future[None] | None:
        """Apply events at once. The future is done when they, and all before them, are on disk; None: they are."""

    def head(self) -> int:
        """Number of the newest L1 block that was seen."""

    def closes_at(self, batch: Batch) -> float | None:
        """When the open batch is planned to close."""

    def seal_now(self) -> None:
        """Close the open batch.

        :raises RequestError: ``wrong_phase`` if the batch before it is not sealed yet.
        """

    @property
    def draining(self) -> bool:
        """Whether no new commitments are taken because the node will stop."""

    def drain(self) -> None:
        """Take no new commitments, bring all batches to their settlement, then stop."""


class Desk:
    """Serves requests over the venue's state. Implements :class:`orderbook.server.Handler`."""

    def __init__(
        self,
        state: VenueState,
        operator: attest.SigningKey,
        floor: Floor,
        clock: Callable[[], float] = time.time,
        limits: Limits | None = None,
    ) -> None:
        self._state = state
        self._operator = operator
        self._floor = floor
        self._clock = clock
        self._limits = limits or Limits()
        self.streams = Streams()
        """Numbers of what is pushed."""
        self._leases = Leases(state.lifecycle)
        self._domain = attest.Domain(state.parameters.chain_id, state.parameters.contract)

    def hello(self, challenge: bytes) -> Hello:
        """The greeting of a new connection."""
        parameters = self._state.parameters
        return Hello(
            schema=SCHEMA,
            venue=parameters.venue,
            chain_id=parameters.chain_id,
            contract=parameters.contract,
            operator=self._operator.address,
            challenge="0x" + challenge.hex(),
            budget=self._limits.budget(),
        )

    def now(self) -> float:
        """The venue's clock, seconds since 1970 UTC."""
        return self._clock()

    def handle(self, session: Connection, request: Request) -> Answer:
        """Decide a request.

        :raises RequestError: the request is refused, for the reason in ``code``.
        """
        match request:
            case Commit():
                committed = digest_of(request.commitment, "commitment")
                return self._commit(_account(session, request.account), request, committed)
            case Reveal():
                return self._reveal(_account(session, request.account), request)
            case Many():
                answers = [self._item(session, item) for item in request.items]
                # Writes are done in their order: the last one that is waited for covers all.
                written = next((answer.written for answer in reversed(answers) if answer.written is not None), None)
                replies: tuple[ItemReply, ...] = tuple(answer.message for answer in answers)  # type: ignore[misc]
                return Answer(Results(request.id, replies), written)
            case Cancel():
                return self._commit(_account(session, request.account), request, ZERO)
            case Lease():
                return self._lease(_account(session, request.account), request)
            case _:
                return Answer(self._told(session, request))

    def _item(self, session: Connection, item: Item) -> Answer:
        try:
            return self.handle(session, item)
        except Exception as error:
            return Answer(refusal(item.id, error))

    def _told(self, session: Connection, request: Request) -> Message:
        """The reply to a request that leaves the venue's books as they are."""
        match request:
            case Login():
                return self._login(session, request)
            case GetPath():
                return self._path(_account(session, request.account), request)
            case GetReceipt():
                return self._receipt(_account(session, request.account), request)
            case GetBatch():
                return self._status(request.batch, request.id, session.account)
            case GetResult():
                return self._result(_account(session, request.account), request)
            case GetBalances():
                return views.balances(self._state, _account(session, request.account), request.id)
            case GetMarkets():
                return views.markets(self._state, request.id)
            case Subscribe():
                return self._subscribe(session, request)
            case SealNow():
                _operator(session)
                number = self._open().number
                self._floor.seal_now()
                return self._status(number, request.id)
            case Drain():
                _operator(session)
                self._floor.drain()
                return self._status(None, request.id)
            case _:
                kind = type(request).__name__
                raise RequestError(f"{kind} is the connection's business", code="malformed", field="type")

    def lapsed(self, now: float) -> list[CommitmentAccepted]:
        """The cancels of leases that were not renewed, to be recorded."""
        cancels = []
        for lease in self._leases.lapsed(now):
            message = (lease.batch, lease.account, lease.sequence, ZERO)
            receipt = self._operator.sign(self._domain.receipt(*message))
            cancels.append(CommitmentAccepted(*message, lease.signature, receipt))
        return cancels

    # ------------------------------------------------------------------------------------------ requests

    def _login(self, session: Connection, request: Login) -> Session:
        if request.account in session.accounts or (session.accounts and OPERATOR in (request.account, session.account)):
            raise RequestError("this connection's challenge is used up", code="replayed", field="type")
        if len(session.accounts) >= self._limits.accounts_per_connection:
            raise RequestError("too many accounts on this connection", code="unavailable", field="account")
        if request.account == OPERATOR:
            signer = self._operator.address
        else:
            registered = self._state.registry.accounts.get(request.account)
            if registered is None:
                raise RequestError(
                    f"L1 knows no account {request.account} (or its registration is not final yet)",
                    code="not_registered",
                    field="account",
                    retryable=True,
                )
            signer = registered.commit_key
        digest = self._domain.session(request.account, session.challenge)
        attest.check_signer(digest, bytes.fromhex(request.signature[2:]), signer)
        if session.account is None:
            session.account, session.operator = request.account, request.account == OPERATOR
        session.accounts[request.account] = None
        batch = self._state.lifecycle.open_batch
        last = batch.commitments.get(request.account) if batch is not None else None
        return Session(
            id=request.id,
            account=request.account,
            open_batch=len(self._state.lifecycle.batches) - (batch is not None),
            sequence=last.sequence if last is not None else 0,
        )

    def _commit(self, account: int, request: Commit | Cancel, commitment: Digest) -> Answer:
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

    def _lease(self, account: int, request: Lease) -> Answer:
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

    def _receipt(self, account: int, request: GetReceipt) -> Receipt:
        accepted = self._state.lifecycle.batch(request.batch).commitments.get(account)
        if accepted is None:
            raise RequestError(f"batch {request.batch} holds no message of account {account}", code="not_found")
        return views.receipt(accepted, request.id)

    def _path(self, account: int, request: GetPath) -> Path:
        batch = self._state.lifecycle.check_reveal_phase(request.batch)
        index, leaf = batch.leaf(account)
        seal = batch.seal
        assert seal is not None
        siblings = commitment_path(self._state.parameters.venue, batch, index)
        return Path(
            id=request.id,
            batch=batch.number,
            commitment=hex_digest(leaf.commitment),
            root=hex_digest(seal.root),
            count=seal.count,
            index=index,
            siblings=tuple(hex_digest(node) for node in siblings),
            signature=attest.sign_path(self._operator, self._domain, batch, index, siblings),
        )

    def _reveal(self, account: int, request: Reveal) -> Answer:
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

    def _result(self, account: int, request: GetResult) -> Message:
        batch = self._state.lifecycle.check_result(request.batch)
        assert batch.cleared is not None
        for outcome in batch.cleared.accounts:
            if outcome.account == account:
                return views.result(batch, outcome, request.id)
        raise RequestError(f"batch {batch.number} holds no leaf of account {account}", code="not_found")

    def _subscribe(self, session: Connection, request: Subscribe) -> Subscribed:
        own = any(channel not in PUBLIC for channel in request.channels)
        account = _account(session, request.account) if own else 0
        session.channels.update(dict.fromkeys(keys_of(request, account)))
        return open_channels(
            self._state,
            self.streams,
            request,
            account,
            self._floor.closes_at,
            self._limits.heartbeat_seconds,
        )

    def heartbeat(self, session: Connection) -> Heartbeat:
        """The last number of each of the session's channels."""
        return heartbeat(self.streams, tuple(session.channels))

    def shared(self, receipt: Receipt) -> Receipt:
        """A receipt as the account's sessions get it: numbered, and with the commit key's signature."""
        accepted = self._state.lifecycle.batch(receipt.batch).commitments[receipt.account]
        return self.streams.stamp(("orders", receipt.account), views.receipt(accepted))

    def _status(self, number: int | None, request: int, account: int | None = None) -> Message:
        batch = self._open() if number is None else self._state.lifecycle.batch(number)
        return views.batch_status(self._state.lifecycle, batch, self._floor.closes_at(batch), request, account)

    def _open(self) -> Batch:
        batch = self._state.lifecycle.open_batch
        if batch is None:
            raise RequestError("no batch is open at this moment", code="unavailable", retryable=True)
        return batch


def _acknowledged(
    request: Reveal, account: int, commitment: Digest, signature: bytes, written: asyncio.Future[None] | None = None
) -> Answer:
    digest = hex_digest(commitment)
    return Answer(Acknowledgement(request.id, request.batch, account, digest, "0x" + signature.hex()), written)


def _account(session: Connection, named: int | None) -> int:
    """The account that a request is for: the one that it names, or the one that logged in first.

    :raises RequestError: ``unauthenticated``.
    """
    if session.account is None or session.operator:
        raise RequestError("log in first, with a trading account", code="unauthenticated")
    if named is not None and named not in session.accounts:
        raise RequestError(f"account {named} is not logged in here", code="unauthenticated", field="account")
    return session.account if named is None else named


def _operator(session: Connection) -> None:
    """Demand the operator's session.

    :raises RequestError: ``unauthenticated``.
    """
    if not session.operator:
        raise RequestError("only the operator may do this", code="unauthenticated")
