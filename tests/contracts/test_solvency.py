"""The Solvency contract's own checks, behind a verifier that accepts everything; the real proof is in tests/e2e."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from contracts.chain import ChainServer
from contracts.errors import RevertedError
from contracts.exchange import STEP_GAS
from contracts.solvency import Position, ProvenSolvency, SolvencyContract, deploy_solvency
from contracts.transactions import Mined, Sender
from contracts.verifier import WireProof
from proofs.solvency.buses import WALK_BUS
from proofs.solvency.public import Claim, pack, proof_context, public_messages
from proofs.statement.public import Digest, Holding, encode_queue
from sealbook.solvency.audit import take_stock

from .conftest import NEW_ROOT, Venue

TIER = b"\x07" * 32
PROOF = WireProof(b"head", b"abc", 1)
"""The verifier for tests has three records of one byte."""
NATIVE = 2
UNIT = 10**9


@pytest.fixture
def solvency(venue: Venue) -> SolvencyContract:
    return deploy_solvency(venue.operator, venue.exchange.address, WALK_BUS, [TIER])[0]


def settled(venue: Venue) -> tuple[Sender, int]:
    """A trader with 40 native units settled and 2 more in the queue; one unit of a withdrawal is not claimed."""
    sender, _, number = venue.trader()
    venue.deposit_native(sender, number, 40)
    venue.seal(0)
    venue.finish(
        venue.open(venue.data(0, 1, balances=(Holding(number, NATIVE, 39),), withdrawals=(Holding(number, NATIVE, 1),)))
    )
    venue.deposit_native(sender, number, 2)
    return sender, number


def waiting(venue: Venue) -> bytes:
    return encode_queue(venue.entries[venue.exchange.progress().queue_settled :])


def submit(
    venue: Venue,
    solvency: SolvencyContract,
    liabilities: tuple[int, ...] = (0, 0, 39),
    root: Digest = NEW_ROOT,
    entries: bytes | None = None,
    proof: WireProof = PROOF,
    tier: int = 0,
) -> tuple[ProvenSolvency, list[Mined]]:
    queue = waiting(venue) if entries is None else entries
    return solvency.submit(venue.operator, tier, root, liabilities, queue, proof)


def test_the_configuration_is_readable(venue: Venue, solvency: SolvencyContract) -> None:
    assert solvency.exchange() == venue.exchange.address
    assert solvency.verifier() == venue.exchange.verifier()
    assert solvency.tiers() == (TIER,)
    assert solvency.count() == 0
    with pytest.raises(RevertedError) as refused:
        solvency.latest()
    assert refused.value.error == "NothingProven"


def test_what_is_held_is_compared_with_what_is_owed(venue: Venue, solvency: SolvencyContract) -> None:
    settled(venue)
    proven, mined = submit(venue, solvency)
    assert len(mined) == 1
    assert proven == solvency.latest()
    assert solvency.count() == 1
    # Registration fees lie in the native balance too, and are not the traders'.
    assert venue.exchange.registration_fees() > 0
    assert proven.positions == (Position(0, 0, 0, 0), Position(0, 0, 0, 0), Position(39, 2, 42, 42))
    assert proven.positions == take_stock(venue.exchange, (0, 0, 39))
    assert proven.positions[NATIVE].unclaimed == 1
    assert (proven.root, proven.epochs, proven.tier, proven.solvent) == (NEW_ROOT, 1, 0, True)
    assert proven.block == mined[0].block
    assert proven.time == venue.w3.eth.get_block(proven.block)["timestamp"]


@pytest.mark.parametrize(("owed", "solvent"), [(40, True), (41, False)])
def test_liabilities_and_the_queue_must_not_exceed_the_books(
    venue: Venue, solvency: SolvencyContract, owed: int, solvent: bool
) -> None:
    settled(venue)
    proven, _ = submit(venue, solvency, (0, 0, owed))
    assert proven.solvent is solvent
    assert [position.sound for position in proven.positions] == [True, True, solvent]


@pytest.mark.parametrize(("units", "solvent"), [(0, False), (1, True)])
def test_the_books_must_not_exceed_what_is_there(
    chain: ChainServer, venue: Venue, solvency: SolvencyContract, units: int, solvent: bool
) -> None:
    """One unit of coins leaves the Exchange behind its back, unless ``units`` is 1."""
    settled(venue)
    missing = 1 - units
    take_coins(chain, venue.exchange.address, missing * UNIT)
    proven, _ = submit(venue, solvency)
    assert proven.solvent is solvent
    assert proven.positions[NATIVE] == Position(39, 2, 42, 42 - missing)
    assert proven.positions == take_stock(venue.exchange, (0, 0, 39))


def test_a_proof_in_several_transactions(venue: Venue, solvency: SolvencyContract) -> None:
    settled(venue)
    arguments = (0, list(NEW_ROOT), [0, 0, 39], waiting(venue), b"head")
    opened = write(venue, solvency, "open", *arguments, b"a")
    (event,) = solvency.contract.events.Opened().get_logs(from_block=opened.block, to_block=opened.block)
    ticket, state, statement = event["args"]["id"], event["args"]["state"], event["args"]["statement"]
    assert solvency.count() == 0
    refused(venue, solvency, "QueriesPending", "conclude", ticket, statement)
    refused(venue, solvency, "WrongState", "checkQueries", ticket, bytes(state) + b"x", 1, b"bc")
    write(venue, solvency, "checkQueries", ticket, state, 1, b"bc")
    wrong = {**statement, "solvent": False}
    refused(venue, solvency, "WrongStatement", "conclude", ticket, wrong)
    write(venue, solvency, "conclude", ticket, statement)
    assert solvency.latest().positions[NATIVE] == Position(39, 2, 42, 42)
    refused(venue, solvency, "UnknownTicket", "conclude", ticket, statement)
    refused(venue, solvency, "UnknownTicket", "checkQueries", ticket, state, 1, b"bc")


def test_an_older_proof_concluded_later_is_no_news(venue: Venue, solvency: SolvencyContract) -> None:
    settled(venue)
    opened = write(venue, solvency, "open", 0, list(NEW_ROOT), [0, 0, 30], waiting(venue), b"head", b"")
    (event,) = solvency.contract.events.Opened().get_logs(from_block=opened.block, to_block=opened.block)
    newer, _ = submit(venue, solvency)
    write(venue, solvency, "checkQueries", event["args"]["id"], event["args"]["state"], 0, b"abc")
    write(venue, solvency, "conclude", event["args"]["id"], event["args"]["statement"])
    assert solvency.count() == 2
    assert solvency.latest() == newer


def test_refusals(venue: Venue, solvency: SolvencyContract) -> None:
    settled(venue)
    queue = waiting(venue)
    honest = (0, list(NEW_ROOT), [0, 0, 39], queue, b"head", b"abc")
    cases = {
        "UnknownTier": {0: 1},
        "StaleRoot": {1: [1, 2, 3, 4]},
        "WrongAssets": {2: [0, 39]},
        "LiabilityTooLarge": {2: [0, 0, 2**62]},
        "WrongQueueEntries": {3: b""},
    }
    for error, changes in cases.items():
        refused(venue, solvency, error, "open", *(changes.get(i, value) for i, value in enumerate(honest)))
    for entries in (queue[:-1], queue + bytes(37), queue[:-1] + b"\x01", queue[:4] + b"\x09" + queue[5:]):
        refused(venue, solvency, "WrongQueueEntries", "open", *honest[:3], entries, *honest[4:])
    refused(venue, solvency, "Unknown", "open", *honest[:4], b"\xff", b"abc")
    assert solvency.count() == 0


def test_the_context_binds_chain_contract_key_and_messages(venue: Venue, solvency: SolvencyContract) -> None:
    """The verifier for tests gives back what it was asked."""
    settled(venue)
    opened = write(venue, solvency, "open", 0, list(NEW_ROOT), [5, 0, 39], waiting(venue), b"head", b"")
    (event,) = solvency.contract.events.Opened().get_logs(from_block=opened.block, to_block=opened.block)
    packed = pack(public_messages(Claim(NEW_ROOT, (5, 0, 39))))
    context = proof_context(venue.operator.chain_id, solvency.address, TIER, packed)
    assert bytes(event["args"]["state"])[:96] == TIER + context + keccak(packed)


def take_coins(chain: ChainServer, address: str, amount: int) -> None:
    """What no transaction can do."""
    inner = chain.chain._backend.chain
    state = inner.get_vm().state
    account = bytes.fromhex(address[2:])
    state.set_balance(account, state.get_balance(account) - amount)
    state.persist()
    inner.header = inner.header.copy(state_root=state.state_root)
    chain.chain.mine()


def write(venue: Venue, solvency: SolvencyContract, name: str, *arguments: object) -> Mined:
    data = bytes.fromhex(solvency.contract.encode_abi(name, args=list(arguments))[2:])
    return venue.operator.execute(solvency.address, data, STEP_GAS)


def refused(venue: Venue, solvency: SolvencyContract, error: str, name: str, *arguments: object) -> None:
    with pytest.raises(RevertedError) as raised:
        write(venue, solvency, name, *arguments)
    assert raised.value.error == error
