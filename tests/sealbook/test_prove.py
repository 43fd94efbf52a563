"""`sealbook prove solvency`: on a venue with two settled epochs, and on a generated one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commitments.state import balance_leaf, balance_slot, leaf_index
from commitments.types import Digest
from contracts.errors import RevertedError, WrongContractError
from contracts.exchange import Exchange
from contracts.rpc import connect
from contracts.solvency import SolvencyContract
from contracts.verifier import WireProof
from proofs import prover_api
from proofs.solvency.program import TIERS
from proofs.solvency.settlement import verification_key
from proofs.statement.public import encode_queue
from sealbook.cli import main
from sealbook.errors import SolvencyError
from sealbook.solvency.audit import demand_solvency, prove_state
from sealbook.solvency.demo import demo_venue, generate
from sealbook.solvency.state import read_state, replay, waiting_entries, write_state

from .venue import SettledVenue

PRIVATE_KEY = 5
"""Of the development chain's accounts, one that the venue's cast does not use."""

GRINDS = ("LookupPow", "BatchPow", "QueryPow", "Bus")
"""Of a proof whose context is another, one of these fails first."""


def silent(_: str) -> None:
    return


@pytest.fixture
def key_file(venue: SettledVenue, tmp_path: Path) -> Path:
    path = tmp_path / "payer.key"
    path.write_text(venue.chain.keys[PRIVATE_KEY])
    path.chmod(0o600)
    return path


def shown(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["prove", "solvency", *words, "--json"]) == status
    out: dict[str, Any] = json.loads(capsys.readouterr().out)
    return out


def test_the_state_is_rebuilt_from_l1_alone(venue: SettledVenue) -> None:
    endpoint = connect(venue.url)
    state = replay(endpoint, Exchange(endpoint.w3, venue.address))
    assert state.assets == 3
    for account in range(8):
        for asset in range(3):
            leaf = state.leaves.get(leaf_index(account, balance_slot(asset)), balance_leaf(0))
            assert leaf == venue.tree.slot(account, balance_slot(asset))
        assert state.leaves.get(leaf_index(account, 0), (0, 0, 0, 0)) == venue.tree.slot(account, 0)


@pytest.mark.slow
def test_anybody_proves_a_venue_and_records_it(
    venue: SettledVenue, capsys: pytest.CaptureFixture[str], key_file: Path, tmp_path: Path
) -> None:
    chain = ("--rpc", venue.url, "--contract", venue.address)
    saved = tmp_path / "state.json"
    dry = shown(capsys, *chain, "--save-state", str(saved))
    assert (dry["solvent"], dry["recorded"], dry["transactions"], dry["gas"]) == (True, False, [], 0)
    assert dry["epochs"] == 2
    owed = [sum(venue.tree.balance(a, asset) for a in range(8)) for asset in range(3)]
    assert [row["liabilities"] for row in dry["assets"]] == owed
    # Whatever the books hold beyond that are the withdrawals that nobody claimed.
    assert [row["unclaimed"] for row in dry["assets"]] == [0, 0, 25]

    recorded = shown(capsys, *chain, "--key", str(key_file))
    assert recorded["solvent"]
    assert recorded["assets"] == dry["assets"]
    assert recorded["recorded"]
    assert len(recorded["transactions"]) == 1
    assert recorded["gas"] == recorded["transactions"][0]["gas"] <= 1 << 24
    contract = SolvencyContract(connect(venue.url).w3, recorded["contract"])
    assert contract.latest().solvent
    assert contract.latest().block == recorded["block"]

    again = shown(capsys, *chain, "--key", str(key_file), "--solvency", recorded["contract"], "--state", str(saved))
    assert again["contract"] == recorded["contract"]
    assert contract.count() == 2
    assert main([*venue.arguments("key"), "--solvency", recorded["contract"]]) == 0
    assert capsys.readouterr().out.endswith("verified\n")


@pytest.mark.slow
def test_the_demonstration(capsys: pytest.CaptureFixture[str]) -> None:
    """A generated venue, its proof, and two ways to cheat."""
    made = shown(capsys, "--demo", "--accounts", "40")
    assert (made["solvent"], made["recorded"], made["accounts"], len(made["transactions"])) == (True, True, 42, 1)
    assert [row["pending"] for row in made["assets"]] == [5_000, 0, 0]
    assert [row["unclaimed"] for row in made["assets"]] == [0, 100, 200]
    assert [attack["outcome"] for attack in made["attacks"]] == ["refused: Bus", "recorded as not solvent"]


@pytest.mark.slow
def test_the_contract_refuses_what_was_not_proven() -> None:
    with demo_venue(20, 3, silent) as demo:
        root, chain_id = demo.exchange.state_root(), demo.endpoint.chain_id
        proven = prove_state(demo.state, root, chain_id, demo.solvency.address, silent)
        owed = proven.statement.claim.liabilities
        wire = WireProof.split(proven.proof, *prover_api.proof_lengths(verification_key(0)))
        queue = encode_queue(waiting_entries(demo.exchange))

        def refusal(root: Digest, liabilities: tuple[int, ...], queue: bytes, proof: WireProof = wire) -> str:
            with pytest.raises(RevertedError) as refused:
                demo.solvency.submit(demo.sender, 0, root, liabilities, queue, proof)
            return refused.value.error

        # A true proof for other numbers: the context, and with it every challenge, is another.
        # A few bits of grinding may pass by chance, the next challenges do not.
        assert refusal(root, (owed[0] - 1, *owed[1:]), queue) in GRINDS
        assert refusal((1, 2, 3, 4), owed, queue) == "StaleRoot"
        assert refusal(root, owed, b"") == "WrongQueueEntries"
        cut = WireProof(wire.head, wire.queries[: -wire.record_length] + bytes(wire.record_length), wire.record_length)
        assert refusal(root, owed, queue, cut) in ("Merkle", "FriMerkle", "Element")
        elsewhere = prove_state(demo.state, root, chain_id, demo.exchange.address, silent)
        other = WireProof.split(elsewhere.proof, *prover_api.proof_lengths(verification_key(0)))
        assert refusal(root, owed, queue, other) in GRINDS
        assert demo.solvency.count() == 0


def test_a_state_with_another_root_is_refused(venue: SettledVenue, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SolvencyError, match=r"^root: the state has root 0x[0-9a-f]{64}, the contract 0x[0-9a-f]{64}$"):
        prove_state(generate(3, 3), venue.exchange.state_root(), 1, venue.address, silent)


def test_a_state_survives_its_file(tmp_path: Path) -> None:
    state = generate(25, 2)
    write_state(state, tmp_path / "state.json")
    assert read_state(tmp_path / "state.json") == state


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "x"}, "format: 'x' version 1 is not 'sealbook-state' version 1"),
        ({"extra": 1}, "state: {path}: Object contains unknown field `extra`"),
        ({"leaves": [[2, 16, [1, 0, 0, 0]]]}, "leaves: account 2 has no slot 16"),
        ({"leaves": [[2, 2, [1, 0, 0, 0]], [2, 2, [1, 0, 0, 0]]]}, "leaves: account 2, slot 2 stands there twice"),
        ({"leaves": [[2, 2, [1, 2, 0, 0]]]}, "account 2, slot 2: a balance is one number below 2^62"),
        ({"leaves": [[2, 4, [1, 0, 0, 0]]]}, "account 2, slot 4: a balance of asset 2; there are 2 assets"),
    ],
)
def test_a_file_that_is_no_state_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps({"format": "sealbook-state", "version": 1, "assets": 2, "leaves": [], **changes}))
    with pytest.raises(SolvencyError) as refused:
        read_state(path)
    assert str(refused.value) == message.format(path=path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--rpc: needed, unless it is --demo"),
        (["--rpc", "http://127.0.0.1:1"], "--contract: needed, unless it is --demo"),
        (["--demo", "--rpc", "x"], "--rpc: the demonstration has a chain of its own"),
        (["--rpc", "x", "--contract", "y", "--accounts", "3"], "--accounts: only the demonstration generates accounts"),
        (
            ["--rpc", "x", "--contract", "y", "--solvency", "z"],
            "--solvency: recording a proof takes transactions: give a --key that pays for them",
        ),
        (["--rpc", "x", "--contract", "y", "--key", "/nowhere"], "cannot read /nowhere: No such file or directory"),
        (["--rpc", "x", "--contract", "y"], "contract: 'y' is no address"),
    ],
)
def test_bad_input_is_said(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert main(["prove", "solvency", *words]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"sealbook prove: {message}"
    assert shown(capsys, *words, status=2)["error"]["message"] == message


def test_a_state_beyond_the_largest_tier_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("proofs.solvency.settlement", "sealbook.solvency.audit"):
        monkeypatch.setattr(f"{module}.TIERS", TIERS[:1])
    with pytest.raises(SolvencyError, match=r"^state: 7801 rows to prove; the largest tier has 4096$"):
        prove_state(generate(1_000, 3), None, 1, "0x" + "11" * 20, silent)


@pytest.mark.parametrize("place", ["token", "nothing"])
def test_what_is_no_solvency_contract_is_said(venue: SettledVenue, key_file: Path, place: str) -> None:
    address = str(venue.exchange.assets()[0].token) if place == "token" else "0x" + "22" * 20
    endpoint = connect(venue.url)
    with pytest.raises((SolvencyError, WrongContractError)):
        demand_solvency(endpoint, address, venue.exchange)
