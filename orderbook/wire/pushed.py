"""What the venue sends of itself, and the replies that hold such messages."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from .fields import (
    Account,
    Address,
    BatchNumber,
    Block,
    Channel,
    Hex32,
    Message,
    Phase,
    RequestId,
    Siblings,
    Signature,
    StreamSequence,
)
from .replies import Acknowledgement, Balances, Error, Leased, Markets, Path, Pong, Receipt, Refusal, Result, Session
from .requests import ChannelAt


class Budget(Struct, frozen=True, forbid_unknown_fields=True):
    """What this connection may do; who keeps within it is never cut off. Beyond ``requests_per_second`` on average (and
    ``burst`` at once) requests are refused with ``rate_limited``, and after ``strikes`` refused frames it is closed."""

    requests_per_second: float
    burst: int
    strikes: int
    request_bytes: int
    items: int
    """Requests in one :class:`Many`."""
    pipeline: int
    """Requests that are worked on at once; the venue reads no more until one is answered."""
    outgoing: int
    """Pushed messages that may wait for a client that does not read; then it is cut off: close reason
    ``slow_consumer``."""
    connections_per_account: int
    accounts_per_connection: int
    ping_seconds: float
    """The venue sends a WebSocket ping this often, and closes after this time without an answer."""


class Hello(Message, frozen=True, tag="hello"):
    """First message on every connection. The client checks all of it against what it trusts before it goes on."""

    schema: int
    venue: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    chain_id: int
    contract: Address
    operator: Address
    challenge: Hex32
    """Random; good for logins on this connection."""
    budget: Budget


class MarketResult(Struct, frozen=True, forbid_unknown_fields=True):
    """Published result of one market: without trade the reference price and volume 0."""

    market: int
    price: int
    volume: int
    draw: int


class MissingLeaf(Struct, frozen=True, forbid_unknown_fields=True):
    """A leaf without a valid reveal in time."""

    account: Account
    commitment: Hex32
    charged: bool


class BatchStatus(Message, frozen=True, tag="batch"):
    """Where a batch stands; fields are filled as they become known. Pushed to subscribers at each change of phase.

    ``closes_at`` is the planned end of the phase ``commit`` (seconds since 1970 UTC, None: not timed).
    ``reveal_until`` is the last L1 block whose height still admits reveals.
    """

    id: RequestId | None
    batch: BatchNumber
    phase: Phase
    closes_at: float | None = None
    count: int | None = None
    root: Hex32 | None = None
    seal_block: Block | None = None
    seal_transaction: Hex32 | None = None
    reveal_until: Block | None = None
    beacon_block: Block | None = None
    markets: tuple[MarketResult, ...] = ()
    missing: tuple[MissingLeaf, ...] = ()
    epoch: tuple[int, int] | None = None
    """First and last batch of the epoch that proves this one."""
    tier: int | None = None
    proof_seconds: float | None = None
    proof_bytes: int | None = None
    settle_transactions: tuple[Hex32, ...] = ()
    settle_gas: int | None = None
    stream_sequence: StreamSequence | None = None
    client_sequence: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    """In replies to a session: the highest client sequence that the venue holds of the account for this batch."""


class Sealed(Message, frozen=True, tag="sealed"):
    """To each account with a leaf, once the seal is mined: check it on L1, then reveal until ``reveal_until``.
    ``signature`` as in :class:`Path`."""

    batch: BatchNumber
    commitment: Hex32
    root: Hex32
    count: int
    index: int
    siblings: Siblings
    signature: Signature
    seal_block: Block
    seal_transaction: Hex32
    reveal_until: Block
    account: Account
    stream_sequence: StreamSequence | None = None


ItemReply: TypeAlias = Error | Receipt | Leased | Path | Acknowledgement | Refusal | Balances | Result | BatchStatus


class Results(Message, frozen=True, tag="results"):
    """One reply for each item of :class:`Many`, in its order, with the item's own ``id``."""

    id: RequestId
    items: tuple[ItemReply, ...]


class Goodbye(Message, frozen=True, tag="goodbye"):
    """The venue stops: every request before this was answered, none after it will be. ``retry_after``: seconds after
    which to come back. The close code that follows is 1001."""

    reason: Literal["drained", "stopping"]
    retry_after: float


class Subscribed(Message, frozen=True, tag="subscribed"):
    """The channels are open. ``stream`` is random and new whenever the venue starts: sequences of another stream mean
    nothing. ``at``: each channel's last message. ``resumed``: channels whose messages since ``after`` are all in
    ``missed``; of the others the present state is here: batches in flight, markets, own results that are not final,
    balances."""

    id: RequestId
    stream: Hex32
    at: tuple[ChannelAt, ...]
    resumed: tuple[Channel, ...]
    heartbeat_seconds: float
    """A :class:`Heartbeat` is pushed this often; a client that hears nothing for longer has lost the connection."""
    batches: tuple[BatchStatus, ...] = ()
    markets: Markets | None = None
    results: tuple[Result, ...] = ()
    balances: Balances | None = None
    missed: tuple[BatchStatus | Markets | Receipt | Sealed | Result, ...] = ()


class Heartbeat(Message, frozen=True, tag="heartbeat"):
    """Sign of life to subscribers, with each channel's last message: shows a loss that nothing followed."""

    stream: Hex32
    at: tuple[ChannelAt, ...]


Reply: TypeAlias = (
    Error
    | Pong
    | Session
    | Receipt
    | Leased
    | Path
    | Acknowledgement
    | Refusal
    | Markets
    | Balances
    | Result
    | Hello
    | BatchStatus
    | Sealed
    | Subscribed
    | Heartbeat
    | Goodbye
    | Results
)
