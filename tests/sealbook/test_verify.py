"""Offline verification of a real settlement, and of changed ones: each is refused by the check that should."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from proofs.verifier import ProofRejected, Reason
from sealbook.checks import Check, Findings, check_export
from sealbook.cli import main
from sealbook.export import decode_export

Change = Callable[[dict[str, Any]], None]

GRINDS = ["lookup_pow", "batch_pow", "query_pow"]
"""With another transcript every grind fails, but one in 2^bits passes by chance: then the next one tells."""


def flip(data: dict[str, Any], name: str, position: int) -> None:
    """Change one byte of a hex field."""
    raw = bytearray.fromhex(data[name][2:])
    raw[position] ^= 1
    data[name] = "0x" + raw.hex()


def judged(exported: bytes, change: Change) -> Findings:
    data = json.loads(exported)
    change(data)
    return check_export(decode_export(json.dumps(data).encode()))


def failed(findings: Findings) -> dict[str, str]:
    return {check.name: check.detail for check in findings.failed}


def test_the_settlement_is_verified(exported: bytes) -> None:
    findings = check_export(decode_export(exported))
    assert [c.name for c in findings.checks] == [
        "public_data",
        "queue",
        "parameters",
        "key",
        "program",
        "proof",
        "outcome",
        "deadline",
        "signatures",
        "security",
    ]
    assert all(c.ok is True for c in findings.checks)
    assert findings.accepted
    assert findings.security["conjectured"]["total"] >= 100


def test_the_command_prints_one_object(exported: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(exported)
    assert main(["verify", str(path), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["verdict"] == "verified"
    assert shown["checks"][-1]["name"] == "chain"
    assert shown["checks"][-1]["ok"] is None  # offline, nobody can say that the facts are the chain's
    batch = shown["batches"][0]
    assert (batch["count"], batch["missing"]) == (4, 1)
    assert [m["volume"] for m in batch["markets"]] == [30, 3]
    assert [m["price"] for m in batch["markets"]] == [105, 1005]
    assert shown["batches"][1]["markets"] == []
    assert shown["outputs"]["withdrawals"] == [{"account": 3, "asset": 2, "units": 25}]
    assert [(m["batch"], m["account"], m["charged"]) for m in shown["outputs"]["missing"]] == [(0, 5, True)]
    assert {"account": 1, "asset": 0, "units": 50} in shown["outputs"]["balances"]
    assert len(shown["inputs"]["queue_entries"]) == 16


def test_the_command_prints_tables(exported: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(exported)
    assert main(["verify", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.endswith("verified\n")
    assert "only `sealbook inspect`" in out


def test_a_second_verifier_gives_the_same_verdict(exported: bytes) -> None:
    for verdict in ("accepted", "fri_merkle"):
        data = json.loads(exported)
        if verdict != "accepted":
            flip(data, "proof", -1)
        findings = check_export(decode_export(json.dumps(data).encode()), native=True)
        native = findings.checks[6]
        assert (native.name, native.ok, native.detail) == ("native", True, verdict)
        assert findings.accepted is (verdict == "accepted")


def test_verifiers_that_disagree_fail_a_check(exported: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def reject(*_: object) -> None:
        raise ProofRejected(Reason.MERKLE, "as a test has it")

    monkeypatch.setattr("proofs.prover_api.verify_native", reject)
    findings = check_export(decode_export(exported), native=True)
    assert failed(findings) == {"native": "Python: accepted, native: merkle"}
    assert not findings.accepted


def test_the_native_option(exported: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(exported)
    assert main(["verify", str(path), "--native", "--json"]) == 0
    names = [check["name"] for check in json.loads(capsys.readouterr().out)["checks"]]
    assert names.index("native") == names.index("proof") + 1


@pytest.mark.parametrize("fraction", [0.0, 0.03, 0.08, 0.2, 0.4, 0.6, 0.8, 0.999])
def test_a_flipped_byte_of_the_proof_is_refused(exported: bytes, fraction: float) -> None:
    def change(data: dict[str, Any]) -> None:
        flip(data, "proof", int(fraction * (len(data["proof"]) // 2 - 1)))

    findings = judged(exported, change)
    assert list(failed(findings)) == ["proof"]
    assert not findings.accepted
    reason = failed(findings)["proof"].split(":")[0]
    expected = {0.0: GRINDS, 0.03: ["ood_pow", "constraints", "batch_pow", "query_pow"]}
    assert reason in expected.get(fraction, ["merkle", "fri_merkle", "query_pow", "batch_pow", "element"])


def test_a_truncated_proof_is_refused(exported: bytes) -> None:
    def change(data: dict[str, Any]) -> None:
        data["proof"] = data["proof"][:-2]

    assert failed(judged(exported, change)).keys() == {"proof"}
    assert failed(judged(exported, change))["proof"].startswith("length: ")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("chain_id",), 5),
        (("old_root",), "0x" + "00" * 32),
        (("batches", 0, "root"), "0x" + "00" * 32),
        (("batches", 0, "count"), 3),
        (("batches", 0, "beacon"), "0x" + "11" * 32),
        (("markets", 0, "reference"), 101),
        (("markets", 1, "upper"), 1_021),
        (("markets", 0, "fee_ppm"), 0),
        (("parameters", "miss_fee"), 49),
    ],
)
def test_a_changed_fact_of_l1_is_refused_by_the_proof(exported: bytes, path: tuple[Any, ...], value: object) -> None:
    def change(data: dict[str, Any]) -> None:
        inner: Any = data
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = value

    reasons = failed(judged(exported, change))
    assert reasons.keys() == ({"proof", "signatures"} if path == ("chain_id",) else {"proof"})
    assert reasons["proof"].partition(":")[0] in GRINDS
    if reasons["proof"].startswith("lookup_pow: "):
        assert reasons["proof"].endswith("(the proof was made for other public data, or its beginning is damaged)")


def test_changed_public_data_are_refused(exported: bytes) -> None:
    def change(data: dict[str, Any]) -> None:
        flip(data, "public_data", -1)  # the amount of the only withdrawal

    reasons = failed(judged(exported, change))
    assert reasons.keys() == {"public_data", "proof", "outcome"}
    assert reasons["public_data"] == "public_data: the hash is not the one on L1"
    assert reasons["outcome"] == "settled.withdrawals_root: not the root of the proven withdrawals"


def test_public_data_changed_with_their_hash_are_refused_by_the_proof(exported: bytes) -> None:
    def change(data: dict[str, Any]) -> None:
        flip(data, "public_data", 42 + 16 + 2 + 37 + 2 + 11)  # the first balance
        raw = bytes.fromhex(data["public_data"][2:])
        data["settled"]["public_data_hash"] = "0x" + keccak(raw).hex()

    assert failed(judged(exported, change)).keys() == {"proof"}


def test_public_data_that_do_not_parse_are_named(exported: bytes) -> None:
    def change(data: dict[str, Any]) -> None:
        data["public_data"] = data["public_data"][:-2]

    findings = judged(exported, change)
    assert failed(findings) == {"public_data": "withdrawals: truncated"}
    assert not findings.accepted
    assert [c.name for c in findings.checks if c.ok is None] == [
        "program",
        "proof",
        "outcome",
        "deadline",
        "signatures",
    ]


def test_public_data_of_other_batches_are_refused(exported: bytes) -> None:
    def change(data: dict[str, Any]) -> None:
        flip(data, "public_data", 7)

    assert failed(judged(exported, change)) == {
        "public_data": "batches: 2 from 1 on, the epoch has 0 to 1",
    }


def test_changed_queue_entries_are_refused(exported: bytes) -> None:
    def change(data: dict[str, Any]) -> None:
        raw = bytearray.fromhex(data["queue"]["entries"][2:])
        raw[37 + 12] ^= 1  # units of the first deposit
        data["queue"]["entries"] = "0x" + raw.hex()

    reasons = failed(judged(exported, change))
    assert reasons.keys() == {"queue", "proof"}
    assert reasons["queue"] == "queue.entries: they do not lead to the contract's hash"


def test_another_key_than_the_contracts_is_refused(exported: bytes) -> None:
    def change(data: dict[str, Any]) -> None:
        data["tier_key_hash"] = "0x" + "00" * 32

    reasons = failed(judged(exported, change))
    assert reasons.keys() == {"key"}
    assert reasons["key"].startswith("tier_key_hash: ")


def test_a_key_that_is_not_this_program_is_refused(exported: bytes) -> None:
    def change(data: dict[str, Any]) -> None:
        flip(data, "verification_key", 1_000)
        data["tier_key_hash"] = "0x" + keccak(bytes.fromhex(data["verification_key"][2:])).hex()

    reasons = failed(judged(exported, change))
    assert "program" in reasons
    assert "proof" in reasons
    assert "key" not in reasons


@pytest.mark.parametrize(
    ("name", "value", "check", "reason"),
    [
        ("new_root", "0x" + "00" * 32, "outcome", "settled.new_root: 0x"),
        ("withdrawals_root", "0x" + "00" * 32, "outcome", "settled.withdrawals_root: not the root"),
        ("references", [105, 1_006], "outcome", "settled.references: [105, 1006], proven were [105, 1005]"),
        ("open_block", 1, "deadline", "1 missing, deadline block"),
    ],
)
def test_another_outcome_is_refused(exported: bytes, name: str, value: object, check: str, reason: str) -> None:
    def change(data: dict[str, Any]) -> None:
        data["settled"][name] = value

    reasons = failed(judged(exported, change))
    assert reasons.keys() == {check}
    assert reasons[check].startswith(reason)


def test_a_charge_without_the_commit_keys_signature_is_refused(exported: bytes) -> None:
    def forged(data: dict[str, Any]) -> None:
        flip(data, "signatures", 20)

    def absent(data: dict[str, Any]) -> None:
        data["signatures"] = "0x"

    def other_key(data: dict[str, Any]) -> None:
        data["commit_keys"][0]["address"] = "0x" + "11" * 20

    wrong = "signatures[0]: not signed by the commit key of account 5"
    assert failed(judged(exported, forged)) == {"signatures": wrong}
    assert failed(judged(exported, other_key)) == {"signatures": wrong}
    assert failed(judged(exported, absent)) == {"signatures": "signatures: 0 bytes for 1 charged leaves"}


@pytest.mark.parametrize(("name", "value"), [("version", 2), ("public_bus", 4)])
def test_another_version_is_refused(exported: bytes, name: str, value: int) -> None:
    def change(data: dict[str, Any]) -> None:
        data["parameters"][name] = value

    assert failed(judged(exported, change))["parameters"].startswith(f"parameters.{name}: {value}, ")


def test_a_rejected_proof_is_exit_status_1(exported: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(exported)
    flip(data, "proof", 0)
    path = tmp_path / "forged.json"
    path.write_text(json.dumps(data))
    assert main(["verify", str(path), "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["verdict"] == "rejected"
    assert main(["verify", str(path)]) == 1
    shown_text = capsys.readouterr().out
    assert any(f"rejected: proof: {grind}: " in shown_text for grind in GRINDS)


def test_no_verdict_without_an_accepted_proof() -> None:
    findings = Findings(checks=[Check("public_data", "", None, "")])
    assert not findings.accepted
