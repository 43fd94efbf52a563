"""``StarkVerifier`` on the embedded chain: the worked example, mutations of every region, each exact reason.

The Python verifier, written from the same page by other hands, is the oracle: both must give one verdict.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from web3 import EthereumTesterProvider, Web3

from contracts.verifier import (
    CODE_LIMIT,
    PART_SIZE,
    ProofLengthError,
    ProofRejectedOnChainError,
    StarkVerifier,
    WireProof,
    data_contract,
    error_names,
    key_parts,
    revert_data,
)
from proofs.verifier import ProofRejected, unpack_messages, verify
from proofs.verifier.field import P, generator_of_order
from proofs.verifier.vk import parse_verification_key

from ..proofs.corpus import ILL_FORMED_RUNS, pack_runs
from ..proofs.verifier.regions import Region, regions

VECTOR = Path(__file__).parents[1] / "proofs" / "vectors" / "tiny.json"
BLOCK_GAS = 100_000_000
TINY = json.loads(VECTOR.read_text())
TABLES = 2
DRAWN = 128 + 8 * (TABLES + 1)
"""Where the challenges of the example's state begin: behind the shapes of the tables and of the mask."""
REGIONS = [
    region  # the records are alike: of the last ones the rows are enough
    for region in regions(parse_verification_key(bytes.fromhex(TINY["vk"])))
    if not region.name.startswith(("query 1", "query 2", "query 3")) or "query 3 main rows" in region.name
]


@dataclass(frozen=True, repr=False)
class Case:
    """What a verification is run on."""

    vk: bytes
    context: bytes
    messages: bytes
    proof: bytes


@pytest.fixture(scope="module")
def verifier() -> StarkVerifier:
    genesis = PyEVMBackend.generate_genesis_params({"gas_limit": BLOCK_GAS})
    w3 = Web3(EthereumTesterProvider(EthereumTester(PyEVMBackend(genesis_parameters=genesis))))
    deployed = StarkVerifier.deploy(w3, w3.eth.accounts[0])
    deployed.register_key(bytes.fromhex(TINY["vk"]), w3.eth.accounts[0])
    return deployed


@pytest.fixture(scope="module")
def tiny() -> Case:
    return Case(*(bytes.fromhex(TINY[name]) for name in ("vk", "context", "messages", "proof")))


@pytest.fixture(scope="module")
def state(verifier: StarkVerifier, tiny: Case) -> bytes:
    return verifier.check_head(Web3.keccak(tiny.vk), tiny.context, tiny.messages, _parts(tiny).head)


def _parts(case: Case) -> WireProof:
    return WireProof.split(case.proof, TINY["head_length"], TINY["record_length"])


def _on_chain(verifier: StarkVerifier, case: Case) -> str:
    """The verdict: ``accepted`` or the reason."""
    head, queries = case.proof[: TINY["head_length"]], case.proof[TINY["head_length"] :]
    try:
        state = verifier.check_head(Web3.keccak(case.vk), case.context, case.messages, head)
        assert verifier.check_queries(state, 0, queries) == 4
    except ProofRejectedOnChainError as rejected:
        return rejected.code.removeprefix("proof_rejected.")
    return "accepted"


def _in_python(case: Case) -> str:
    try:
        verify(case.vk, case.context, unpack_messages(case.vk, case.messages), case.proof)
    except ProofRejected as rejected:
        return rejected.reason.value
    return "accepted"


def _error(verifier: StarkVerifier, state: bytes, first: int, queries: bytes) -> str:
    with pytest.raises(ProofRejectedOnChainError) as rejected:
        verifier.check_queries(state, first, queries)
    return rejected.value.error


def _flip(data: bytes, position: int, bits: int = 1) -> bytes:
    return data[:position] + bytes([data[position] ^ bits]) + data[position + 1 :]


def _put(data: bytes, position: int, value: bytes) -> bytes:
    return data[:position] + value + data[position + len(value) :]


def _ef(pair: list[int]) -> bytes:
    """An extension element as a state holds it."""
    return pair[1].to_bytes(8, "big") + pair[0].to_bytes(8, "big")


