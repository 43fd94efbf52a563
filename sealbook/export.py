"""A settlement as one file: everything that an offline verifier needs, and nothing secret (``docs/inspect.md``).

The file is JSON, versioned and strict: unknown members, duplicate members, other number types, upper-case hex and
elements that are not canonical are refused, each with the path of the field. Bytes are lower-case hex with 0x; digests
of the protocol are four big-endian elements of eight bytes.
"""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from commitments.hashing import empty_roots, is_canonical
from commitments.types import COMMITMENT_DEPTH, MAX_COUNT, Digest
from commitments.venue import venue_id
from proofs.params import MAX_BATCHES
from proofs.statement.public import (
    QUEUE_ENTRY_SIZE,
    BatchContext,
    EpochContext,
    MarketContext,
    PublicDataError,
    QueueEntry,
    decode_queue,
)

from .errors import ExportError

__all__ = [
    "MAX_FILE_BYTES",
    "BatchFacts",
    "CommitKey",
    "MarketFacts",
    "ParameterFacts",
    "QueueFacts",
    "SettledFacts",
    "SettlementExport",
    "TransactionFacts",
    "decode_export",
    "digest_hex",
    "digest_of",
    "encode_export",
    "epoch_context",
    "hexed",
    "queue_entries",
    "raw",
    "read_export",
    "write_export",
]

FORMAT: Final = "sealbook-settlement"
VERSION: Final = 1
MAX_FILE_BYTES: Final = 16 * 2**20
"""A longer file is refused without being parsed."""

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


_DECODER = msgspec.json.Decoder(SettlementExport, strict=True)
_PATH = re.compile(r" - at `(?:key in )?\$(?:\.)?([^`]*)`$")


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


def encode_export(export: SettlementExport) -> bytes:
    """The file's bytes; reading them gives an equal object."""
    return msgspec.json.format(msgspec.json.encode(export), indent=1) + b"\n"


def write_export(export: SettlementExport, path: Path) -> int:
    """Write the file; gives its size. Raises :class:`ExportError`."""
    data = encode_export(export)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ExportError("file", f"cannot write {path}: {error.strerror or error}") from None
    return len(data)


def read_export(path: Path) -> SettlementExport:
    """Read a file. Raises :class:`ExportError`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ExportError("file", f"cannot be read: {error.strerror or error}") from None
    return decode_export(data)


def decode_export(data: bytes) -> SettlementExport:
    """Parse strictly. Raises :class:`ExportError` with the path of the first field that is wrong."""
    if len(data) > MAX_FILE_BYTES:
        raise ExportError("file", f"longer than {MAX_FILE_BYTES} bytes")
    try:
        export = _DECODER.decode(data)
    except msgspec.ValidationError as error:
        raise _named(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ExportError("file", f"not JSON: {error}") from None
    # msgspec takes the last of duplicate members.
    json.loads(data, object_pairs_hook=_without_duplicates)
    _check_digests(export)
    _check_order(export)
    return export


def _named(message: str) -> ExportError:
    missing = re.search(r"missing required field `([^`]+)`", message)
    unknown = re.search(r"unknown field `([^`]+)`", message)
    found = _PATH.search(message)
    place = found[1] if found else ""
    reason = message[: found.start()] if found else message
    inner = missing or unknown
    if inner:
        place = f"{place}.{inner[1]}" if place else inner[1]
        reason = "is missing" if missing else "is not a field of this format"
    elif "matching regex" in reason:
        reason = "is not lower-case hex of the right length"
    return ExportError(place or "file", reason)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for name, _ in pairs:
        if name in seen:
            raise ExportError(name, "given twice")
        seen.add(name)


def _check_digests(export: SettlementExport) -> None:
    roots = [("old_root", export.old_root), ("settled.new_root", export.settled.new_root)]
    roots += [(f"batches[{k}].root", batch.root) for k, batch in enumerate(export.batches)]
    for field, value in roots:
        if not is_canonical(digest_of(value)):
            raise ExportError(field, "an element is not below the field's order")


def _check_order(export: SettlementExport) -> None:
    """What later steps rely on: consecutive batches, cuts that rise, whole queue entries, beacons where leaves are."""
    first, cut = export.batches[0].number, export.queue.start
    for k, batch in enumerate(export.batches):
        if batch.number != first + k:
            raise ExportError(f"batches[{k}].number", f"{batch.number} does not follow {first + k - 1}")
        if batch.cut < cut:
            raise ExportError(f"batches[{k}].cut", f"{batch.cut} is before {cut}")
        if (batch.beacon is None) != (batch.count == 0):
            raise ExportError(f"batches[{k}].beacon", "is there exactly for batches with leaves")
        cut = batch.cut
    size = len(raw(export.queue.entries))
    if size != QUEUE_ENTRY_SIZE * (cut - export.queue.start):
        raise ExportError("queue.entries", f"{size} bytes are not {cut - export.queue.start} entries")
    if len(export.settled.references) != len(export.markets):
        raise ExportError("settled.references", f"{len(export.settled.references)} for {len(export.markets)} markets")
    queue_entries(export)


def queue_entries(export: SettlementExport) -> list[QueueEntry]:
    """The epoch's queue entries. Raises :class:`ExportError`."""
    try:
        return decode_queue(raw(export.queue.entries))
    except PublicDataError as error:
        raise ExportError("queue.entries", str(error)) from None


def epoch_context(export: SettlementExport) -> EpochContext:
    """What the contract knew of the epoch before it was settled, as the statement takes it."""
    entries = queue_entries(export)
    batches = []
    start = export.queue.start
    for batch in export.batches:
        own = entries[start - export.queue.start : batch.cut - export.queue.start]
        beacon = raw(batch.beacon) if batch.beacon is not None else bytes(32)
        batches.append(BatchContext(digest_of(batch.root), batch.count, tuple(own), beacon))
        start = batch.cut
    parameters = export.parameters
    return EpochContext(
        venue=venue_id(export.chain_id, export.contract),
        miss_fee=parameters.miss_fee,
        fee_asset=parameters.fee_asset,
        assets=parameters.assets,
        empty_root=empty_roots(COMMITMENT_DEPTH)[COMMITMENT_DEPTH],
        old_root=digest_of(export.old_root),
        markets=tuple(MarketContext(m.base, m.quote, m.lower, m.upper, m.fee_ppm, m.reference) for m in export.markets),
        batches=tuple(batches),
    )
