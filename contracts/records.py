"""What the Exchange stores and says, as frozen records. Digests are tuples of four canonical elements."""

from __future__ import annotations

from dataclasses import dataclass

Digest = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class AssetConfig:
    """An asset: ``token`` None is the native coin; ``unit`` base units are one unit on the venue."""

    token: str | None
    unit: int


@dataclass(frozen=True, slots=True)
class MarketConfig:
    """A market: asset numbers, band in ticks, fee, price before the first trade."""

    base: int
    quote: int
    lower: int
    upper: int
    fee_ppm: int
    initial_reference: int


@dataclass(frozen=True, slots=True)
class Config:
    """All parameters of a deployment. Windows and delays are in blocks."""

    operator: str
    fee_address: str
    assets: tuple[AssetConfig, ...]
    markets: tuple[MarketConfig, ...]
    tiers: tuple[bytes, ...]
    miss_fee: int
    fee_asset: int
    registration_fee: int = 0
    reveal_window: int = 8
    beacon_delay: int = 8
    min_seal_interval: int = 1
    max_count: int = 256
    public_bus: int = 3


@dataclass(frozen=True, slots=True)
class Parameters:
    """The version's scalar parameters."""

    version: int
    miss_fee: int
    fee_asset: int
    registration_fee: int
    reveal_window: int
    beacon_delay: int
    min_seal_interval: int
    max_count: int
    public_bus: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Numbers of batches sealed and settled, epochs, queue entries, those cut for a batch, those applied."""

    sealed_batches: int
    settled_batches: int
    epochs: int
    queue_length: int
    queue_cut: int
    queue_settled: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A sealed batch. ``epoch`` is None until it is settled, ``beacon`` None until it is recorded."""

    number: int
    root: Digest
    count: int
    version: int
    seal_block: int
    cut: int
    epoch: int | None
    beacon: bytes | None


@dataclass(frozen=True, slots=True)
class Epoch:
    """A settled epoch."""

    number: int
    first_batch: int
    batches: int
    tier: int
    settled_block: int
    new_root: Digest
    withdrawals_root: bytes
    public_data_hash: bytes


@dataclass(frozen=True, slots=True)
class Effects:
    """What a settlement changes, as ``settle`` takes it. ``new_root`` is packed, most significant element first."""

    first_batch: int
    batches: int
    tier: int
    new_root: int
    queue_end: int
    references: tuple[int, ...]
    withdrawals_root: bytes
    public_data_hash: bytes


@dataclass(frozen=True, slots=True)
class Ticket:
    """A settlement in progress."""

    state_hash: bytes
    effects_hash: bytes
    missing_hash: bytes
    bitmap: int
    query_count: int
    signatures_pending: bool

    @property
    def complete(self) -> bool:
        """Whether ``settle`` would accept it."""
        return self.bitmap == (1 << self.query_count) - 1 and not self.signatures_pending


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event stands."""

    transaction: bytes
    block: int
    log_index: int


@dataclass(frozen=True, slots=True)
class Registered:
    origin: Origin
    account: int
    owner: str
    commit_key: str


@dataclass(frozen=True, slots=True)
class Queued:
    """``kind`` 1 is a key root, 2 a deposit of ``value[0]`` units."""

    origin: Origin
    position: int
    kind: int
    account: int
    asset: int
    value: Digest


@dataclass(frozen=True, slots=True)
class Sealed:
    origin: Origin
    batch: int
    root: Digest
    count: int
    cut: int
    version: int


@dataclass(frozen=True, slots=True)
class BeaconRecorded:
    origin: Origin
    batch: int
    beacon: bytes


@dataclass(frozen=True, slots=True)
class HeadChecked:
    """A settlement was opened. Public data and queue entries are from the transaction's input."""

    origin: Origin
    id: bytes
    first_batch: int
    public_data: bytes
    queue_entries: bytes
    effects: Effects
    state: bytes


@dataclass(frozen=True, slots=True)
class QueriesChecked:
    origin: Origin
    id: bytes
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Settled:
    origin: Origin
    epoch: int
    id: bytes
    first_batch: int
    effects: Effects


@dataclass(frozen=True, slots=True)
class Claimed:
    origin: Origin
    epoch: int
    account: int
    asset: int
    amount: int
    to: str


@dataclass(frozen=True, slots=True)
class OpenCall:
    """Arguments of an ``openSettlement`` transaction. ``queries``: the query records from the first on, maybe none."""

    public_data: bytes
    queue_entries: bytes
    signatures: bytes
    head: bytes
    queries: bytes


@dataclass(frozen=True, slots=True)
class QueriesCall:
    """The query records in a transaction's input. ``id`` is None in that of an opening, which begins with record 0."""

    id: bytes | None
    first: int
    queries: bytes


def pack_digest(digest: Digest) -> int:
    """A digest as one number, most significant element first."""
    a, b, c, d = digest
    return (a << 192) | (b << 128) | (c << 64) | d


def unpack_digest(packed: int) -> Digest:
    mask = (1 << 64) - 1
    return (packed >> 192, (packed >> 128) & mask, (packed >> 64) & mask, packed & mask)
