"""What a client asks."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from .fields import (
    MAX_ITEMS,
    Account,
    BatchNumber,
    Channel,
    Hex32,
    Message,
    RequestId,
    Sequence,
    Siblings,
    Signature,
    StreamSequence,
)


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
