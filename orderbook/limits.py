"""What one connection may ask of the venue, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass

from .wire import MAX_ITEMS, MAX_REQUEST_BYTES, Budget


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the server. A client that keeps within them is never cut off."""

    requests_per_second: float = 50.0
    burst: int = 200
    strikes: int = 32
    """Refused frames (malformed, or above the rate) after which the connection is closed."""
    pipeline: int = 64
    """Requests of one connection that are worked on at once; beyond it the connection is not read."""
    outgoing: int = 512
    """Messages that may wait for a client that reads too slowly."""
    connections: int = 4_000
    """Beyond it the oldest connection without a login gives way to a new one; if all are logged in, none is let in."""
    handshakes: int = 1_000
    """TCP connections that may be on their way to a WebSocket at once."""
    handshake_seconds: float = 10.0
    connections_per_account: int = 8
    accounts_per_connection: int = 64
    ping_seconds: float = 20.0
    heartbeat_seconds: float = 5.0
    """Subscribers are told the last number of each of their channels this often."""
    stall_seconds: float = 20.0
    """A client that takes nothing of what is sent for this long is cut off."""

    def budget(self) -> Budget:
        """What the greeting says of it."""
        return Budget(
            requests_per_second=self.requests_per_second,
            burst=self.burst,
            strikes=self.strikes,
            request_bytes=MAX_REQUEST_BYTES,
            items=MAX_ITEMS,
            pipeline=self.pipeline,
            outgoing=self.outgoing,
            connections_per_account=self.connections_per_account,
            accounts_per_connection=self.accounts_per_connection,
            ping_seconds=self.ping_seconds,
        )


class TokenBucket:
    """Allows ``burst`` requests at once and ``rate`` per second in the long run. Time is given by the caller."""

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def left(self, now: float) -> float:
        """Requests that may be sent at once."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        return self._tokens

    def take(self, now: float, count: int = 1) -> float:
        """Take tokens if there are enough. Seconds until there are: 0 if they were taken."""
        missing = count - self.left(now)
        if missing > 0:
            return missing / self._rate
        self._tokens -= count
        return 0.0
