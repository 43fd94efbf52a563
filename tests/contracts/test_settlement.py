"""Exchange: opening, checking and settling an epoch, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from contracts.chain import ChainServer
from contracts.deploy import deploy_exchange
from contracts.errors import ContractsError, RevertedError
from contracts.exchange import EMPTY_STATE, MAX_QUEUE
from contracts.records import AssetConfig, pack_digest, unpack_digest
from contracts.settlement import CALL_BYTES, Material, settle
from contracts.transactions import REVERTS, Sender, decoded
from contracts.verifier import WireProof
from proofs.statement.public import (
    Holding,
    Missing,
    PublicData,
    QueueEntry,
    encode,
    pack,
    proof_context,
    public_messages,
    withdrawal_path,
    withdrawals_root,
)

from .conftest import KEY_ROOT, NEW_ROOT, ROOT, WINDOW, Venue, fund, missing

HALF_ORDER_MIRROR = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def sign(venue: Venue, key: LocalAccount, batch: int, leaf: Missing, sequence: int = 1) -> bytes:
    """The commit key's EIP-712 signature with its sequence, as a settlement carries it."""
    fields = ["venue", "batch", "account", "sequence", "c0", "c1", "c2", "c3"]
    message = encode_typed_data(
        full_message={
            "domain": {
                "name": "sealbook",
                "version": "1",
                "chainId": venue.w3.eth.chain_id,
                "verifyingContract": venue.exchange.address,
            },
            "primaryType": "CommitMessage",
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                "CommitMessage": [{"name": f, "type": "uint32" if f == "account" else "uint64"} for f in fields],
            },
            "message": dict(
                zip(
                    fields,
                    [venue.exchange.venue(), batch, leaf.account, sequence, *leaf.commitment],
                    strict=True,
                )
            ),
        }
    )
    signed = key.sign_message(message)
    return sequence.to_bytes(8, "big") + bytes(signed.signature)


def refused(call: Any, error: str, **arguments: Any) -> None:
    with pytest.raises(RevertedError) as caught:
        call()
    assert caught.value.error == error
    for name, value in arguments.items():
        assert caught.value.arguments[name] == value


def test_an_epoch_of_three_batches_settles(venue: Venue) -> None:
    ex = venue.exchange
    sender, key, number = venue.trader()
    venue.deposit_native(sender, number, 500)
    venue.seal(1)
    venue.mine()
    venue.deposit_native(sender, number, 30)
    venue.seal(0)
    venue.mine()
    venue.seal(2)
    lost = missing(2, number)
    withdrawals = (Holding(number, 2, 77), Holding(number + 1, 0, 5), Holding(number + 1, 2, 6))
    data = venue.data(
        0, 3, missing=(lost,), balances=(Holding(0, 1, 3), Holding(number, 2, 453)), withdrawals=withdrawals
    )
    event = venue.open(data, sign(venue, key, 2, lost))

    encoded = encode(data)
    assert event.public_data == encoded
    messages = pack(public_messages(data, venue.context(0, 3)))
    context = proof_context(venue.w3.eth.chain_id, ex.address, b"\x01" * 32, encoded, messages)
    hashed = [bytes(venue.w3.keccak(part)) for part in (messages, b"head")]
    assert event.state == b"".join([b"\x01" * 32, context, *hashed])
    assert event.effects.withdrawals_root == withdrawals_root(withdrawals)
    assert unpack_digest(event.effects.new_root) == NEW_ROOT == unpack_digest(pack_digest(NEW_ROOT))

    refused(lambda: ex.settle(sender, event.id, event.effects), "QueriesPending", bitmap=0)
    ex.check_queries(sender, event.id, event.state, 2, b"c")
    ex.check_queries(sender, event.id, event.state, 0, b"a")
    refused(lambda: ex.settle(sender, event.id, event.effects), "QueriesPending", bitmap=0b101)
    ex.check_queries(sender, event.id, event.state, 0, b"ab")
    assert ex.ticket(event.id).complete
    wrong = replace(event.effects, new_root=1)
    refused(lambda: ex.settle(sender, event.id, wrong), "WrongEffects", id=event.id)
    settled = ex.settle(sender, event.id, event.effects)

    assert ex.state_root() == NEW_ROOT
    assert ex.references() == (10_102, 200)
    progress = ex.progress()
    assert (progress.settled_batches, progress.epochs, progress.queue_settled) == (3, 1, 3)
    assert [ex.batch(n).epoch for n in range(3)] == [0, 0, 0]
    epoch = ex.epoch(0)
    assert (epoch.first_batch, epoch.batches, epoch.settled_block) == (0, 3, settled.block)
    assert [e.id for e in ex.settled(0, epoch=0)] == [event.id]
    assert [(e.first, e.count) for e in ex.queries_checked(0, id=event.id)] == [(2, 1), (0, 1), (0, 2)]
    refused(lambda: ex.settle(sender, event.id, event.effects), "UnknownTicket", id=event.id)

    # Claims: once, to the owner, whoever calls.
    path = withdrawal_path(withdrawals, 0)
    before = venue.w3.eth.get_balance(sender.address)
    refused(lambda: ex.claim(venue.operator, 0, number, 2, 78, path), "NotInEpoch", account=number)
    refused(lambda: ex.claim(venue.operator, 1, number, 2, 77, path), "UnknownEpoch", epoch=1)
    ex.claim(venue.operator, 0, number, 2, 77, path)
    assert venue.w3.eth.get_balance(sender.address) - before == 77 * 10**9
    assert ex.custody(2) == 530 - 77
    assert ex.claimed(0, number, 2)
    refused(lambda: ex.claim(venue.operator, 0, number, 2, 77, path), "AlreadyClaimed", asset=2)
    other = withdrawal_path(withdrawals, 2)
    refused(lambda: ex.claim(venue.operator, 0, number + 1, 2, 6, other), "NoOwner", account=number + 1)


