"""Evidence of a broken promise: a file that anybody can check without the venue, and what such a file cannot show.

The file is JSON, versioned and strict. What it holds is the operator's own signed words and facts of L1. Signatures are
checked against the operator's address in the file; that this is the operator of that contract, and what the contract
holds, only L1 can tell: each finding names what is left to look up there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from commitments.bundle import commitment_leaf
from commitments.merkle import verify_path
from commitments.receipts import Domain, recover
from commitments.types import COMMITMENT_DEPTH, MAX_COUNT
from commitments.venue import keccak256
from orderbook.errors import WireError
from orderbook.wire import Account, Address, Amount, BatchNumber, Hex32, Sequence, Siblings, Signature, digest_of
from proofs.statement.public import PublicDataError, decode

from .errors import EvidenceError

__all__ = [
    "Acknowledged",
    "AnyEvidence",
    "DoubleReceipt",
    "Finding",
    "LeftOut",
    "Scene",
    "SignedReceipt",
    "Verdict",
    "WrongPath",
    "encode",
    "judge",
    "read",
]

VERSION: Final = 1
MAX_FILE_BYTES: Final = 4 * 2**20
_OPERATOR: Final = "that {operator} is the operator of contract {contract} on chain {chain_id}: ask the contract"
_SEALED: Final = "that the contract sealed batch {batch} with this root and count: look it up there"
_RECORDED: Final = "that the contract recorded these public data for epoch {epoch}: compare the hash"


class Scene(Struct, frozen=True, forbid_unknown_fields=True):
    """Where it happened: the venue, and who it concerns."""

    chain_id: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    contract: Address
    operator: Address
    batch: BatchNumber
    account: Account


class _Evidence(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    format: Literal["sealbook-evidence"] = "sealbook-evidence"
    version: Literal[1] = 1
    scene: Scene


class SignedReceipt(Struct, frozen=True, forbid_unknown_fields=True):
    """A receipt's commitment (zero: a cancel) and signature."""

    commitment: Hex32
    signature: Signature


class DoubleReceipt(_Evidence, frozen=True, tag="two_receipts"):
    """Two receipts with one sequence number, for different commitments."""

    sequence: Sequence
    receipts: tuple[SignedReceipt, SignedReceipt]


class Acknowledged(_Evidence, frozen=True, tag="acknowledged_but_missing"):
    """A signed acknowledgement of a reveal that the settlement lists as missing. ``counts``: leaves of the epoch's
    batches; ``markets`` and ``assets``: how many the contract has."""

    commitment: Hex32
    acknowledgement: Signature
    epoch: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    public_data: Annotated[str, Meta(pattern=r"^0x([0-9a-f]{2})*\Z", max_length=2**21)]
    public_data_hash: Hex32
    counts: Annotated[tuple[Annotated[int, Meta(ge=0, le=MAX_COUNT)], ...], Meta(min_length=1, max_length=16)]
    markets: Annotated[int, Meta(ge=1, le=16)]
    assets: Annotated[int, Meta(ge=1, le=14)]
    transaction: Hex32


class WrongPath(_Evidence, frozen=True, tag="wrong_path"):
    """A signed path of the own leaf that does not lead to the root on L1 (``sealed_root``, ``sealed_count``)."""

    commitment: Hex32
    root: Hex32
    count: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    index: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    siblings: Siblings
    signature: Signature
    sealed_root: Hex32
    sealed_count: Annotated[int, Meta(ge=0, le=MAX_COUNT)]
    seal_block: Amount


class LeftOut(_Evidence, frozen=True, tag="left_out"):
    """A receipt for a commitment that the sealed batch is said not to hold."""

    sequence: Sequence
    receipt: SignedReceipt
    sealed_root: Hex32
    sealed_count: Annotated[int, Meta(ge=0, le=MAX_COUNT)]


AnyEvidence: TypeAlias = DoubleReceipt | Acknowledged | WrongPath | LeftOut
Verdict: TypeAlias = Literal["proven", "not_shown", "refuted"]
"""``proven``: the promise is broken, given what is left to look up; ``not_shown``: bytes alone cannot tell;
``refuted``: this file shows no broken promise."""


class Finding(Struct, frozen=True):
    """The verdict: what the bytes show, what is wrong with them, and what only L1 can tell."""

    kind: str
    verdict: Verdict
    promise: str
    shown: tuple[str, ...]
    faults: tuple[str, ...]
    look_up: tuple[str, ...]


_DECODER: Final[msgspec.json.Decoder[AnyEvidence]] = msgspec.json.Decoder(AnyEvidence)


def encode(evidence: AnyEvidence) -> bytes:
    """The file's bytes."""
    return msgspec.json.format(msgspec.json.encode(evidence), indent=1) + b"\n"


