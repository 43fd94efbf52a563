"""What clients and operator sign: EIP-712 typed data of the venue (``docs/protocol.md`` section 8).

Domain: name ``sealbook``, version ``1``, chain id and exchange contract. ``CommitMessage`` is checked by the contract as
well; the operator's statements are made so that a contract can.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from coincurve import PrivateKey, PublicKey
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from .errors import ConfigurationError, RequestError
from .events import Digest

_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_PLACE: Final = "uint64 venue,uint64 batch,uint32 account"
_ELEMENTS: Final = "uint64 c0,uint64 c1,uint64 c2,uint64 c3"
_DOMAIN: Final = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_COMMIT: Final = keccak(text=f"CommitMessage({_PLACE},uint64 sequence,{_ELEMENTS})")
_RECEIPT: Final = keccak(text=f"Receipt({_PLACE},uint64 sequence,{_ELEMENTS})")
_ACKNOWLEDGEMENT: Final = keccak(text=f"Acknowledgement({_PLACE},{_ELEMENTS})")
_REFUSAL: Final = keccak(text=f"Refusal({_PLACE},{_ELEMENTS},string reason)")
_SESSION: Final = keccak(text="Session(uint64 venue,uint32 account,bytes32 challenge)")


class Domain:
    """Digests to be signed, for one exchange."""

    def __init__(self, chain_id: int, contract: str, venue: int) -> None:
        self._venue = venue
        self._separator = keccak(
            _DOMAIN
            + keccak(text="sealbook")
            + keccak(text="1")
            + _words([chain_id])
            + bytes.fromhex(contract[2:]).rjust(32, b"\0")
        )

    def commitment(self, batch: int, account: int, sequence: int, commitment: Digest) -> bytes:
        """Commit, replace, or cancel (commitment zero), by the account's commit key."""
        return self._digest(_COMMIT, _words([self._venue, batch, account, sequence, *commitment]))

    def receipt(self, batch: int, account: int, sequence: int, commitment: Digest) -> bytes:
        """The operator has the commitment."""
        return self._digest(_RECEIPT, _words([self._venue, batch, account, sequence, *commitment]))

    def acknowledgement(self, batch: int, account: int, commitment: Digest) -> bytes:
        """The operator has a valid reveal of the commitment."""
        return self._digest(_ACKNOWLEDGEMENT, _words([self._venue, batch, account, *commitment]))

    def refusal(self, batch: int, account: int, commitment: Digest, reason: str) -> bytes:
        """The operator refuses a reveal, for a reason."""
        return self._digest(
            _REFUSAL, _words([self._venue, batch, account, *commitment]) + keccak(text=reason)
        )

    def session(self, account: int, challenge: bytes) -> bytes:
        """The holder of the account's commit key (account 0: of the operator's key) opens a session."""
        return self._digest(_SESSION, _words([self._venue, account]) + challenge)

    def _digest(self, type_hash: bytes, data: bytes) -> bytes:
        return keccak(b"\x19\x01" + self._separator + keccak(type_hash + data))


def _words(values: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(32, "big") for value in values)


def recover(digest: bytes, signature: bytes) -> str | None:
    """Checksummed address of the signer of ``r || s || v`` (low s, v 27 or 28); None if it is no canonical signature."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        return None
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        return None
    try:
        key = PublicKey.from_signature_and_message(
            signature[:64] + bytes([signature[64] - 27]), digest, hasher=None
        )
    except ValueError:
        return None
    except Exception as error:  # coincurve raises bare Exception for a signature that recovers no key
        if type(error) is Exception:
            return None
        raise
    return address_of(key)


def check_signer(digest: bytes, signature: bytes, signer: str) -> None:
    """Demand a signature of one address.

    :raises RequestError: ``bad_signature``.
    """
    found = recover(digest, signature)
    if found is None:
        raise RequestError("not a canonical signature", code="bad_signature", field="signature")
    if found.lower() != signer.lower():
        raise RequestError(f"signed by {found}, not by {signer}", code="bad_signature", field="signature")


def address_of(key: PublicKey) -> str:
    """Checksummed Ethereum address of a public key."""
    return to_checksum_address(keccak(key.format(compressed=False)[1:])[-20:])


class OperatorKey:
    """The operator's secp256k1 key. Signs receipts, acknowledgements, refusals; L1 transactions are the gateway's."""

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(secret)
        self.address: str = address_of(self._key.public_key)

    def __repr__(self) -> str:
        return f"OperatorKey({self.address})"

    @classmethod
    def read(cls, path: Path) -> OperatorKey:
        """The key in a file: 64 hex digits, readable by its owner only.

        :raises ConfigurationError: ``operator_key``.
        """
        return cls(read_key(path))

    def sign(self, digest: bytes) -> bytes:
        """``r || s || v`` with v 27 or 28, deterministic (RFC 6979)."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([signature[64] + 27])


def read_key(path: Path) -> bytes:
    """The secret in a key file of 64 hex digits.

    :raises ConfigurationError: ``operator_key`` if the file is missing, readable by others, or no key.
    """
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
        text = path.read_text(encoding="ascii").strip().removeprefix("0x")
        secret = bytes.fromhex(text)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}", code="operator_key") from None
    except ValueError:
        raise ConfigurationError(f"{path} holds no key (64 hex digits)", code="operator_key") from None
    if mode & 0o077:
        raise ConfigurationError(f"{path} has mode {mode:o}; it must be 600", code="operator_key")
    if len(secret) != 32 or not any(secret):
        raise ConfigurationError(f"{path} holds no key (64 hex digits)", code="operator_key")
    return secret
