"""The journal: what was written comes back, also after kill -9; what was altered or lost is found."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from orderbook.errors import JournalError
from orderbook.events import (
    ZERO,
    BatchCleared,
    BatchClosed,
    BatchOpened,
    CommitmentAccepted,
    EpochSettled,
    Event,
    OpenedEntry,
    RevealAccepted,
)
from orderbook.journal import Journal
from orderbook.vault import Vault

SECRET = (2**64 - 2**32, 0x5EC2E7, 3, 4)
EVENTS: list[Event] = [
    BatchOpened(0, 1.5),
    CommitmentAccepted(0, 2, 1, (1, 2, 3, 4), b"\1" * 65, b"\2" * 65),
    BatchClosed(0),
    RevealAccepted(0, 2, (OpenedEntry(2, 0, 5, 6),), (1, 2, 3), SECRET, 9, ((1, 1, 1, 1),) * 20, b"\3" * 65),
    BatchCleared(0, (), (), ((2, 1, 5),), ()),
]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.at(tmp_path / "journal.key", create=True)


def opened(tmp_path: Path, vault: Vault, identity: str = "1:0xaa") -> Journal:
    return Journal(tmp_path / "journal.sqlite3", vault, identity)


def written(tmp_path: Path, vault: Vault, events: list[Event] = EVENTS) -> None:
    journal = opened(tmp_path, vault)
    journal.append(events)
    journal.close()


def test_events_come_back_in_order(tmp_path: Path, vault: Vault) -> None:
    written(tmp_path, vault)
    journal = opened(tmp_path, vault)
    assert list(journal.replay()) == EVENTS
    journal.append([BatchOpened(1, 2.0)])
    assert list(journal.replay()) == [*EVENTS, BatchOpened(1, 2.0)]
    journal.close()


def test_secrets_are_encrypted_and_deleted_once_settled(tmp_path: Path, vault: Vault) -> None:
    written(tmp_path, vault)
    marker = (0x5EC2E7).to_bytes(3, "big")
    assert all(marker not in file.read_bytes() for file in tmp_path.iterdir())
    assert "5ec2e7" not in repr(EVENTS[3]).lower()
    journal = opened(tmp_path, vault)
    settled = EpochSettled(0, 0, ZERO, 9, (), 0)
    journal.append([settled])
    assert list(journal.replay()) == [*EVENTS[:3], EVENTS[4], settled]
    journal.close()
    journal = opened(tmp_path, vault)
    assert list(journal.replay()) == [*EVENTS[:3], EVENTS[4], settled]
    journal.close()


def test_what_was_appended_survives_kill(tmp_path: Path, vault: Vault) -> None:
    script = f"""
import os, signal, sys
from pathlib import Path
from orderbook.events import BatchOpened
from orderbook.journal import Journal
from orderbook.vault import Vault
folder = Path({str(tmp_path)!r})
journal = Journal(folder / "journal.sqlite3", Vault.at(folder / "journal.key", create=False), "1:0xaa")
for number in range(20):
    journal.append([BatchOpened(number, 0.0)])
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": os.getcwd()}, check=False)
    assert done.returncode == -signal.SIGKILL
    journal = opened(tmp_path, vault)
    assert list(journal.replay()) == [BatchOpened(number, 0.0) for number in range(20)]
    journal.close()


def altered(tmp_path: Path, statement: str, *values: object) -> None:
    database = sqlite3.connect(tmp_path / "journal.sqlite3")
    database.execute(statement, values)
    database.commit()
    database.close()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE events SET payload = X'80' WHERE number = 1", "record 1 was altered"),
        ("DELETE FROM events WHERE number = 1", "record 1 is lost"),
        ("UPDATE events SET payload = NULL WHERE number = 1", "record 1 is lost"),
        ("UPDATE events SET payload = NULL WHERE number = 3", "record 3 is lost"),
        ("UPDATE events SET kind = 'closed' WHERE number = 0", "record 0 was altered"),
    ],
)
def test_altered_and_lost_records_are_found(tmp_path: Path, vault: Vault, statement: str, message: str) -> None:
    written(tmp_path, vault)
    altered(tmp_path, statement)
    journal = opened(tmp_path, vault)
    with pytest.raises(JournalError, match=message) as caught:
        list(journal.replay())
    assert (caught.value.code, caught.value.retryable) == ("journal_corrupt", False)
    journal.close()


def test_a_damaged_file(tmp_path: Path, vault: Vault) -> None:
    (tmp_path / "journal.sqlite3").write_bytes(b"no database at all" * 1000)
    with pytest.raises(JournalError) as caught:
        opened(tmp_path, vault)
    assert caught.value.code == "journal_corrupt"


def test_another_venue_and_another_schema(tmp_path: Path, vault: Vault) -> None:
    written(tmp_path, vault)
    with pytest.raises(JournalError, match="belongs to 1:0xaa, not to 2:0xbb") as caught:
        opened(tmp_path, vault, "2:0xbb")
    assert caught.value.code == "journal_foreign"
    altered(tmp_path, "UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(JournalError, match="has schema 99, this node reads 3") as caught:
        opened(tmp_path, vault)
    assert caught.value.code == "journal_schema"


def test_two_nodes_cannot_share_a_journal(tmp_path: Path, vault: Vault) -> None:
    first = opened(tmp_path, vault)
    with pytest.raises(JournalError, match="in use by another node") as caught:
        opened(tmp_path, vault)
    assert caught.value.code == "journal_locked"
    first.close()


def test_a_lost_or_open_key_file(tmp_path: Path, vault: Vault) -> None:
    written(tmp_path, vault)
    with pytest.raises(JournalError) as caught:
        Vault.at(tmp_path / "other.key", create=False)
    assert caught.value.code == "journal_key"
    journal = Journal(tmp_path / "journal.sqlite3", Vault.at(tmp_path / "other.key", create=True), "1:0xaa")
    with pytest.raises(JournalError, match="does not open under the node's key"):
        list(journal.replay())
    journal.close()
    (tmp_path / "journal.key").chmod(0o644)
    with pytest.raises(JournalError, match="must be 600"):
        Vault.at(tmp_path / "journal.key", create=False)
