"""Whether the contracts on chain are the published ones: their code against the compiled artifacts.

Immutables differ from deployment to deployment: the compiler leaves a PUSH32 of zeros for each use, and the constructor
fills in the value. Every other byte must be equal.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Final

from web3 import Web3

__all__ = ["check_code", "immutables"]

_PLACEHOLDER: Final = b"\x7f" + bytes(32)


@cache
def _published(name: str) -> bytes:
    raw = json.loads((files("contracts") / "artifacts" / f"{name}.json").read_text())
    return bytes.fromhex(raw["deployedBytecode"][2:])


def immutables(published: bytes, deployed: bytes) -> list[bytes] | None:
    """The 32-byte words that ``deployed`` has for the placeholders of ``published``; None if it is other code."""
    if len(published) != len(deployed):
        return None
    words, start = [], 0
    while (place := published.find(_PLACEHOLDER, start)) >= 0:
        if published[start : place + 1] != deployed[start : place + 1]:
            return None
        start = place + len(_PLACEHOLDER)
        words.append(deployed[place + 1 : start])
    return words if published[start:] == deployed[start:] else None


def check_code(w3: Web3, exchange: str, verifier: str) -> str:
    """Empty if Exchange, verifier and its queries contract are the published code; otherwise what is not."""
    if immutables(_published("Exchange"), _code(w3, exchange)) is None:
        return f"contract: the code at {exchange} is not the published Exchange"
    words = immutables(_published("StarkVerifier"), _code(w3, verifier))
    if not words or len(set(words)) != 1:
        return f"verifier: the code at {verifier} is not the published StarkVerifier"
    queries = Web3.to_checksum_address(words[0][-20:])
    if immutables(_published("StarkQueries"), _code(w3, queries)) is None:
        return f"verifier: the code at {queries} is not the published StarkQueries"
    return ""


def _code(w3: Web3, address: str) -> bytes:
    return bytes(w3.eth.get_code(Web3.to_checksum_address(address)))
