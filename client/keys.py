"""The account's secrets: seed and commit key in a file, and the key trees of the one-time keys with their caches.

Two keys are apart on purpose: whoever has the commit key can place commitments, whoever has the seed can open
them, and neither moves funds on L1, which takes the L1 key (``docs/protocol.md`` section 6).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from Crypto.Cipher import AES
from Crypto.Protocol.KDF import scrypt
from msgspec import Meta, Struct

from commitments.errors import CommitmentError, KeyCacheError
from commitments.keys import BatchKey, KeyTree, Progress, Seed, derive_secret
from commitments.receipts import SigningKey
from commitments.types import KEY_DEPTH, Digest

from .errors import KeyFileError

__all__ = ["KeyRing", "Keys", "Progress"]

_SCRYPT_N: Final = 2**15


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    seed: str
    commit_key: str


class _Encrypted(Struct, frozen=True, forbid_unknown_fields=True):
    """Seed and commit key under AES-256-GCM, with a key from the password by scrypt (r = 8, p = 1). Version 2."""

    version: int
    scrypt_n: Annotated[int, Meta(ge=2, le=2**20)]
    salt: str
    nonce: str
    box: str


class _Version(Struct, frozen=True):
    version: int


class Keys:
    """Seed and commit key of one account. Neither is ever shown."""

    def __init__(self, seed: bytes, commit_key: bytes) -> None:
        for field, secret in (("seed", seed), ("commit_key", commit_key)):
            if len(secret) != 32:  # coincurve would pad a shorter one
                raise KeyFileError(f"the {field} has {len(secret)} bytes, not 32", code="bad_key", field=field)
        try:
            self.seed = Seed(seed)
            self.commit_key = SigningKey(commit_key)
        except ValueError:
            raise KeyFileError("the commit key is no secp256k1 secret", code="bad_key", field="commit_key") from None

    def __repr__(self) -> str:
        return f"Keys(commit_key={self.commit_key.address})"

    @classmethod
    def generate(cls, entropy: Callable[[int], bytes] = os.urandom) -> Keys:
        """Fresh secrets from the operating system."""
        return cls(entropy(32), entropy(32))

    @classmethod
    def at(cls, path: str | Path, password: str | None = None) -> Keys:
        """The keys in a file, which is made if it is not there: for programs that are started again and again.

        :raises KeyFileError: the file cannot be read, or not be made.
        """
        return cls.load(path, password) if Path(path).exists() else cls.create(path, password)

    @classmethod
    def create(cls, path: str | Path, password: str | None = None) -> Keys:
        """Fresh secrets, saved in a new file (mode 0600), encrypted if there is a password.

        Keep a copy: without the seed no commitment can be opened.

        :raises KeyFileError: ``key_file_exists``.
        """
        keys, path = cls.generate(), Path(path)
        data: _File | _Encrypted
        if password is None:
            data = _File(1, keys.seed.reveal().hex(), keys.commit_key.reveal().hex())
        else:
            data = _encrypt(keys.seed.reveal() + keys.commit_key.reveal(), password)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise KeyFileError(f"{path} exists", code="key_file_exists", field="keys", advice="load it") from None
        except OSError as error:
            raise KeyFileError(f"cannot write {path}: {error.strerror}", field="keys") from None
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(data))
            file.flush()
            os.fsync(file.fileno())
        return keys

    @classmethod
    def load(cls, path: str | Path, password: str | None = None) -> Keys:
        """Secrets from a file of :meth:`create`.

        :raises KeyFileError: missing, readable by others, or no such file; ``key_file_password``: encrypted, and the
            password is missing or wrong.
        """
        path = Path(path)
        try:
            mode, data = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
        except FileNotFoundError:
            raise KeyFileError(
                f"there is no key file {path}",
                field="keys",
                advice="restore it from a copy, or make a new one with Keys.create()",
            ) from None
        except OSError as error:
            raise KeyFileError(f"cannot read {path}: {error.strerror}", field="keys") from None
        if mode & 0o077:
            raise KeyFileError(f"{path} has mode {mode:o}", code="key_file_mode", field="keys", advice="chmod 600 it")
        try:
            if msgspec.json.decode(data, type=_Version).version == 2:
                secrets = _decrypt(msgspec.json.decode(data, type=_Encrypted), password, path)
                return cls(secrets[:32], secrets[32:])
            file = msgspec.json.decode(data, type=_File)
            if file.version != 1:
                raise ValueError
            return cls(bytes.fromhex(file.seed), bytes.fromhex(file.commit_key))
        except KeyFileError as error:
            if error.code == "key_file_password":
                raise
            raise KeyFileError(f"{path} is no key file, or is damaged", code="key_file_damaged", field="keys") from None
        except (msgspec.DecodeError, ValueError):
            raise KeyFileError(f"{path} is no key file, or is damaged", code="key_file_damaged", field="keys") from None


def _encrypt(secrets: bytes, password: str) -> _Encrypted:
    salt, nonce = os.urandom(16), os.urandom(12)
    box, tag = _cipher(password, salt, nonce, _SCRYPT_N).encrypt_and_digest(secrets)
    return _Encrypted(2, _SCRYPT_N, salt.hex(), nonce.hex(), (box + tag).hex())


def _decrypt(file: _Encrypted, password: str | None, path: Path) -> bytes:
    if password is None:
        raise KeyFileError(f"{path} is encrypted", code="key_file_password", field="password", advice="give a password")
    salt, nonce, box = bytes.fromhex(file.salt), bytes.fromhex(file.nonce), bytes.fromhex(file.box)
    if (len(salt), len(nonce), len(box)) != (16, 12, 64 + 16) or file.scrypt_n & (file.scrypt_n - 1):
        raise ValueError
    try:
        return bytes(_cipher(password, salt, nonce, file.scrypt_n).decrypt_and_verify(box[:64], box[64:]))
    except ValueError:
        raise KeyFileError(f"wrong password for {path}", code="key_file_password", field="password") from None


def _cipher(password: str, salt: bytes, nonce: bytes, cost: int) -> Any:
    key = scrypt(password, salt.hex(), 32, N=cost, r=8, p=1)
    assert isinstance(key, bytes)
    return AES.new(key, AES.MODE_GCM, nonce=nonce)


class KeyRing:
    """The account's key trees, by root; each is cached in a file beside the store. Blocking: call in a
    thread.
    """

    def __init__(self, keys: Keys, venue: int, folder: Path, name: str) -> None:
        self._keys = keys
        self._venue = venue
        self._folder = folder
        self._name = name
        self._trees: dict[Digest, KeyTree] = {}

    def __repr__(self) -> str:
        return f"KeyRing({len(self._trees)} trees)"

    @property
    def roots(self) -> Sequence[Digest]:
        """Roots of the loaded trees."""
        return tuple(self._trees)

    def open(self, first: int, log_size: int = KEY_DEPTH, progress: Progress | None = None) -> KeyTree:
        """Load the tree over the batches from ``first`` from its cache, or generate it and write the cache.

        :raises KeyFileError: the cache is readable by others, or cannot be written.
        """
        path = self._folder / f"{self._name}.{first}.keys"
        try:
            tree = self._cached(path, first, log_size)
            if tree is None:
                tree = KeyTree.generate(self._keys.seed, self._venue, first, log_size, progress)
                tree.save(path)
        except CommitmentError as error:
            raise KeyFileError(str(error), code=error.code, field=error.field) from None
        except OSError as error:
            raise KeyFileError(f"cannot write {path}: {error.strerror}", field="store") from None
        self._trees[tree.root] = tree
        return tree

    def _cached(self, path: Path, first: int, log_size: int) -> KeyTree | None:
        """The cached tree; None where there is none, or a damaged one: it can be made again from the seed."""
        if not path.exists():
            return None
        try:
            tree = KeyTree.load(path, self._keys.seed, self._venue)
        except KeyCacheError as error:
            if error.field == "mode":
                raise
            return None
        return tree if (tree.first, tree.log_size) == (first, log_size) else None

    def secret(self, batch: int) -> Digest:
        """The batch's one-time secret; the same under every tree.

        :raises KeyFileError: ``key_range``: no tree covers the batch, so it could not be revealed.
        """
        if not any(tree.covers(batch) for tree in self._trees.values()):
            raise KeyFileError(
                f"no key tree covers batch {batch}", code="key_range", field="keys", advice="call rekey()"
            )
        return derive_secret(self._keys.seed, self._venue, batch)

    def key(self, root: Digest, batch: int) -> BatchKey:
        """What opens ``batch`` under a key root.

        :raises KeyFileError: ``key_root_unknown``, or ``key_range`` if the tree does not cover the batch.
        """
        tree = self._trees.get(root)
        if tree is None:
            raise KeyFileError(
                "L1 holds a key root that does not come from this seed", code="key_root_unknown", field="keys"
            )
        try:
            return tree.key(batch)
        except CommitmentError as error:
            raise KeyFileError(str(error), code=error.code, field=error.field, advice="call rekey()") from None
