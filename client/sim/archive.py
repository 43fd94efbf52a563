"""Settled batches of a simulation, in a file: a long back-test must not fill the memory with what is over."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import msgspec

from orderbook.batch import Batch

__all__ = ["Archive"]

_PACK: Final = msgspec.msgpack.Encoder()
_UNPACK: Final = msgspec.msgpack.Decoder(Batch)


class Archive:
    """A file without a name in ``folder``, gone with its last user. Batches come in order, from 0 on."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - open as long as the simulation
        self._ends: list[int] = []

    def add(self, batch: Batch) -> None:
        """Keep the next batch, which does not change any more."""
        assert batch.number == len(self._ends)
        self._file.seek(0, 2)
        self._file.write(_PACK.encode(batch))
        self._ends.append(self._file.tell())

    def fetch(self, number: int) -> Batch:
        """A batch that was added."""
        start = self._ends[number - 1] if number else 0
        self._file.seek(start)
        return _UNPACK.decode(self._file.read(self._ends[number] - start))

    def close(self) -> None:
        """Delete it."""
        self._file.close()
