"""From an executed epoch to what goes to L1: public data, messages, context, proof; and back, for verifiers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cache

from eth_utils.crypto import keccak

from commitments import _native

from ..layout import Layout, derived_columns
from ..params import TIERS, Tier, tiers_of
from ..serving import blinded_again
from ..verifier import Verified, verify
from .program import clearing_program
from .public import (
    EpochContext,
    Holding,
    MarketResult,
    Message,
    Missing,
    PublicData,
    encode,
    pack,
    proof_context,
    public_messages,
)
from .witness.execute import Execution, execute
from .witness.inputs import EpochInput
from .witness.rules import Rules


@cache
def verification_key(tier: int) -> bytes:
    """The verification key of a tier of the clearing program."""
    return _native.setup(clearing_program().key_tape, list(TIERS[tier].log_heights), asdict(TIERS[tier].parameters))


@cache
def verification_key_hash(tier: int) -> bytes:
    """keccak256 of the tier's key: the identity of the published algorithm."""
    return keccak(verification_key(tier))


@dataclass(frozen=True)
class Statement:
    """What one settlement claims: all bytes that the proof is bound to."""

    chain_id: int
    exchange: str
    public_data: bytes
    messages: tuple[Message, ...]
    tier: int

    @property
    def packed_messages(self) -> bytes:
        """The messages as the contract hands them to the verifier."""
        return pack(self.messages)

    @property
    def context(self) -> bytes:
        """The 32 bytes with which the proof's transcript starts."""
        key = verification_key_hash(self.tier)
        return proof_context(self.chain_id, self.exchange, key, self.public_data, self.packed_messages)


@dataclass(frozen=True)
class Witness:
    """A statement with the traces that prove it. The traces hold the orders: they never leave the prover."""

    statement: Statement
    layouts: tuple[Layout, ...] = field(repr=False)
    """The traces before they are written, which the prover does itself."""
    execution: Execution = field(repr=False)


def build_witness(
    epoch: EpochInput,
    known: EpochContext,
    chain_id: int,
    exchange: str,
    rules: Rules | None = None,
    profile: str = "fast",
) -> Witness:
    """Execute an epoch and lay out its traces. ``known``: what the chain knows of the same batches.

    ``profile`` is one of :data:`proofs.params.PROFILES`: whether to spare the prover or L1.

    Raises :class:`proofs.statement.witness.draft.EpochTooLarge` when no tier holds the epoch.
    """
    return assemble(execute(epoch, rules), epoch.first_batch, known, chain_id, exchange, profile)


def assemble(
    execution: Execution, first_batch: int, known: EpochContext, chain_id: int, exchange: str, profile: str = "fast"
) -> Witness:
    """The traces of an execution and the statement that they should prove."""
    tier, layouts = execution.draft.layouts(tiers=tiers_of(profile))
    assert tier is not None
    data = public_data(execution, first_batch, tier)
    statement = Statement(chain_id, exchange, encode(data), tuple(public_messages(data, known)), tier.index)
    return Witness(statement, tuple(layouts), execution)


def public_data(execution: Execution, first_batch: int, tier: Tier) -> PublicData:
    """What an execution publishes."""
    return PublicData(
        first_batch=first_batch,
        batches=len(execution.counts),
        tier=tier.index,
        new_root=execution.new_root,
        results=tuple(
            tuple(MarketResult(result.price, result.volume) for result in batch) for batch in execution.results if batch
        ),
        missing=tuple(Missing(m.batch, m.account, m.commitment, m.charged) for m in execution.missing),
        balances=tuple(Holding(*balance) for balance in execution.balances),
        withdrawals=tuple(Holding(*withdrawal) for withdrawal in execution.withdrawals),
    )


def prove(witness: Witness) -> bytes:
    """The wire proof. Checks nothing: false traces give a proof that no verifier accepts.

    Draws the blinding of the traces afresh, so that a witness may be proven again.
    """
    statement = witness.statement
    program = clearing_program()
    layouts = [layout.native for layout in blinded_again(program, witness.layouts)]
    derived = derived_columns(program.derived)
    return _native.prove_laid_out(verification_key(statement.tier), statement.context, program.tape, derived, layouts)


def verify_statement(statement: Statement, proof: bytes) -> Verified:
    """Verify a settlement's proof in Python. Raises :class:`proofs.verifier.ProofRejected`."""
    return verify(verification_key(statement.tier), statement.context, statement.messages, proof)


def split_proof(tier: int, proof: bytes) -> tuple[bytes, list[bytes]]:
    """Head and query records of a wire proof."""
    head, query = _native.proof_lengths(verification_key(tier))
    queries = [proof[start : start + query] for start in range(head, len(proof), query)]
    return proof[:head], queries
