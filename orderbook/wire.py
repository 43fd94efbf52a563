"""Messages between a client and the venue, over one WebSocket; schema version 2.

One message is one WebSocket text frame with one JSON object, or one binary frame with the same object in
MessagePack; the venue answers, and pushes, in the encoding last used by the client. The field ``type`` tells
messages apart; unknown types and unknown fields are refused. Every request carries an ``id`` chosen by the client,
which the one reply to it repeats; messages without ``id`` are pushed. Replies come in the order of the requests.
Requests of an account may name it (``account``); without it the account that logged in first is meant.

Digests and hashes are ``0x`` and 64 lowercase hex digits: a digest is its four elements, each 8 bytes big-endian.
Signatures are ``0x`` and 130 hex digits ``r || s || v``, over EIP-712 typed data (:mod:`commitments.receipts`).
Amounts are units of an asset, quantities lots, prices ticks: integers, never strings or floats.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from .digests import digest_of as digest_of
from .digests import digests_of as digests_of
from .digests import hex_digest as hex_digest
from .errors import WireError

SCHEMA: Final = 2
"""Version of this schema. It changes with any change that an older peer could not read."""
MAX_REQUEST_BYTES: Final = 131_072
"""Longest request; a reveal of 64 entries takes about 7 kB, and :class:`Many` may hold several."""
MAX_ITEMS: Final = 64
"""Requests in one :class:`Many`."""
MAX_REPLY_BYTES: Final = 2_097_152
"""Longest message of the venue."""
MAX_PATH: Final = 32

RequestId: TypeAlias = Annotated[int, Meta(ge=0, lt=2**53)]
BatchNumber: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Account: TypeAlias = Annotated[int, Meta(ge=0, lt=2**20)]
Sequence: TypeAlias = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Amount: TypeAlias = Annotated[int, Meta(ge=0, lt=2**62)]
Block: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Hex32: TypeAlias = Annotated[str, Meta(pattern=r"^0x[0-9a-f]{64}\Z")]
"""A digest of four field elements, or a Keccak-256 hash."""
Address: TypeAlias = Annotated[str, Meta(pattern=r"^0x[0-9a-fA-F]{40}\Z")]
Signature: TypeAlias = Annotated[str, Meta(pattern=r"^0x[0-9a-f]{130}\Z")]
Siblings: TypeAlias = Annotated[tuple[Hex32, ...], Meta(max_length=MAX_PATH)]
"""Siblings from the leaf up to below the root."""

ErrorCode: TypeAlias = Literal[
    "malformed",  # not JSON/MessagePack, unknown type or field, a value out of its range
    "too_large",  # longer than MAX_REQUEST_BYTES; the connection is closed
    "rate_limited",  # too many requests in a short time; wait and repeat
    "unauthenticated",  # the request needs a session
    "bad_signature",  # not by the account's commit key (or, for the operator's session, not by the operator)
    "not_registered",  # L1 knows no such account
    "registration_pending",  # its registration is not final, or not within reach of the next seal's queue cut
    "wrong_phase",  # the batch does not accept this now
    "unknown_batch",  # a batch that does not exist (yet)
    "replayed",  # the client sequence is not above the highest one seen
    "batch_full",  # max_count commitments
    "not_found",  # no such leaf, path or result for this account
    "too_early",  # the result is not known before the reveal deadline
    "unavailable",  # the venue is starting, draining, stopping, or cannot reach L1; repeat later
    "internal",  # a fault of the venue
]
Phase: TypeAlias = Literal["commit", "seal", "reveal", "beacon", "clear", "prove", "settle", "settled"]
Channel: TypeAlias = Literal[
    "batches",  # BatchStatus of every batch, at each change of phase
    "markets",  # Markets, when a cleared batch moved a reference price
    "orders",  # what concerns the account's own commitments: Receipt, Sealed, Result
    "balances",  # the account's Balances, when a batch of its own is cleared or settled
]
StreamSequence: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""Number of a pushed message in its channel (for own channels: of the account), without a hole while nothing is lost.
None in replies."""
RefusalReason: TypeAlias = Literal[
    "no_leaf",  # the sealed batch holds no leaf of this account
    "late",  # after the reveal deadline
    "commitment_mismatch",  # entries, salt and secret do not give the sealed commitment
    "key_mismatch",  # the secret's key leaf is not under the account's key root before the batch
    "malformed_bundle",  # count, order, range, band or cap of the entries; the message names the rule
]


