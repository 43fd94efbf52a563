"""`sealbook inspect` on a chain with two settled epochs."""

from __future__ import annotations

import json
from dataclasses import astuple, replace
from typing import Any
from unittest.mock import ANY

import pytest

from contracts.rpc import connect
from sealbook.cli import main
from sealbook.collect import collect
from sealbook.contract_code import immutables
from sealbook.export import decode_export

from .venue import WINDOW, SettledVenue


def shown(venue: SettledVenue, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*venue.arguments(*words), "--json"]) == 0
    out: dict[str, Any] = json.loads(capsys.readouterr().out)
    return out


def test_every_check_holds(venue: SettledVenue, capsys: pytest.CaptureFixture[str]) -> None:
    first = shown(venue, capsys, "epoch", "0")
    assert first["verdict"] == "verified"
    assert {c["name"]: c["ok"] for c in first["checks"]} == dict.fromkeys(
        (
            "code",
            "queries",
            "events",
            "final",
            "beacons",
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
        ),
        True,
    )
    assert first["chain_id"] == venue.chain_id
    assert first["contract"] == venue.address.lower()
    assert first["program"]["vk_hash"] == first["program"]["contract_vk_hash"]
    steps = [t["step"] for t in first["transactions"]]
    assert steps == ["seal", "seal", "beacon", "open", "queries"]
    assert all(21_000 < t["gas"] <= 1 << 24 for t in first["transactions"])


def test_the_second_epoch_starts_where_the_first_ended(venue: SettledVenue, capsys: pytest.CaptureFixture[str]) -> None:
    first = shown(venue, capsys, "epoch", "0")
    second = shown(venue, capsys, "latest")
    assert (first["epoch"], second["epoch"]) == (0, 1)
    assert second["inputs"]["old_root"] == first["outputs"]["new_root"]
    assert [m["reference"] for m in second["inputs"]["markets"]] == [105, 1005]
    assert second["inputs"]["queue_entries"] == []
    # Signatures in a transaction of their own, and query records that were checked twice.
    assert [t["step"] for t in second["transactions"]].count("signatures") == 1
    assert [(m["batch"], m["account"]) for m in second["outputs"]["missing"]] == [(2, 4)]
    assert [m["price"] for m in second["batches"][0]["markets"]] == [104, None]


def test_a_batch_leads_to_its_epoch(venue: SettledVenue, capsys: pytest.CaptureFixture[str]) -> None:
    assert [shown(venue, capsys, "batch", str(b))["epoch"] for b in range(3)] == [0, 0, 1]


