"""Real proofs against the deployed contract: settled, forged, damaged.

On the embedded chain, or on the endpoint in SEALBOOK_TEST_RPC (``scripts/check_anvil``). The tests share one
venue and run in the order of this file: what must be refused comes before what settles the batch.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from web3.exceptions import Web3RPCError

from commitments.state import balance_slot, leaf_index
from contracts.chain import serve
from contracts.errors import RevertedError
from contracts.records import HeadChecked, Progress
from contracts.transactions import Sender
from proofs.statement import public
from proofs.statement.settlement import Statement, prove, split_proof, verification_key
from proofs.statement.witness.execute import Execution, execute
from proofs.verifier.vk import parse_verification_key

from ..proofs.verifier.regions import Region, regions
from .attacks import ATTACKS, Attack
from .settlement import (
    DEPOSIT,
    IDLE,
    MISS_FEE,
    OPERATOR,
    TRADERS,
    UNIT,
    UNREVEALED,
    Settlement,
    Stage,
    claim_withdrawal,
    python_error,
    settle_honestly,
)

pytestmark = pytest.mark.slow

ENDPOINT = "SEALBOOK_TEST_RPC"
SNAPSHOT = Path(__file__).parents[2] / "contracts" / "snapshots" / "gas.json"
TOLERANCE = 0.02
SETTLEMENT_GAS = 9_000_000
TRANSACTION_GAS = 16_777_216
TRANSACTION_BYTES = 128 * 1024

GRINDS = {"LookupPow", "BatchPow", "QueryPow"}
"""With another transcript every grind fails, but one in 2^bits passes by chance: then the next one tells."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    url = os.environ.get(ENDPOINT)
    if url:
        yield Stage.deploy(url)
        return
    server = serve()
    try:
        yield Stage.deploy(server.url)
    finally:
        server.stop()


@dataclass(frozen=True, repr=False)
class Honest:
    statement: Statement
    proof: bytes


@pytest.fixture(scope="module")
def honest(stage: Stage) -> Honest:
    """The honest proof of the sealed batch, not handed in."""
    witness = stage.witness(execute(stage.epoch))
    return Honest(witness.statement, prove(witness))


@dataclass(frozen=True, repr=False)
class Done:
    execution: Execution
    statement: Statement
    proof: bytes
    settlement: Settlement


@pytest.fixture(scope="module")
def done(stage: Stage) -> Done:
    return Done(*settle_honestly(stage))


# -- forged traces


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: f"clause{a.clause}-{a.name}")
def test_the_contract_refuses_a_complete_proof_of_a_forged_trace(stage: Stage, attack: Attack) -> None:
    witness = stage.witness(attack.forge(stage))
    proof = prove(witness)
    head, _ = split_proof(witness.statement.tier, proof)
    before = stage.exchange.progress(), stage.exchange.state_root()
    with pytest.raises(RevertedError) as refused:
        stage.open(witness.statement, head)
    assert refused.value.error == attack.error
    assert python_error(witness.statement, proof) == attack.error
    assert (stage.exchange.progress(), stage.exchange.state_root()) == before


def test_every_clause_is_attacked() -> None:
    assert {attack.clause for attack in ATTACKS} == set(range(1, 9))


# -- damaged proofs

HEAD_REGIONS = (
    "main cap", "lookup witness", "permutation cap", "terminal 0", "quotient cap",
    "opened main 0 at 0", "opened main 1 at 1", "opened quotient 0 chunk 0", "opened permutation 0 at 1",
    "batch witness", "round 0 cap",
)  # fmt: skip


def _regions() -> list[Region]:
    return regions(parse_verification_key(verification_key(0)))


def _flip(proof: bytes, position: int) -> bytes:
    return proof[:position] + bytes([proof[position] ^ 1]) + proof[position + 1 :]


def _head_regions() -> list[Region]:
    head = [region for region in _regions() if not region.name.startswith("query ")]
    named = [region for region in head if region.name in HEAD_REGIONS]
    return [*named, *head[-2:]]


