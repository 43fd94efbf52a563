"""From a closed epoch to the bytes that settle it: witness, proof, public data. Runs in the prover's process."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache

from eth_utils.crypto import keccak

from commitments.hashing import empty_roots
from commitments.types import COMMITMENT_DEPTH
from proofs import prover_api
from proofs.params import PROOF, TIERS
from proofs.statement import public
from proofs.statement.program import clearing_program
from proofs.statement.witness.draft import EpochTooLarge
from proofs.statement.witness.execute import Execution, execute
from proofs.statement.witness.inputs import EpochInput

from .errors import ProverError
from .l1 import SettlementPackage

MAX_OPENING_BYTES = 120_000
"""Public data, queue entries and head of a proof together, so that opening a settlement is one transaction."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the prover's process is given. Holds secrets: it never leaves the machine."""

    epoch: EpochInput
    chain_id: int
    contract: str
    assets: int
    beacons: tuple[bytes, ...]
    """By batch; 32 zero bytes for a batch without leaves."""
    signatures: tuple[tuple[int, int, int, bytes], ...]
    """(batch index, account, client sequence, commit signature) of every leaf that is missing."""
    tiers: tuple[bytes, ...]
    """Hashes of the contract's verification keys."""
    old_root: tuple[int, int, int, int]

    def __repr__(self) -> str:
        return f"Job(first_batch={self.epoch.first_batch})"


@lru_cache(maxsize=len(TIERS))
def verification_key(tier: int) -> bytes:
    """The verification key of a tier."""
    return prover_api.setup(clearing_program().tape, TIERS[tier].log_heights, asdict(PROOF))


def make_package(job: Job) -> SettlementPackage:
    """Execute the epoch, prove it, and put its settlement together.

    :raises ProverError: ``epoch_too_large`` (prove fewer batches together), ``wrong_program``, ``prover_failed``.
    """
    execution = execute(job.epoch)
    if execution.old_root != job.old_root:
        raise ProverError("the state before the epoch is not the one that L1 holds", code="wrong_state")
    try:
        tier, traces = execution.draft.traces()
    except EpochTooLarge as error:
        raise ProverError(str(error), code="epoch_too_large") from None
    assert tier is not None
    key = verification_key(tier.index)
    key_hash = keccak(key)
    if tier.index >= len(job.tiers) or job.tiers[tier.index] != key_hash:
        raise ProverError(
            f"the contract was not deployed for this program (tier {tier.name})", code="wrong_program"
        )
    data = public_data(job, execution, tier.index)
    public_bytes = public.encode(data)
    messages = public.public_messages(data, context(job, execution))
    queue = [entry for batch in context(job, execution).batches for entry in batch.queue]
    queue_bytes = public.encode_queue(queue)
    head_length, record_length = prover_api.proof_lengths(key)
    if len(public_bytes) + len(queue_bytes) + head_length > MAX_OPENING_BYTES and len(job.epoch.batches) > 1:
        raise ProverError("the public data do not fit one transaction", code="epoch_too_large")
    bound = public.proof_context(job.chain_id, job.contract, key_hash, public_bytes, public.pack(messages))
    try:
        proof = prover_api.prove(key, bound, traces)
    except prover_api.ProverError as error:
        raise ProverError(str(error), code="prover_failed") from None
    queries = proof[head_length:]
    return SettlementPackage(
        first=job.epoch.first_batch,
        last=job.epoch.first_batch + len(job.epoch.batches) - 1,
        tier=tier.index,
        public_data=public_bytes,
        queue_entries=queue_bytes,
        missing=missing_bytes(data),
        signatures=_signatures(job, data),
        head=proof[:head_length],
        queries=queries,
        query_count=len(queries) // record_length,
    )


def public_data(job: Job, execution: Execution, tier: int) -> public.PublicData:
    """What the settlement publishes."""
    return public.PublicData(
        first_batch=job.epoch.first_batch,
        batches=len(job.epoch.batches),
        tier=tier,
        new_root=execution.new_root,
        results=tuple(
            tuple(public.MarketResult(r.price, r.volume) for r in row) for row in execution.results if row
        ),
        missing=tuple(
            public.Missing(m.batch, m.account, m.commitment, m.charged)
            for m in sorted(execution.missing, key=lambda m: (m.batch, m.account))
        ),
        balances=tuple(public.Holding(*balance) for balance in sorted(execution.balances)),
        withdrawals=tuple(public.Holding(*withdrawal) for withdrawal in sorted(execution.withdrawals)),
    )


def context(job: Job, execution: Execution) -> public.EpochContext:
    """What L1 knows of the epoch."""
    parameters = job.epoch.parameters
    return public.EpochContext(
        venue=parameters.venue,
        miss_fee=parameters.miss_fee,
        fee_asset=parameters.fee_asset,
        assets=job.assets,
        empty_root=empty_roots(COMMITMENT_DEPTH)[COMMITMENT_DEPTH],
        old_root=job.old_root,
        markets=tuple(
            public.MarketContext(m.base, m.quote, m.lower, m.upper, m.fee_ppm, reference)
            for m, reference in zip(parameters.markets, job.epoch.references, strict=True)
        ),
        batches=tuple(
            public.BatchContext(
                root=root,
                count=count,
                queue=tuple(public.QueueEntry(int(e.kind), e.account, e.asset, e.value) for e in batch.queue),
                beacon=beacon,
            )
            for root, count, batch, beacon in zip(
                execution.roots, execution.counts, job.epoch.batches, job.beacons, strict=True
            )
        ),
    )


def missing_bytes(data: public.PublicData) -> bytes:
    """The list of missing leaves as it stands in the public data, without its length."""
    return b"".join(
        bytes([m.batch])
        + m.account.to_bytes(3, "big")
        + b"".join(element.to_bytes(8, "big") for element in m.commitment)
        + bytes([m.charged])
        for m in data.missing
    )


def _signatures(job: Job, data: public.PublicData) -> bytes:
    """Client sequence, r, s, v of each charged missing leaf, in the order of the public data."""
    known = {
        (batch, account): (sequence, signature) for batch, account, sequence, signature in job.signatures
    }
    out = b""
    for leaf in data.missing:
        if leaf.charged:
            sequence, signature = known[(leaf.batch, leaf.account)]
            out += sequence.to_bytes(8, "big") + signature
    return out
