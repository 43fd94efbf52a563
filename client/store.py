"""The durable store of one account: what must survive a crash, in one SQLite file readable by its owner only.

Every commitment is written here, with its salt and entries, before it is sent: without them a sealed
commitment could not be opened, and would cost the miss fee. Receipts and acknowledgements are kept as
evidence. One-time secrets are not stored; they follow from the seed. A lock file keeps a second process away
from the same account.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from orderbook.wire import Result

from .errors import StoreError
from .records import BatchRecord, CommitmentRecord, Phase, Snapshot
from .storefile import lock_store, open_store

__all__ = ["BatchRecord", "CommitmentRecord", "Phase", "Snapshot", "Store"]

SCHEMA: Final = 1
_T = TypeVar("_T")


class _Identity(Struct, frozen=True, forbid_unknown_fields=True):
    schema: int
    chain_id: int
    contract: str
    account: int


class Store:
    """Opens or creates the file; raises :class:`StoreError` for one that is locked, too open, corrupt or
    foreign.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = lock_store(path)
        try:
            self._database = open_store(path)
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let other processes in."""
        self._database.close()
        os.close(self._lock)

    def bind(self, chain_id: int, contract: str, account: int) -> None:
        """Tie a new store to an account, or check that an old one belongs to it.

        :raises StoreError: ``store_foreign``.
        """
        identity = _Identity(SCHEMA, chain_id, contract.lower(), account)
        stored = self._get("identity", _Identity)
        if stored is None:
            with self._writing():
                self._put("identity", identity)
        elif stored != identity:
            raise StoreError(
                f"the store {self.path} belongs to account {stored.account} of {stored.contract} on chain "
                f"{stored.chain_id}",
                code="store_foreign",
                field="store",
                advice="give every account its own store",
            )

    # ------------------------------------------------------------------------------------------ commitments

    def next_sequence(self, floor: int = 0) -> int:
        """A client sequence number above all earlier ones and above ``floor``; never given twice."""
        with self._writing():
            value = max(self.last_sequence, floor) + 1
            self._put("sequence", value)
        return value

    @property
    def last_sequence(self) -> int:
        """The highest client sequence number that was given: of this store the venue can hold no higher one."""
        return self._get("sequence", int) or 0

    def save_commitment(self, record: CommitmentRecord) -> None:
        """Insert or update a message; on disk when this returns."""
        with self._writing():
            self._database.execute(
                "INSERT OR REPLACE INTO commitments VALUES (?, ?, ?)",
                (record.batch, record.sequence, msgspec.msgpack.encode(record)),
            )
            if record.status == "sent":
                self._database.executemany(
                    "INSERT OR REPLACE INTO orders VALUES (?, ?, ?)",
                    [(name, record.batch, record.sequence) for name in record.names],
                )
            if self.batch(record.batch) is None:
                self._save_batch(BatchRecord(batch=record.batch))

    def commitments(self, batch: int) -> tuple[CommitmentRecord, ...]:
        """All messages for a batch, in the order of their sequence numbers."""
        rows = self._rows("SELECT record FROM commitments WHERE batch = ? ORDER BY sequence", (batch,))
        return tuple(_decode(row[0], CommitmentRecord, self.path) for row in rows)

    def order(self, name: str) -> CommitmentRecord | None:
        """The message that last carried the order with this client order id."""
        rows = self._rows("SELECT record FROM orders JOIN commitments USING (batch, sequence) WHERE name = ?", (name,))
        return _decode(rows[0][0], CommitmentRecord, self.path) if rows else None

    # ------------------------------------------------------------------------------------------ batches

    def save_batch(self, record: BatchRecord) -> None:
        """Insert or update what is known of a batch; on disk when this returns."""
        with self._writing():
            self._save_batch(record)

    def batch(self, batch: int) -> BatchRecord | None:
        """What is known of a batch."""
        rows = self._rows("SELECT record FROM batches WHERE batch = ?", (batch,))
        return _decode(rows[0][0], BatchRecord, self.path) if rows else None

    def pending(self) -> tuple[BatchRecord, ...]:
        """Batches that are not at their end, oldest first."""
        rows = self._rows("SELECT record FROM batches WHERE done = 0 ORDER BY batch")
        return tuple(_decode(row[0], BatchRecord, self.path) for row in rows)

    def records(self, first: int = 0, most: int = -1) -> tuple[BatchRecord, ...]:
        """Batches in which the account committed, oldest first: all, or ``most`` of them from number ``first`` on."""
        rows = self._rows("SELECT record FROM batches WHERE batch >= ? ORDER BY batch LIMIT ?", (first, most))
        return tuple(_decode(row[0], BatchRecord, self.path) for row in rows)

    def results(self, first: int, end: int) -> tuple[Result, ...]:
        """Own results of the batches from ``first`` up to, not with, ``end``."""
        rows = self._rows("SELECT record FROM batches WHERE batch >= ? AND batch < ? ORDER BY batch", (first, end))
        records = [_decode(row[0], BatchRecord, self.path) for row in rows]
        return tuple(record.result for record in records if record.result is not None)

    def prune(self, before: int) -> None:
        """Forget batches with a number below ``before`` that are at their end, with their orders and receipts."""
        with self._writing():
            self._database.execute("DELETE FROM batches WHERE done = 1 AND batch < ?", (before,))
            for table in ("commitments", "orders"):
                self._database.execute(
                    f"DELETE FROM {table} WHERE batch < ? AND batch NOT IN (SELECT batch FROM batches)", (before,)
                )

    def _save_batch(self, record: BatchRecord) -> None:
        done = record.phase in ("settled", "void")
        self._database.execute(
            "INSERT OR REPLACE INTO batches VALUES (?, ?, ?)",
            (record.batch, done, msgspec.msgpack.encode(record)),
        )

    # ------------------------------------------------------------------------------------------ balances, keys

    def snapshot(self) -> Snapshot | None:
        """The balances proven last."""
        return self._get("snapshot", Snapshot)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Replace the balances proven last."""
        with self._writing():
            self._put("snapshot", snapshot)

    def key_trees(self) -> tuple[tuple[int, int], ...]:
        """(first batch, log2 of size) of every key tree that was registered or is about to be, oldest first."""
        return self._get("key_trees", tuple[tuple[int, int], ...]) or ()

    def add_key_tree(self, first: int, log_size: int) -> None:
        """Note a key tree before its root is sent to L1."""
        with self._writing():
            self._put("key_trees", tuple(dict.fromkeys((*self.key_trees(), (first, log_size)))))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, on disk at the end.

        :raises StoreError: ``store_write``: the disk is full, or refuses.
        """
        try:
            with self._database:
                yield
        except sqlite3.Error as error:
            raise StoreError(
                f"cannot write {self.path}: {error}",
                code="store_write",
                field="store",
                advice="make room on the disk; nothing is sent before it is stored",
            ) from None

    def _rows(self, query: str, parameters: tuple[object, ...] = ()) -> list[tuple[bytes]]:
        try:
            return self._database.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"cannot read {self.path}: {error}", code="store_read", field="store") from None

    def _get(self, name: str, kind: type[_T]) -> _T | None:
        rows = self._rows("SELECT value FROM meta WHERE name = ?", (name,))
        return _decode(rows[0][0], kind, self.path) if rows else None

    def _put(self, name: str, value: object) -> None:
        self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, msgspec.msgpack.encode(value)))


def _decode(data: bytes, kind: type[_T], path: Path) -> _T:
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.DecodeError:
        raise StoreError(f"the store {path} holds a record that is no {kind.__name__}", field="store") from None
