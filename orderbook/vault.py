"""Encryption of what the journal may not hold in the clear: ChaCha20-Poly1305 (RFC 8439) under a key in a file of
its own. Of the library's ciphers it is the one that costs least for a record of a kilobyte."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from Crypto.Cipher import ChaCha20_Poly1305

from .errors import JournalError

KEY_BYTES = 32
_NONCE = 12
_TAG = 16


class Vault:
    """Seals and opens single records. ``context`` is authenticated with a record and must be given again to open it."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise JournalError(f"the key has {len(key)} bytes, not {KEY_BYTES}", code="journal_key")
        self._key = key

    @classmethod
    def at(cls, path: Path, *, create: bool) -> Vault:
        """The vault whose key is in ``path`` (mode 0600).

        :raises JournalError: ``journal_key`` if the file is missing (and not to be created), too open, or not a key.
        """
        if create and not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            key = path.read_bytes()
        except OSError as error:
            raise JournalError(f"cannot read the key file {path}: {error.strerror}", code="journal_key") from None
        if mode & 0o077:
            raise JournalError(f"the key file {path} has mode {mode:o}; it must be 600", code="journal_key")
        return cls(key)

    def seal(self, data: bytes, context: bytes) -> bytes:
        """Encrypt; the result is 28 bytes longer."""
        nonce = secrets.token_bytes(_NONCE)
        cipher = ChaCha20_Poly1305.new(key=self._key, nonce=nonce)
        cipher.update(context)
        body, tag = cipher.encrypt_and_digest(data)
        return bytes(nonce + tag + body)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Decrypt.

        :raises JournalError: ``journal_key`` if the record was altered or sealed under another key.
        """
        nonce, tag, body = sealed[:_NONCE], sealed[_NONCE : _NONCE + _TAG], sealed[_NONCE + _TAG :]
        cipher = ChaCha20_Poly1305.new(key=self._key, nonce=nonce)
        cipher.update(context)
        try:
            return bytes(cipher.decrypt_and_verify(body, tag))
        except ValueError:
            raise JournalError("a record does not open under the node's key", code="journal_key") from None
