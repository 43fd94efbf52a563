"""Proofs of epochs: several batches in one, fewer where they are too many, files lost and files done with."""

from __future__ import annotations

from pathlib import Path

from orderbook import wire
from orderbook.epochs import EpochStore
from orderbook.errors import EndpointDownError, ProverError
from orderbook.l1 import SettlementPackage
from orderbook.node import Node
from orderbook.state import VenueState

from .simulated import OPERATOR, HonestPackages, SimulatedL1, connected, running, sealed


async def test_batches_are_proven_together(tmp_path: Path, l1: SimulatedL1) -> None:
    prover = HonestPackages()
    async with (
        running(tmp_path, l1, prover=prover, batches_per_epoch=3) as node,
        connected(node, l1.parameters()) as operator,
    ):
        await operator.login(OPERATOR, 0)
        await operator.ask(wire.Subscribe(operator.next_id()), wire.Subscribed)
        for number in range(3):
            await sealed(operator)
            await operator.push(wire.BatchStatus, lambda s, n=number: s.batch == n + 1)  # type: ignore[misc]
            while node.state.lifecycle.batch(number).seal is None:
                await operator.push(wire.BatchStatus)
        await operator.push(wire.BatchStatus, lambda s: s.batch == 2 and s.phase == "settled")
    assert prover.calls == [(0, 2)]


async def test_an_epoch_that_is_too_large_is_proven_in_parts(tmp_path: Path, l1: SimulatedL1) -> None:
    class Limited(HonestPackages):
        async def prove(self, state: VenueState, first: int, last: int) -> tuple[SettlementPackage, float]:
            if last > first:
                self.calls.append((first, last))
                raise ProverError("no tier holds it", code="epoch_too_large")
            return await super().prove(state, first, last)

    prover = Limited()
    async with (
        running(tmp_path, l1, prover=prover, batches_per_epoch=2) as node,
        connected(node, l1.parameters()) as operator,
    ):
        await operator.login(OPERATOR, 0)
        await operator.ask(wire.Subscribe(operator.next_id()), wire.Subscribed)
        for number in range(2):
            await sealed(operator)
            while node.state.lifecycle.batch(number).seal is None:
                await operator.push(wire.BatchStatus)
        await operator.push(wire.BatchStatus, lambda s: s.batch == 0 and s.phase == "settled")
    assert prover.calls == [(0, 1), (0, 0)]
    assert [(p.first, p.last) for p in l1.settled] == [(0, 0)]


async def test_a_lost_proof_is_made_again(tmp_path: Path, l1: SimulatedL1) -> None:
    prover = HonestPackages()

    class Down(SimulatedL1):
        def settle(self, package: SettlementPackage) -> None:
            raise EndpointDownError("the endpoint does not answer")

    down = Down(l1.parameters())
    async with running(tmp_path, down, prover=prover) as node, connected(node, l1.parameters()) as client:
        await client.ask(wire.Subscribe(1), wire.Subscribed)
        node.seal_now()
        await client.push(wire.BatchStatus, lambda s: s.phase == "settle")
    (stored,) = (tmp_path / "epochs").iterdir()
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    down.__class__ = SimulatedL1
    async with running(tmp_path, down, prover=prover) as node, connected(node, l1.parameters()) as client:
        await client.ask(wire.Subscribe(1), wire.Subscribed)
        status = await client.ask(wire.GetBatch(2, 0), wire.BatchStatus)
        if status.phase != "settled":
            await client.push(wire.BatchStatus, lambda s: s.batch == 0 and s.phase == "settled")
    assert prover.calls == [(0, 0), (0, 0)]


async def test_a_proof_is_kept_until_its_settlement_is_final(tmp_path: Path, l1: SimulatedL1) -> None:
    class Down(SimulatedL1):
        def settle(self, package: SettlementPackage) -> None:
            raise EndpointDownError("the endpoint does not answer")

    async def settled(node: Node) -> None:
        async with connected(node, l1.parameters()) as client:
            state = await client.ask(wire.Subscribe(1), wire.Subscribed)
            if state.batches[0].phase != "settled":
                await client.push(wire.BatchStatus, lambda s: s.phase == "settled")

    folder, down = tmp_path / "epochs", Down(l1.parameters())
    async with running(tmp_path, down) as node, connected(node, l1.parameters()) as client:
        await client.ask(wire.Subscribe(1), wire.Subscribed)
        node.seal_now()
        await client.push(wire.BatchStatus, lambda s: s.phase == "settle")
        assert [file.name for file in folder.iterdir()] == ["00000000-00000000.settlement"]
    package = EpochStore(folder).load(node.state.lifecycle.batch(0).proven)  # type: ignore[arg-type]
    assert package is not None
    # The node ends between the settlement's last block and the deletion: the next one makes up for it.
    SimulatedL1.settle(down, package)
    (folder / "00000000-00000001.settlement.part").write_bytes(b"half")
    (folder / "00000001-00000001.settlement.part").write_bytes(b"of a later epoch")
    (folder / "notes").write_bytes(b"the operator's own")
    async with running(tmp_path, down) as node:
        await settled(node)
        left = sorted(file.name for file in folder.iterdir())
        assert left == ["00000000-00000001.settlement.part", "00000001-00000001.settlement.part", "notes"]
    down.__class__ = SimulatedL1
    async with running(tmp_path, down) as node, connected(node, l1.parameters()) as client:
        await client.ask(wire.Subscribe(1), wire.Subscribed)
        node.seal_now()
        await client.push(wire.BatchStatus, lambda s: s.batch == 1 and s.phase == "settled")
        await node._duties.tidy()
        assert [file.name for file in folder.iterdir()] == ["notes"]
