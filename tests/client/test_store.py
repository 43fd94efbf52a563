"""The store survives, and refuses what it cannot trust; the same for key files."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from client.errors import KeyFileError, StoreError
from client.keys import KeyRing, Keys
from client.store import BatchRecord, CommitmentRecord, Snapshot, Store
from orderbook.wire import Entry

RECORD = CommitmentRecord(
    batch=3, sequence=9, commitment=(1, 2, 3, 4), salt=(11, 12, 13), entries=(Entry(2, 0, 5, 6),), signature=b"s"
)


def test_what_was_saved_is_there_after_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "a.store"
    store = Store(path)
    store.bind(1, "0xAB", 2)
    assert [store.next_sequence(), store.next_sequence(7), store.next_sequence(3)] == [1, 8, 9]
    store.save_commitment(RECORD)
    store.save_batch(BatchRecord(batch=4, phase="settled"))
    store.save_snapshot(Snapshot(settled_batches=1, queue_settled=2, balances=((0, 5),)))
    store.add_key_tree(0, 20)
    store.add_key_tree(0, 20)
    store.add_key_tree(9, 20)
    store.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with Store(path) as again:
        again.bind(1, "0xab", 2)
        assert again.commitments(3) == (RECORD,)
        assert again.pending() == (BatchRecord(batch=3),)
        assert again.next_sequence() == 10
        assert again.snapshot() == Snapshot(settled_batches=1, queue_settled=2, balances=((0, 5),))
        assert again.key_trees() == ((0, 20), (9, 20))


def test_a_store_is_refused_for_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.store"
    with Store(path) as store:
        store.bind(1, "0xAB", 2)
        for other in ((2, "0xAB", 2), (1, "0xAC", 2), (1, "0xAB", 3)):
            with pytest.raises(StoreError) as foreign:
                store.bind(*other)
            assert foreign.value.code == "store_foreign"
        with pytest.raises(StoreError) as locked:
            Store(path)
        assert (locked.value.code, locked.value.retryable) == ("store_locked", True)
    path.chmod(0o644)
    with pytest.raises(StoreError) as open_:
        Store(path)
    assert open_.value.code == "store_mode"
    bad = tmp_path / "b.store"
    bad.write_bytes(b"not a database, and longer than a header" * 100)
    bad.chmod(0o600)
    with pytest.raises(StoreError) as corrupt:
        Store(bad)
    assert corrupt.value.code == "store_corrupt"


def test_old_batches_are_forgotten_once_they_are_at_their_end(tmp_path: Path) -> None:
    with Store(tmp_path / "a.store") as store:
        for batch in range(6):
            store.save_commitment(
                CommitmentRecord(
                    batch=batch,
                    sequence=batch + 1,
                    commitment=(1, 2, 3, 4),
                    salt=(11, 12, 13),
                    entries=(Entry(2, 0, 5, 6),),
                    signature=b"s",
                    names=(f"order {batch}",),
                )
            )
            store.save_batch(BatchRecord(batch=batch, phase="sealed" if batch == 2 else "settled"))
        store.prune(4)
        assert [record.batch for record in store.records()] == [2, 4, 5]
        assert [record.batch for record in store.records(3, 1)] == [4]
        assert [bool(store.commitments(batch)) for batch in range(6)] == [False, False, True, False, True, True]
        assert [store.order(f"order {batch}") is not None for batch in (1, 2, 4)] == [False, True, True]


def test_records_do_not_show_their_secrets(tmp_path: Path) -> None:
    assert repr(RECORD) == "CommitmentRecord(batch=3, sequence=9, status='sent')"


def test_key_files(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = Keys.create(path)
    again = Keys.load(path)
    assert (again.seed.reveal(), again.commit_key.address) == (keys.seed.reveal(), keys.commit_key.address)
    assert keys.seed.reveal().hex() not in repr(keys)
    with pytest.raises(KeyFileError) as exists:
        Keys.create(path)
    assert exists.value.code == "key_file_exists"
    path.chmod(0o640)
    with pytest.raises(KeyFileError) as mode:
        Keys.load(path)
    assert mode.value.code == "key_file_mode"
    path.chmod(0o600)
    for text in ("", "{}", path.read_text().replace('"version":1', '"version":2'), path.read_text()[:-4] + '"}'):
        path.write_text(text)
        with pytest.raises(KeyFileError) as damaged:
            Keys.load(path)
        assert damaged.value.code == "key_file_damaged"
    for seed, commit_key, field in ((b"1", b"1" * 32, "seed"), (b"1" * 32, b"\0" * 32, "commit_key")):
        with pytest.raises(KeyFileError) as bad:
            Keys(seed, commit_key)
        assert bad.value.field == field


def test_key_trees_are_cached_and_made_again(tmp_path: Path) -> None:
    keys = Keys.generate()
    ring = KeyRing(keys, 5, tmp_path, "a")
    tree = ring.open(8, 4)
    cache = tmp_path / "a.8.keys"
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    seen: list[float] = []
    assert KeyRing(keys, 5, tmp_path, "a").open(8, 4, seen.append).root == tree.root
    assert seen == []
    damaged = bytearray(cache.read_bytes())
    damaged[-1] ^= 1
    cache.write_bytes(damaged)
    assert KeyRing(keys, 5, tmp_path, "a").open(8, 4).root == tree.root
    assert ring.key(tree.root, 9).secret == ring.secret(9)
    with pytest.raises(KeyFileError) as unknown:
        ring.key((1, 1, 1, 1), 9)
    assert unknown.value.code == "key_root_unknown"
    with pytest.raises(KeyFileError) as beyond:
        ring.secret(24)
    assert beyond.value.code == "key_range"
