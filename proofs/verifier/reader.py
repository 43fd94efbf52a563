"""Strict reading of big-endian bytes: the verification key, its tape, packed messages."""

from __future__ import annotations

from .errors import ProofRejected, Reason


class Reader:
    """A cursor that rejects with ``reason`` when bytes are missing, left over or out of range."""

    def __init__(self, data: bytes, reason: Reason, what: str) -> None:
        self._data = data
        self._reason = reason
        self._what = what
        self._position = 0

    def reject(self, detail: str) -> ProofRejected:
        return ProofRejected(self._reason, f"{self._what} at byte {self._position}: {detail}")

    def require(self, condition: bool, detail: str) -> None:
        if not condition:
            raise self.reject(detail)

    @property
    def remaining(self) -> int:
        return len(self._data) - self._position

    def take(self, count: int) -> bytes:
        self.require(count <= self.remaining, f"{count} bytes expected, {self.remaining} left")
        self._position += count
        return self._data[self._position - count : self._position]

    def _uint(self, size: int, below: int | None, name: str) -> int:
        value = int.from_bytes(self.take(size), "big")
        self.require(below is None or value < below, f"{name} {value} is not below {below}")
        return value

    def u8(self, name: str, below: int | None = None) -> int:
        return self._uint(1, below, name)

    def u16(self, name: str, below: int | None = None) -> int:
        return self._uint(2, below, name)

    def u32(self, name: str, below: int | None = None) -> int:
        return self._uint(4, below, name)

    def u64(self, name: str, below: int | None = None) -> int:
        return self._uint(8, below, name)

    def finish(self) -> None:
        self.require(self.remaining == 0, f"{self.remaining} bytes left over")
