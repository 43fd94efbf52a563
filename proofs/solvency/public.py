"""What a proof of solvency claims, its public messages, and what binds them: twin of ``contracts/src/Solvency.sol``."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from eth_abi.abi import encode as abi_encode
from eth_utils.crypto import keccak

from commitments.types import Digest

from .buses import WALK, WALK_BUS, Tag

Message = tuple[int, ...]
WIDTH: Final = WALK.width


@dataclass(frozen=True, slots=True)
class Claim:
    """The balances under ``root`` sum to ``liabilities``: units by asset number, 0 for an asset that nobody holds."""

    root: Digest
    liabilities: tuple[int, ...]


def public_messages(claim: Claim) -> list[Message]:
    """The messages that the contract sends to the proof, each of :data:`WIDTH` elements, in its order."""
    out = [_message(Tag.SUBTREE, 0, 0, *claim.root)]
    out += [_message(Tag.LIABILITY, asset, units) for asset, units in enumerate(claim.liabilities) if units]
    return out


def pack(messages: Iterable[Message]) -> bytes:
    """Messages as the verifier takes them: one byte bus, then the elements, big-endian."""
    return b"".join(struct.pack(f">B{WIDTH}Q", WALK_BUS, *message) for message in messages)


def proof_context(chain_id: int, contract: str | bytes, vk_hash: bytes, packed_messages: bytes) -> bytes:
    """What the proof's transcript starts with: all that the proof is bound to. ``contract``: the Solvency contract."""
    fields = [chain_id, contract, vk_hash, keccak(packed_messages)]
    return keccak(abi_encode(["uint256", "address", "bytes32", "bytes32"], fields))


def _message(tag: Tag, *fields: int) -> Message:
    return (int(tag), *fields, *[0] * (WIDTH - 1 - len(fields)))
