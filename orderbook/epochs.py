"""Proofs of epochs: who makes them, and the files that keep them until they are settled."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Protocol

import msgspec

from .events import EpochProven
from .l1 import SettlementPackage
from .state import VenueState


class Prover(Protocol):
    """Makes the settlement package of an epoch of cleared batches."""

    async def prove(self, state: VenueState, first: int, last: int) -> tuple[SettlementPackage, float]:
        """The package, and the seconds that its proof took.

        :raises ProverError: no proof.
        """

    def stop(self) -> None:
        """End a proof that is being made."""


class EpochStore:
    """One file per proven epoch, written whole or not at all, until the settlement is final. Its SHA-256 is in the
    journal."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, package: SettlementPackage, seconds: float) -> EpochProven:
        """Write a package to disk; the event that says so."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{package.first:08}-{package.last:08}.settlement"
        data = msgspec.msgpack.encode(package)
        draft = self._folder / f"{name}.part"
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._folder / name)
        return EpochProven(
            first=package.first,
            last=package.last,
            tier=package.tier,
            file=name,
            digest=hashlib.sha256(data).digest(),
            proof_bytes=package.proof_bytes,
            seconds=seconds,
        )

    def load(self, proven: EpochProven) -> SettlementPackage | None:
        """The package of an epoch; None if its file is lost or not what was written."""
        try:
            data = (self._folder / proven.file).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data).digest() != proven.digest:
            return None
        return msgspec.msgpack.decode(data, type=SettlementPackage)

    def forget(self, settled: int) -> None:
        """Delete the files of epochs that are settled for good: of batches before number ``settled``.

        A settlement is known from final blocks alone, so no reorganisation makes the node send it again.
        """
        for file in self._folder.glob("*.settlement*"):
            last = file.name.partition("-")[2].partition(".")[0]
            if last.isdigit() and int(last) < settled:
                file.unlink(missing_ok=True)
