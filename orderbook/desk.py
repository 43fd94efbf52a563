"""The desk: what each request of a client means. Decides, journals, answers; knows no sockets.

An event is applied in memory when it is decided and the reply leaves only after it is on disk, so that requests are
decided one after the other and still share a disk write.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from . import attest, views
from .batch import Batch
from .commits import Commits
from .errors import RequestError
from .events import ZERO, CommitmentAccepted
from .floor import Floor
from .limits import Limits
from .openings import commitment_path
from .refusals import refusal
from .reveals import Reveals
from .sessions import Answer
from .sessions import Session as Connection
from .state import VenueState
from .streams import PUBLIC, Streams
from .subscriptions import heartbeat, keys_of, open_channels
from .wire import (
    SCHEMA,
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
    Login,
    Many,
    Message,
    Path,
    Receipt,
    Request,
    Results,
    Reveal,
    SealNow,
    Session,
    Subscribe,
    Subscribed,
    digest_of,
    hex_digest,
)

OPERATOR = 0
"""Account number under which the operator logs in."""


class Desk:
    """Serves requests over the venue's state. Implements :class:`orderbook.intake.Handler`."""

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
        self._domain = attest.Domain(state.parameters.chain_id, state.parameters.contract)
        self._commits = Commits(state, operator, self._domain, floor, clock)
        self._reveals = Reveals(state, operator, self._domain, floor)

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
                return self._commits.commit(_account(session, request.account), request, committed)
            case Reveal():
                return self._reveals.reveal(_account(session, request.account), request)
            case Many():
                answers = [self._item(session, item) for item in request.items]
                # Writes are done in their order: the last one that is waited for covers all.
                written = next((answer.written for answer in reversed(answers) if answer.written is not None), None)
                replies: tuple[ItemReply, ...] = tuple(answer.message for answer in answers)  # type: ignore[misc]
                return Answer(Results(request.id, replies), written)
            case Cancel():
                return self._commits.commit(_account(session, request.account), request, ZERO)
            case Lease():
                return self._commits.lease(_account(session, request.account), request)
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
                return self._commits.receipt(_account(session, request.account), request)
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
        return self._commits.lapsed(now)

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