def test_calldata_of_a_settlement_can_be_read_back(venue: Venue) -> None:
    venue.seal(0)
    event = venue.open(venue.data(0, 1))
    opened = venue.exchange.decode_open(bytes(venue.w3.eth.get_transaction(event.origin.transaction)["input"]))
    assert (opened.public_data, opened.queue_entries, opened.head) == (event.public_data, b"", b"head")
    mined = venue.exchange.check_queries(venue.operator, event.id, event.state, 1, b"xy")
    queries = venue.exchange.decode_queries(bytes(venue.w3.eth.get_transaction(mined.hash)["input"]))
    assert (queries.id, queries.first, queries.queries) == (event.id, 1, b"xy")


def test_a_proof_that_fits_settles_in_one_transaction(venue: Venue) -> None:
    venue.seal(0)
    ex = venue.exchange
    event, mined = ex.open_settlement(venue.operator, encode(venue.data(0, 1)), b"", b"", b"head", b"abc")
    (settled,) = ex.settled(mined.block, mined.block)
    assert (settled.id, settled.effects, settled.origin.transaction) == (event.id, event.effects, mined.hash)
    assert [(e.first, e.count) for e in ex.queries_checked(mined.block, id=event.id)] == [(0, 3)]
    assert ex.state_root() == NEW_ROOT
    refused(lambda: ex.ticket(event.id), "UnknownTicket", id=event.id)
    call = ex.decode_queries(bytes(venue.w3.eth.get_transaction(mined.hash)["input"]))
    assert (call.id, call.first, call.queries) == (None, 0, b"abc")


def test_records_ride_with_the_opening_and_the_settlement_with_the_last(venue: Venue) -> None:
    venue.seal(0)
    ex, op = venue.exchange, venue.operator
    data = encode(venue.data(0, 1))
    refused(lambda: ex.open_settlement(op, data, b"", b"", b"head", b"abcd"), "Unknown")
    event, _ = ex.open_settlement(op, data, b"", b"", b"head", b"a")
    assert ex.ticket(event.id).bitmap == 0b001
    last = (op, event.id, event.state)
    refused(lambda: ex.check_queries_and_settle(*last, 2, b"c", event.effects), "QueriesPending", bitmap=0b101)
    refused(lambda: ex.check_queries_and_settle(*last, 2, b"cd", event.effects), "Unknown")
    wrong = replace(event.effects, queue_end=7)
    refused(lambda: ex.check_queries_and_settle(*last, 1, b"bc", wrong), "WrongEffects", id=event.id)
    assert ex.ticket(event.id).bitmap == 0b001
    mined = ex.check_queries_and_settle(*last, 1, b"bc", event.effects)
    assert ex.state_root() == NEW_ROOT
    call = ex.decode_queries(bytes(venue.w3.eth.get_transaction(mined.hash)["input"]))
    assert (call.id, call.first, call.queries) == (event.id, 1, b"bc")


