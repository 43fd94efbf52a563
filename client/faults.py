"""Whose fault a missed reveal is, from its reason: as much as the client can know, and no more."""

from __future__ import annotations

from typing import Final

from .advice import BROKEN_PROMISES
from .states import Fault

__all__ = ["fault_of"]

_CHAIN: Final = frozenset({"seal_not_final", "chain_unreachable", "endpoint_down", "endpoint_timeout", "seal_reverted"})
_TRADER: Final = frozenset(
    {"offline", "refused_late", "key_file", "no_key_root", "key_root_unknown", "key_range", "store_write", "store_read"}
)
_VENUE: Final = frozenset(
    {
        "acknowledged_but_missing",
        "refused_no_leaf",
        "refused_commitment_mismatch",
        "refused_key_mismatch",
        "refused_malformed_bundle",
        "internal",
        "unavailable",
        "rate_limited",
        "not_found",
    }
)
"""What was refused had been checked before it was sent: the opening against the sealed commitment, the key path against
the key root on L1, the bundle against the market's rules."""


def fault_of(reason: str) -> Fault:
    """Whose fault ``reason`` is.

    A venue that did not answer may be down, or the network between: that is ``UNKNOWN``.
    """
    if reason in _CHAIN:
        return Fault.CHAIN
    if reason in _TRADER:
        return Fault.TRADER
    if reason in _VENUE or reason in BROKEN_PROMISES:
        return Fault.VENUE
    return Fault.UNKNOWN
