"""Digests as text: ``0x`` and 64 lowercase hex digits, the four elements big-endian."""

from __future__ import annotations

from collections.abc import Sequence

from commitments.hashing import format_digest, parse_digests
from commitments.types import Digest

from .errors import WireError


def hex_digest(digest: Digest) -> str:
    """Wire form of four field elements."""
    return format_digest(digest)


def digest_of(text: str, field: str) -> Digest:
    """Four canonical field elements from their wire form (whose shape the message's type has checked).

    :raises WireError: ``malformed`` if an element is not below the field's modulus.
    """
    return digests_of((text,), field)[0]


def digests_of(texts: Sequence[str], field: str) -> tuple[Digest, ...]:
    """As :func:`digest_of`, of several.

    :raises WireError: ``malformed``.
    """
    try:
        return tuple(parse_digests(texts))
    except ValueError:
        raise WireError(f"{field} is not four canonical field elements", field=field) from None