def test_a_settlement_is_sent_in_the_fewest_transactions(venue: Venue, chain: ChainServer) -> None:
    """Records of one byte, and room for two of them: opening, and settlement with the third."""
    _, key, number = venue.trader()
    venue.seal(1)
    lost = missing(0, number)
    data = venue.data(0, 1, missing=(lost,))
    encoded, entries = encode(data), venue.queue_bytes(0, 1)
    fixed = len(encoded) + len(entries) + len(b"head")
    profile = replace(venue.operator.profile, max_transaction_bytes=CALL_BYTES + fixed + 2)
    sender = Sender(venue.w3, Account.from_key(chain.chain.keys[0]), profile)
    proof = WireProof(b"head", b"abc", 1)
    material = Material(encoded, entries, encoded[60:97], sign(venue, key, 0, lost), proof)
    event, sent = settle(venue.exchange, sender, material)
    names = [venue.exchange.contract.decode_function_input(_input(venue, m.hash))[0].fn_name for m in sent]
    assert names == ["openSettlement", "checkSignatures", "checkQueriesAndSettle"]
    assert venue.exchange.decode_queries(_input(venue, sent[0].hash)).queries == b"ab"
    assert venue.exchange.state_root() == NEW_ROOT
    assert settle(venue.exchange, sender, material, event) == (event, [])


def test_a_settlement_goes_on_where_it_stands(venue: Venue) -> None:
    venue.seal(0)
    ex, op = venue.exchange, venue.operator
    data = venue.data(0, 1)
    event = venue.open(data)
    material = Material(encode(data), b"", b"", b"", WireProof(b"head", b"abc", 1))
    ex.check_queries(op, event.id, event.state, 1, b"b")
    _, sent = settle(ex, op, material, event)
    assert [ex.decode_queries(_input(venue, m.hash)).queries for m in sent] == [b"a", b"c"]
    venue.seal(0)
    data = replace(venue.data(1, 1), new_root=NEW_ROOT)
    event = venue.open(data)
    ex.check_queries(op, event.id, event.state, 0, b"abc")
    _, (last,) = settle(ex, op, replace(material, public_data=encode(data)), event)
    assert ex.contract.decode_function_input(_input(venue, last.hash))[0].fn_name == "settle"


def _input(venue: Venue, transaction: bytes) -> bytes:
    return bytes(venue.w3.eth.get_transaction(transaction)["input"])  # type: ignore[arg-type]


def test_two_tickets_of_the_same_batch_settle_once(venue: Venue) -> None:
    venue.seal(0)
    first, second = venue.open(venue.data(0, 1)), venue.open(venue.data(0, 1), head=b"other")
    refused(lambda: venue.open(venue.data(0, 1)), "TicketExists", id=first.id)
    venue.finish(first)
    refused(lambda: venue.finish(second), "NotNext", given=0, expected=1)


def test_steps_are_bound_to_their_ticket(venue: Venue) -> None:
    venue.seal(0)
    event = venue.open(venue.data(0, 1))
    ex, op = venue.exchange, venue.operator
    refused(lambda: ex.check_queries(op, b"\0" * 32, event.state, 0, b"a"), "UnknownTicket")
    refused(lambda: ex.check_queries(op, event.id, event.state + b"\0", 0, b"a"), "WrongState", id=event.id)
    refused(lambda: ex.check_signatures(op, event.id, b"", b""), "NoSignaturesPending", id=event.id)
    refused(lambda: venue.open(venue.data(0, 1), head=b"\xff"), "Unknown")


