"""The client verifies the proofs of its own settlements: real contracts, a real node, a real proof."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import sealbook.sdk
from sealbook import Client, Keys, sell
from sealbook.cli import main
from sealbook.collect import Collected
from sealbook.demo.stage import Stage

from . import PATIENT


@pytest.mark.slow
async def test_own_settlements_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stage").mkdir()
    stage = Stage(tmp_path / "stage", None, lambda line: None, PATIENT)
    try:
        stage.start_node(1, batch_seconds=1)
        async with Client.connect(
            stage.node_url,
            rpc=stage.rpc,
            contract=stage.exchange.address,
            account=f"0x{stage.SPARE_KEY:064x}",
            keys=Keys.create(tmp_path / "keys"),
            store=tmp_path / "store",
        ) as client:
            await client.register(log_size=8)
            await client.deposit("ETH", "2")
            (order,) = await client.commit([sell("ETH/USD", "0.5", "2400")])
            await order.settled()
            epoch = order.batch  # one batch each; the first one may have closed for the deposit alone
            verdict = await client.proofs.verdict(epoch)
            assert (verdict.epoch, verdict.verified, verdict.faults) == (epoch, True, ())
            assert client.proofs.verdicts == {epoch: verdict}
            assert client.evidence == ()
            checker = client.proofs.checker
        assert isinstance(checker, sealbook.sdk.SettlementChecker)

        honest = sealbook.sdk.collect

        def forged(*arguments: object) -> Collected:
            collected = honest(*arguments)  # type: ignore[arg-type]
            proof = collected.export.proof
            swapped = proof[:-2] + ("00" if proof[-2:] != "00" else "01")
            return Collected(msgspec.structs.replace(collected.export, proof=swapped), collected.checks)

        monkeypatch.setattr("sealbook.sdk.collect", forged)
        (fault,) = checker.check(epoch)
        assert fault.startswith("proof: ")
        kept = tmp_path / "store.evidence" / f"settlement-{epoch}.json"
        assert main(["verify", str(kept)]) == 1
    finally:
        stage.close()
