"""From a closed epoch to the bytes that settle it: witness, proof, public data. Runs in the prover's process."""

from __future__ import annotations

from dataclasses import dataclass, field

from commitments._native import ProofError
from proofs.params import TIERS
from proofs.statement.public import EpochContext, PublicData, decode, encode_queue
from proofs.statement.settlement import Statement, build_witness, prove, split_proof, verification_key_hash
from proofs.statement.witness.draft import EpochTooLarge
from proofs.statement.witness.inputs import EpochInput

from .errors import ConfigurationError, ProverError
from .l1 import SettlementPackage

MAX_OPENING_BYTES = 120_000
"""Public data, queue entries and head of a proof together, so that opening a settlement is one transaction."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the prover's process is given. Holds secrets: it never leaves the machine."""

    epoch: EpochInput = field(repr=False)
    known: EpochContext = field(repr=False)
    """What L1 knows of the same batches."""
    chain_id: int
    contract: str
    signatures: tuple[tuple[int, int, int, bytes], ...] = field(repr=False)
    """(batch index, account, client sequence, commit signature) of every leaf that is missing."""
    tiers: tuple[bytes, ...]
    """Hashes of the contract's verification keys."""
    proofs: str = "fast"
    """Profile of the proof parameters (:data:`proofs.params.PROFILES`)."""


def check_tiers(tiers: tuple[bytes, ...]) -> None:
    """Demand that the contract's verification keys are those of the program that this node proves.

    :raises ConfigurationError: ``wrong_program``.
    """
    for number, deployed in enumerate(tiers):
        if number >= len(TIERS) or verification_key_hash(number) != deployed:
            raise ConfigurationError(
                f"the contract was deployed for another program (tier {number} is {deployed.hex()[:16]}...)",
                code="wrong_program",
            )


def make_package(job: Job) -> SettlementPackage:
    """Execute the epoch, prove it, and put its settlement together.

    :raises ProverError: ``epoch_too_large`` (prove fewer batches together), ``wrong_program``, ``wrong_state``,
        ``prover_failed``.
    """
    try:
        # A contract that was deployed without the keys of a profile takes the fast one's.
        profile = job.proofs if len(job.tiers) == len(TIERS) else "fast"
        witness = build_witness(job.epoch, job.known, job.chain_id, job.contract, profile=profile)
    except EpochTooLarge as error:
        raise ProverError(str(error), code="epoch_too_large") from None
    statement, execution = witness.statement, witness.execution
    if execution.old_root != job.known.old_root:
        raise ProverError("the state before the epoch is not the settled one", code="wrong_state")
    if [b.root for b in job.known.batches] != execution.roots:
        raise ProverError("the leaves do not give the sealed roots", code="wrong_state")
    if statement.tier >= len(job.tiers) or job.tiers[statement.tier] != verification_key_hash(statement.tier):
        raise ProverError(f"the contract has another program in tier {statement.tier}", code="wrong_program")
    queue = encode_queue(entry for batch in job.known.batches for entry in batch.queue)
    try:
        head, records = split_proof(statement.tier, prove(witness))
    except ProofError as error:
        raise ProverError(": ".join(str(part) for part in error.args), code="prover_failed") from None
    if len(statement.public_data) + len(queue) + len(head) > MAX_OPENING_BYTES and len(job.known.batches) > 1:
        raise ProverError("the public data do not fit one transaction", code="epoch_too_large")
    data = _decoded(job, statement)
    return SettlementPackage(
        first=job.epoch.first_batch,
        last=job.epoch.first_batch + len(job.known.batches) - 1,
        tier=statement.tier,
        public_data=statement.public_data,
        queue_entries=queue,
        missing=missing_bytes(data),
        signatures=_signatures(job, data),
        head=head,
        queries=b"".join(records),
        query_count=len(records),
    )


def _decoded(job: Job, statement: Statement) -> PublicData:
    counts = [batch.count for batch in job.known.batches]
    return decode(statement.public_data, counts=counts, markets=len(job.known.markets), assets=job.known.assets)


def missing_bytes(data: PublicData) -> bytes:
    """The list of missing leaves as it stands in the public data, without its length."""
    return b"".join(
        bytes([m.batch])
        + m.account.to_bytes(3, "big")
        + b"".join(element.to_bytes(8, "big") for element in m.commitment)
        + bytes([m.charged])
        for m in data.missing
    )


def _signatures(job: Job, data: PublicData) -> bytes:
    """Client sequence, r, s, v of each charged missing leaf, in the order of the public data."""
    known = {(batch, account): (sequence, signature) for batch, account, sequence, signature in job.signatures}
    out = b""
    for leaf in data.missing:
        if leaf.charged:
            sequence, signature = known[(leaf.batch, leaf.account)]
            out += sequence.to_bytes(8, "big") + signature
    return out