def test_only_the_operator_opens(venue: Venue) -> None:
    venue.seal(0)
    stranger = fund(venue.w3, venue.operator)
    refused(
        lambda: venue.exchange.open_settlement(stranger, encode(venue.data(0, 1)), b"", b"", b""),
        "NotOperator",
        caller=stranger.address.lower(),
    )


def test_an_operator_with_code_does_not_open(venue: Venue, operator: Sender, verifier: str) -> None:
    """Its call need not be a transaction's, and whoever reads the public data looks at the transaction's input."""
    contract = venue.base.address
    exchange, _ = deploy_exchange(operator, verifier, replace(venue.config, operator=contract))
    call = exchange.contract.functions.openSettlement(b"", b"", b"", b"", b"")
    with pytest.raises(REVERTS) as caught:
        call.call({"from": contract})
    assert decoded(caught.value).error == "NotDirect"


def test_inputs_that_are_no_call_of_the_exchange_are_not_read(venue: Venue) -> None:
    elsewhere = venue.base.approve(venue.operator, venue.exchange.address, 1)
    with pytest.raises(ContractsError, match="not the Exchange"):
        venue.exchange.input(elsewhere.hash)


def test_signatures_may_follow(venue: Venue) -> None:
    ex, op = venue.exchange, venue.operator
    _, key, number = venue.trader()
    _, other, _ = venue.trader()
    venue.seal(2)
    lost = missing(0, number)
    data = venue.data(0, 1, missing=(lost, missing(0, number + 1, charged=False)))
    event = venue.open(data)
    section = encode(data)[42 + 16 + 2 : 42 + 16 + 2 + 2 * 37]
    good = sign(venue, key, 0, lost)
    mirrored = good[:40] + (HALF_ORDER_MIRROR - int.from_bytes(good[40:72], "big")).to_bytes(32, "big")
    mirrored += bytes([55 - good[72]])
    ex.check_queries(op, event.id, event.state, 0, b"abc")
    refused(lambda: ex.settle(op, event.id, event.effects), "SignaturesPending", id=event.id)
    for bad in (
        sign(venue, other, 0, lost),
        sign(venue, key, 1, lost),
        sign(venue, key, 0, replace(lost, commitment=(21, 22, 23, 25))),
        good[:7] + b"\x02" + good[8:],
        mirrored,
    ):
        refused(lambda bad=bad: ex.check_signatures(op, event.id, section, bad), "BadSignature", index=0)
        refused(lambda bad=bad: venue.open(data, bad, b"again"), "BadSignature", index=0)
    refused(lambda: ex.check_signatures(op, event.id, section[:-1], good), "WrongMissing", id=event.id)
    refused(lambda: ex.check_signatures(op, event.id, section, good[:-1]), "WrongSignatureLength", given=72)
    refused(lambda: ex.check_signatures(op, event.id, section, good + good), "WrongSignatureLength", expected=73)
    ex.check_signatures(op, event.id, section, good)
    ex.settle(op, event.id, event.effects)


def test_an_account_that_does_not_exist_cannot_be_charged(venue: Venue) -> None:
    _, key, number = venue.trader()
    venue.seal(1)
    lost = missing(0, number + 1)
    refused(
        lambda: venue.open(venue.data(0, 1, missing=(lost,)), sign(venue, key, 0, lost)),
        "BadSignature",
        index=0,
    )


def test_missing_only_after_the_deadline(venue: Venue) -> None:
    ex = venue.exchange
    mined = ex.seal(venue.operator, 0, ROOT, 1)
    venue.mine(WINDOW - 1)
    ex.record_beacon(venue.operator, 0)  # the block of the deadline
    data = venue.data(0, 1, missing=(missing(0, 2, charged=False),))
    # Only a simulation still sees the deadline's block as the latest.
    call = ex.contract.functions.openSettlement(encode(data), b"", b"", b"head", b"")
    with pytest.raises(Exception, match="0x") as caught:
        call.call({"from": venue.operator.address})
    error = decoded(caught.value)
    assert (error.error, error.arguments) == (
        "DeadlineNotPassed",
        {"batch": 0, "deadline": mined.block + WINDOW},
    )
    assert venue.open(data).first_batch == 0  # the next block


