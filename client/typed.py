"""What the commit key signs, as EIP-712 typed data: a digest for a key at hand, the message for a signer elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from commitments.receipts import Domain
from commitments.types import Digest

__all__ = ["Messages", "TypedData"]

_PLACE: Final = (("venue", "uint64"), ("batch", "uint64"), ("account", "uint32"))
_COMMIT: Final = (*_PLACE, ("sequence", "uint64"), *((f"c{i}", "uint64") for i in range(4)))
_SESSION: Final = (("venue", "uint64"), ("account", "uint32"), ("challenge", "bytes32"))
_DOMAIN: Final = (("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address"))


@dataclass(frozen=True, slots=True)
class TypedData:
    """One message. ``digest`` is what is signed; :meth:`document` is what ``eth_signTypedData_v4`` takes."""

    digest: bytes
    primary_type: str
    fields: tuple[tuple[str, str], ...]
    values: tuple[int | str, ...]
    chain_id: int
    contract: str

    def document(self) -> dict[str, Any]:
        """The message with its types and its domain, as JSON-RPC signers expect it."""
        return {
            "types": {
                "EIP712Domain": [{"name": name, "type": kind} for name, kind in _DOMAIN],
                self.primary_type: [{"name": name, "type": kind} for name, kind in self.fields],
            },
            "primaryType": self.primary_type,
            "domain": {
                "name": "sealbook",
                "version": "1",
                "chainId": self.chain_id,
                "verifyingContract": self.contract,
            },
            "message": {
                # 64-bit integers as text: a JSON number of a signer in JavaScript would lose digits.
                name: str(value) if isinstance(value, int) else value
                for (name, _), value in zip(self.fields, self.values, strict=True)
            },
        }


class Messages:
    """The messages of one venue's clients."""

    def __init__(self, chain_id: int, contract: str) -> None:
        self.domain = Domain(chain_id, contract)
        self._chain_id = chain_id
        self._contract = contract

    def commitment(self, batch: int, account: int, sequence: int, committed: Digest) -> TypedData:
        """Commit, replace, or cancel (commitment zero)."""
        digest = self.domain.commitment(batch, account, sequence, committed)
        return self._typed(digest, "CommitMessage", _COMMIT, (self.domain.venue, batch, account, sequence, *committed))

    def session(self, account: int, challenge: bytes) -> TypedData:
        """Answer the venue's challenge of 32 bytes."""
        digest = self.domain.session(account, challenge)
        return self._typed(digest, "Session", _SESSION, (self.domain.venue, account, "0x" + challenge.hex()))

    def _typed(
        self, digest: bytes, name: str, fields: tuple[tuple[str, str], ...], values: tuple[int | str, ...]
    ) -> TypedData:
        return TypedData(digest, name, fields, values, self._chain_id, self._contract)
