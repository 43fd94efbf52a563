"""Public data of a settlement, and their public messages (``docs/protocol.md`` sections 10 and 11).

The twin of ``contracts/src/libraries/EpochStatement.sol``: the same bytes are accepted, and the same
messages come out in the same order. Pure Python; every number is a plain int.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from eth_abi.abi import encode as abi_encode
from eth_utils.crypto import keccak

from commitments.types import MODULUS, Digest

from ..params import MAX_BATCHES
from ..verifier import RUN
from .buses import WITHDRAWN, Tag

Message = tuple[int, tuple[int, ...]]
"""Bus and elements."""

WIDTH: Final = 13
"""Elements of a message on :data:`PUBLIC_BUS`."""
PUBLIC_BUS: Final = 3
"""The bus of the clearing program on which the contract speaks."""
HOLDINGS_BUS: Final = PUBLIC_BUS + 1
"""The bus on which it names changed balances and withdrawals, always the next one."""
HOLDING_SIZES: Final = (4, 8)
"""Bytes of the two elements of a holding in a run: those of an entry of the public data."""
ACCOUNTS: Final = 1 << 20
AMOUNTS: Final = 1 << 62
QUEUE_ENTRY_SIZE: Final = 37
MISSING_SIZE: Final = 37
SIGNATURE_SIZE: Final = 73


class PublicDataError(ValueError):
    """Public data that no honest settlement has: ``field`` names the place, ``reason`` what is wrong."""

    code = "public_data"
    retryable = False

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class MarketResult:
    """Clearing price in ticks and volume in lots; without trade the reference and 0."""

    price: int
    volume: int


@dataclass(frozen=True, slots=True)
class Missing:
    """A leaf without a valid reveal. ``batch`` counts from 0 within the epoch."""

    batch: int
    account: int
    commitment: Digest
    charged: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """Units of an asset: a new balance, or what was withdrawn."""

    account: int
    asset: int
    value: int


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """An entry of the L1 queue: kind 1 a key root, kind 2 a deposit ``(units, 0, 0, 0)``."""

    kind: int
    account: int
    asset: int
    value: Digest


@dataclass(frozen=True, slots=True)
class PublicData:
    """What a settlement publishes. ``results`` has one row of markets per batch with leaves, in order."""

    first_batch: int
    batches: int
    tier: int
    new_root: Digest
    results: tuple[tuple[MarketResult, ...], ...]
    missing: tuple[Missing, ...]
    balances: tuple[Holding, ...]
    withdrawals: tuple[Holding, ...]


@dataclass(frozen=True, slots=True)
class MarketContext:
    """A market's frozen parameters, and its price before the epoch."""

    base: int
    quote: int
    lower: int
    upper: int
    fee_ppm: int
    reference: int


@dataclass(frozen=True, slots=True)
class BatchContext:
    """What the chain knows of a batch. ``queue`` applies before it; ``beacon`` counts if ``count`` > 0."""

    root: Digest
    count: int
    queue: tuple[QueueEntry, ...] = ()
    beacon: bytes = bytes(32)


@dataclass(frozen=True, slots=True)
class EpochContext:
    """What the chain knows of an epoch before it is settled. ``assets``: how many there are."""

    venue: int
    miss_fee: int
    fee_asset: int
    assets: int
    empty_root: Digest
    old_root: Digest
    markets: tuple[MarketContext, ...]
    batches: tuple[BatchContext, ...] = field(repr=False)


def draw(beacon: bytes, market: int) -> int:
    """The rationing draw: the top 32 bits of keccak256(beacon, market)."""
    return int.from_bytes(keccak(abi_encode(["bytes32", "uint256"], [beacon, market]))[:4], "big")


def encode(data: PublicData) -> bytes:
    """The one encoding of ``data``. Raises :class:`PublicDataError` for numbers that do not fit."""
    try:
        out = bytearray(struct.pack(">QBB4Q", data.first_batch, data.batches, data.tier, *data.new_root))
        for row in data.results:
            for result in row:
                out += struct.pack(">II", result.price, result.volume)
        out += struct.pack(">H", len(data.missing))
        for leaf in data.missing:
            out += struct.pack(">B", leaf.batch) + leaf.account.to_bytes(3, "big")
            out += struct.pack(">4QB", *leaf.commitment, leaf.charged)
        for holdings in (data.balances, data.withdrawals):
            out += struct.pack(">H", len(holdings))
            for holding in holdings:
                out += holding.account.to_bytes(3, "big") + struct.pack(">BQ", holding.asset, holding.value)
    except (struct.error, OverflowError) as error:
        raise PublicDataError("public_data", f"a number does not fit its field ({error})") from None
    return bytes(out)


