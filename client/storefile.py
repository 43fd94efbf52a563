"""The file of a store: locked for one process, readable by its owner only, checked when it is opened."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
from pathlib import Path
from typing import Final

from .errors import StoreError

__all__ = ["lock_store", "open_store"]

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS commitments
    (batch INTEGER, sequence INTEGER, record BLOB NOT NULL, PRIMARY KEY (batch, sequence)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (batch INTEGER PRIMARY KEY, done INTEGER NOT NULL, record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS orders
    (name TEXT PRIMARY KEY, batch INTEGER NOT NULL, sequence INTEGER NOT NULL) WITHOUT ROWID;
"""


def lock_store(path: Path) -> int:
    """Keep other processes away; the descriptor that holds the lock.

    :raises StoreError: ``store_open``, ``store_locked``.
    """
    try:
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"cannot open the store {path}: {error.strerror}", code="store_open", field="store") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StoreError(
            f"another process uses the store {path}",
            code="store_locked",
            field="store",
            retryable=True,
            advice="one process per account; end the other one first",
        ) from None
    return lock


def open_store(path: Path) -> sqlite3.Connection:
    """Open or create the file.

    :raises StoreError: ``store_mode``, ``store_corrupt``.
    """
    created = not path.exists()
    if created:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise StoreError(
            f"the store {path} has mode {mode:o}",
            code="store_mode",
            field="store",
            advice=f"chmod 600 {path}",
        )
    database = sqlite3.connect(path, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA cache_size = -512")  # kilobytes: many accounts in one process, each reads little
        if database.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("quick_check failed")
        database.executescript("BEGIN;" + _TABLES + "COMMIT;")
    except sqlite3.DatabaseError:
        database.close()
        raise StoreError(
            f"{path} is not a store, or is damaged",
            field="store",
            advice="restore it from a copy; a commitment whose salt is lost cannot be revealed",
        ) from None
    return database
