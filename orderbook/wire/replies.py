"""What the venue answers with, but for what it pushes too."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .fields import (
    Account,
    Address,
    Amount,
    BatchNumber,
    ErrorCode,
    Hex32,
    Message,
    RefusalReason,
    RequestId,
    Sequence,
    Siblings,
    Signature,
    StreamSequence,
)


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