@pytest.mark.parametrize("region", _head_regions(), ids=lambda r: r.name)
def test_both_verifiers_give_one_reason_for_a_flipped_bit_in_the_head(
    stage: Stage, honest: Honest, region: Region
) -> None:
    damaged = _flip(honest.proof, region.start + region.size // 2)
    reason = python_error(honest.statement, damaged)
    assert reason != "accepted"
    assert _opened(stage, honest.statement, damaged) == reason


@pytest.mark.parametrize("cut", [-8, 8])
def test_a_head_of_another_length_is_refused(stage: Stage, honest: Honest, cut: int) -> None:
    head, records = split_proof(honest.statement.tier, honest.proof)
    damaged = head[:cut] if cut < 0 else head + bytes(cut)
    assert python_error(honest.statement, damaged + b"".join(records)) == "Length"
    assert _error(stage, honest.statement, damaged) == "Length"


def test_a_proof_of_another_tiers_key_is_refused(stage: Stage, honest: Honest) -> None:
    data = bytearray(honest.statement.public_data)
    assert data[9] == honest.statement.tier == 0
    data[9] = 1
    claimed = replace(honest.statement, public_data=bytes(data), tier=1)
    assert python_error(claimed, honest.proof) == "Length"
    # The heads of both tiers have one length, and on the chain the records come after the head.
    assert _opened(stage, claimed, honest.proof) in GRINDS
    data[9] = 2
    assert _opened(stage, replace(claimed, public_data=bytes(data)), honest.proof) == "UnknownTier"


def test_a_proof_for_other_public_data_is_refused(stage: Stage, honest: Honest) -> None:
    """The last balance or withdrawal, one unit more: context and messages change, the proof does not."""
    data = bytearray(honest.statement.public_data)
    data[-1] += 1
    first = list(honest.statement.messages)
    bus, (key, units) = first[-1]
    last = (bus, (key, units + 1))
    claimed = replace(honest.statement, public_data=bytes(data), messages=(*first[:-1], last))
    reason = python_error(claimed, honest.proof)
    assert reason in GRINDS
    assert _opened(stage, claimed, honest.proof) == reason


@pytest.fixture(scope="module")
def head(stage: Stage, honest: Honest) -> HeadChecked:
    """The honest proof's head, accepted; its queries are pending."""
    return stage.open(honest.statement, split_proof(0, honest.proof)[0])[0]


def _query_regions() -> list[Region]:
    """Of the first record: the first and the last of each kind of field; of the last record, the last field."""
    found: dict[str, list[Region]] = {}
    for region in _regions():
        if region.name.startswith("query 0 "):
            found.setdefault(re.sub(r"[0-9]+", "n", region.name), []).append(region)
    return [*dict.fromkeys(region for group in found.values() for region in (group[0], group[-1])), _regions()[-1]]


@pytest.mark.parametrize("region", _query_regions(), ids=lambda r: r.name)
def test_both_verifiers_give_one_reason_for_a_flipped_bit_in_the_queries(
    stage: Stage, honest: Honest, head: HeadChecked, region: Region
) -> None:
    damaged = _flip(honest.proof, region.start + region.size // 2)
    reason = python_error(honest.statement, damaged)
    assert reason != "accepted"
    _, records = split_proof(0, damaged)
    place = (region.start - (len(damaged) - sum(map(len, records)))) // len(records[0])
    assert stage.queries_error(head, place, records[place]) == reason


def test_records_cut_short_or_moved_are_refused(stage: Stage, honest: Honest, head: HeadChecked) -> None:
    _, records = split_proof(0, honest.proof)
    assert stage.queries_error(head, 0, records[0]) == "accepted"
    assert stage.queries_error(head, 0, records[0][:-8]) == "Length"
    assert stage.queries_error(head, len(records), records[0]) == "Length"
    assert stage.queries_error(head, 0, records[1]) == "Merkle"


def test_a_settlement_with_queries_pending_is_refused(stage: Stage, head: HeadChecked) -> None:
    with pytest.raises(RevertedError) as refused:
        stage.exchange.settle(stage.operator, head.id, head.effects)
    assert refused.value.error == "QueriesPending"


def test_a_signed_cancellation_charges_nobody(stage: Stage, honest: Honest) -> None:
    """The account's own signature under a commitment of zero, listed as a missing reveal."""
    commitment = b"".join(e.to_bytes(8, "big") for e in stage.unrevealed)
    charged = commitment + b"\x01"
    assert honest.statement.public_data.count(charged) == 1
    data = honest.statement.public_data.replace(charged, bytes(32) + b"\x01")
    signature = stage.signature(0, UNREVEALED, (0, 0, 0, 0))
    head, _ = split_proof(0, honest.proof)
    assert stage.opening_error(data, stage.queue_entries, signature, head) == "BadField"


def test_a_charge_needs_the_accounts_signature_of_that_commitment(stage: Stage, honest: Honest) -> None:
    head, _ = split_proof(0, honest.proof)
    data, queue = honest.statement.public_data, stage.queue_entries
    for signature in (
        stage.signature(0, IDLE, stage.unrevealed),
        stage.signature(1, UNREVEALED, stage.unrevealed),
        stage.signature(0, UNREVEALED, (1, 2, 3, 4)),
    ):
        assert stage.opening_error(data, queue, signature, head) == "BadSignature"
    assert stage.opening_error(data, queue, stage.signatures[:-1], head) == "WrongSignatureLength"


def _opened(stage: Stage, statement: Statement, proof: bytes) -> str:
    return _error(stage, statement, split_proof(0, proof)[0])


def _error(stage: Stage, statement: Statement, head: bytes) -> str:
    return stage.opening_error(statement.public_data, stage.queue_entries, stage.signatures, head)


# -- the honest settlement


def test_the_honest_settlement_changes_the_contracts_state(stage: Stage, done: Done) -> None:
    exchange, execution = stage.exchange, done.execution
    assert exchange.progress() == Progress(1, 1, 1, 32, 32, 32)
    assert exchange.state_root() == execution.new_root != execution.old_root
    assert exchange.references() == execution.references == (101, 1010)
    assert exchange.batch(0).epoch == 0
    epoch = exchange.epoch(0)
    assert (epoch.first_batch, epoch.batches, epoch.tier) == (0, 1, 0)
    assert epoch.new_root == execution.new_root
    assert epoch.public_data_hash == stage.exchange.w3.keccak(done.statement.public_data)
    with pytest.raises(RevertedError) as gone:
        exchange.ticket(done.settlement.head.id)
    assert gone.value.error == "UnknownTicket"


def test_the_state_under_the_new_root_holds_what_the_rule_gives(stage: Stage, done: Done) -> None:
    state, execution = stage.state.copy(), done.execution
    state.set(execution.leaves)
    assert state.root == stage.exchange.state_root()

    def balance(account: int, asset: int) -> int:
        return state.leaf(leaf_index(account, balance_slot(asset)))[0]

    assert execution.withdrawals == [(6, 0, 70)]
    for asset, gone in enumerate((70, 0, 0)):
        assert sum(balance(account, asset) for account in (0, 1, *TRADERS)) == 8 * DEPOSIT - gone
        assert stage.exchange.custody(asset) == 8 * DEPOSIT
    assert balance(UNREVEALED, 0) == DEPOSIT - MISS_FEE
    assert balance(1, 0) == MISS_FEE
    assert balance(5, 1) == DEPOSIT - 60
    assert balance(5, 0) == DEPOSIT + 60 * 101 - 60
    assert balance(4, 1) == DEPOSIT + 10
    assert balance(4, 0) == DEPOSIT - 10 * 102
    assert balance(2, 1) + balance(3, 1) == 2 * DEPOSIT + 50
    assert balance(0, 0) == 2 * 60


def test_the_settlement_keeps_to_the_limits(stage: Stage, done: Done) -> None:
    assert done.settlement.gas < SETTLEMENT_GAS
    for mined in done.settlement.transactions:
        transaction = stage.exchange.w3.eth.get_transaction(mined.hash)  # type: ignore[arg-type]
        assert mined.gas_used <= transaction["gas"] <= TRANSACTION_GAS
        assert mined.calldata_bytes + 256 <= TRANSACTION_BYTES


def test_the_chain_enforces_the_gas_limit_of_a_transaction(stage: Stage) -> None:
    """So that what was settled above would have been refused, had it taken more."""
    beyond = replace(stage.operator.profile, max_transaction_gas=TRANSACTION_GAS + 1)
    sender = Sender(stage.exchange.w3, OPERATOR, beyond)
    before = stage.exchange.w3.eth.block_number
    with pytest.raises(Web3RPCError):
        sender.send(sender.address, b"", TRANSACTION_GAS + 1)
    assert stage.exchange.w3.eth.block_number == before
    sender.execute(sender.address, b"", TRANSACTION_GAS)


def test_the_withdrawal_is_claimed_once(stage: Stage, done: Done) -> None:
    token, owner = stage.tokens[0], stage.traders[6]
    before = token.balance_of(owner.address)
    claim_withdrawal(stage, done.execution)
    assert token.balance_of(owner.address) - before == 70 * UNIT
    assert stage.exchange.custody(0) == 8 * DEPOSIT - 70
    with pytest.raises(RevertedError) as refused:
        claim_withdrawal(stage, done.execution)
    assert refused.value.error == "AlreadyClaimed"


def test_a_settled_epoch_cannot_be_settled_again(stage: Stage, done: Done) -> None:
    assert _opened(stage, done.statement, done.proof) == "NotNext"
    head = done.settlement.head
    with pytest.raises(RevertedError) as refused:
        stage.exchange.settle(stage.operator, head.id, head.effects)
    assert refused.value.error == "UnknownTicket"


def test_no_step_takes_more_gas_than_the_snapshot(stage: Stage, done: Done) -> None:
    if "claim" not in stage.gas:
        claim_withdrawal(stage, done.execution)
    snapshot = json.loads(SNAPSHOT.read_text())
    assert set(stage.gas) == set(snapshot)
    dearer = {step: (gas, snapshot[step]) for step, gas in stage.gas.items() if gas > (1 + TOLERANCE) * snapshot[step]}
    assert dearer == {}, "explain the rise and run scripts/gas_snapshot.py"


# -- the next batch


def test_the_settled_proof_is_refused_for_the_next_batch(stage: Stage, done: Done) -> None:
    """The same seal a second time: everything but the batch's number, the old root and the references is alike."""
    root, count = done.execution.roots[0], done.execution.counts[0]
    stage.exchange.seal(stage.operator, 1, root, count)
    stage.mine(3)
    stage.exchange.record_beacon(stage.operator, 1)
    known = stage.known()
    data = bytearray(done.statement.public_data)
    data[7] = 1
    parsed = public.decode(bytes(data), counts=[count], markets=2, assets=3)
    claimed = replace(done.statement, public_data=bytes(data), messages=tuple(public.public_messages(parsed, known)))
    signature = stage.signature(1, UNREVEALED, done.execution.missing[-1].commitment)
    head = split_proof(0, done.proof)[0]
    reason = python_error(claimed, done.proof)
    assert reason in GRINDS
    assert stage.opening_error(bytes(data), b"", signature, head) == reason
