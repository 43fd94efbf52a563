"""Proving and verifying, measured."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from commitments import _native
from commitments.venue import keccak256, venue_id
from proofs import prover_api
from proofs.params import TIERS
from proofs.statement.settlement import Statement, Witness, build_witness, prove, verification_key
from proofs.verifier import PublicMessage, verify

from .process import Report, peak_memory
from .workload import Work, Workload, build

__all__ = ["Figures", "Proven", "baseline", "beacons", "proof_job", "prove_job", "proven_epoch", "verify_job"]

Figures = dict[str, float | int | str]
T = TypeVar("T")

BASELINE_LOG_COUNT: Final = 20
BASELINE_REPEATS: Final = 3
NATIVE_REPEATS: Final = 5
CHAIN_ID: Final = 1
CONTRACT: Final = "0x" + "5e" * 20
"""Where no contract is measured, the proof is bound to this address."""
POLL_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Proven:
    """A proof with its statement and how long each part took, in seconds."""

    statement: Statement
    proof: bytes
    witness_seconds: float
    prove_seconds: float
    peak_memory_bytes: int


def baseline() -> float:
    """Seconds for 2^20 native Poseidon2 permutations in one thread with SIMD: the median of a few."""
    return statistics.median(_native.bench_permutations(BASELINE_LOG_COUNT) for _ in range(BASELINE_REPEATS))


def proof_job(report: Report, work: Work) -> Proven:
    """The proof of one epoch."""
    report("building the workload", None)
    workload = build(work, venue_id(CHAIN_ID, CONTRACT))
    return proven_epoch(report, workload, beacons(work), CHAIN_ID, CONTRACT)


def prove_job(report: Report, work: Work) -> Figures:
    """Witness building and proving of one epoch; the program's key is set up before, once per program."""
    proven = proof_job(report, work)
    report("measuring the baseline", None)
    base = baseline()
    seconds = proven.witness_seconds + proven.prove_seconds
    return {
        "seconds": seconds,
        "peak_memory_bytes": proven.peak_memory_bytes,
        "proof_bytes": len(proven.proof),
        "baseline_seconds": base,
        "ratio": seconds / base,
        "witness_seconds": proven.witness_seconds,
        "prove_seconds": proven.prove_seconds,
        "tier": TIERS[proven.statement.tier].name,
        "public_data_bytes": len(proven.statement.public_data),
        "public_messages": len(proven.statement.messages),
    }


def proven_epoch(report: Report, workload: Workload, beacons: list[bytes], chain_id: int, contract: str) -> Proven:
    """Build the witness and prove it, timed."""
    report("setting up the program's keys", None)
    for tier in TIERS:
        verification_key(tier.index)
    epoch, known = workload.epoch(beacons), workload.context(beacons)
    report("building the witness", None)
    start = time.perf_counter()
    witness: Witness = build_witness(epoch, known, chain_id, contract, profile=workload.work.proofs)
    middle = time.perf_counter()
    proof = _polled(report, lambda: prove(witness))
    end = time.perf_counter()
    return Proven(witness.statement, proof, middle - start, end - middle, peak_memory())


def verify_job(report: Report, statement: Statement, key: bytes, proof: bytes) -> Figures:
    """The Python and the native verifier on one proof, the key's parsing included.

    :raises proofs.verifier.ProofRejected: the proof does not hold
    """
    report("verifying in Python", None)
    start = time.perf_counter()
    messages = statement.messages
    verify(key, statement.context, messages, proof)
    seconds = time.perf_counter() - start
    peak = peak_memory()
    report("verifying natively", None)
    native = statistics.median(_native_seconds(key, statement.context, messages, proof) for _ in range(NATIVE_REPEATS))
    report("measuring the baseline", None)
    base = baseline()
    return {
        "seconds": seconds,
        "peak_memory_bytes": peak,
        "proof_bytes": len(proof),
        "baseline_seconds": base,
        "ratio": seconds / base,
        "native_seconds": native,
        "native_ratio": native / base,
        "tier": TIERS[statement.tier].name,
        "public_messages": len(statement.messages),
    }


def _native_seconds(key: bytes, context: bytes, messages: Sequence[PublicMessage], proof: bytes) -> float:
    start = time.perf_counter()
    prover_api.verify_native(key, context, messages, proof)
    return time.perf_counter() - start


def beacons(work: Work) -> list[bytes]:
    """A beacon for each batch, the same in every run."""
    return [keccak256(b"bench beacon" + bytes([k])) for k in range(work.batches)]


def _polled(report: Report, call: Callable[[], T]) -> T:
    """Run a proof while another thread passes on its progress."""
    done = threading.Event()

    def poll() -> None:
        while not done.wait(POLL_SECONDS):
            report("proving", prover_api.progress())

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        return call()
    finally:
        done.set()
        thread.join()
