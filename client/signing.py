"""The commit key, and checking what the operator signed. The L1 key is another key (:mod:`client.funds`)."""

from __future__ import annotations

from coincurve import PrivateKey

from orderbook.attest import Domain, address_of, recover

from .errors import KeyFileError

__all__ = ["CommitKey", "Domain", "signed_by"]


class CommitKey:
    """The account's secp256k1 key for sessions and commitments. It moves no funds and opens no bundle."""

    def __init__(self, secret: bytes) -> None:
        try:
            self._key = PrivateKey(secret)
        except (ValueError, TypeError):
            raise KeyFileError("the commit key is no secp256k1 secret", code="commit_key", field="commit_key") from None
        self.address: str = address_of(self._key.public_key)

    def __repr__(self) -> str:
        return f"CommitKey({self.address})"

    def sign(self, digest: bytes) -> bytes:
        """``r || s || v`` with v 27 or 28, deterministic (RFC 6979)."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([signature[64] + 27])


def signed_by(digest: bytes, signature: bytes, signer: str) -> bool:
    """Whether a signature is canonical and by this address."""
    found = recover(digest, signature)
    return found is not None and found.lower() == signer.lower()