def test_the_tables_name_what_was_settled(venue: SettledVenue, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(venue.arguments("epoch", "0")) == 0
    out = capsys.readouterr().out
    assert "Epoch 0" in out
    assert "security in bits, by error source" in out
    assert out.endswith("verified\n")


def test_keys_are_those_of_the_source(venue: SettledVenue, capsys: pytest.CaptureFixture[str]) -> None:
    keys = shown(venue, capsys, "key")
    assert keys["verdict"] == "verified"
    assert [(t["name"], t["ok"]) for t in keys["tiers"]] == [("small", True), ("medium", True)]
    assert all(t["security"]["conjectured"]["total"] >= 100 for t in keys["tiers"])


def test_what_is_exported_is_what_was_inspected(venue: SettledVenue, exported: bytes) -> None:
    assert collect(connect(venue.url), venue.address, 0).export == decode_export(exported)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["epoch", "2"], "epoch: 2 is not settled; there are 2 epochs, from 0 on"),
        (["batch", "3"], "batch: 3 is not sealed; there are 3 batches, from 0 on"),
        (["3"], "batch: 3 is not sealed; there are 3 batches, from 0 on"),
        (["1", "2"], "number: two numbers: did you mean `inspect batch 1`?"),
        (["batch"], "number: `inspect batch` needs a number"),
        (["latest", "1"], "number: `inspect latest` takes no number"),
    ],
)
def test_what_is_not_there_is_said(
    venue: SettledVenue, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(venue.arguments(*words)) == 2
    assert capsys.readouterr().err == f"sealbook inspect: {message}\n"
    assert main([*venue.arguments(*words), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["message"] == message


def test_wrong_places_are_said(venue: SettledVenue, capsys: pytest.CaptureFixture[str]) -> None:
    token = venue.exchange.assets()[0].token
    assert token is not None
    cases = [
        (["--rpc", "http://127.0.0.1:1", "--contract", venue.address], "rpc: the endpoint does not answer"),
        (["--rpc", "ftp://x", "--contract", venue.address], "rpc: 'ftp://x' is no http or https address"),
        (["--rpc", venue.url, "--contract", "0x12"], "contract: '0x12' is no address"),
        (["--rpc", venue.url, "--contract", "0x" + "11" * 20], "contract: there is no code at 0x1111"),
        (["--rpc", venue.url, "--contract", token], f"contract: {token} is no Exchange of this version"),
        (["--rpc", venue.url, "--contract", venue.address, "--chain-id", "1"], "chain_id: the endpoint serves chain"),
    ]
    for words, message in cases:
        assert main(["inspect", "latest", *words]) == 2
        assert capsys.readouterr().err.startswith(f"sealbook inspect: {message}")


# What an endpoint says that lies, or a chain on which something else happened: the stored answers are changed.


def failures(venue: SettledVenue, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, str]:
    assert main([*venue.arguments(*words), "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["verdict"] == "rejected"
    return {c["name"]: c["detail"] for c in shown["checks"] if c["ok"] is False}


def transaction(venue: SettledVenue, capsys: pytest.CaptureFixture[str], step: str) -> str:
    """Hash of the first such transaction of epoch 0."""
    found = shown(venue, capsys, "epoch", "0")["transactions"]
    return next(str(t["hash"]) for t in found if t["step"] == step)


def test_a_changed_query_record_is_refused(
    venue: SettledVenue, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = transaction(venue, capsys, "queries")
    stored = venue.chain._transactions[digest]
    changed = stored["input"][:100_001] + ("0" if stored["input"][100_001] != "0" else "1") + stored["input"][100_002:]
    monkeypatch.setitem(venue.chain._transactions, digest, {**stored, "input": changed})
    reasons = failures(venue, capsys, "epoch", "0")
    assert reasons.keys() == {"proof"}
    assert reasons["proof"].split(":")[0] in ("merkle", "fri_merkle", "element")


def test_changed_calldata_of_the_opening_are_refused(
    venue: SettledVenue, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = transaction(venue, capsys, "open")
    stored = venue.chain._transactions[digest]
    call = venue.exchange.decode_open(bytes.fromhex(stored["input"][2:]))
    public = call.public_data[:-1] + bytes([call.public_data[-1] ^ 1])
    changed = venue.exchange.encode("openSettlement", *astuple(replace(call, public_data=public)))
    monkeypatch.setitem(venue.chain._transactions, digest, {**stored, "input": "0x" + changed.hex()})
    assert failures(venue, capsys, "epoch", "0") == {
        "events": "HeadChecked: not what the transaction's input says",
        "public_data": "public_data: the hash is not the one on L1",
        "proof": ANY,
        "outcome": "settled.withdrawals_root: not the root of the proven withdrawals",
    }


def test_a_beacon_that_is_no_block_hash_is_refused(
    venue: SettledVenue, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venue.exchange.batch(0).seal_block + WINDOW
    blocks = list(venue.chain._blocks)
    blocks[target] = {**blocks[target], "hash": "0x" + "77" * 32}
    monkeypatch.setattr(venue.chain, "_blocks", blocks)
    assert failures(venue, capsys, "epoch", "0") == {"beacons": f"batch 0: not the hash of block {target}"}


def test_other_code_than_the_published_is_refused(
    venue: SettledVenue, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, changed = venue.chain.code, bytes.fromhex(venue.address[2:])

    def code(address: bytes, block: int) -> bytes:
        found = real(address, block)
        return found[:-1] + bytes([found[-1] ^ 1]) if address == changed else found

    monkeypatch.setattr(venue.chain, "code", code)
    assert failures(venue, capsys, "epoch", "0") == {
        "code": f"contract: the code at {venue.address} is not the published Exchange"
    }
    changed = bytes.fromhex(venue.exchange.verifier()[2:])
    assert failures(venue, capsys, "epoch", "0") == {
        "code": f"verifier: the code at {venue.exchange.verifier()} is not the published StarkVerifier"
    }


def test_immutables_are_found_and_everything_else_must_be_equal() -> None:
    slot = b"\x7f" + bytes(32)
    published = b"\x01" + slot + b"\x02" + slot
    filled = b"\x01\x7f" + b"\xaa" * 32 + b"\x02\x7f" + b"\xbb" * 32
    assert immutables(published, filled) == [b"\xaa" * 32, b"\xbb" * 32]
    assert immutables(published, b"\x00" + filled[1:]) is None
    assert immutables(published, filled[:34] + b"\x03" + filled[35:]) is None
    assert immutables(published, filled + b"\x00") is None
    assert immutables(b"\x01\x02", b"\x01\x03") is None


def test_a_record_that_was_never_checked_is_said(
    venue: SettledVenue, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = transaction(venue, capsys, "queries")
    event = venue.exchange.contract.events.QueriesChecked().topic
    first = venue.exchange.decode_queries(bytes.fromhex(venue.chain._transactions[digest]["input"][2:])).first
    kept = [log for log in venue.chain._logs if (log["transactionHash"], log["topics"][0]) != (digest, event)]
    assert len(kept) == len(venue.chain._logs) - 1
    monkeypatch.setattr(venue.chain, "_logs", kept)
    assert main(venue.arguments("epoch", "0")) == 2
    assert capsys.readouterr().err == f"sealbook inspect: queries: record {first} was never checked on L1\n"


def test_a_call_through_another_contract_is_said(
    venue: SettledVenue, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = transaction(venue, capsys, "open")
    stored = venue.chain._transactions[digest]
    monkeypatch.setitem(venue.chain._transactions, digest, {**stored, "to": "0x" + "11" * 20})
    assert main(venue.arguments("epoch", "0")) == 2
    assert capsys.readouterr().err.endswith(f"calls 0x{'11' * 20}, not the Exchange\n")
