"""Evidence: what the bytes show and what they do not, and a client that keeps it when the venue cheats."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import client.sim.floor as floor
from client.client import Client
from client.errors import BrokenPromiseError, EvidenceError, OrderEndedError
from client.evidence import (
    Acknowledged,
    AnyEvidence,
    DoubleReceipt,
    LeftOut,
    Scene,
    SignedReceipt,
    WrongPath,
    encode,
    judge,
    read,
)
from client.orders import buy
from client.sim import SimVenue
from client.states import Cancelled, RevealMissed
from commitments.bundle import commitment_tree
from commitments.receipts import Domain, SigningKey
from commitments.types import ZERO, Digest
from commitments.venue import keccak256
from orderbook.duty import Clear, Duty
from orderbook.sessions import Answer
from orderbook.wire import Commit, Receipt, Request, hex_digest
from proofs.statement.public import MarketResult, Missing, PublicData
from proofs.statement.public import encode as encode_public
from sealbook.cli import main

OPERATOR = SigningKey(b"\x07" * 32)
CONTRACT = "0x" + "11" * 20
DOMAIN = Domain(1337, CONTRACT)
SCENE = Scene(1337, CONTRACT, OPERATOR.address, 9, 5)
ONE: Digest = (1, 2, 3, 4)
TWO: Digest = (5, 6, 7, 8)


def receipt(commitment: Digest, key: SigningKey = OPERATOR, sequence: int = 3) -> SignedReceipt:
    signature = key.sign(DOMAIN.receipt(9, 5, sequence, commitment))
    return SignedReceipt(hex_digest(commitment), "0x" + signature.hex())


def double(one: SignedReceipt, two: SignedReceipt) -> DoubleReceipt:
    return DoubleReceipt(scene=SCENE, sequence=3, receipts=(one, two))


def wrong_path(index: int, siblings_of: int, **changes: Any) -> WrongPath:
    """A signed path in a batch of accounts 4, 5 and 6, of which account 5 is leaf 1."""
    tree = commitment_tree(DOMAIN.venue, 9, [(4, TWO), (5, ONE), (6, TWO)])
    siblings = tree.path(siblings_of)
    signature = OPERATOR.sign(DOMAIN.path(9, 5, ONE, tree.root, 3, index, siblings))
    found = WrongPath(
        scene=SCENE,
        commitment=hex_digest(ONE),
        root=hex_digest(tree.root),
        count=3,
        index=index,
        siblings=tuple(map(hex_digest, siblings)),
        signature="0x" + signature.hex(),
        sealed_root=hex_digest(tree.root),
        sealed_count=3,
        seal_block=77,
    )
    return msgspec.structs.replace(found, **changes)


def acknowledged(missing: tuple[Missing, ...], **changes: Any) -> Acknowledged:
    rows = ((MarketResult(5, 0),), (MarketResult(5, 0),))
    data = encode_public(PublicData(8, 2, 0, ONE, rows, missing, (), ()))
    signature = OPERATOR.sign(DOMAIN.acknowledgement(9, 5, ONE))
    found = Acknowledged(
        scene=SCENE,
        commitment=hex_digest(ONE),
        acknowledgement="0x" + signature.hex(),
        epoch=4,
        public_data="0x" + data.hex(),
        public_data_hash="0x" + keccak256(data).hex(),
        counts=(1, 3),
        markets=1,
        assets=2,
        transaction="0x" + "aa" * 32,
    )
    return msgspec.structs.replace(found, **changes)


LISTED = (Missing(1, 5, ONE, True),)
LEFT = LeftOut(scene=SCENE, sequence=3, receipt=receipt(ONE), sealed_root=hex_digest(TWO), sealed_count=3)
OTHER_ROOT = hex_digest(TWO)
CASES: list[tuple[str, AnyEvidence, str, str]] = [
    ("two receipts", double(receipt(ONE), receipt(TWO)), "proven", ""),
    ("a receipt and one of a cancel", double(receipt(ONE), receipt(ZERO)), "proven", ""),
    ("one receipt twice", double(receipt(ONE), receipt(ONE)), "refuted", "both are for one commitment"),
    ("a forged receipt", double(receipt(ONE), receipt(TWO, SigningKey(b"\1" * 32))), "refuted", "second receipt"),
    ("another sequence", double(receipt(ONE), receipt(TWO, sequence=4)), "refuted", "second receipt"),
    ("listed as missing", acknowledged(LISTED), "proven", ""),
    ("nobody is missing", acknowledged(()), "refuted", "do not list"),
    ("missing in another batch", acknowledged((Missing(0, 5, ONE, True),)), "refuted", "do not list"),
    ("another account is missing", acknowledged((Missing(1, 6, ONE, True),)), "refuted", "do not list"),
    ("another commitment is", acknowledged((Missing(1, 5, TWO, True),)), "refuted", "do not list"),
    ("another hash", acknowledged(LISTED, public_data_hash=OTHER_ROOT), "refuted", "hash given"),
    ("no public data", acknowledged(LISTED, public_data="0x00"), "refuted", ""),
    ("other leaves", acknowledged(LISTED, counts=(0, 0)), "refuted", ""),
    ("a forged acknowledgement", acknowledged(LISTED, commitment=OTHER_ROOT), "refuted", "not by"),
    ("siblings of another leaf", wrong_path(1, 0), "proven", ""),
    ("another index", wrong_path(2, 1), "proven", ""),
    ("an index beyond the leaves", wrong_path(8, 1), "proven", ""),
    ("another root was sealed", wrong_path(1, 1, sealed_root=OTHER_ROOT), "proven", ""),
    ("another count was sealed", wrong_path(1, 1, sealed_count=2), "proven", ""),
    ("a path that leads to the root", wrong_path(1, 1), "refuted", "leads to the sealed root"),
    ("a path that nobody signed", wrong_path(1, 0, count=4), "refuted", "the path is signed by"),
    ("an element that is too large", wrong_path(1, 0, root="0x" + "ff" * 32), "refuted", "canonical"),
    ("left out", LEFT, "not_shown", ""),
    ("a cancel left out", msgspec.structs.replace(LEFT, receipt=receipt(ZERO)), "refuted", "a cancel"),
    ("a forged receipt left out", msgspec.structs.replace(LEFT, sequence=4), "refuted", "not by"),
]


@pytest.mark.parametrize(("name", "evidence", "verdict", "fault"), CASES, ids=[case[0] for case in CASES])
def test_verdicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, evidence: AnyEvidence, verdict: str, fault: str
) -> None:
    path = tmp_path / "evidence.json"
    path.write_bytes(encode(evidence))
    assert read(path) == evidence
    finding = judge(evidence)
    assert finding.verdict == verdict
    assert fault in "; ".join(finding.faults)
    assert bool(finding.faults) == (verdict == "refuted")
    status = {"proven": 0, "refuted": 1, "not_shown": 3}[verdict]
    assert main(["evidence", str(path), "--json"]) == status
    shown = json.loads(capsys.readouterr().out)
    assert (shown["verdict"], shown["kind"], shown["scene"]["account"]) == (verdict, finding.kind, 5)
    assert main(["evidence", str(path)]) == status
    text = " ".join(capsys.readouterr().out.split())
    if verdict == "not_shown":
        assert "no bytes show an absence" in text
    if verdict != "refuted":
        assert "only L1 can tell" in text
        assert any("operator of contract" in line for line in finding.look_up)


def test_files_are_read_strictly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "evidence.json"
    good = json.loads(encode(LEFT))
    for change, field in (
        ({"surprise": 1}, "surprise"),
        ({"version": 2}, "version"),
        ({"kind": "other"}, "kind"),
        ({"sequence": 0}, "sequence"),
        ({"scene": {**good["scene"], "operator": "0x12"}}, "scene.operator"),
    ):
        path.write_text(json.dumps({**good, **change}))
        with pytest.raises(EvidenceError) as caught:
            read(path)
        assert caught.value.field == field
        assert main(["evidence", str(path), "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["error"]["field"] == field
    for junk in (b"", b"\xff", b"[1]", b"[" * 10_000, b" " * (4 * 2**20 + 1)):
        path.write_bytes(junk)
        with pytest.raises(EvidenceError):
            read(path)
    assert main(["evidence", str(tmp_path / "none")]) == 2
    assert "cannot read" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------- clients of a cheat


@pytest.fixture
def sim() -> Iterator[SimVenue]:
    with SimVenue() as venue:
        yield venue


FUNDS = {"ETH": "10", "USD": "10000"}


def kept(trader: Client, kind: str) -> AnyEvidence:
    (path,) = trader.evidence
    assert path.name.startswith(kind)
    assert path.stat().st_mode & 0o777 == 0o600
    evidence = read(path)
    assert evidence.scene.account == trader.account
    return evidence


def test_an_acknowledged_reveal_that_is_settled_as_missing(sim: SimVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = floor.SimFloor._perform

    def forgetful(self: floor.SimFloor, duty: Duty) -> None:
        if isinstance(duty, Clear):
            self.state.lifecycle.batch(duty.batch).reveals.clear()
        honest(self, duty)

    monkeypatch.setattr(floor.SimFloor, "_perform", forgetful)

    async def trade() -> None:
        async with sim.client("alice", FUNDS) as alice:
            (order,) = await alice.commit([buy("ETH/USD", 1, 200_000)])
            ended = await order.outcome()
            assert isinstance(ended, RevealMissed)
            assert ended.reason == "acknowledged_but_missing"
            await asyncio.sleep(30)
            evidence = kept(alice, "acknowledged_but_missing-0")
            assert judge(evidence).verdict == "proven"

    sim.run(trade())


def test_a_path_that_leads_elsewhere(sim: SimVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(*_: object) -> tuple[Digest, ...]:
        return ((9, 9, 9, 9),) * 8

    monkeypatch.setattr("orderbook.notices.commitment_path", elsewhere)
    monkeypatch.setattr("orderbook.desk.commitment_path", elsewhere)

    async def trade() -> None:
        async with sim.client("alice", FUNDS) as alice:
            await alice.commit([buy("ETH/USD", 1, 200_000)])
            await asyncio.sleep(15)
            assert alice.problems[0].code == "wrong_path"
            assert judge(kept(alice, "wrong_path-0")).verdict == "proven"

    sim.run(trade())


def test_two_receipts_for_one_sequence(sim: SimVenue) -> None:
    desk, operator = sim._floor.desk, floor._OPERATOR
    honest, lies = desk.handle, [TWO]

    def handle(session: Any, request: Request) -> Answer:
        reply, written = honest(session, request)
        if isinstance(request, Commit) and isinstance(reply, Receipt) and lies:
            other = lies.pop()
            signature = operator.sign(desk._domain.receipt(reply.batch, reply.account, reply.sequence, other))
            lie = msgspec.structs.replace(reply, commitment=hex_digest(other), signature="0x" + signature.hex())
            return Answer(lie, written)
        return Answer(reply, written)

    desk.handle = handle  # type: ignore[method-assign]

    async def trade() -> None:
        async with sim.client("alice", FUNDS) as alice:
            with pytest.raises(BrokenPromiseError) as caught:
                await alice.commit([buy("ETH/USD", 1, 200_000)])
            assert caught.value.code == "receipt_contents"
            assert alice.evidence == ()  # half of a contradiction
            await asyncio.sleep(8)
            evidence = kept(alice, "two_receipts-0")
            assert isinstance(evidence, DoubleReceipt)
            assert hex_digest(TWO) in [r.commitment for r in evidence.receipts]
            assert judge(evidence).verdict == "proven"

    sim.run(trade())


def test_a_commitment_that_is_left_out(sim: SimVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = floor.SimFloor._close

    def leaving_out(self: floor.SimFloor) -> None:
        batch = self.state.lifecycle.open_batch
        if batch is not None:
            batch.commitments.clear()
        honest(self)

    monkeypatch.setattr(floor.SimFloor, "_close", leaving_out)

    async def trade() -> None:
        async with sim.client("alice", FUNDS) as alice:
            (order,) = await alice.commit([buy("ETH/USD", 1, 200_000)])
            with contextlib.suppress(OrderEndedError):
                await order.settled()
            assert order.state == Cancelled("not_sealed")
            assert judge(kept(alice, "left_out-0")).verdict == "not_shown"

    sim.run(trade())


def test_an_honest_venue_leaves_no_evidence(sim: SimVenue) -> None:
    async def trade() -> None:
        async with sim.client("alice", FUNDS) as alice:
            (order,) = await alice.commit([buy("ETH/USD", 1, 200_000)])
            await alice.replace([buy("ETH/USD", 2, 200_000)])
            await alice.commitments[-1].settled()
            assert order.ended
            assert alice.evidence == ()

    sim.run(trade())
