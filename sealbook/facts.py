"""What the file of a settlement holds (``docs/inspect.md``), field by field, and the spelling of its bytes."""

from __future__ import annotations

import struct
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from commitments.types import MAX_COUNT, Digest
from proofs.params import MAX_BATCHES

__all__ = [
    "BatchFacts",
    "CommitKey",
    "MarketFacts",
    "ParameterFacts",
    "QueueFacts",
    "SettledFacts",
    "SettlementExport",
    "TransactionFacts",
    "digest_hex",
    "digest_of",
    "hexed",
    "raw",
]

Hex = Annotated[str, Meta(pattern=r"^0x([0-9a-f]{2})*$")]
Word = Annotated[str, Meta(pattern=r"^0x[0-9a-f]{64}$")]
"""32 bytes."""
Address = Annotated[str, Meta(pattern=r"^0x[0-9a-f]{40}$")]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Small = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Byte = Annotated[int, Meta(ge=0, le=255)]


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts of the file."""


class ParameterFacts(_Facts, frozen=True, forbid_unknown_fields=True):
    """The contract's parameters that the statement or its rules depend on."""

    version: Small
    miss_fee: Count
    fee_asset: Byte
    assets: Byte
    public_bus: Byte
    reveal_window: Count
    beacon_delay: Count


class MarketFacts(_Facts, frozen=True, forbid_unknown_fields=True):
    """A market's frozen parameters; ``reference`` is its price before the epoch."""

    base: Byte
    quote: Byte
    lower: Small
    upper: Small
    fee_ppm: Small
    reference: Small


class BatchFacts(_Facts, frozen=True, forbid_unknown_fields=True):
    """A sealed batch: ``cut`` queue entries since deployment apply up to it; ``beacon`` is null without leaves."""

    number: Count
    root: Word
    count: Annotated[int, Meta(ge=0, le=MAX_COUNT)]
    cut: Count
    seal_block: Count
    beacon: Word | None


class QueueFacts(_Facts, frozen=True, forbid_unknown_fields=True):
    """The epoch's queue entries, from number ``start`` on, and the contract's running hash before and after them."""

    start: Count
    hash_before: Word
    hash_after: Word
    entries: Hex


class SettledFacts(_Facts, frozen=True, forbid_unknown_fields=True):
    """What the contract recorded of the settlement. ``open_block`` holds the transaction that opened it."""

    new_root: Word
    withdrawals_root: Word
    public_data_hash: Word
    references: list[Small]
    open_block: Count
    settled_block: Count


class CommitKey(_Facts, frozen=True, forbid_unknown_fields=True):
    """The registered commit key of an account that was charged for a missing reveal."""

    account: Small
    address: Address


class TransactionFacts(_Facts, frozen=True, forbid_unknown_fields=True):
    """A transaction of the epoch. Only for the reader: nothing is checked with it."""

    step: Literal["seal", "beacon", "open", "signatures", "queries", "settle"]
    hash: Word
    block: Count
    gas: Count
    calldata_bytes: Count


class SettlementExport(_Facts, frozen=True, forbid_unknown_fields=True):
    """One settled epoch. All but ``verification_key``, ``public_data`` and ``proof`` are facts of L1 that only the
    chain itself can confirm."""

    format: Literal["sealbook-settlement"]
    version: Literal[1]
    chain_id: Count
    contract: Address
    epoch: Small
    parameters: ParameterFacts
    markets: Annotated[list[MarketFacts], Meta(min_length=1, max_length=16)]
    batches: Annotated[list[BatchFacts], Meta(min_length=1, max_length=MAX_BATCHES)]
    queue: QueueFacts
    old_root: Word
    settled: SettledFacts
    tier_key_hash: Word
    verification_key: Hex
    public_data: Hex
    proof: Hex
    signatures: Hex
    commit_keys: list[CommitKey]
    transactions: list[TransactionFacts]


def raw(text: str) -> bytes:
    """The bytes of a hex field."""
    return bytes.fromhex(text[2:])


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


def digest_hex(digest: Digest) -> str:
    return hexed(struct.pack(">4Q", *digest))


def digest_of(text: str) -> Digest:
    """The four elements of a 32-byte field; canonical or not."""
    a, b, c, d = struct.unpack(">4Q", raw(text))
    return (a, b, c, d)
