"""The statement's own proofs on chain, in production parameters: they fit transactions; false ones fail."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from eth_tester import EthereumTester, PyEVMBackend
from hexbytes import HexBytes
from web3 import EthereumTesterProvider, Web3

from commitments import _native
from contracts.verifier import CALLDATA_LIMIT, GAS_LIMIT, ProofRejectedOnChainError, StarkVerifier, WireProof
from proofs.statement.public import pack
from proofs.statement.witness.execute import execute
from proofs.verifier import ProofRejected, verify

from ..proofs.statement.proving import CONTEXT, HEIGHTS, key, prove
from ..proofs.statement.scenario import public_messages, random_epoch

pytestmark = pytest.mark.slow
ENVELOPE = 12 * 1024
"""Bytes of a transaction that are not query records."""


@dataclass(frozen=True, repr=False)
class Settlement:
    messages: list[tuple[int, tuple[int, ...]]]
    packed: bytes
    proof: WireProof


@pytest.fixture(scope="module")
def verifier() -> StarkVerifier:
    genesis = PyEVMBackend.generate_genesis_params({"gas_limit": 2 * GAS_LIMIT})
    w3 = Web3(EthereumTesterProvider(EthereumTester(PyEVMBackend(genesis_parameters=genesis))))
    deployed = StarkVerifier.deploy(w3, w3.eth.accounts[0])
    deployed.register_key(key(), w3.eth.accounts[0])
    return deployed


def _settle(forge: bool) -> Settlement:
    epoch = random_epoch(1)
    done = execute(epoch)
    _, traces = done.draft.traces(HEIGHTS)
    if forge:
        traces[0][0, 3] ^= 1
    messages = [(bus, tuple(fields)) for bus, fields in public_messages(epoch, done, done)]
    proof = WireProof.split(prove(traces), *_native.proof_lengths(key()))
    return Settlement(messages, pack(messages), proof)


def _send(verifier: StarkVerifier, name: str, *arguments: object) -> int:
    """Sends the call as a transaction within the limits of one; returns its gas."""
    w3 = verifier.w3
    data = HexBytes(verifier.contract.encode_abi(name, list(arguments)))
    assert len(data) <= CALLDATA_LIMIT
    sender = w3.eth.accounts[0]
    sent = w3.eth.send_transaction({"from": sender, "to": verifier.address, "data": data, "gas": GAS_LIMIT})
    receipt = w3.eth.wait_for_transaction_receipt(sent)
    assert receipt["status"] == 1
    return receipt["gasUsed"]


def test_a_settlement_is_verified_within_the_limits_of_transactions(verifier: StarkVerifier) -> None:
    settlement = _settle(forge=False)
    name = Web3.keccak(key())
    state = verifier.check_head(name, CONTEXT, settlement.packed, settlement.proof.head)
    gas = _send(verifier, "checkHead", name, CONTEXT, settlement.packed, settlement.proof.head)
    chunks = list(settlement.proof.chunks(CALLDATA_LIMIT - ENVELOPE))
    for first, records in chunks:
        gas += _send(verifier, "checkQueries", state, first, records)
    assert len(chunks) <= 3
    assert gas <= 15_000_000


def test_a_false_trace_is_refused_by_both_verifiers(verifier: StarkVerifier) -> None:
    settlement = _settle(forge=True)
    proof = settlement.proof
    with pytest.raises(ProofRejected) as in_python:
        verify(key(), CONTEXT, settlement.messages, proof.head + proof.queries)
    with pytest.raises(ProofRejectedOnChainError) as on_chain:
        verifier.verify(Web3.keccak(key()), CONTEXT, settlement.packed, proof, CALLDATA_LIMIT - ENVELOPE)
    assert on_chain.value.code == in_python.value.code
