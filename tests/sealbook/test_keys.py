"""`sealbook inspect key` without a chain: the keys of this source."""

from __future__ import annotations

import json

import pytest
from eth_utils.crypto import keccak

from proofs.params import TIERS
from proofs.solvency.program import TIERS as SOLVENCY_TIERS
from proofs.solvency.settlement import verification_key as solvency_key
from proofs.statement.program import clearing_program
from proofs.statement.settlement import verification_key
from sealbook.cli import main
from sealbook.keys import PROGRAMS, key_object


def test_offline_it_has_every_tier_of_both_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "key", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["verdict"], shown["verifier"]) == ("source", None)
    assert shown["tiers"] == shown["clearing"]
    assert [row["name"] for row in shown["clearing"]] == [tier.name for tier in TIERS]
    assert [row["name"] for row in shown["solvency"]] == [tier.name for tier in SOLVENCY_TIERS]
    assert shown["clearing"][0]["source_vk_hash"] == "0x" + keccak(verification_key(0)).hex()
    assert shown["solvency"][1]["source_vk_hash"] == "0x" + keccak(solvency_key(1)).hex()
    for row in (*shown["clearing"], *shown["solvency"]):
        assert row["ok"]
        assert row["contract_vk_hash"] is None
        assert row["conjectured_bits"] == row["security"]["conjectured"]["total"] >= 100
        assert 60 < row["proven_bits"] < 100
        assert {"logup-fingerprint", "batch-combination", "ldt-query-phase"} <= row["security"]["conjectured"].keys()


def test_the_shape_is_the_programs() -> None:
    row = key_object(PROGRAMS["clearing"], 0)
    program = clearing_program()
    assert row["tape_hash"] == "0x" + keccak(program.key_tape).hex()
    for shown, matrix, log_height in zip(row["tables"], program.matrices, TIERS[0].log_heights, strict=True):
        assert shown["matrix"] == matrix.name
        assert shown["width"] == len(matrix.columns)
        assert shown["log_height"] == log_height
        assert (shown["asserts"], shown["messages"]) == (len(matrix.asserts), len(matrix.messages))
        assert max(shown["degree"], shown["lookup_degree"]) <= shown["quotient_chunks"] + 1
    parameters = TIERS[0].parameters
    assert row["parameters"]["num_queries"] == parameters.num_queries
    total = row["proof_bytes"]["head"] + row["proof_bytes"]["query_record"] * parameters.num_queries
    assert row["proof_bytes"]["total"] == total


@pytest.mark.parametrize(
    ("named", "found", "ok"),
    [
        (keccak(verification_key(0)), verification_key(0), True),
        (keccak(verification_key(0)), b"", False),
        (keccak(verification_key(1)), verification_key(1), False),
        (keccak(verification_key(0)), verification_key(0)[:-1], False),
    ],
    ids=["the same", "not registered", "another tier", "cut"],
)
def test_it_says_whether_the_contracts_key_is_the_source(named: bytes, found: bytes, ok: bool) -> None:
    row = key_object(PROGRAMS["clearing"], 0, named, found)
    assert row["ok"] is ok
    assert row["contract_vk_hash"] == "0x" + named.hex()


def test_a_tier_that_the_source_has_not_is_not_ok() -> None:
    row = key_object(PROGRAMS["clearing"], len(TIERS), bytes(32))
    assert (row["ok"], row["name"], row["source_vk_hash"]) == (False, None, "0x")


def test_the_tables_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "key"]) == 0
    out = capsys.readouterr().out
    for words in ("program clearing", "program solvency", "heights and parameters", "conjectured (random words)"):
        assert words in out
    assert out.endswith("built from source; give --rpc and --contract to compare with a chain\n")


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (["latest"], "--rpc, --contract"),
        (["key", "--rpc", "http://127.0.0.1:1"], "--contract"),
        (["key", "--solvency", "0x" + "11" * 20], "--rpc, --contract"),
    ],
)
def test_what_is_missing_is_said(capsys: pytest.CaptureFixture[str], words: list[str], missing: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["inspect", *words])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"error: the following arguments are required: {missing}\n")


def test_only_keys_take_a_solvency_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "latest", "--solvency", "0x" + "11" * 20]) == 2
    assert capsys.readouterr().err == "sealbook inspect: solvency: only `inspect key` takes it\n"
