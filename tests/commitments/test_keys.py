"""One-time keys: derivation, trees, and the cache file with its refusals."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commitments import _native
from commitments.errors import Cancelled, KeyCacheError, KeyRangeError
from commitments.hashing import empty_roots
from commitments.keys import KEEP_HEIGHT, KeyTree, Seed, derive_secret, key_leaf
from commitments.merkle import MerkleTree, verify_path
from commitments.types import KEY_DEPTH, MODULUS

SEED = Seed(bytes(range(32)))
OTHER = Seed(bytes(32))
VENUE = 12345


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**63 - 1), st.integers(0, 2**62 - 3))
def test_native_secrets_are_the_reference(seed: bytes, venue: int, batch: int) -> None:
    native = _native.key_secrets(seed, venue, batch, 2).tolist()
    assert [tuple(row) for row in native] == [derive_secret(Seed(seed), venue, b) for b in (batch, batch + 1)]
    assert all(element < MODULUS for row in native for element in row)


@pytest.mark.parametrize("log_size", [0, 3, KEEP_HEIGHT, KEEP_HEIGHT + 2, 11])
def test_tree_and_paths(log_size: int) -> None:
    first = 1_000_003
    tree = KeyTree.generate(SEED, VENUE, first, log_size)
    count = 1 << log_size
    for batch in {first, first + count // 2, first + count - 1}:
        key = tree.key(batch)
        assert key.position == batch - first
        assert key.secret == derive_secret(SEED, VENUE, batch)
        assert verify_path(tree.root, key_leaf(key.secret, VENUE, batch), key.position, key.path, KEY_DEPTH)
        assert not verify_path(tree.root, key_leaf(key.secret, VENUE, batch + 1), key.position, key.path, KEY_DEPTH)
    if log_size <= KEEP_HEIGHT:
        sparse = MerkleTree(KEY_DEPTH)
        sparse.set({i: key_leaf(derive_secret(SEED, VENUE, first + i), VENUE, first + i) for i in range(count)})
        assert tree.root == sparse.root


def test_a_secret_depends_on_seed_venue_and_absolute_batch() -> None:
    assert KeyTree.generate(SEED, VENUE, 8, 3).key(9).secret == KeyTree.generate(SEED, VENUE, 9, 1).key(9).secret
    assert len({derive_secret(s, v, b) for s in (SEED, OTHER) for v in (1, 2) for b in (1, 2)}) == 8


@pytest.mark.parametrize("batch", [4, 13])
def test_batches_beyond_the_tree(batch: int) -> None:
    tree = KeyTree.generate(SEED, VENUE, 5, 3)
    with pytest.raises(KeyRangeError) as caught:
        tree.key(batch)
    assert str(caught.value) == f"batch: {batch} is not in 5 to 12: rekey with a newer tree"


def test_full_depth_reports_progress_and_ends_at_one() -> None:
    seen: list[float] = []
    tree = KeyTree.generate(SEED, VENUE, 0, 14, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert tree.root != empty_roots(KEY_DEPTH)[-1]


def test_cancelling() -> None:
    with pytest.raises(Cancelled) as caught:
        KeyTree.generate(SEED, VENUE, 0, KEY_DEPTH, lambda _: False)
    assert str(caught.value) == "key tree: its generation was cancelled"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((bytes(31), 0, 0, 3), "seed: expected 32 bytes"),
        ((bytes(32), 2**63, 0, 3), "venue: at most 63 bits"),
        ((bytes(32), 0, 2**62 - 7, 3), "first: batches are below 2^62"),
        ((bytes(32), 0, 0, 21), "log_size: at most 20"),
    ],
)
def test_the_builder_refuses(arguments: tuple[bytes, int, int, int], reason: str) -> None:
    with pytest.raises(ValueError, match=r"^[a-z_]+: ") as caught:
        _native.KeyTreeBuilder(*arguments)
    assert str(caught.value) == reason


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_cache_round_trip(tmp_path: Path, passphrase: str | None) -> None:
    path, tree = tmp_path / "keys" / "cache", KeyTree.generate(SEED, VENUE, 40, 8)
    tree.save(path, passphrase)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [child.name for child in path.parent.iterdir()] == ["cache"]
    loaded = KeyTree.load(path, SEED, VENUE, passphrase)
    assert (loaded.root, loaded.first, loaded.log_size) == (tree.root, 40, 8)
    assert loaded.key(123) == tree.key(123)


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: b"", "file: {} is cut short; delete it to build the tree again"),
        (lambda data: data[:20], "file: {} is cut short; delete it to build the tree again"),
        (lambda data: _flip(data, 0), "file: {} is no key cache"),
        (lambda data: _flip(data, 10), "file: {} belongs to another seed or venue"),
        (lambda data: _flip(data, 31), "file: {} belongs to another seed or venue"),
        (lambda data: _flip(data, 39), "checksum: {} is damaged; delete it to build the tree again"),
        (
            lambda data: data[:41] + b"\x07" + data[42:],
            "header: {} is damaged; delete it to build the tree again",
        ),
        (
            lambda data: data[:40] + b"\x15" + data[41:],
            "header: {} is damaged; delete it to build the tree again",
        ),
        (
            lambda data: _flip(data, len(data) - 1),
            "checksum: {} is damaged; delete it to build the tree again",
        ),
        (lambda data: data[:-1], "checksum: {} is damaged; delete it to build the tree again"),
        (lambda data: data + b"\0", "checksum: {} is damaged; delete it to build the tree again"),
    ],
)
def test_damaged_caches(tmp_path: Path, change: Callable[[bytes], bytes], reason: str) -> None:
    path = tmp_path / "cache"
    KeyTree.generate(SEED, VENUE, 0, 7).save(path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(KeyCacheError) as caught:
        KeyTree.load(path, SEED, VENUE)
    assert str(caught.value) == reason.format(path)


def test_foreign_locked_open_and_missing_caches(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    KeyTree.generate(SEED, VENUE, 0, 7).save(path, "correct horse")

    def reason(*arguments: object) -> str:
        with pytest.raises(KeyCacheError) as caught:
            KeyTree.load(*arguments)  # type: ignore[arg-type]
        return str(caught.value)

    assert reason(path, OTHER, VENUE, "correct horse") == f"file: {path} belongs to another seed or venue"
    assert reason(path, SEED, VENUE + 1, "correct horse") == f"file: {path} belongs to another seed or venue"
    assert reason(path, SEED, VENUE) == f"passphrase: {path} is encrypted: a passphrase is needed"
    wrong = f"passphrase: {path}: wrong passphrase, or the file is damaged"
    assert reason(path, SEED, VENUE, "wrong horse") == wrong
    path.write_bytes(_flip(path.read_bytes(), path.stat().st_size - 1))
    assert reason(path, SEED, VENUE, "correct horse") == wrong
    path.write_bytes(path.read_bytes()[:60])
    assert reason(path, SEED, VENUE, "correct horse") == wrong
    path.chmod(0o640)
    assert reason(path, SEED, VENUE, "correct horse") == f"mode: {path} has mode 640; it must be 600"
    path.unlink()
    assert reason(path, SEED, VENUE) == f"file: cannot read {path}: No such file or directory"


def test_an_encrypted_cache_hides_the_tree(tmp_path: Path) -> None:
    path, tree = tmp_path / "cache", KeyTree.generate(SEED, VENUE, 0, 7)
    tree.save(path)
    plain = path.read_bytes()
    tree.save(path, "correct horse")
    assert plain[-32:] not in path.read_bytes()
    assert SEED.reveal() not in plain


def test_secrets_do_not_show() -> None:
    tree = KeyTree.generate(SEED, VENUE, 0, 1)
    assert repr(SEED) == "Seed(...)"
    assert repr(tree) == f"KeyTree(venue={VENUE}, first=0, log_size=1)"
    assert repr(tree.key(1)) == "BatchKey(position=1)"
    with pytest.raises(TypeError):
        pickle.dumps(SEED)
    with pytest.raises(ValueError, match=r"^seed: 32 bytes are needed, not 31$"):
        Seed(bytes(31))
