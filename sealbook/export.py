"""A settlement as one file: everything that an offline verifier needs, and nothing secret (``docs/inspect.md``).

The file is JSON, versioned and strict: unknown members, duplicate members, other number types, upper-case hex and
elements that are not canonical are refused, each with the path of the field. Bytes are lower-case hex with 0x; digests
of the protocol are four big-endian elements of eight bytes.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import msgspec

from commitments.hashing import empty_roots, is_canonical
from commitments.types import COMMITMENT_DEPTH
from commitments.venue import venue_id
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
from .facts import (
    BatchFacts,
    CommitKey,
    MarketFacts,
    ParameterFacts,
    QueueFacts,
    SettledFacts,
    SettlementExport,
    TransactionFacts,
    digest_hex,
    digest_of,
    hexed,
    raw,
)

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

MAX_FILE_BYTES: Final = 16 * 2**20
"""A longer file is refused without being parsed."""
_DECODER = msgspec.json.Decoder(SettlementExport, strict=True)
_PATH = re.compile(r" - at `(?:key in )?\$(?:\.)?([^`]*)`$")


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
