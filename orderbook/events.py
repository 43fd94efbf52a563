"""What happened at the venue: the facts that the journal keeps and from which its state is rebuilt.

An event is a decision already taken; applying events in their order gives the same state on every machine. Digests
are tuples of four field elements, amounts units, prices ticks, quantities lots (``docs/protocol.md`` section 3).
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from commitments.types import ZERO, Digest

__all__ = [
    "SECRET",
    "ZERO",
    "AccountOutcome",
    "AccountRegistered",
    "AnyEvent",
    "BatchCleared",
    "BatchClosed",
    "BatchOpened",
    "BatchSealed",
    "BeaconRecorded",
    "ChainFollowed",
    "CommitmentAccepted",
    "CommitmentLeased",
    "Digest",
    "EntryOutcome",
    "EpochClosed",
    "EpochProven",
    "EpochSettled",
    "Event",
    "MarketOutcome",
    "OpenedEntry",
    "QueueAppended",
    "RevealAccepted",
    "RevealsEnded",
]


class Event(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", array_like=False):
    """Base of all events."""


class AccountRegistered(Event, frozen=True, tag="account"):
    """L1 assigned an account. Its first key root follows as a :class:`QueueAppended`."""

    account: int
    address: str
    commit_key: str
    block: int


class QueueAppended(Event, frozen=True, tag="queue"):
    """L1 appended an entry: kind 1 = key root (``values``), 2 = deposit (``values[0]`` units of ``asset``)."""

    position: int
    kind: int
    account: int
    asset: int
    values: Digest
    block: int


class BatchOpened(Event, frozen=True, tag="opened"):
    """The batch collects commitments; ``at`` is seconds since 1970 UTC."""

    batch: int
    at: float


class CommitmentAccepted(Event, frozen=True, tag="commitment"):
    """A signed commitment (zero: cancelled) and the receipt given for it."""

    batch: int
    account: int
    sequence: int
    commitment: Digest
    signature: bytes
    receipt: bytes


class CommitmentLeased(Event, frozen=True, tag="lease"):
    """A signed cancel that is carried out ``seconds`` after its owner has been heard of last."""

    batch: int
    account: int
    sequence: int
    signature: bytes
    seconds: float


class BatchClosed(Event, frozen=True, tag="closed"):
    """No more commitments; the batch waits for its seal."""

    batch: int


class BatchSealed(Event, frozen=True, tag="sealed"):
    """L1 recorded the seal; ``cut`` is the queue position before which entries apply before this batch."""

    batch: int
    root: Digest
    count: int
    cut: int
    block: int
    transaction: str


class OpenedEntry(Struct, frozen=True, array_like=True):
    """One entry of a bundle: kind 1 = withdrawal of asset ``market``, 2 = buy, 3 = sell."""

    kind: int
    market: int
    price: int
    quantity: int


class RevealAccepted(Event, frozen=True, tag="reveal"):
    """A reveal that opens the sealed leaf, and the acknowledgement given for it. Secret until settled, then deleted."""

    batch: int
    account: int
    entries: tuple[OpenedEntry, ...]
    salt: tuple[int, int, int]
    secret: Digest
    key_position: int
    key_path: tuple[Digest, ...]
    acknowledgement: bytes

    def __repr__(self) -> str:
        return f"RevealAccepted(batch={self.batch}, account={self.account})"


class RevealsEnded(Event, frozen=True, tag="reveals_ended"):
    """Every leaf is revealed, or the deadline has passed at ``block``; what is not revealed is missing."""

    batch: int
    block: int


class BeaconRecorded(Event, frozen=True, tag="beacon"):
    """L1 recorded the beacon from which the rationing draws follow."""

    batch: int
    beacon: bytes
    block: int


class EntryOutcome(Struct, frozen=True, array_like=True):
    """What became of one entry; ``fill`` in lots (withdrawal: units), ``fee`` in quote units."""

    admitted: bool
    fill: int
    fee: int


class AccountOutcome(Struct, frozen=True):
    """What became of one leaf. ``changes``: (asset, units gained or lost)."""

    account: int
    opened: bool
    covered: bool
    charged: int
    entries: tuple[OpenedEntry, ...]
    outcomes: tuple[EntryOutcome, ...]
    changes: tuple[tuple[int, int], ...]

    def __repr__(self) -> str:
        return f"AccountOutcome(account={self.account}, opened={self.opened})"


class MarketOutcome(Struct, frozen=True, array_like=True):
    """Published result of one market. ``reference`` is R before the batch; without trade price = R and volume = 0."""

    market: int
    reference: int
    price: int
    volume: int
    draw: int


class BatchCleared(Event, frozen=True, tag="cleared"):
    """The batch's outcome: published prices, accounts' outcomes, balances that changed, withdrawals."""

    batch: int
    markets: tuple[MarketOutcome, ...]
    accounts: tuple[AccountOutcome, ...]
    balances: tuple[tuple[int, int, int], ...]
    """(account, asset, new balance) of every balance that the queue or the batch changed, sorted."""
    withdrawals: tuple[tuple[int, int, int], ...]
    """(account, asset, units), sorted, summed over the batch."""

    def __repr__(self) -> str:
        return f"BatchCleared(batch={self.batch})"


class EpochClosed(Event, frozen=True, tag="epoch"):
    """Batches ``first`` .. ``last`` are proven together. A second one with fewer batches replaces an unproven one."""

    first: int
    last: int


class EpochProven(Event, frozen=True, tag="proven"):
    """A proof of the epoch lies in ``file`` (in the data folder); ``digest`` is its SHA-256."""

    first: int
    last: int
    tier: int
    file: str
    digest: bytes
    proof_bytes: int
    seconds: float


class EpochSettled(Event, frozen=True, tag="settled"):
    """L1 accepted the epoch and holds ``root``."""

    first: int
    last: int
    root: Digest
    block: int
    transactions: tuple[str, ...]
    gas: int


class ChainFollowed(Event, frozen=True, tag="chain"):
    """Everything of L1 up to and with this block is in the journal."""

    block: int
    hash: str


AnyEvent: TypeAlias = (
    AccountRegistered
    | QueueAppended
    | BatchOpened
    | CommitmentAccepted
    | CommitmentLeased
    | BatchClosed
    | BatchSealed
    | RevealAccepted
    | RevealsEnded
    | BeaconRecorded
    | BatchCleared
    | EpochClosed
    | EpochProven
    | EpochSettled
    | ChainFollowed
)

SECRET: tuple[type[Event], ...] = (RevealAccepted, BatchCleared)
"""Events that the journal encrypts."""