def decode(data: bytes, *, counts: Sequence[int] | None = None, markets: int, assets: int) -> PublicData:
    """Parse strictly; what the contract refuses is refused here.

    ``counts`` are the leaf counts of the epoch's batches (see :func:`header` for which batches these are).
    """
    reader = _Reader(data)
    first_batch, batches, tier = reader.unpack(">QBB", "header")
    new_root = _digest(reader.unpack(">4Q", "header"), "new_root[0]")
    if not 0 < batches <= MAX_BATCHES:
        raise PublicDataError("batches", f"{batches} is not in 1..{MAX_BATCHES}")
    if counts is None or len(counts) != batches:
        raise PublicDataError("batches", f"{batches} batches, the counts of {len(counts or ())} were given")
    results = tuple(
        tuple(MarketResult(*reader.unpack(">II", "markets")) for _ in range(markets)) for count in counts if count
    )
    missing = tuple(_missing(reader, counts))
    balances = tuple(_holdings(reader, "balances", assets, 0))
    withdrawals = tuple(_holdings(reader, "withdrawals", assets, 1))
    if reader.rest:
        raise PublicDataError("public_data", f"{reader.rest} trailing bytes")
    return PublicData(first_batch, batches, tier, new_root, results, missing, balances, withdrawals)


def header(data: bytes) -> tuple[int, int, int]:
    """``(first batch, number of batches, tier)`` of encoded public data."""
    first_batch, batches, tier = _Reader(data).unpack(">QBB", "header")
    return first_batch, batches, tier


def public_messages(data: PublicData, context: EpochContext) -> list[Message]:
    """The messages that the contract sends to the proof, in its order: the holdings are last."""
    if len(context.batches) != data.batches:
        raise PublicDataError("batches", f"{data.batches} batches, the context has {len(context.batches)}")
    out = [
        _message(Tag.PARAMS, context.venue, data.first_batch, context.miss_fee, context.fee_asset),
        _message(Tag.NODE, 0, 0, 0, *context.old_root, *data.new_root),
    ]
    references = [market.reference for market in context.markets]
    rows = iter(data.results)
    for k, batch in enumerate(context.batches):
        if not batch.count:
            continue
        row = next(rows, ())
        if len(row) != len(context.markets):
            raise PublicDataError("markets", f"batch {k} has {len(row)} results for {len(context.markets)} markets")
        out.append(_message(Tag.NODE, 1 + k, 0, 0, *context.empty_root, *batch.root))
        out.append(_message(Tag.BATCH_COUNT, k, batch.count))
        for m, (market, result) in enumerate(zip(context.markets, row, strict=True)):
            band = (market.base, market.quote, market.lower, market.upper, market.fee_ppm)
            chance = draw(batch.beacon, m)
            out.append(_message(Tag.MARKET, k, m, references[m], result.price, result.volume, chance, *band))
            references[m] = result.price
    if next(rows, None) is not None:
        raise PublicDataError("markets", "results of a batch without leaves")
    position = 0
    for k, batch in enumerate(context.batches):
        for entry in batch.queue:
            out.append(_message(Tag.QUEUE, k, position, entry.kind, entry.account, entry.asset, *entry.value))
            position += 1
    out += [_message(Tag.MISSING, m.batch, m.account, *m.commitment, int(m.charged)) for m in data.missing]
    out += [(HOLDINGS_BUS, (256 * h.account + h.asset, h.value)) for h in data.balances]
    out += [(HOLDINGS_BUS, (WITHDRAWN + 256 * h.account + h.asset, h.value)) for h in data.withdrawals]
    return out


def pack(messages: Sequence[Message]) -> bytes:
    """Messages as the verifier takes them (``docs/proof-format.md`` 8): the wide ones, then one run of the holdings.

    Nothing is checked: holdings anywhere else than last would be packed in another order.
    """
    wide = [struct.pack(f">B{WIDTH}Q", bus, *fields) for bus, fields in messages if bus != HOLDINGS_BUS]
    holdings = [struct.pack(">IQ", *fields) for bus, fields in messages if bus == HOLDINGS_BUS]
    if holdings:
        wide.append(struct.pack(">BBI2B", RUN, HOLDINGS_BUS, len(holdings), *HOLDING_SIZES))
    return b"".join(wide + holdings)


def proof_context(
    chain_id: int, exchange: str | bytes, vk_hash: bytes, public_data: bytes, packed_messages: bytes
) -> bytes:
    """What the proof's transcript starts with: all that the proof is bound to.

    The messages are part of it because the transcript does not absorb them: roots and queue entries could
    otherwise be chosen after the challenges are known.
    """
    fields = [chain_id, exchange, vk_hash, keccak(public_data), keccak(packed_messages)]
    return keccak(abi_encode(["uint256", "address", "bytes32", "bytes32", "bytes32"], fields))


def encode_queue(entries: Iterable[QueueEntry]) -> bytes:
    """Queue entries as a settlement carries them, 37 bytes each."""
    return b"".join(
        struct.pack(">B", e.kind) + e.account.to_bytes(3, "big") + struct.pack(">B4Q", e.asset, *e.value)
        for e in entries
    )


