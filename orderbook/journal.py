"""The journal: every event in SQLite, on disk before anything that depends on it is acknowledged.

A record is chained to the one before it by a hash, so that a lost or altered record is found when the journal is read.
Secret events are encrypted (:mod:`orderbook.vault`); reveals are deleted once their epoch is settled, and leave their
place in the chain. A settled batch is kept apart, in one record. So a snapshot of the state may take the place of all
events before it, and the journal stays as long as what is in flight. One process at a time may hold a journal.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar

import msgspec

from .batch import Batch
from .errors import JournalError
from .events import SECRET, AnyEvent, EpochSettled, Event, RevealAccepted
from .snapshot import Snapshot
from .vault import Vault

T = TypeVar("T", Batch, Snapshot)

SCHEMA: Final = 3
"""Version of the tables and of the events in them."""

_TABLES: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE events (number INTEGER PRIMARY KEY, batch INTEGER, kind TEXT NOT NULL, payload BLOB,"
    " chain BLOB NOT NULL)",
    "CREATE INDEX events_by_batch ON events (kind, batch)",
    "CREATE TABLE batches (number INTEGER PRIMARY KEY, payload BLOB NOT NULL)",
    "CREATE TABLE snapshot (one INTEGER PRIMARY KEY CHECK (one = 0), number INTEGER NOT NULL, chain BLOB NOT NULL,"
    " payload BLOB NOT NULL)",
)
_START: Final = bytes(32)
_TRIM: Final = 2_000
"""Records before the snapshot that one write deletes: many writes share the work."""


class Journal:
    """An open journal. Not thread-safe: the caller serialises calls (any thread).

    ``identity`` names the venue (chain id, contract); a journal of another venue is refused.

    :raises JournalError: ``journal_locked``, ``journal_schema``, ``journal_foreign``, ``journal_corrupt``.
    """

    def __init__(self, path: Path, vault: Vault, identity: str) -> None:
        self._path = path
        self._vault = vault
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)
        try:
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.2)
            try:
                self._open(identity)
            except BaseException:
                self._database.close()
                raise
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise JournalError(f"{path} is in use by another node", code="journal_locked") from None
            raise JournalError(f"{path}: {error}", code="journal_corrupt") from None
        except sqlite3.DatabaseError as error:
            raise JournalError(f"{path}: {error}", code="journal_corrupt") from None
        self._lock = Lock()
        """The connection serves the writer's thread and readers of old batches."""
        self._snapshot_at = self._start()[0]
        self._next, self._chain = self._tail()
        self._oldest: int = self._database.execute("SELECT ifnull(min(number), 0) FROM events").fetchone()[0]

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def append(self, events: Sequence[Event], archive: Sequence[Batch] = (), snapshot: bytes | None = None) -> None:
        """Write events in order, all or none; on return they are on disk.

        ``archive``: batches that they settle, without reveals. ``snapshot``: the encoded state right after them.

        :raises JournalError: ``journal_write``: nothing of it was written; the node must stop.
        """
        number, chain = self._next, self._chain
        rows = []
        settled = []
        for event in events:
            kind = _kind(event)
            payload = self._encoder.encode(event)
            if isinstance(event, SECRET):
                payload = self._vault.seal(payload, _context(number, kind))
            chain = _link(chain, number, kind, payload)
            rows.append((number, getattr(event, "batch", None), kind, payload, chain))
            if isinstance(event, EpochSettled):
                settled.append((_kind(RevealAccepted), event.first, event.last))
            number += 1
        kept = [
            (batch.number, self._vault.seal(self._encoder.encode(batch), _archive_context(batch.number)))
            for batch in archive
        ]
        state = None if snapshot is None else self._vault.seal(snapshot, _snapshot_context(number, chain))
        with self._lock:
            self._write(rows, settled, kept, None if state is None else (number, chain, state))
        self._next, self._chain = number, chain
        if state is not None:
            self._snapshot_at = number

    def _write(
        self,
        rows: list[tuple[int, int | None, str, bytes, bytes]],
        settled: list[tuple[str, int, int]],
        kept: list[tuple[int, bytes]],
        snapshot: tuple[int, bytes, bytes] | None,
    ) -> None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)
                self._database.executemany(
                    "UPDATE events SET payload = NULL WHERE kind = ? AND batch BETWEEN ? AND ?", settled
                )
                self._database.executemany("INSERT OR REPLACE INTO batches VALUES (?, ?)", kept)
                if snapshot is not None:
                    self._database.execute("INSERT OR REPLACE INTO snapshot VALUES (0, ?, ?, ?)", snapshot)
                oldest = self._trimmed(self._snapshot_at if snapshot is None else snapshot[0])
                self._database.execute("COMMIT")
                self._oldest = oldest
            except sqlite3.Error:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise JournalError(f"cannot write {self._path}: {error}", code="journal_write") from None

    def _trimmed(self, before: int) -> int:
        """Delete some of the events that a snapshot made superfluous; the oldest number that may be left."""
        if self._oldest >= before:
            return self._oldest
        until = min(before, self._oldest + _TRIM)
        self._database.execute("DELETE FROM events WHERE number < ?", (until,))
        return until

    def snapshot(self) -> Snapshot | None:
        """The state from which :meth:`replay` goes on; None: the start.

        :raises JournalError: ``journal_key``, ``journal_corrupt``.
        """
        row = self._database.execute("SELECT number, chain, payload FROM snapshot").fetchone()
        if row is None:
            return None
        return self._unsealed(row[2], _snapshot_context(row[0], row[1]), Snapshot)

    def batch(self, number: int) -> Batch:
        """A settled batch. Any thread may ask.

        :raises JournalError: ``journal_corrupt`` if it is not there, ``journal_key``.
        """
        with self._lock:
            row = self._database.execute("SELECT payload FROM batches WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise JournalError(f"{self._path}: batch {number} is lost", code="journal_corrupt")
        return self._unsealed(row[0], _archive_context(number), Batch)

    def _unsealed(self, payload: bytes, context: bytes, kind: type[T]) -> T:
        try:
            return msgspec.msgpack.decode(self._vault.open(payload, context), type=kind)
        except msgspec.DecodeError as error:
            raise JournalError(f"{self._path}: {kind.__name__}: {error}", code="journal_corrupt") from None

    def replay(self) -> Iterator[AnyEvent]:
        """The events after the snapshot in order, but for deleted reveals.

        :raises JournalError: ``journal_corrupt`` at the first record that is not what was written, ``journal_key``.
        """
        expected, chain = self._start()
        deleted = self._settled_reveals()
        try:
            cursor = self._database.execute(
                "SELECT number, batch, kind, payload, chain FROM events WHERE number >= ? ORDER BY number", (expected,)
            )
            for number, batch, kind, payload, recorded in cursor:
                if number != expected:
                    raise JournalError(f"{self._path}: record {expected} is lost", code="journal_corrupt")
                expected += 1
                if payload is None:
                    if kind != _kind(RevealAccepted) or batch is None or batch > deleted:
                        raise JournalError(f"{self._path}: record {number} is lost", code="journal_corrupt")
                    chain = recorded
                    continue
                chain = _link(chain, number, kind, payload)
                if chain != recorded:
                    raise JournalError(f"{self._path}: record {number} was altered", code="journal_corrupt")
                yield self._decode(number, kind, payload)
        except sqlite3.DatabaseError as error:
            raise JournalError(f"{self._path}: {error}", code="journal_corrupt") from None
        if expected != self._next:
            raise JournalError(f"{self._path}: record {expected} is lost", code="journal_corrupt")

    def _decode(self, number: int, kind: str, payload: bytes) -> AnyEvent:
        if any(kind == _kind(secret) for secret in SECRET):
            payload = self._vault.open(payload, _context(number, kind))
        try:
            return self._decoder.decode(payload)
        except msgspec.DecodeError as error:
            raise JournalError(f"{self._path}: record {number}: {error}", code="journal_corrupt") from None

    def _open(self, identity: str) -> None:
        database = self._database
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA secure_delete = ON")
        if not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            database.execute("BEGIN IMMEDIATE")
            for table in _TABLES:
                database.execute(table)
            meta_rows = [("schema", str(SCHEMA)), ("identity", identity)]
            database.executemany("INSERT INTO meta VALUES (?, ?)", meta_rows)
            database.execute("COMMIT")
        problem = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise JournalError(f"{self._path}: {problem}", code="journal_corrupt")
        meta = dict(database.execute("SELECT key, value FROM meta"))
        if meta.get("schema") != str(SCHEMA):
            raise JournalError(
                f"{self._path} has schema {meta.get('schema')}, this node reads {SCHEMA}",
                code="journal_schema",
            )
        if meta.get("identity") != identity:
            raise JournalError(
                f"{self._path} belongs to {meta.get('identity')}, not to {identity}", code="journal_foreign"
            )
        # Takes the lock now, not at the first commitment.
        database.execute("BEGIN IMMEDIATE")
        database.execute("COMMIT")

    def _tail(self) -> tuple[int, bytes]:
        number, chain = self._start()
        row = self._database.execute("SELECT number, chain FROM events ORDER BY number DESC LIMIT 1").fetchone()
        return (number, chain) if row is None or row[0] < number else (row[0] + 1, row[1])

    def _start(self) -> tuple[int, bytes]:
        """Number of the first event that counts, and the chain before it."""
        row = self._database.execute("SELECT number, chain FROM snapshot").fetchone()
        return (0, _START) if row is None else (row[0], row[1])

    def _settled_reveals(self) -> int:
        """Last batch whose reveals may be deleted; -1 for none."""
        last = -1
        query = "SELECT number, kind, payload FROM events WHERE kind = ? ORDER BY number"
        for number, kind, payload in self._database.execute(query, (_kind(EpochSettled),)):
            event = self._decode(number, kind, payload)
            if isinstance(event, EpochSettled):
                last = event.last
        return last


def _kind(event: Event | type[Event]) -> str:
    tag = event.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def _context(number: int, kind: str) -> bytes:
    return number.to_bytes(8, "big") + kind.encode()


def _archive_context(number: int) -> bytes:
    return number.to_bytes(8, "big") + b"batch"


def _snapshot_context(number: int, chain: bytes) -> bytes:
    return number.to_bytes(8, "big") + b"snapshot" + chain


def _link(chain: bytes, number: int, kind: str, payload: bytes) -> bytes:
    head = chain + number.to_bytes(8, "big") + len(kind).to_bytes(1, "big") + kind.encode()
    return hashlib.blake2b(head + payload, digest_size=32).digest()
