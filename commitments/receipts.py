"""What clients and operator sign: EIP-712 typed data (``docs/protocol.md`` section 8).

Domain: name ``sealbook``, version ``1``, chain id and exchange contract. The contract itself checks ``CommitMessage``;
the operator's statements are made so that a contract can check them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from coincurve import PrivateKey, PublicKey

from ._native import typed_digest
from .types import Digest
from .venue import keccak256, venue_id

SIGNATURE_BYTES: Final = 65
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_PLACE: Final = "uint64 venue,uint64 batch,uint32 account"
_ELEMENTS: Final = "uint64 c0,uint64 c1,uint64 c2,uint64 c3"
_DOMAIN: Final = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_COMMIT: Final = keccak256(f"CommitMessage({_PLACE},uint64 sequence,{_ELEMENTS})".encode())
_RECEIPT: Final = keccak256(f"Receipt({_PLACE},uint64 sequence,{_ELEMENTS})".encode())
_ACKNOWLEDGEMENT: Final = keccak256(f"Acknowledgement({_PLACE},{_ELEMENTS})".encode())
_REFUSAL: Final = keccak256(f"Refusal({_PLACE},{_ELEMENTS},string reason)".encode())
_ROOT: Final = "uint64 r0,uint64 r1,uint64 r2,uint64 r3"
_PATH: Final = keccak256(f"Path({_PLACE},{_ELEMENTS},{_ROOT},uint32 count,uint32 index,bytes32 siblings)".encode())
_SESSION: Final = keccak256(b"Session(uint64 venue,uint32 account,bytes32 challenge)")


class Domain:
    """Digests to be signed, for one exchange contract on one chain."""

    def __init__(self, chain_id: int, contract: str) -> None:
        self.venue = venue_id(chain_id, contract)
        address = bytes.fromhex(contract.removeprefix("0x"))
        self._separator = keccak256(
            _DOMAIN + keccak256(b"sealbook") + keccak256(b"1") + chain_id.to_bytes(32, "big") + address.rjust(32, b"\0")
        )

    def commitment(self, batch: int, account: int, sequence: int, commitment: Digest) -> bytes:
        """Commit, replace, or cancel (commitment zero), by the account's commit key."""
        return typed_digest(self._separator, _COMMIT, (self.venue, batch, account, sequence, *commitment), b"")

    def receipt(self, batch: int, account: int, sequence: int, commitment: Digest) -> bytes:
        """The operator has the commitment."""
        return typed_digest(self._separator, _RECEIPT, (self.venue, batch, account, sequence, *commitment), b"")

    def acknowledgement(self, batch: int, account: int, commitment: Digest) -> bytes:
        """The operator has a valid reveal of the commitment."""
        return typed_digest(self._separator, _ACKNOWLEDGEMENT, (self.venue, batch, account, *commitment), b"")

    def refusal(self, batch: int, account: int, commitment: Digest, reason: str) -> bytes:
        """The operator refuses a reveal, for a reason."""
        numbers = (self.venue, batch, account, *commitment)
        return typed_digest(self._separator, _REFUSAL, numbers, keccak256(reason.encode()))

    def path(
        self,
        batch: int,
        account: int,
        commitment: Digest,
        root: Digest,
        count: int,
        index: int,
        siblings: Sequence[Digest],
    ) -> bytes:
        """The commitment's leaf stands at ``index`` of ``count`` under ``root``; ``siblings`` go from the leaf up."""
        nodes = b"".join(element.to_bytes(8, "big") for node in siblings for element in node)
        place = (self.venue, batch, account, *commitment, *root, count, index)
        return typed_digest(self._separator, _PATH, place, keccak256(nodes))

    def session(self, account: int, challenge: bytes) -> bytes:
        """The holder of the account's commit key (account 0: of the operator's key) opens a session."""
        return typed_digest(self._separator, _SESSION, (self.venue, account), challenge)


class SigningKey:
    """A secp256k1 key: a commit key or the operator's. Never shown."""

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(secret)
        self.address: str = address_of(self._key.public_key)

    def __repr__(self) -> str:
        return f"SigningKey({self.address})"

    def reveal(self) -> bytes:
        """The 32 bytes themselves, for storing."""
        return bytes(self._key.secret)

    def sign(self, digest: bytes) -> bytes:
        """``r || s || v``, low s, v 27 or 28, deterministic (RFC 6979)."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([signature[64] + 27])


def recover(digest: bytes, signature: bytes) -> str | None:
    """Checksummed address of the signer; None unless it is a canonical signature (65 bytes, low s, v 27 or 28)."""
    if len(signature) != SIGNATURE_BYTES or signature[64] not in (27, 28):
        return None
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        return None
    try:
        return address_of(
            PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
        )
    except ValueError:
        return None
    except Exception as error:  # coincurve raises bare Exception for a signature that recovers no key
        if type(error) is Exception:
            return None
        raise


def address_of(key: PublicKey) -> str:
    """EIP-55 address of a public key."""
    return _address(key.format(compressed=False))


@lru_cache(maxsize=1 << 14)
def _address(point: bytes) -> str:
    """Address of an uncompressed point. Kept: a venue sees the same keys again and again."""
    return checksum_address(keccak256(point[1:])[-20:])


def checksum_address(address: bytes) -> str:
    """EIP-55 form of 20 bytes."""
    digits = address.hex()
    mask = keccak256(digits.encode()).hex()
    return "0x" + "".join(d.upper() if int(m, 16) >= 8 else d for d, m in zip(digits, mask, strict=False))