def test_all_revealed_settles_before_the_deadline(venue: Venue) -> None:
    venue.exchange.seal(venue.operator, 0, ROOT, 1)
    venue.mine(2)
    refused(lambda: venue.open(venue.data(0, 1)), "BeaconMissing", batch=0)
    venue.exchange.record_beacon(venue.operator, 0)
    venue.finish(venue.open(venue.data(0, 1)))
    assert venue.exchange.state_root() == NEW_ROOT


def test_where_an_epoch_starts_and_ends(venue: Venue) -> None:
    venue.seal(0)

    def opening(data: PublicData) -> Any:
        return lambda: venue.exchange.open_settlement(venue.operator, encode(data), b"", b"", b"")

    data = venue.data(0, 1)
    refused(opening(replace(data, first_batch=1)), "NotNext", given=1, expected=0)
    refused(opening(replace(data, batches=0)), "BadEpochLength", batches=0)
    refused(opening(replace(data, batches=17)), "BadEpochLength", batches=17)
    refused(opening(replace(data, batches=2)), "BatchesNotSealed", last=1, sealedBatches=1)
    refused(opening(replace(data, tier=2)), "UnknownTier", tier=2)
    assert venue.exchange.state_root() == EMPTY_STATE


def test_the_queue_is_cut_at_the_seal(venue: Venue) -> None:
    sender, _, number = venue.trader()
    for _ in range(MAX_QUEUE + 2):
        venue.deposit_native(sender, number, 1)
    venue.seal(0)
    venue.mine()
    venue.deposit_native(sender, number, 9)
    venue.seal(0)
    assert [venue.exchange.batch(n).cut for n in (0, 1)] == [MAX_QUEUE, MAX_QUEUE + 4]
    data = encode(venue.data(0, 2))
    queue = venue.queue_bytes(0, 2)

    def opening(entries: bytes) -> Any:
        return lambda: venue.exchange.open_settlement(venue.operator, data, entries, b"", b"")

    swapped = queue[37:74] + queue[:37] + queue[74:]
    for wrong in (swapped, queue[:-1] + bytes([queue[-1] ^ 1])):
        refused(opening(wrong), "WrongQueueEntries")
    refused(opening(queue[:-1]), "Truncated", field="queue_entries")
    refused(opening(queue + b"\0"), "TrailingBytes", field="queue_entries", count=1)
    venue.finish(venue.open(venue.data(0, 1)))
    venue.finish(venue.open(venue.data(1, 1)))
    assert venue.exchange.progress().queue_settled == MAX_QUEUE + 4
    assert venue.entries[0] == QueueEntry(1, number, 0, KEY_ROOT)


@pytest.mark.parametrize("worst", ["withdrawals", "missing"])
def test_the_worst_batch_fits_the_opening(venue: Venue, verifier: str, worst: str) -> None:
    """256 leaves that withdraw all of 8 assets or are all missing, with a full queue: 128 KiB and 2^24 gas do."""
    parameters = replace(venue.config, assets=(AssetConfig(None, 1),) * 8, min_seal_interval=0, max_count=256)
    exchange, _ = deploy_exchange(venue.operator, verifier, parameters)
    full = replace(venue, exchange=exchange, entries=[])
    sender, key, number = full.trader()
    for _ in range(MAX_QUEUE - 1):
        full.exchange.deposit(sender, 2, 1, value=1)
        full.entries.append(QueueEntry(2, number, 2, (1, 0, 0, 0)))
    full.seal(256)
    accounts = range(2, 258)
    holdings = tuple(Holding(account, asset, 2**62 - 1) for account in accounts for asset in range(8))
    head = bytes(range(255)) * 107  # as long as a head of the largest tier
    if worst == "withdrawals":
        event = full.open(full.data(0, 1, balances=holdings, withdrawals=holdings), head=head)
    else:
        leaves = tuple(missing(0, account, charged=account == number) for account in accounts)
        event = full.open(full.data(0, 1, balances=holdings, missing=leaves), sign(full, key, 0, leaves[0]), head)
    opening = venue.w3.eth.get_transaction_receipt(event.origin.transaction)
    print(worst, opening["gasUsed"], len(venue.w3.eth.get_transaction(event.origin.transaction)["input"]))
    assert full.finish(event).queue_end == MAX_QUEUE
