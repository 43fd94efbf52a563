"""What one connection may ask of the venue."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the server. A client that keeps within them is never cut off."""

    requests_per_second: float = 50.0
    burst: int = 200
    strikes: int = 32
    """Refused frames (malformed, or above the rate) after which the connection is closed."""
    outgoing: int = 512
    """Messages that may wait for a client that reads too slowly."""
    connections: int = 1000
    connections_per_account: int = 8
    ping_seconds: float = 20.0


class TokenBucket:
    """Allows ``burst`` requests at once and ``rate`` per second in the long run. Time is given by the caller."""

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> bool:
        """Take one token if there is one."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
