"""One verdict on chain too: a thousand valid, forged, mutated and truncated proofs through ``StarkVerifier``.

The keys are registered, as on a real chain, so keys and contexts do not change here. A proof whose records are not
whole never reaches the contract: cutting it into calls fails, which is the ``length`` verdict.
"""

from __future__ import annotations

from collections import Counter

import pytest
from eth_tester import EthereumTester, PyEVMBackend
from web3 import EthereumTesterProvider, Web3

from contracts.verifier import ProofLengthError, ProofRejectedOnChainError, StarkVerifier, WireProof
from proofs.verifier import Reason
from proofs.verifier.vk import parse_verification_key
from proofs.verifier.wire import head_length, query_length

from ..proofs import corpus
from ..proofs.corpus import ACCEPTED, Case, cases, in_python, natively
from ..proofs.plain_prover import PlainProver
from ..proofs.test_lies import HEIGHTS, SILENT, FalseOpening, LongMask, OtherWord, false_rows, subject
from ..proofs.verifier.test_native import CONTEXT

BLOCK_GAS = 100_000_000


@pytest.fixture(scope="module")
def verifier() -> StarkVerifier:
    genesis = PyEVMBackend.generate_genesis_params({"gas_limit": BLOCK_GAS})
    w3 = Web3(EthereumTesterProvider(EthereumTester(PyEVMBackend(genesis_parameters=genesis))))
    return StarkVerifier.deploy(w3, w3.eth.accounts[0])


def _on_chain(verifier: StarkVerifier, case: Case) -> str:
    key = parse_verification_key(case.vk)
    try:
        proof = WireProof.split(case.proof, head_length(key), query_length(key))
        verifier.verify(bytes(Web3.keccak(case.vk)), case.context, case.messages, proof, len(case.proof))
    except ProofLengthError:
        return "length"
    except ProofRejectedOnChainError as rejected:
        return rejected.code.removeprefix("proof_rejected.")
    return ACCEPTED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("originals", "count", "reached"),
    [
        (corpus.one_query, 700, {"length", "message", "element", "bus", "constraints", "merkle", "fri_merkle"}),
        (corpus.four_heights, 150, {"length", "element", "bus", "merkle"}),
        (corpus.worked_example, 150, {"length", "element", "batch_pow", "merkle", "fri_merkle"}),
    ],
    ids=["one query", "four heights", "worked example"],
)
def test_the_contract_gives_the_verdict_of_the_other_two(
    verifier: StarkVerifier, originals: object, count: int, reached: set[str]
) -> None:
    assert callable(originals)
    verifier.register_key(originals()[0].vk, verifier.w3.eth.accounts[0])
    counted: Counter[str] = Counter()
    for number, case in enumerate(cases(4, count, originals(), keys=False)):
        verdict = _on_chain(verifier, case)
        assert verdict == in_python(case) == natively(case), f"case {number}, {corpus.kept(case)}"
        counted[verdict] += 1
    assert counted.total() == count
    assert {ACCEPTED, *reached} <= set(counted)


def test_the_contract_finds_the_lies_of_a_plain_prover(verifier: StarkVerifier) -> None:
    honest = subject(*HEIGHTS)
    verifier.register_key(honest.vk, verifier.w3.eth.accounts[0])
    false = false_rows(honest, SILENT)
    for kind, traces, verdict in (
        (PlainProver, honest.traces, ACCEPTED),
        (PlainProver, false, Reason.CONSTRAINTS),
        (FalseOpening, false, Reason.FINAL_POLY),
        (OtherWord, false, Reason.FRI_MERKLE),
    ):
        proof = kind(honest.vk, CONTEXT, traces).prove()
        case = Case(kind.__name__, honest.vk, CONTEXT, corpus.pack(honest.messages), proof)
        assert _on_chain(verifier, case) == verdict, kind.__name__
    for coefficients, verdict in ((0, ACCEPTED), (1, Reason.FINAL_POLY)):
        prover = LongMask(honest.vk, CONTEXT, honest.traces, more=coefficients)
        case = Case("degree", honest.vk, CONTEXT, corpus.pack(honest.messages), prover.prove())
        assert _on_chain(verifier, case) == verdict
