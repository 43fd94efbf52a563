"""The journal: every event in SQLite, on disk before anything that depends on it is acknowledged.

A record is chained to the one before it by a hash, so that a lost or altered record is found when the journal is read.
Secret events are encrypted (:mod:`orderbook.vault`); reveals are deleted once their epoch is settled, and leave their
place in the chain. One process at a time may hold a journal.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from .errors import JournalError
from .events import SECRET, AnyEvent, EpochSettled, Event, RevealAccepted
from .vault import Vault

SCHEMA: Final = 1
"""Version of the tables and of the events in them."""

_TABLES: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE events (number INTEGER PRIMARY KEY, batch INTEGER, kind TEXT NOT NULL, payload BLOB,"
    " chain BLOB NOT NULL)",
    "CREATE INDEX events_by_batch ON events (kind, batch)",
)
_START: Final = bytes(32)


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
        self._next, self._chain = self._tail()

    def close(self) -> None:
        self._database.close()

    def append(self, events: Sequence[Event]) -> None:
        """Write events in order, all or none; on return they are on disk.

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
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)
                self._database.executemany(
                    "UPDATE events SET payload = NULL WHERE kind = ? AND batch BETWEEN ? AND ?", settled
                )
                self._database.execute("COMMIT")
            except sqlite3.Error:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise JournalError(f"cannot write {self._path}: {error}", code="journal_write") from None
        self._next, self._chain = number, chain

    def replay(self) -> Iterator[AnyEvent]:
        """All events in order, but for deleted reveals.

        :raises JournalError: ``journal_corrupt`` at the first record that is not what was written, ``journal_key``.
        """
        chain, expected = _START, 0
        deleted = self._settled_reveals()
        try:
            cursor = self._database.execute("SELECT number, batch, kind, payload, chain FROM events ORDER BY number")
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
        row = self._database.execute("SELECT number, chain FROM events ORDER BY number DESC LIMIT 1").fetchone()
        return (0, _START) if row is None else (row[0] + 1, row[1])

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


def _link(chain: bytes, number: int, kind: str, payload: bytes) -> bytes:
    head = chain + number.to_bytes(8, "big") + len(kind).to_bytes(1, "big") + kind.encode()
    return hashlib.blake2b(head + payload, digest_size=32).digest()