def test_the_example_is_accepted_however_the_records_are_grouped(
    verifier: StarkVerifier, tiny: Case, state: bytes
) -> None:
    parts = _parts(tiny)
    for records in (1, 2, 3, 4):
        checked = [
            (first, verifier.check_queries(state, first, chunk))
            for first, chunk in parts.chunks(records * parts.record_length)
        ]
        assert sum(count for _, count in checked) == parts.query_count == 4
    room = 2 * parts.record_length
    assert verifier.verify(Web3.keccak(tiny.vk), tiny.context, tiny.messages, parts, room) == state


def test_the_state_holds_the_examples_challenges(verifier: StarkVerifier, tiny: Case, state: bytes) -> None:
    functions = verifier.contract.functions
    assert functions.queryCount(state).call() == 4
    assert functions.queryLength(state).call() == TINY["record_length"]
    assert state[32:64] == Web3.keccak(tiny.vk)
    assert state[64:96] == tiny.context
    trace = TINY["trace"]
    drawn = b"".join(map(_ef, [trace["lambda"], trace["zeta"], *trace["betas"]]))
    start = DRAWN
    assert state[start : start + len(drawn)] == drawn
    indices = b"".join(i.to_bytes(4, "big") for i in trace["indices"])
    coefficients = parse_verification_key(tiny.vk).final_coefficients
    sums_and_polynomial = 16 * (2 * TABLES + coefficients)  # both heights differ
    start += len(drawn) + sums_and_polynomial
    assert state[start : start + len(indices)] == indices


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: region.name)
def test_a_flipped_bit_is_rejected_with_the_python_verifiers_reason(
    verifier: StarkVerifier, tiny: Case, region: Region
) -> None:
    position = region.start + Random(region.start).randrange(region.size)
    mutated = replace(tiny, proof=_flip(tiny.proof, position))
    verdict = _on_chain(verifier, mutated)
    assert verdict == _in_python(mutated)
    assert verdict != "accepted"


@pytest.mark.parametrize("region", [r for r in REGIONS if r.kind == "element"], ids=lambda region: region.name)
@pytest.mark.parametrize("value", [P, 2**64 - 1])
def test_an_element_beyond_p_is_rejected(verifier: StarkVerifier, tiny: Case, region: Region, value: int) -> None:
    position = region.start + 8 * Random(region.start).randrange(region.size // 8)
    mutated = replace(tiny, proof=_put(tiny.proof, position, value.to_bytes(8, region.order)))
    assert _on_chain(verifier, mutated) == "element"


def test_random_bytes_are_rejected_with_the_python_verifiers_reason(verifier: StarkVerifier, tiny: Case) -> None:
    random = Random(7)
    for _ in range(12):
        start = random.randrange(len(tiny.proof) - 200)
        mutated = replace(tiny, proof=_put(tiny.proof, start, random.randbytes(random.randrange(1, 200))))
        assert _on_chain(verifier, mutated) == _in_python(mutated) != "accepted"


def test_lengths_are_exact(verifier: StarkVerifier, tiny: Case, state: bytes) -> None:
    parts = _parts(tiny)
    for head in (b"", parts.head[:-1], parts.head + b"\0", parts.head[8:]):
        with pytest.raises(ProofRejectedOnChainError) as rejected:
            verifier.check_head(Web3.keccak(tiny.vk), tiny.context, tiny.messages, head)
        assert rejected.value.error == "Length"
    record = parts.queries[: parts.record_length]
    assert _error(verifier, state, 0, b"") == "Length"
    assert _error(verifier, state, 0, record[:-1]) == "Length"
    assert _error(verifier, state, 0, record + b"\0") == "Length"
    assert _error(verifier, state, 4, record) == "Length"
    assert _error(verifier, state, 2**256 - 1, record) == "Length"
    assert _error(verifier, state, 1, parts.queries) == "Length"
    assert _error(verifier, state, 0, parts.queries + record) == "Length"


def test_a_record_belongs_to_its_index(verifier: StarkVerifier, tiny: Case, state: bytes) -> None:
    assert _error(verifier, state, 1, _parts(tiny).queries[: TINY["record_length"]]) == "Merkle"


def test_another_context_changes_every_challenge(verifier: StarkVerifier, tiny: Case) -> None:
    other = replace(tiny, context=_flip(tiny.context, 31))
    assert _on_chain(verifier, other) == _in_python(other) == "lookup_pow"


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("bus", b""),
        ("bus", bytes.fromhex(TINY["messages"])[:25]),
        ("bus", bytes.fromhex(TINY["messages"]) + bytes.fromhex(TINY["messages"])[:25]),
        ("bus", _flip(bytes.fromhex(TINY["messages"]), 24)),
        ("bus", _flip(bytes.fromhex(TINY["messages"]), 8)),
        ("message", bytes.fromhex(TINY["messages"])[:-1]),
        ("message", bytes.fromhex(TINY["messages"]) + b"\0"),
        ("message", _flip(bytes.fromhex(TINY["messages"]), 0, 2)),
        ("message", _put(bytes.fromhex(TINY["messages"]), 1, P.to_bytes(8, "big"))),
        ("message", _put(bytes.fromhex(TINY["messages"]), 42, b"\xff" * 8)),
    ],
)
def test_changed_public_messages(verifier: StarkVerifier, tiny: Case, name: str, messages: bytes) -> None:
    changed = replace(tiny, messages=messages)
    assert _on_chain(verifier, changed) == _in_python_or_message(changed) == name