def decode_queue(data: bytes) -> list[QueueEntry]:
    """The inverse of :func:`encode_queue`."""
    if len(data) % QUEUE_ENTRY_SIZE:
        raise PublicDataError("queue_entries", f"{len(data)} bytes are no whole entries")
    reader = _Reader(data)
    entries = []
    for i in range(len(data) // QUEUE_ENTRY_SIZE):
        word, asset = reader.unpack(">IB", "queue_entries")
        value = _digest(reader.unpack(">4Q", "queue_entries"), f"queue_entries[{i}].value")
        entries.append(QueueEntry(word >> 24, word & 0xFFFFFF, asset, value))
    return entries


def queue_hash(previous: bytes, position: int, entry: QueueEntry) -> bytes:
    """The queue's hash after ``entry``, the one at ``position`` since deployment."""
    return keccak(previous + position.to_bytes(8, "big") + encode_queue([entry]))


def withdrawal_leaf(withdrawal: Holding) -> bytes:
    """Leaf of an epoch's withdrawals tree."""
    head = withdrawal.account.to_bytes(3, "big")
    return keccak(head + struct.pack(">BQ", withdrawal.asset, withdrawal.value))


def withdrawals_root(withdrawals: Sequence[Holding]) -> bytes:
    """Root of an epoch's withdrawals tree; zero if there are none."""
    levels = _withdrawal_levels(withdrawals)
    return levels[-1][0] if withdrawals else bytes(32)


def withdrawal_path(withdrawals: Sequence[Holding], index: int) -> list[bytes]:
    """Siblings of withdrawal ``index`` from the leaf upward, for ``Exchange.claim``."""
    path = []
    for level in _withdrawal_levels(withdrawals)[:-1]:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        index >>= 1
    return path


def _withdrawal_levels(withdrawals: Sequence[Holding]) -> list[list[bytes]]:
    levels = [[withdrawal_leaf(w) for w in withdrawals]]
    while len(levels[-1]) > 1:
        last = levels[-1]
        pairs = [last[i : i + 2] for i in range(0, len(last), 2)]
        levels.append([keccak(b"".join(sorted(pair))) if len(pair) == 2 else pair[0] for pair in pairs])
    return levels


def _message(tag: Tag, *fields: int) -> Message:
    return PUBLIC_BUS, (int(tag), *fields, *[0] * (WIDTH - 1 - len(fields)))


def _digest(elements: Sequence[int], field: str) -> Digest:
    if any(e >= MODULUS for e in elements):
        raise PublicDataError(field, "an element is not canonical")
    a, b, c, d = elements
    return (a, b, c, d)


def _missing(reader: _Reader, counts: Sequence[int]) -> Iterable[Missing]:
    (number,) = reader.unpack(">H", "missing")
    previous = 0
    for i in range(number):
        word, *rest = reader.unpack(">I4QB", "missing")
        batch, account = word >> 24, word & 0xFFFFFF
        if batch >= len(counts) or not counts[batch]:
            raise PublicDataError(f"missing.batch[{i}]", f"{batch} has no leaves")
        if not 1 < account < ACCOUNTS:
            raise PublicDataError(f"missing.account[{i}]", f"{account} is no trading account")
        commitment = _digest(rest[:4], f"missing.commitment[{i}]")
        if rest[4] > 1:
            raise PublicDataError(f"missing.charged[{i}]", f"{rest[4]} is not 0 or 1")
        if rest[4] and not any(commitment):
            raise PublicDataError(f"missing.charged[{i}]", "a cancellation, whose signature must not charge anybody")
        if word <= previous:
            raise PublicDataError(f"missing[{i}]", "not increasing")
        previous = word
        yield Missing(batch, account, commitment, bool(rest[4]))


def _holdings(reader: _Reader, name: str, assets: int, least: int) -> Iterable[Holding]:
    (number,) = reader.unpack(">H", name)
    previous = -1
    for i in range(number):
        key, value = reader.unpack(">IQ", name)
        account, asset = key >> 8, key & 0xFF
        if account >= ACCOUNTS or asset >= assets:
            raise PublicDataError(f"{name}[{i}]", f"no account {account} or no asset {asset}")
        if key <= previous:
            raise PublicDataError(f"{name}[{i}]", "not increasing")
        if not least <= value < AMOUNTS:
            raise PublicDataError(f"{name}[{i}]", f"{value} is not in [{least}, 2^62)")
        previous = key
        yield Holding(account, asset, value)


class _Reader:
    """Takes fixed-width fields from the front of a byte string."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    @property
    def rest(self) -> int:
        return len(self._data) - self._offset

    def unpack(self, layout: str, field: str) -> tuple[int, ...]:
        size = struct.calcsize(layout)
        if self.rest < size:
            raise PublicDataError(field, "truncated")
        values: tuple[int, ...] = struct.unpack_from(layout, self._data, self._offset)
        self._offset += size
        return values