def read(path: Path) -> AnyEvidence:
    """Read a file strictly.

    :raises EvidenceError: it cannot be read, or is no evidence; ``field`` names the place.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise EvidenceError(f"cannot read {path}: {error.strerror or error}", field="file") from None
    if len(data) > MAX_FILE_BYTES:
        raise EvidenceError(f"{path} is longer than {MAX_FILE_BYTES} bytes", field="file")
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        reason, _, place = str(error).partition(" - at `")
        named = re.search(r"field `([^`]+)`", reason)
        field = place.rstrip("`").removeprefix("$").removeprefix(".") or (named[1] if named else "file")
        raise EvidenceError(f"no evidence: {field}: {reason}", field=field) from None


def judge(evidence: AnyEvidence) -> Finding:
    """Check everything that the bytes can show. Never raises."""
    try:
        match evidence:
            case DoubleReceipt():
                return _double(evidence)
            case Acknowledged():
                return _acknowledged(evidence)
            case WrongPath():
                return _wrong_path(evidence)
            case LeftOut():
                return _left_out(evidence)
    except (WireError, PublicDataError) as error:
        return Finding(_kind(evidence), "refuted", "", (), (str(error),), ())


class _Case:
    """Collects what holds and what does not."""

    def __init__(self, evidence: AnyEvidence) -> None:
        self.evidence = evidence
        self.domain = Domain(evidence.scene.chain_id, evidence.scene.contract)
        self.shown: list[str] = []
        self.faults: list[str] = []
        self.look_up = [_OPERATOR.format(**msgspec.structs.asdict(evidence.scene))]

    def demand(self, holds: bool, shown: str, fault: str) -> None:
        (self.shown if holds else self.faults).append(shown if holds else fault)

    def signed(self, digest: bytes, signature: str, what: str) -> None:
        """The operator's signature."""
        signer = recover(digest, bytes.fromhex(signature[2:]))
        operator = self.evidence.scene.operator
        holds = signer is not None and signer.lower() == operator.lower()
        self.demand(holds, f"{what} is signed by {operator}", f"{what} is signed by {signer}, not by {operator}")

    def finding(self, promise: str, verdict: Verdict = "proven") -> Finding:
        ended: Verdict = "refuted" if self.faults else verdict
        return Finding(_kind(self.evidence), ended, promise, tuple(self.shown), tuple(self.faults), tuple(self.look_up))


def _kind(evidence: AnyEvidence) -> str:
    return str(evidence.__struct_config__.tag)


def _double(evidence: DoubleReceipt) -> Finding:
    case, scene = _Case(evidence), evidence.scene
    one, two = evidence.receipts
    for name, receipt in (("the first receipt", one), ("the second receipt", two)):
        committed = digest_of(receipt.commitment, "receipts.commitment")
        case.signed(
            case.domain.receipt(scene.batch, scene.account, evidence.sequence, committed), receipt.signature, name
        )
    case.demand(one.commitment != two.commitment, "they are for different commitments", "both are for one commitment")
    return case.finding("one receipt for each client sequence number of an account")


def _acknowledged(evidence: Acknowledged) -> Finding:
    case, scene = _Case(evidence), evidence.scene
    committed = digest_of(evidence.commitment, "commitment")
    digest = case.domain.acknowledgement(scene.batch, scene.account, committed)
    case.signed(digest, evidence.acknowledgement, "the acknowledgement of the reveal")
    data = bytes.fromhex(evidence.public_data[2:])
    same = keccak256(data).hex() == evidence.public_data_hash[2:]
    case.demand(same, "the public data have the hash given", "the public data do not have the hash given")
    public = decode(data, counts=evidence.counts, markets=evidence.markets, assets=evidence.assets)
    listed = any(
        (public.first_batch + leaf.batch, leaf.account, leaf.commitment) == (scene.batch, scene.account, committed)
        for leaf in public.missing
    )
    case.demand(
        listed,
        f"the public data list this commitment of account {scene.account} as missing in batch {scene.batch}",
        "the public data do not list this commitment as missing",
    )
    case.look_up.append(_RECORDED.format(epoch=evidence.epoch) + f" {evidence.public_data_hash}")
    return case.finding("a reveal that was acknowledged is not missing")


def _wrong_path(evidence: WrongPath) -> Finding:
    case, scene = _Case(evidence), evidence.scene
    committed, root = digest_of(evidence.commitment, "commitment"), digest_of(evidence.root, "root")
    siblings = tuple(digest_of(node, "siblings") for node in evidence.siblings)
    sealed = digest_of(evidence.sealed_root, "sealed_root")
    place = (scene.batch, scene.account, committed, root, evidence.count, evidence.index, siblings)
    case.signed(case.domain.path(*place), evidence.signature, "the path")
    leaf = commitment_leaf(case.domain.venue, scene.batch, scene.account, committed)

    def leads(to: tuple[int, int, int, int]) -> bool:
        within = evidence.index < min(evidence.count, evidence.sealed_count)
        return within and verify_path(to, leaf, evidence.index, siblings, COMMITMENT_DEPTH)

    if not leads(root):
        case.shown.append("it does not lead to the root that it names")
    elif evidence.root != evidence.sealed_root:
        case.shown.append("it leads to another root than the sealed one")
    elif evidence.count != evidence.sealed_count:
        case.shown.append("it counts other leaves than the seal")
    case.demand(
        not leads(sealed) or evidence.count != evidence.sealed_count,
        "it does not belong to the sealed batch",
        "the path leads to the sealed root",
    )
    case.look_up.append(_SEALED.format(batch=scene.batch) + f" (block {evidence.seal_block})")
    return case.finding("the path of a sealed leaf leads to the sealed root")


def _left_out(evidence: LeftOut) -> Finding:
    case, scene = _Case(evidence), evidence.scene
    committed = digest_of(evidence.receipt.commitment, "receipt.commitment")
    digest = case.domain.receipt(scene.batch, scene.account, evidence.sequence, committed)
    case.signed(digest, evidence.receipt.signature, "the receipt")
    case.demand(any(committed), "it is for a commitment, not for a cancel", "it is the receipt of a cancel")
    case.look_up += [
        _SEALED.format(batch=scene.batch),
        "that the sealed root does not hold this commitment: no bytes show an absence. The venue can answer with the "
        "leaf's path, or with a later message of the account (a replacement or a cancel)",
    ]
    return case.finding("a commitment with a receipt is in the batch", "not_shown")
