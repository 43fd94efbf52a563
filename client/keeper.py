"""Keeps evidence: notices when the operator's signed words contradict each other or L1, and writes the file."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from commitments.receipts import Domain, recover
from orderbook.errors import WireError
from orderbook.wire import Receipt, digest_of, hex_digest

from .chain import Chain, SealedBatch
from .checks import LeafPlace
from .evidence import Acknowledged, AnyEvidence, DoubleReceipt, LeftOut, Scene, SignedReceipt, WrongPath, encode, judge
from .records import BatchRecord, CommitmentRecord
from .store import Store
from .venue import Venue

__all__ = ["EvidenceKeeper"]

log = logging.getLogger("sealbook.evidence")


class EvidenceKeeper:
    """Writes into ``<store>.evidence/``, one file for each broken promise, made when the first is. Only what
    :func:`client.evidence.judge` does not refute is written."""

    def __init__(self, venue: Venue, account: int, chain: Chain, store: Store) -> None:
        self._venue = venue
        self._account = account
        self._chain = chain
        self._store = store
        self._domain = Domain(venue.chain_id, venue.contract)
        self.folder = store.path.with_name(store.path.name + ".evidence")

    @property
    def files(self) -> tuple[Path, ...]:
        """Evidence that was kept, also by earlier runs."""
        return tuple(sorted(self.folder.glob("*.json"))) if self.folder.is_dir() else ()

    def receipt(self, receipt: Receipt) -> None:
        """Look at a receipt, whether it is what was expected or not; one that contradicts another is evidence."""
        try:
            committed = digest_of(receipt.commitment, "commitment")
        except WireError:
            return
        digest = self._domain.receipt(receipt.batch, self._account, receipt.sequence, committed)
        signer = recover(digest, bytes.fromhex(receipt.signature[2:]))
        if receipt.account != self._account or signer is None or signer.lower() != self._venue.operator.lower():
            return
        seen = SignedReceipt(receipt.commitment, receipt.signature)
        sent = {m.sequence: m for m in self._store.commitments(receipt.batch)}.get(receipt.sequence)
        for other in (*self._strays(receipt.batch, receipt.sequence), *_own(sent)):
            if other.commitment != seen.commitment:
                scene = self._scene(receipt.batch)
                self._keep(DoubleReceipt(scene=scene, sequence=receipt.sequence, receipts=(other, seen)))
                return
        if sent is not None and hex_digest(sent.commitment) != receipt.commitment:
            self._remember(receipt.batch, receipt.sequence, seen)

    def path(self, place: LeafPlace, seal: SealedBatch) -> None:
        """A signed path that does not belong to the sealed batch."""
        self._keep(
            WrongPath(
                scene=self._scene(seal.number),
                commitment=hex_digest(place.commitment),
                root=hex_digest(place.root),
                count=place.count,
                index=place.index,
                siblings=tuple(hex_digest(node) for node in place.siblings),
                signature="0x" + place.signature.hex(),
                sealed_root=hex_digest(seal.root),
                sealed_count=seal.count,
                seal_block=seal.seal_block,
            )
        )

    def left_out(self, message: CommitmentRecord, seal: SealedBatch) -> None:
        """A commitment with a receipt of which the venue says that the sealed batch does not hold it."""
        self._keep(
            LeftOut(
                scene=self._scene(seal.number),
                sequence=message.sequence,
                receipt=SignedReceipt(hex_digest(message.commitment), "0x" + message.receipt.hex()),
                sealed_root=hex_digest(seal.root),
                sealed_count=seal.count,
            )
        )

    def missing(self, record: BatchRecord, message: CommitmentRecord, epoch: int) -> None:
        """An acknowledged reveal that the settlement of ``epoch`` lists as missing.

        :raises ChainError: the settlement cannot be read.
        """
        published = self._chain.published(epoch)
        self._keep(
            Acknowledged(
                scene=self._scene(record.batch),
                commitment=hex_digest(message.commitment),
                acknowledgement="0x" + record.acknowledgement.hex(),
                epoch=epoch,
                public_data="0x" + published.data.hex(),
                public_data_hash=published.hash,
                counts=published.counts,
                markets=len(self._venue.markets),
                assets=len(self._venue.assets),
                transaction=published.transaction,
            )
        )

    # ------------------------------------------------------------------------------------------ files

    def _scene(self, batch: int) -> Scene:
        venue = self._venue
        return Scene(venue.chain_id, venue.contract.lower(), venue.operator, batch, self._account)

    def _keep(self, evidence: AnyEvidence) -> None:
        finding = judge(evidence)
        if finding.verdict == "refuted":
            log.info("no evidence in batch %d: %s", evidence.scene.batch, "; ".join(finding.faults))
            return
        path = self.folder / f"{finding.kind}-{evidence.scene.batch}.json"
        if not path.exists():
            self._write(path, encode(evidence))
            log.error("the venue broke a promise in batch %d: %s", evidence.scene.batch, path)

    def _write(self, path: Path, data: bytes) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        draft = path.with_name(path.name + ".part")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)

    def _stray(self, batch: int, sequence: int) -> Path:
        return self.folder / f"receipt-{batch}-{sequence}"

    def _remember(self, batch: int, sequence: int, receipt: SignedReceipt) -> None:
        """Half of a contradiction: a receipt for what was never sent."""
        self._write(self._stray(batch, sequence), msgspec.json.encode(receipt))

    def _strays(self, batch: int, sequence: int) -> tuple[SignedReceipt, ...]:
        try:
            return (msgspec.json.decode(self._stray(batch, sequence).read_bytes(), type=SignedReceipt),)
        except (OSError, msgspec.DecodeError):
            return ()


def _own(message: CommitmentRecord | None) -> tuple[SignedReceipt, ...]:
    if message is None or not message.receipt:
        return ()
    return (SignedReceipt(hex_digest(message.commitment), "0x" + message.receipt.hex()),)