@pytest.mark.parametrize("name", ILL_FORMED_RUNS)
def test_ill_formed_runs(verifier: StarkVerifier, tiny: Case, name: str) -> None:
    changed = replace(tiny, messages=tiny.messages + ILL_FORMED_RUNS[name])
    assert _on_chain(verifier, changed) == "message"


def test_runs_are_the_messages_that_they_stand_for(verifier: StarkVerifier, tiny: Case) -> None:
    messages = unpack_messages(tiny.vk, tiny.messages)
    whole = replace(tiny, messages=pack_runs(messages))
    assert _on_chain(verifier, whole) == "accepted"
    changed = replace(whole, messages=_flip(whole.messages, len(whole.messages) - 1))
    assert _on_chain(verifier, changed) == _in_python_or_message(changed) == "bus"


def _in_python_or_message(case: Case) -> str:
    try:
        return _in_python(case)
    except ProofRejected as rejected:
        return rejected.reason.value


def test_swapped_messages_are_the_same_multiset(verifier: StarkVerifier, tiny: Case) -> None:
    swapped = replace(tiny, messages=tiny.messages[25:] + tiny.messages[:25])
    assert _on_chain(verifier, swapped) == "accepted"


def test_another_program_is_not_satisfied(verifier: StarkVerifier, tiny: Case) -> None:
    """The key with 62 for the constant 63: the transcript is the same, the last-row constraint is not."""
    constant = tiny.vk.rindex((63).to_bytes(8, "big"))
    other = replace(tiny, vk=_put(tiny.vk, constant, (62).to_bytes(8, "big")))
    verifier.register_key(other.vk, verifier.w3.eth.accounts[0])
    assert _on_chain(verifier, other) == _in_python(other) == "constraints"


def test_points_that_coincide_are_rejected(verifier: StarkVerifier, tiny: Case, state: bytes) -> None:
    """No transcript leads there, so the state says it: zeta on a query point, beta on a point of a row."""
    record = _parts(tiny).queries[: TINY["record_length"]]
    index = TINY["trace"]["indices"][0]
    height = parse_verification_key(tiny.vk).log_domain
    y = pow(generator_of_order(height), int(f"{index:0{height}b}"[::-1], 2), P)
    zeta, beta = DRAWN + 16, DRAWN + 32
    assert _error(verifier, _put(state, zeta, _ef([7 * y % P, 0])), 0, record) == "QueryPoint"
    # points of the first row: its arity is 2^2, so all of y w_2^m
    for m in range(4):
        point = y * pow(generator_of_order(2), m, P) % P
        assert _error(verifier, _put(state, beta, _ef([point, 0])), 0, record) == "FoldPoint"


