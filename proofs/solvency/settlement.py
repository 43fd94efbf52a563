"""Proving a state's liabilities, and checking such a proof: keys, statement, witness, proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache

from eth_utils.crypto import keccak

from commitments.types import Digest

from .. import prover_api
from ..filler import DoesNotFit, Filler
from ..params import Tier
from ..prover_api import Trace
from ..serving import blind_again
from ..verifier import Verified, verify
from .buses import WALK_BUS
from .program import TIERS, solvency_program
from .public import Claim, Message, pack, proof_context, public_messages
from .witness import draft


@cache
def verification_key(tier: int) -> bytes:
    """The verification key of a tier of the solvency program."""
    chosen = TIERS[tier]
    return prover_api.setup(solvency_program().key_tape, chosen.log_heights, asdict(chosen.parameters))


@cache
def verification_key_hash(tier: int) -> bytes:
    """keccak256 of the tier's key: what the Solvency contract names."""
    return keccak(verification_key(tier))


@dataclass(frozen=True)
class Statement:
    """A claim as it is made to one contract on one chain."""

    chain_id: int
    contract: str
    claim: Claim
    tier: int

    @property
    def messages(self) -> list[Message]:
        return public_messages(self.claim)

    @property
    def context(self) -> bytes:
        """The 32 bytes with which the proof's transcript starts."""
        return proof_context(self.chain_id, self.contract, verification_key_hash(self.tier), pack(self.messages))


@dataclass(frozen=True)
class Witness:
    """A statement with the traces that prove it."""

    statement: Statement
    traces: tuple[Trace, ...] = field(repr=False)


def build_witness(leaves: Mapping[int, Digest], assets: int, chain_id: int, contract: str) -> Witness:
    """Count a state: ``leaves`` by index (zeros may be left out), ``assets`` how many the venue has.

    :raises StateError: the leaves are no state
    :raises DoesNotFit: no tier holds the state
    """
    claim, rows = draft(leaves, assets)
    tier, traces = smallest(rows)
    return Witness(Statement(chain_id, contract, claim, tier.index), tuple(traces))


def smallest(rows: Filler) -> tuple[Tier, list[Trace]]:
    """The traces in the first tier that holds them. Raises :class:`DoesNotFit`, of the last tier."""
    for tier in TIERS[:-1]:
        try:
            return tier, rows.traces(tier.log_heights)
        except DoesNotFit:
            continue
    return TIERS[-1], rows.traces(TIERS[-1].log_heights)


def prove(witness: Witness) -> bytes:
    """The wire proof. Checks nothing: false traces give a proof that no verifier accepts.

    Draws the blinding of the traces afresh, in place, so that a witness may be proven again.
    """
    blind_again(solvency_program(), witness.traces)
    return prover_api.prove(verification_key(witness.statement.tier), witness.statement.context, witness.traces)


def verify_statement(statement: Statement, proof: bytes) -> Verified:
    """Verify in Python. Raises :class:`proofs.verifier.ProofRejected`."""
    messages = [(WALK_BUS, message) for message in statement.messages]
    return verify(verification_key(statement.tier), statement.context, messages, proof)
