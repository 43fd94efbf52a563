"""Numbers, digests and codes that messages are made of."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

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