def test_the_final_polynomial_decides(verifier: StarkVerifier, tiny: Case, state: bytes) -> None:
    record = _parts(tiny).queries[: TINY["record_length"]]
    first = DRAWN + 16 * (2 + len(TINY["trace"]["betas"]) + 2 * TABLES)
    last = first + 16 * (parse_verification_key(tiny.vk).final_coefficients - 1)
    for coefficient in (first, last):
        assert _error(verifier, _flip(state, coefficient + 7), 0, record) == "FinalPoly"


def test_a_state_is_parsed_strictly(verifier: StarkVerifier, tiny: Case, state: bytes) -> None:
    record = _parts(tiny).queries[: TINY["record_length"]]
    for broken in (b"", state[:100], state[:-1], state + b"\0", _flip(state, 0), _flip(state, 4)):
        assert _error(verifier, broken, 0, record) == "InvalidState"


def test_a_key_is_named_by_its_content(verifier: StarkVerifier, tiny: Case) -> None:
    name = Web3.keccak(tiny.vk)
    parts = verifier.contract.functions.keyParts(name).call()
    assert b"".join(bytes(verifier.w3.eth.get_code(part))[1:] for part in parts) == tiny.vk
    # registered again from other contracts: nothing changes
    assert verifier.register_key(tiny.vk, verifier.w3.eth.accounts[0]) == name
    assert verifier.contract.functions.keyParts(name).call() == parts
    with pytest.raises(ProofRejectedOnChainError) as rejected:
        verifier.check_head(b"\1" * 32, tiny.context, tiny.messages, _parts(tiny).head)
    assert rejected.value.error == "UnknownKey"


@pytest.mark.parametrize(
    "change",
    [
        lambda vk: b"SBV1" + vk[4:],
        lambda vk: vk[:-1],
        lambda vk: vk + b"\0",
        lambda vk: vk[:5] + b"\0" + vk[6:],
        lambda vk: b"",
    ],
)
def test_what_is_no_key_is_not_registered(verifier: StarkVerifier, tiny: Case, change: object) -> None:
    assert callable(change)
    w3, sender = verifier.w3, verifier.w3.eth.accounts[0]
    vk = change(tiny.vk)
    sent = w3.eth.send_transaction({"from": sender, "data": data_contract(vk), "gas": 10_000_000})
    part = w3.eth.wait_for_transaction_receipt(sent)["contractAddress"]
    with pytest.raises(TransactionFailed) as failed:
        verifier.contract.functions.registerKey([part]).call()
    assert error_names()[revert_data(failed.value)[:4]] == "UnsupportedKey"


def test_a_part_must_be_a_data_contract(verifier: StarkVerifier) -> None:
    for part in (verifier.address, verifier.w3.eth.accounts[1]):
        with pytest.raises(TransactionFailed) as failed:
            verifier.contract.functions.registerKey([part]).call()
        assert error_names()[revert_data(failed.value)[:4]] == "NotDataContract"


def test_code_fits_the_limit(verifier: StarkVerifier) -> None:
    for address in (verifier.address, verifier.contract.functions.recordChecker().call()):
        assert len(verifier.w3.eth.get_code(address)) <= CODE_LIMIT


def test_a_proof_splits_into_whole_records() -> None:
    proof = WireProof.split(bytes(range(25)), 5, 4)
    assert list(proof.chunks(9)) == [
        (0, bytes(range(5, 13))),
        (2, bytes(range(13, 21))),
        (4, bytes(range(21, 25))),
    ]
    for length in (0, 4, 5, 8, 10):
        with pytest.raises(ProofLengthError):
            WireProof.split(bytes(length), 5, 4)
    with pytest.raises(ProofLengthError):
        list(proof.chunks(3))
    key = bytes(2 * PART_SIZE + 1)
    assert [len(part) for part in key_parts(key)] == [PART_SIZE, PART_SIZE, 1]
    with pytest.raises(ValueError, match="do not fit one data contract"):
        data_contract(bytes(CODE_LIMIT))
