"""One-time keys: secrets from a seed, the tree over their key leaves, and its cache file (section 6 of the protocol).

``secret_b`` = the first four canonical words of SHAKE-256(tag || seed || venue || b), words of 8 bytes little-endian,
venue and batch 8 bytes big-endian. The leaf at position i of a tree is for batch ``first + i``.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from Crypto.Cipher import AES
from Crypto.Protocol.KDF import scrypt

from . import _native
from .errors import Cancelled, KeyCacheError, KeyRangeError
from .hashing import compress, empty_roots
from .types import KEY_DEPTH, MODULUS, Digest
from .venue import keccak256

TAG: Final = b"sealbook/one-time-key/v1"
SEED_BYTES: Final = 32
KEEP_HEIGHT: Final = 6
"""Levels below this height are recomputed when a path is served: 64 secrets."""

_MAGIC: Final = b"SBKEYS1\0"
_HEADER: Final = struct.Struct(">8s16sQQBB")
_PLAIN, _ENCRYPTED = 0, 1
_SALT, _NONCE, _MAC = 16, 12, 16

Progress = Callable[[float], bool | None]
"""Called now and then with the finished fraction; returning False cancels."""


class Seed:
    """The 32 bytes from which all secrets follow. Never shown."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        if len(value) != SEED_BYTES:
            raise ValueError(f"seed: {SEED_BYTES} bytes are needed, not {len(value)}")
        self._value = bytes(value)

    def reveal(self) -> bytes:
        """The bytes themselves, for storing."""
        return self._value

    @property
    def fingerprint(self) -> bytes:
        """16 bytes that tell seeds apart and nothing else about them."""
        return keccak256(b"sealbook/seed-fingerprint/v1" + self._value)[:16]

    def __repr__(self) -> str:
        return "Seed(...)"

    __reduce__ = None  # type: ignore[assignment]


def derive_secret(seed: Seed, venue: int, batch: int) -> Digest:
    """The secret of one batch: the reference of the native derivation."""
    stream = hashlib.shake_256(TAG + seed.reveal() + venue.to_bytes(8, "big") + batch.to_bytes(8, "big"))
    count = 8
    while True:
        words = struct.unpack(f"<{count}Q", stream.digest(8 * count))
        canonical = [word for word in words if word < MODULUS][:4]
        if len(canonical) == 4:
            return (canonical[0], canonical[1], canonical[2], canonical[3])
        count *= 2


def key_leaf(secret: Digest, venue: int, batch: int) -> Digest:
    return compress(secret, (1, venue, batch, 0))


@dataclass(frozen=True, slots=True)
class BatchKey:
    """What a reveal needs of a key tree: the batch's secret, and its place under the root."""

    secret: Digest
    position: int
    path: tuple[Digest, ...]

    def __repr__(self) -> str:
        return f"BatchKey(position={self.position})"


