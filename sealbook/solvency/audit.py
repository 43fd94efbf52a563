"""Proving what a venue owes, and comparing it with what it holds: off chain, and by the Solvency contract."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from web3 import Web3

from commitments.types import Digest
from contracts.deploy import Token
from contracts.exchange import Exchange
from contracts.rpc import Endpoint, guarded
from contracts.solvency import Position, ProvenSolvency, SolvencyContract, deploy_solvency
from contracts.transactions import Mined, Sender
from contracts.verifier import StarkVerifier, WireProof
from proofs import prover_api
from proofs.filler import DoesNotFit
from proofs.solvency.buses import WALK_BUS
from proofs.solvency.program import TIERS
from proofs.solvency.public import Claim
from proofs.solvency.settlement import (
    Statement,
    build_witness,
    prove,
    verification_key,
    verification_key_hash,
    verify_statement,
)
from proofs.solvency.witness import StateError
from proofs.statement.public import encode_queue

from ..deployment import register_key
from ..errors import SolvencyError
from .state import SettledState, waiting_entries

__all__ = ["Proof", "Recorded", "demand_solvency", "deploy", "misstate", "prove_state", "record", "take_stock"]

Report = Callable[[str], None]
KIND_DEPOSIT = 2


@dataclass(frozen=True)
class Proof:
    """A proven and verified statement, and what it took in seconds."""

    statement: Statement
    proof: bytes
    witness_seconds: float
    prove_seconds: float
    verify_seconds: float


@dataclass(frozen=True)
class Recorded:
    """What the contract recorded, and the transactions that it took."""

    solvency: ProvenSolvency
    transactions: tuple[Mined, ...]


def prove_state(state: SettledState, root: Digest | None, chain_id: int, contract: str, report: Report) -> Proof:
    """Prove and verify the liabilities of a state.

    :param root: the root that the state must have, if one is known
    :param contract: the Solvency contract for which the proof is made
    :raises SolvencyError: the state has another root, is no state, or is larger than the largest tier
    :raises proofs.verifier.ProofRejected: the proof does not hold (a fault of the prover)
    """
    try:
        report("counting balances")
        start = time.perf_counter()
        witness = build_witness(state.leaves, state.assets, chain_id, contract)
        built = time.perf_counter()
    except StateError as error:
        raise SolvencyError(error.field, error.reason) from None
    except DoesNotFit as error:
        rows = 1 << TIERS[-1].log_heights[0]
        raise SolvencyError("state", f"{error.rows} rows to prove; the largest tier has {rows}") from None
    statement = witness.statement
    if root is not None and statement.claim.root != root:
        raise SolvencyError("root", f"the state has root {_hex(statement.claim.root)}, the contract {_hex(root)}")
    report(f"proving {state.accounts} accounts in tier {TIERS[statement.tier].name}")
    proof = prove(witness)
    proven = time.perf_counter()
    report("verifying")
    verify_statement(statement, proof)
    return Proof(statement, proof, built - start, proven - built, time.perf_counter() - proven)


def misstate(state: SettledState, chain_id: int, contract: str, liabilities: tuple[int, ...]) -> Proof:
    """A proof of a true state for false liabilities, made by the same prover: for showing that it is refused."""
    witness = build_witness(state.leaves, state.assets, chain_id, contract)
    false = replace(witness.statement, claim=Claim(witness.statement.claim.root, liabilities))
    return Proof(false, prove(replace(witness, statement=false)), 0.0, 0.0, 0.0)


def take_stock(exchange: Exchange, liabilities: tuple[int, ...]) -> tuple[Position, ...]:
    """The positions as the Solvency contract would compute them now, read from the chain."""
    pending = [0] * len(liabilities)
    for entry in waiting_entries(exchange):
        if entry.kind == KIND_DEPOSIT:
            pending[entry.asset] += entry.value[0]
    positions = []
    for asset, (config, owed) in enumerate(zip(exchange.assets(), liabilities, strict=True)):
        if config.token is None:
            balance = int(exchange.w3.eth.get_balance(exchange.address)) - exchange.registration_fees()
        else:
            balance = Token(exchange.w3, config.token).balance_of(exchange.address)
        positions.append(Position(owed, pending[asset], exchange.custody(asset), balance // config.unit))
    return tuple(positions)


def deploy(sender: Sender, exchange: Exchange, tiers: tuple[int, ...], report: Report) -> SolvencyContract:
    """Deploy a Solvency contract for an Exchange, with the keys of the tiers registered. Anybody may."""
    address = exchange.verifier()
    contract = StarkVerifier(sender.w3, Web3.to_checksum_address(address)).contract
    for tier in tiers:
        if contract.functions.keyParts(verification_key_hash(tier)).call():
            continue
        report(f"registering the key of tier {TIERS[tier].name}")
        register_key(sender, address, verification_key(tier))
    hashes = [verification_key_hash(tier) for tier in tiers]
    return deploy_solvency(sender, exchange.address, WALK_BUS, hashes)[0]


def record(sender: Sender, solvency: SolvencyContract, exchange: Exchange, proven: Proof) -> Recorded:
    """Send a proof to the contract.

    :raises contracts.errors.RevertedError: the contract refused, for instance ``StaleRoot`` after another settlement
    """
    vk = verification_key(proven.statement.tier)
    named = solvency.tiers()
    if verification_key_hash(proven.statement.tier) not in named:
        raise SolvencyError("solvency", f"the contract does not name the key of tier {proven.statement.tier}")
    claim = proven.statement.claim
    statement, mined = solvency.submit(
        sender,
        named.index(verification_key_hash(proven.statement.tier)),
        claim.root,
        claim.liabilities,
        encode_queue(waiting_entries(exchange)),
        WireProof.split(proven.proof, *prover_api.proof_lengths(vk)),
    )
    return Recorded(replace(statement, tier=proven.statement.tier), tuple(mined))


def demand_solvency(endpoint: Endpoint, address: str, exchange: Exchange) -> SolvencyContract:
    """The Solvency contract at ``address``. Raises :class:`SolvencyError` if it is none, or of another Exchange."""
    endpoint.demand_code(address)
    solvency = SolvencyContract(endpoint.w3, address)
    try:
        of = guarded(solvency.exchange)
    except Exception as error:
        raise SolvencyError("solvency", f"{address} is no Solvency contract ({type(error).__name__})") from None
    if of.lower() != exchange.address.lower():
        raise SolvencyError("solvency", f"{address} watches the Exchange at {of}")
    return solvency


def _hex(digest: Digest) -> str:
    return "0x" + b"".join(element.to_bytes(8, "big") for element in digest).hex()
