"""The venue's number, which every hash carries (``docs/protocol.md`` section 4)."""

from __future__ import annotations

from ._native import keccak256

__all__ = ["keccak256", "venue_id"]


def venue_id(chain_id: int, contract: str) -> int:
    """Low 63 bits of keccak256(abi.encode(chain id, contract)). ``contract``: 0x and 40 hex digits."""
    address = bytes.fromhex(contract.removeprefix("0x"))
    if len(address) != 20:
        raise ValueError("contract: an address has 20 bytes")
    word = keccak256(chain_id.to_bytes(32, "big") + address.rjust(32, b"\0"))
    return int.from_bytes(word[-8:], "big") & (2**63 - 1)