class Message(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", omit_defaults=True):
    """Base of all messages."""


# ---------------------------------------------------------------------------------------------- requests


class Login(Message, frozen=True, tag="login"):
    """Answer to the challenge of :class:`Hello`: ``Session(venue, account, challenge)`` signed by the commit key.

    Account 0 opens the operator's session, signed by the operator's key. A connection may log in more trading accounts,
    each with a signature of its own over the same challenge, up to ``accounts_per_connection``.
    """

    id: RequestId
    account: Account
    signature: Signature


class Commit(Message, frozen=True, tag="commit"):
    """Place or replace the commitment of the session's account for the open batch; answered by :class:`Receipt`.

    ``signature``: the commit key over ``Commit(venue, batch, account, sequence, commitment)``.
    ``sequence`` must be above every sequence the account used for this batch. An identical repetition is answered
    with the same receipt.
    """

    id: RequestId
    batch: BatchNumber
    sequence: Sequence
    commitment: Hex32
    signature: Signature
    account: Account | None = None


class Cancel(Message, frozen=True, tag="cancel"):
    """Withdraw the commitment: as :class:`Commit` with commitment 0 in the signature. Answered by :class:`Receipt`."""

    id: RequestId
    batch: BatchNumber
    sequence: Sequence
    signature: Signature
    account: Account | None = None


class Lease(Message, frozen=True, tag="lease"):
    """Leave a :class:`Cancel` with the venue, to be carried out unless it is renewed; answered by :class:`Leased`.

    ``signature`` is that of a cancel with this ``sequence``, above that of the commitment. The venue carries it out
    ``seconds`` after the last repetition of this message, if the batch is open then; a commitment with a higher
    sequence makes it void. So quotes do not outlive the maker's connection.
    """

    id: RequestId
    batch: BatchNumber
    sequence: Sequence
    signature: Signature
    seconds: Annotated[float, Meta(ge=0.1, le=3600)]
    account: Account | None = None


class GetPath(Message, frozen=True, tag="get_path"):
    """Ask for the path of the own leaf in a sealed batch; answered by :class:`Path`."""

    id: RequestId
    batch: BatchNumber
    account: Account | None = None


class Entry(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """``[kind, market, price, quantity]``: 1 = withdrawal (market is the asset, price 0), 2 = buy, 3 = sell."""

    kind: Annotated[int, Meta(ge=1, le=3)]
    market: Annotated[int, Meta(ge=0, lt=256)]
    price: Annotated[int, Meta(ge=0, lt=2**31)]
    quantity: Annotated[int, Meta(ge=1, lt=2**62)]


class Reveal(Message, frozen=True, tag="reveal"):
    """Open the commitment of a sealed batch; answered by :class:`Acknowledgement` or :class:`Refusal`.

    ``salt`` is the digest form of (s0, s1, s2, 0). A repetition of the same reveal is acknowledged again.
    """

    id: RequestId
    batch: BatchNumber
    entries: Annotated[tuple[Entry, ...], Meta(min_length=1, max_length=64)]
    salt: Hex32
    secret: Hex32
    key_position: Annotated[int, Meta(ge=0, lt=2**20)]
    key_path: Siblings
    account: Account | None = None


class GetBatch(Message, frozen=True, tag="get_batch"):
    """Ask for :class:`BatchStatus`; without ``batch``: of the batch that is open now. Needs no session."""

    id: RequestId
    batch: BatchNumber | None = None


class GetResult(Message, frozen=True, tag="get_result"):
    """Ask for the own :class:`Result` of a batch."""

    id: RequestId
    batch: BatchNumber
    account: Account | None = None


class GetBalances(Message, frozen=True, tag="get_balances"):
    """Ask for the own :class:`Balances`."""

    id: RequestId
    account: Account | None = None


class GetMarkets(Message, frozen=True, tag="get_markets"):
    """Ask for :class:`Markets`. Needs no session."""

    id: RequestId


class GetReceipt(Message, frozen=True, tag="get_receipt"):
    """Ask for the :class:`Receipt` of the account's newest message for a batch: what became of a commitment whose
    answer was lost. ``not_found`` if the venue holds none."""

    id: RequestId
    batch: BatchNumber
    account: Account | None = None


class ChannelAt(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """``[channel, sequence, account]``: the last message of a channel; account 0 for public ones."""

    channel: Channel
    sequence: StreamSequence
    account: Account = 0


class Subscribe(Message, frozen=True, tag="subscribe"):
    """Have changes pushed from now on; answered by :class:`Subscribed`. Public channels need no session.

    After a reconnect, ``stream`` and ``after`` name what was seen last: the answer holds what followed, if the venue
    still has it. Channels of a session (``orders``, ``balances``) are those of ``account``; what belongs to ``orders``
    is pushed to every session of the account, subscribed or not.
    """

    id: RequestId
    channels: Annotated[tuple[Channel, ...], Meta(min_length=1, max_length=4)] = ("batches",)
    stream: Hex32 | None = None
    after: Annotated[tuple[ChannelAt, ...], Meta(max_length=4)] = ()
    account: Account | None = None


class SealNow(Message, frozen=True, tag="seal_now"):
    """Operator's session only: close the open batch at once; answered by its :class:`BatchStatus`."""

    id: RequestId


class Drain(Message, frozen=True, tag="drain"):
    """Operator's session only: take no new commitments, bring every batch to its settlement, then stop. Answered by the
    open batch's :class:`BatchStatus`; later commitments are refused with ``unavailable``."""

    id: RequestId


class Ping(Message, frozen=True, tag="ping"):
    """Ask for a sign of life and for what is left of the rate budget; answered by :class:`Pong`. Needs no session."""

    id: RequestId


Item: TypeAlias = Commit | Cancel | Lease | Reveal | GetPath | GetReceipt | GetBatch | GetResult | GetBalances


class Many(Message, frozen=True, tag="many"):
    """Several requests in one frame, each of any account of this connection; answered by :class:`Results`.

    They are decided in their order and none depends on another: each has its own reply, an error too. It takes as much
    of the rate budget as its items would one by one.
    """

    id: RequestId
    items: Annotated[tuple[Item, ...], Meta(min_length=1, max_length=MAX_ITEMS)]


Request: TypeAlias = (
    Login
    | Commit
    | Cancel
    | Lease
    | GetPath
    | Reveal
    | GetBatch
    | GetResult
    | GetBalances
    | GetMarkets
    | GetReceipt
    | Subscribe
    | SealNow
    | Drain
    | Ping
    | Many
)

# ---------------------------------------------------------------------------------------------- replies


class Error(Message, frozen=True, tag="error"):
    """A refused request. ``id`` is None if the request had none that could be read; ``field`` names the culprit."""

    id: RequestId | None
    code: ErrorCode
    message: str
    field: str = ""
    retryable: bool = False
    retry_after: float | None = None
    """Seconds after which a repetition can succeed, where the venue knows it."""


class Pong(Message, frozen=True, tag="pong"):
    """``at``: the venue's clock, seconds since 1970 UTC. ``budget``: requests that may be sent at once now."""

    id: RequestId
    at: float
    budget: float


class Session(Message, frozen=True, tag="session"):
    """The session is open. ``sequence`` is the highest client sequence journaled for the account's open batch."""

    id: RequestId
    account: Account
    open_batch: BatchNumber
    sequence: Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Receipt(Message, frozen=True, tag="receipt"):
    """The commitment is in the journal. ``signature``: operator over ``Receipt(venue, batch, account, sequence,
    commitment)``; commitment 0 confirms a cancel. It answers :class:`GetReceipt` too, and is pushed (``id`` None) if
    the account has several sessions: then ``commit_signature`` is the commit key's, so that a process which did not
    send the message sees that another one did."""

    id: RequestId | None
    batch: BatchNumber
    account: Account
    sequence: Sequence
    commitment: Hex32
    signature: Signature
    commit_signature: Signature | None = None
    stream_sequence: StreamSequence | None = None


class Leased(Message, frozen=True, tag="leased"):
    """The cancel is in the journal and held back for ``seconds`` from now."""

    id: RequestId
    batch: BatchNumber
    sequence: Sequence
    seconds: float


class Path(Message, frozen=True, tag="path"):
    """The own leaf's place in a sealed batch: index and siblings (leaf upwards) under ``root``. ``signature``: operator
    over ``Path(venue, batch, account, commitment, root, count, index, siblings)``."""

    id: RequestId
    batch: BatchNumber
    commitment: Hex32
    root: Hex32
    count: Annotated[int, Meta(ge=0)]
    index: Annotated[int, Meta(ge=0)]
    siblings: Siblings
    signature: Signature


class Acknowledgement(Message, frozen=True, tag="acknowledgement"):
    """The reveal is valid and in the journal. ``signature``: operator over ``Acknowledgement(venue, batch, account,
    commitment)``."""

    id: RequestId
    batch: BatchNumber
    account: Account
    commitment: Hex32
    signature: Signature


class Refusal(Message, frozen=True, tag="refusal"):
    """The reveal is not accepted. ``signature``: operator over ``Refusal(venue, batch, account, commitment, reason)``
    with the commitment of the sealed leaf, or 0 without one. ``message`` explains and is not signed."""

    id: RequestId
    batch: BatchNumber
    account: Account
    commitment: Hex32
    reason: RefusalReason
    message: str
    signature: Signature


class Market(Struct, frozen=True, forbid_unknown_fields=True):
    """One market: asset indices, price band in ticks, fee, and the present reference price."""

    market: int
    base: int
    quote: int
    lower: int
    upper: int
    fee_ppm: int
    reference: int
    symbol: str = ""


class Asset(Struct, frozen=True, forbid_unknown_fields=True):
    """One asset: its token (zero address: the native coin) and base units per unit, as on L1 (a decimal string)."""

    asset: int
    token: Address
    unit: Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,77}\Z")]
    symbol: str = ""


class Markets(Message, frozen=True, tag="markets"):
    """Parameters of the version in force."""

    id: RequestId | None
    version: int
    markets: tuple[Market, ...]
    assets: tuple[Asset, ...]
    max_count: int
    miss_fee: Amount
    fee_asset: int
    stream_sequence: StreamSequence | None = None


class BalanceLeaf(Struct, frozen=True, forbid_unknown_fields=True):
    """A balance with its Merkle path: leaf index ``16 * account + 2 + asset`` in the state tree."""

    asset: int
    amount: Amount
    siblings: Siblings


class Balances(Message, frozen=True, tag="balances"):
    """Settled balances, of every asset, under the settled ``root`` that L1 holds, and ``pending``: balances after the
    last cleared batch, provisional until settlement. ``settled_batches``: how many are settled, from batch 0 on."""

    id: RequestId | None
    account: Account
    settled_batches: BatchNumber
    root: Hex32
    key_root: Hex32
    balances: tuple[BalanceLeaf, ...]
    pending: tuple[tuple[int, Amount], ...]
    stream_sequence: StreamSequence | None = None


class Fill(Struct, frozen=True, forbid_unknown_fields=True):
    """What became of entry ``position`` (from 0) of the bundle. ``fill``: lots, or the amount withdrawn."""

    position: int
    kind: int
    market: int
    price: int
    quantity: int
    admitted: bool
    fill: int
    clearing_price: int
    fee: int
    """Quote units paid in fees."""


class Result(Message, frozen=True, tag="result"):
    """The own outcome of a batch. Provisional until ``final``; pushed (``id`` None) when cleared and when settled."""

    id: RequestId | None
    batch: BatchNumber
    account: Account
    outcome: Literal["opened", "missing"]
    final: bool
    covered: bool
    """False: the balance did not cover the miss fee, so orders (not withdrawals) were dropped."""
    charged: Amount
    """Units of the fee asset paid for a missing reveal."""
    fills: tuple[Fill, ...]
    changes: tuple[tuple[int, int], ...]
    """(asset, change in units) of the account's balances by this batch, fees included."""
    stream_sequence: StreamSequence | None = None


# ---------------------------------------------------------------------------------------------- pushed


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

# ---------------------------------------------------------------------------------------------- codec

_REQUEST_JSON: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)
_REQUEST_PACK: Final[msgspec.msgpack.Decoder[Request]] = msgspec.msgpack.Decoder(Request)
_REPLY_JSON: Final[msgspec.json.Decoder[Reply]] = msgspec.json.Decoder(Reply)
_REPLY_PACK: Final[msgspec.msgpack.Decoder[Reply]] = msgspec.msgpack.Decoder(Reply)
_JSON: Final = msgspec.json.Encoder()
_PACK: Final = msgspec.msgpack.Encoder()


class _Id(Struct):
    id: RequestId | None = None


def encode(message: Message) -> str:
    """JSON text of a message."""
    return _JSON.encode(message).decode()


def encode_binary(message: Message) -> bytes:
    """MessagePack bytes of a message."""
    return _PACK.encode(message)


def decode_request(data: str | bytes) -> Request:
    """Parse a client's frame: text is JSON, bytes are MessagePack.

    :raises WireError: ``too_large`` or ``malformed``, with the path of the field that is wrong.
    """
    if len(data) > MAX_REQUEST_BYTES:
        raise WireError(f"message of {len(data)} bytes, at most {MAX_REQUEST_BYTES}", code="too_large")
    try:
        return _REQUEST_JSON.decode(data) if isinstance(data, str) else _REQUEST_PACK.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _malformed(error) from None


def decode_reply(data: str | bytes) -> Reply:
    """Parse the venue's frame, as :func:`decode_request`."""
    if len(data) > MAX_REPLY_BYTES:
        raise WireError(f"message of {len(data)} bytes, at most {MAX_REPLY_BYTES}", code="too_large")
    try:
        return _REPLY_JSON.decode(data) if isinstance(data, str) else _REPLY_PACK.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _malformed(error) from None


def request_id(data: str | bytes) -> int | None:
    """The ``id`` of a frame that could not be parsed otherwise, if it has a usable one (for the error reply)."""
    if len(data) > MAX_REQUEST_BYTES:
        return None
    try:
        if isinstance(data, str):
            return msgspec.json.decode(data, type=_Id).id
        return msgspec.msgpack.decode(data, type=_Id).id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _malformed(error: Exception) -> WireError:
    """The reason without the peer's data: msgspec names the type, the rule and the path (`... - at `$.salt``)."""
    text = str(error)
    reason, _, path = text.partition(" - at `")
    return WireError(reason, field=path.rstrip("`").removeprefix("$").removeprefix("."))
