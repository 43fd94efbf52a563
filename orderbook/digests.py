"""Digests as text: ``0x`` and 64 lowercase hex digits, the four elements big-endian."""

from __future__ import annotations

from commitments.hashing import is_canonical
from commitments.types import Digest

from .errors import WireError


def hex_digest(digest: Digest) -> str:
    """Wire form of four field elements."""
    return "0x" + "".join(f"{element:016x}" for element in digest)


def digest_of(text: str, field: str) -> Digest:
    """Four canonical field elements from their wire form (whose shape the message's type has checked).

    :raises WireError: ``malformed`` if an element is not below the field's modulus.
    """
    value = bytes.fromhex(text[2:])
    a, b, c, d = (int.from_bytes(value[i : i + 8], "big") for i in range(0, 32, 8))
    if not is_canonical((a, b, c, d)):
        raise WireError(f"{field} is not four canonical field elements", field=field)
    return (a, b, c, d)
