"""Exchange: registration, deposits, tokens with bad manners, seals, beacons, deployment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from eth_account import Account
from web3 import Web3

from commitments import _native
from contracts.artifact import load_artifact
from contracts.deploy import Token, deploy_contract, deploy_exchange
from contracts.errors import ArtifactError, RevertedError
from contracts.exchange import EMPTY_COMMITMENTS, EMPTY_STATE, FALLBACK_BEACON, Exchange
from contracts.records import AssetConfig, MarketConfig
from contracts.transactions import Sender
from proofs.params import COMMITMENT_DEPTH, MAX_COUNT, STATE_DEPTH
from proofs.statement.buses import PUBLIC
from proofs.statement.program import clearing_program
from proofs.statement.public import PUBLIC_BUS, Holding, queue_hash, withdrawal_path

from .conftest import DELAY, FEE, KEY_ROOT, ROOT, Venue, config, deploy_test_contract, fund
from .test_settlement import refused

P = 2**64 - 2**32 + 1
KEY = Account.create().address


def test_constants_are_those_of_the_statement(venue: Venue) -> None:
    node = np.zeros((1, 4), dtype=np.uint64)
    roots = [tuple(node[0].tolist())]
    for _ in range(STATE_DEPTH):
        node = _native.compress_many(node, node)
        roots.append(tuple(node[0].tolist()))
    assert roots[COMMITMENT_DEPTH] == EMPTY_COMMITMENTS
    assert roots[STATE_DEPTH] == EMPTY_STATE == venue.exchange.state_root()
    assert venue.exchange.contract.functions.MAX_COUNT().call() == MAX_COUNT
    assert clearing_program().bus_id(PUBLIC) == PUBLIC_BUS
    seed = Web3.solidity_keccak(["uint256", "uint256"], [venue.w3.eth.chain_id, int(venue.exchange.address, 16)])
    assert venue.exchange.venue() == int.from_bytes(seed, "big") % 2**63
    assert load_artifact("Exchange").size < 24_576


def test_registration(venue: Venue) -> None:
    ex = venue.exchange
    sender, key, number = venue.trader()
    assert number == 2
    assert (ex.owner_of(2), ex.commit_key_of(2)) == (sender.address, key.address)
    assert ex.queue_hash(1) == queue_hash(bytes(32), 0, venue.entries[0])
    refused(lambda: ex.register(sender, KEY_ROOT, KEY), "AlreadyRegistered", account=2)
    stranger = fund(venue.w3, venue.operator)
    refused(lambda: ex.register(stranger, KEY_ROOT, KEY, fee=FEE - 1), "WrongRegistrationFee", paid=FEE - 1)
    refused(lambda: ex.register(stranger, (1, P, 0, 0), KEY), "NotCanonical", element=P)
    refused(lambda: ex.register(stranger, (0, 0, 0, 0), KEY), "ZeroKeyRoot")
    refused(lambda: ex.register(stranger, KEY_ROOT, "0x" + "00" * 20), "ZeroCommitKey")
    refused(lambda: ex.rekey(stranger, KEY_ROOT), "NotRegistered", owner=stranger.address.lower())
    refused(lambda: ex.deposit(stranger, 2, 10**9, value=10**9), "NotRegistered")
    before = venue.w3.eth.get_balance(Web3.to_checksum_address(venue.config.fee_address))
    ex.collect_registration_fees(stranger)
    assert venue.w3.eth.get_balance(Web3.to_checksum_address(venue.config.fee_address)) - before == FEE


def test_one_rekey_at_a_time(venue: Venue) -> None:
    ex = venue.exchange
    sender, _, number = venue.trader()
    refused(lambda: ex.rekey(sender, (2, 2, 2, 2)), "RekeyPending", account=number)
    venue.seal(0)
    refused(lambda: ex.rekey(sender, (2, 2, 2, 2)), "RekeyPending", account=number)
    venue.finish(venue.open(venue.data(0, 1)))
    ex.rekey(sender, (2, 2, 2, 2))
    assert [(e.kind, e.value) for e in ex.queued(0)] == [(1, KEY_ROOT), (1, (2, 2, 2, 2))]
    refused(lambda: ex.rekey(sender, (3, 3, 3, 3)), "RekeyPending", account=number)


def test_deposits(venue: Venue) -> None:
    ex = venue.exchange
    sender, _, _ = venue.trader()
    venue.quote.mint(sender, sender.address, 10**9)
    refused(lambda: ex.deposit(sender, 1, 500), "TransferFailed")
    venue.quote.approve(sender, ex.address, 10**9)
    ex.deposit(sender, 1, 500)
    assert ex.custody(1) == 5
    assert ex.queued(0)[-1].value == (5, 0, 0, 0)
    refused(lambda: ex.deposit(sender, 1, 501), "NotWholeUnits", received=501, unit=100)
    refused(lambda: ex.deposit(sender, 1, 0), "ZeroAmount")
    refused(lambda: ex.deposit(sender, 3, 100), "UnknownAsset", asset=3)
    refused(lambda: ex.deposit(sender, 1, 100, value=1), "WrongValue", paid=1, required=0)
    refused(lambda: ex.deposit(sender, 2, 10**9, value=1), "WrongValue", paid=1, required=10**9)


def test_custody_cap(venue: Venue) -> None:
    ex = venue.exchange
    sender, _, _ = venue.trader()
    venue.quote.mint(sender, sender.address, 2**70 * 100)
    venue.quote.approve(sender, ex.address, 2**256 - 1)
    refused(lambda: ex.deposit(sender, 1, 2**62 * 100), "CustodyCap", asset=1, credited=0)
    refused(lambda: ex.deposit(sender, 1, (2**64 + 1) * 100), "CustodyCap", asset=1)
    ex.deposit(sender, 1, (2**62 - 1) * 100)
    refused(lambda: ex.deposit(sender, 1, 100), "CustodyCap", credited=2**62 - 1)


def ill_mannered(venue: Venue, verifier: str, manner: int) -> tuple[Exchange, Any, Sender]:
    address = deploy_test_contract(venue.operator, "TestOnlyToken", 0)
    changed = replace(venue.config, assets=(AssetConfig(address, 10), *venue.config.assets[1:]))
    exchange, _ = deploy_exchange(venue.operator, verifier, changed)
    sender = fund(venue.w3, venue.operator)
    exchange.register(sender, KEY_ROOT, KEY)
    token = venue.w3.eth.contract(Web3.to_checksum_address(address), abi=load_artifact("TestOnlyToken").abi)
    call(token, sender, "mint", sender.address, 1_000)
    call(token, sender, "mint", exchange.address, 1)
    call(token, sender, "setManner", manner)
    return exchange, token, sender


def call(contract: Any, sender: Sender, name: str, *arguments: Any, value: int = 0) -> None:
    data = bytes.fromhex(contract.encode_abi(name, args=list(arguments))[2:])
    sender.execute(contract.address, data, 1_000_000, value)


def test_a_token_that_returns_nothing(venue: Venue, verifier: str) -> None:
    exchange, token, sender = ill_mannered(venue, verifier, 0)
    exchange.deposit(sender, 0, 100)
    assert exchange.custody(0) == 10
    assert token.functions.balanceOf(exchange.address).call() == 101


def test_a_token_that_keeps_a_fee_is_measured(venue: Venue, verifier: str) -> None:
    exchange, _, sender = ill_mannered(venue, verifier, 1)
    refused(lambda: exchange.deposit(sender, 0, 100), "NotWholeUnits", received=99)
    exchange.deposit(sender, 0, 101)
    assert exchange.custody(0) == 10


@pytest.mark.parametrize("manner", [2, 3, 4], ids=["calls back", "returns false", "takes instead"])
def test_tokens_that_are_refused(venue: Venue, verifier: str, manner: int) -> None:
    exchange, token, sender = ill_mannered(venue, verifier, manner)
    refused(lambda: exchange.deposit(sender, 0, 100), "TransferFailed", token=token.address.lower())
    assert exchange.custody(0) == 0


def test_an_account_that_refuses_its_payment_keeps_its_claim(venue: Venue) -> None:
    ex = venue.exchange
    address = Web3.to_checksum_address(deploy_test_contract(venue.operator, "TestOnlyAccount", ex.address))
    account = venue.w3.eth.contract(address, abi=load_artifact("TestOnlyAccount").abi)
    sender, _, _ = venue.trader()
    call(account, venue.operator, "register", list(KEY_ROOT), KEY, value=FEE)
    number = ex.account_of(address)
    assert number == 3
    venue.entries.append(replace(venue.entries[0], account=3))
    venue.deposit_native(sender, 2, 100)
    venue.seal(0)
    withdrawals = (Holding(3, 2, 40),)
    venue.finish(venue.open(venue.data(0, 1, withdrawals=withdrawals)))
    assert withdrawal_path(withdrawals, 0) == []
    refused(lambda: ex.claim(sender, 0, 3, 2, 40, []), "TransferFailed")
    assert not ex.claimed(0, 3, 2)
    call(account, venue.operator, "setCallsBack")
    refused(lambda: ex.claim(sender, 0, 3, 2, 40, []), "TransferFailed")  # its callback meets Reentered
    assert ex.custody(2) == 100


def test_seals(venue: Venue) -> None:
    ex, op = venue.exchange, venue.operator
    stranger = fund(venue.w3, op)
    refused(lambda: ex.seal(stranger, 0, ROOT, 1), "NotOperator")
    refused(lambda: ex.seal(op, 1, ROOT, 1), "WrongBatch", given=1, expected=0)
    refused(lambda: ex.seal(op, 0, ROOT, 257), "CountTooLarge", count=257, maximum=256)
    refused(lambda: ex.seal(op, 0, ROOT, 0), "EmptyBatchRoot")
    refused(lambda: ex.seal(op, 0, (0, 0, 0, P), 1), "NotCanonical", element=P)
    refused(lambda: ex.batch(0), "NotSealed", batch=0)
    mined = ex.seal(op, 0, ROOT, 256)
    refused(lambda: ex.seal(op, 1, ROOT, 1), "SealTooEarly", earliestBlock=mined.block + 2)
    refused(lambda: ex.seal(op, 0, ROOT, 1), "WrongBatch", given=0, expected=1)
    batch = ex.batch(0)
    assert (batch.root, batch.count, batch.seal_block, batch.version) == (ROOT, 256, mined.block, 1)
    assert (batch.beacon, batch.epoch) == (None, None)


def test_beacons(venue: Venue) -> None:
    ex, op = venue.exchange, venue.operator
    refused(lambda: ex.record_beacon(op, 0), "NotSealed", batch=0)
    mined = ex.seal(op, 0, ROOT, 1)
    refused(lambda: ex.record_beacon(op, 0), "BeaconTooEarly", earliestBlock=mined.block + DELAY + 1)
    venue.mine(DELAY)
    ex.record_beacon(fund(venue.w3, op), 0)
    assert ex.batch(0).beacon == bytes(venue.w3.eth.get_block(mined.block + DELAY)["hash"])
    refused(lambda: ex.record_beacon(op, 0), "BeaconAlreadyRecorded", batch=0)

    second = ex.seal(op, 1, ROOT, 1)
    venue.mine(DELAY + 1)
    ex.seal(op, 2, EMPTY_COMMITMENTS, 0)  # records the pending one
    assert ex.batch(1).beacon == bytes(venue.w3.eth.get_block(second.block + DELAY)["hash"])
    refused(lambda: ex.record_beacon(op, 2), "NoBeaconNeeded", batch=2)

    venue.mine()
    ex.seal(op, 3, ROOT, 1)
    venue.mine(DELAY + 257)
    ex.record_beacon(op, 3)
    assert ex.batch(3).beacon == FALLBACK_BEACON


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"operator": "0x" + "00" * 20}, "operator"),
        ({"fee_address": "0x" + "00" * 20}, "feeAddress"),
        ({"reveal_window": 0}, "revealWindow"),
        ({"beacon_delay": 0}, "beaconDelay"),
        ({"max_count": 1}, "maxCount"),
        ({"max_count": 257}, "maxCount"),
        ({"max_count": 256, "assets": (AssetConfig(None, 1),) * 9}, "maxCount"),
        ({"miss_fee": 2**62}, "missFee"),
        ({"fee_asset": 3}, "feeAsset"),
        ({"tiers": ()}, "tiers"),
        ({"max_count": 128, "assets": (AssetConfig(None, 1),) * 15}, "assets"),
        ({"assets": (AssetConfig(None, 0),) * 3}, "assets.unit"),
        ({"assets": (AssetConfig("0x" + "11" * 20, 1),) * 3}, "assets.token"),
        ({"markets": ()}, "markets"),
        ({"markets": (MarketConfig(0, 3, 1, 2, 0, 1),)}, "markets.assets"),
        ({"markets": (MarketConfig(1, 1, 1, 2, 0, 1),)}, "markets.assets"),
        ({"markets": (MarketConfig(0, 1, 0, 2, 0, 1),)}, "markets.band"),
        ({"markets": (MarketConfig(0, 1, 1, 2**31, 0, 1),)}, "markets.band"),
        ({"markets": (MarketConfig(0, 1, 5, 9, 0, 4),)}, "markets.initialReference"),
        ({"markets": (MarketConfig(0, 1, 5, 9, 1_000_001, 5),)}, "markets.feePpm"),
    ],
)
def test_deployment_refuses(w3: Web3, operator: Sender, verifier: str, changes: dict[str, Any], field: str) -> None:
    token = Token(w3, verifier)  # any address with code
    parameters = replace(config(operator.address, token, token), **changes)
    with pytest.raises(RevertedError) as caught:
        deploy_exchange(operator, verifier, parameters)
    assert (caught.value.error, caught.value.arguments) == ("BadConfig", {"field": field})


def test_a_verifier_must_be_a_contract(operator: Sender, venue: Venue) -> None:
    with pytest.raises(RevertedError) as caught:
        deploy_exchange(operator, "0x" + "22" * 20, venue.config)
    assert caught.value.arguments == {"field": "verifier"}


@pytest.mark.parametrize("name", ["TestOnlyVerifier", "TestOnlyToken", "IExchange"])
def test_the_product_deploys_no_test_material(operator: Sender, name: str) -> None:
    with pytest.raises(ArtifactError, match=f"^artifact {name}: not for deployment"):
        deploy_contract(operator, name)