class KeyTree:
    """The tree over the batches ``[first, first + 2^log_size)``; positions beyond are empty."""

    def __init__(
        self, seed: Seed, venue: int, first: int, log_size: int, levels: list[npt.NDArray[np.uint64]], keep: int
    ) -> None:
        self.venue = venue
        self.first = first
        self.log_size = log_size
        self._seed = seed
        self._levels = levels
        self._keep = keep

    def __repr__(self) -> str:
        return f"KeyTree(venue={self.venue}, first={self.first}, log_size={self.log_size})"

    @classmethod
    def generate(
        cls, seed: Seed, venue: int, first: int = 0, log_size: int = KEY_DEPTH, progress: Progress | None = None
    ) -> KeyTree:
        """Compute the tree natively on all cores. Raises :class:`Cancelled` when ``progress`` says so."""
        builder = _native.KeyTreeBuilder(seed.reveal(), venue, first, log_size)
        keep = min(KEEP_HEIGHT, log_size)
        built: list[npt.NDArray[np.uint64] | None] = []
        worker = threading.Thread(target=lambda: built.append(builder.build(keep)), daemon=True)
        worker.start()
        while worker.is_alive():
            worker.join(0.1)
            done, whole = builder.progress()
            if progress is not None and progress(done / whole) is False:
                builder.cancel()
        if not built or built[0] is None:
            raise Cancelled("key tree", "its generation was cancelled")
        return cls(seed, venue, first, log_size, _split(built[0], log_size, keep), keep)

    @property
    def root(self) -> Digest:
        """The root of depth 20."""
        node, empty = _row(self._levels[-1], 0), empty_roots(KEY_DEPTH)
        for height in range(self.log_size, KEY_DEPTH):
            node = compress(node, empty[height])
        return node

    def covers(self, batch: int) -> bool:
        return self.first <= batch < self.first + (1 << self.log_size)

    def key(self, batch: int) -> BatchKey:
        """Secret, position and path of one batch. Raises :class:`KeyRangeError` beyond the tree."""
        if not self.covers(batch):
            last = self.first + (1 << self.log_size) - 1
            raise KeyRangeError("batch", f"{batch} is not in {self.first} to {last}: rekey with a newer tree")
        position = batch - self.first
        below = self._below(position >> self._keep)
        path = []
        for height in range(self.log_size):
            sibling = (position >> height) ^ 1
            if height < self._keep:
                path.append(_row(below[height], sibling - ((position >> self._keep) << (self._keep - height))))
            else:
                path.append(_row(self._levels[height - self._keep], sibling))
        path += empty_roots(KEY_DEPTH)[self.log_size : KEY_DEPTH]
        return BatchKey(derive_secret(self._seed, self.venue, batch), position, tuple(path))

    def _below(self, index: int) -> list[npt.NDArray[np.uint64]]:
        """Levels under the kept node ``index``, leaves first."""
        count = 1 << self._keep
        start = self.first + index * count
        own = _native.key_secrets(self._seed.reveal(), self.venue, start, count)
        bind = np.array([(1, self.venue, start + i, 0) for i in range(count)], dtype=np.uint64)
        return _split(_native.merkle_levels(_native.compress_many(own, bind)), self._keep, 0)

    # -- cache file

    def save(self, path: Path, passphrase: str | None = None, entropy: Callable[[int], bytes] = os.urandom) -> None:
        """Write the cache file atomically, readable by its owner only; encrypted with a passphrase."""
        kind = _PLAIN if passphrase is None else _ENCRYPTED
        header = _HEADER.pack(_MAGIC, self._seed.fingerprint, self.venue, self.first, self.log_size, kind)
        body = b"".join(level.astype("<u8").tobytes() for level in self._levels)
        if passphrase is None:
            sealed = keccak256(header + body) + body
        else:
            salt = entropy(_SALT)
            cipher = AES.new(_stretch(passphrase, salt), AES.MODE_GCM, nonce=entropy(_NONCE))
            cipher.update(header)
            text, mac = cipher.encrypt_and_digest(body)
            sealed = salt + cipher.nonce + mac + text
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(header + sealed)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, path: Path, seed: Seed, venue: int, passphrase: str | None = None) -> KeyTree:
        """Read a cache file of this seed and venue.

        Raises :class:`KeyCacheError` naming what is wrong: missing, readable by others, of another seed or venue,
        cut short, damaged, or locked with another passphrase.
        """
        data = _read_private(path)
        if len(data) < _HEADER.size:
            raise KeyCacheError("file", f"{path} is cut short; delete it to build the tree again")
        header, rest = data[: _HEADER.size], data[_HEADER.size :]
        magic, owner, its_venue, first, log_size, kind = _HEADER.unpack(header)
        if magic != _MAGIC:
            raise KeyCacheError("file", f"{path} is no key cache")
        if owner != seed.fingerprint or its_venue != venue:
            raise KeyCacheError("file", f"{path} belongs to another seed or venue")
        if log_size > KEY_DEPTH or kind not in (_PLAIN, _ENCRYPTED):
            raise KeyCacheError("header", f"{path} is damaged; delete it to build the tree again")
        body = _unlock(path, header, rest, kind, passphrase)
        keep = min(KEEP_HEIGHT, log_size)
        nodes = np.frombuffer(body, dtype="<u8").astype(np.uint64)
        if len(nodes) != 4 * ((2 << (log_size - keep)) - 1):
            raise KeyCacheError("file", f"{path} has another length than its header says")
        return cls(seed, venue, first, log_size, _split(nodes.reshape(-1, 4), log_size, keep), keep)


def _read_private(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise KeyCacheError("mode", f"{path} has mode {mode:o}; it must be 600")
        return path.read_bytes()
    except OSError as error:
        raise KeyCacheError("file", f"cannot read {path}: {error.strerror}") from None


def _unlock(path: Path, header: bytes, rest: bytes, kind: int, passphrase: str | None) -> bytes:
    if kind == _PLAIN:
        if keccak256(header + rest[32:]) != rest[:32]:
            raise KeyCacheError("checksum", f"{path} is damaged; delete it to build the tree again")
        return rest[32:]
    if passphrase is None:
        raise KeyCacheError("passphrase", f"{path} is encrypted: a passphrase is needed")
    salt, nonce = rest[:_SALT], rest[_SALT : _SALT + _NONCE]
    mac, text = rest[_SALT + _NONCE : _SALT + _NONCE + _MAC], rest[_SALT + _NONCE + _MAC :]
    try:
        cipher = AES.new(_stretch(passphrase, salt), AES.MODE_GCM, nonce=nonce)
        cipher.update(header)
        return cipher.decrypt_and_verify(text, mac)
    except ValueError:
        raise KeyCacheError("passphrase", f"{path}: wrong passphrase, or the file is damaged") from None


def _stretch(passphrase: str, salt: bytes) -> bytes:
    key = scrypt(passphrase, salt.hex(), key_len=32, N=2**15, r=8, p=1)
    assert isinstance(key, bytes)
    return key


def _split(nodes: npt.NDArray[np.uint64], top: int, keep: int) -> list[npt.NDArray[np.uint64]]:
    """Levels of heights ``keep`` .. ``top`` from one array, lowest first."""
    levels, start = [], 0
    for height in range(keep, top + 1):
        count = 1 << (top - height)
        levels.append(nodes[start : start + count])
        start += count
    return levels


def _row(level: npt.NDArray[np.uint64], index: int) -> Digest:
    a, b, c, d = level[index].tolist()
    return (a, b, c, d)
