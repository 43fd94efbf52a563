"""Checking clients' signatures, and the operator's key file."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from commitments.receipts import Domain, SigningKey, recover
from commitments.types import Digest

from .batch import Batch
from .errors import ConfigurationError, RequestError

__all__ = ["Domain", "SigningKey", "check_signer", "read_key", "sign_path"]


def check_signer(digest: bytes, signature: bytes, signer: str) -> None:
    """Demand a signature of one address.

    :raises RequestError: ``bad_signature``.
    """
    found = recover(digest, signature)
    if found is None:
        raise RequestError("not a canonical signature", code="bad_signature", field="signature")
    if found.lower() != signer.lower():
        raise RequestError(f"signed by {found}, not by {signer}", code="bad_signature", field="signature")


def sign_path(operator: SigningKey, domain: Domain, batch: Batch, index: int, siblings: Sequence[Digest]) -> str:
    """The operator's word that leaf ``index`` of a sealed batch stands there; false, it is evidence."""
    assert batch.leaves is not None
    assert batch.seal is not None
    leaf, seal = batch.leaves[index], batch.seal
    digest = domain.path(batch.number, leaf.account, leaf.commitment, seal.root, seal.count, index, siblings)
    return "0x" + operator.sign(digest).hex()


def read_key(path: Path) -> SigningKey:
    """The key in a file of 64 hex digits that only its owner can read.

    :raises ConfigurationError: ``operator_key``.
    """
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip().removeprefix("0x"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}", code="operator_key") from None
    except ValueError:
        raise ConfigurationError(f"{path} holds no key (64 hex digits)", code="operator_key") from None
    if mode & 0o077:
        raise ConfigurationError(f"{path} has mode {mode:o}; it must be 600", code="operator_key")
    try:
        return SigningKey(secret)
    except ValueError:
        raise ConfigurationError(f"{path} holds no key (64 hex digits)", code="operator_key") from None
