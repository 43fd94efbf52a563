"""What the node asks of L1, whatever the client library and the chain are."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from .events import Digest, Event
from .parameters import VenueParameters


class SettlementPackage(Struct, frozen=True, forbid_unknown_fields=True):
    """All bytes that settle one epoch (``docs/protocol.md`` section 11). Kept in a file, to be sent again if needed."""

    first: int
    last: int
    tier: int
    public_data: bytes
    queue_entries: bytes
    missing: bytes
    """The list of missing leaves, as in the public data."""
    signatures: bytes
    """Client sequence and commit signature of each charged missing leaf."""
    head: bytes
    queries: bytes
    query_count: int

    @property
    def proof_bytes(self) -> int:
        return len(self.head) + len(self.queries)


class L1(Protocol):
    """Access to the exchange contract. Blocking; every call may raise :class:`orderbook.errors.GatewayError`."""

    def parameters(self) -> VenueParameters:
        """What the contract was deployed with; checks chain id and that the sender is its operator."""

    def head(self) -> int:
        """Number of the newest block."""

    def advance(self) -> None:
        """Have a development chain make a block."""

    def follow(self, after: int, block_hash: str) -> list[Event]:
        """The contract's events in final blocks after block ``after`` (-1: from the start), in order.

        The last one is a :class:`orderbook.events.ChainFollowed`; nothing if there is no newer final block.

        :raises ChainMismatchError: block ``after`` does not have hash ``block_hash`` any more.
        """

    def seal(self, batch: int, root: Digest, count: int) -> None:
        """Seal a batch, if it is not sealed."""

    def record_beacon(self, batch: int) -> None:
        """Record the beacon of a sealed batch, if it is not recorded."""

    def settle(self, package: SettlementPackage) -> None:
        """Bring a settlement to its end, from wherever it stands."""
