"""``kill -9`` of the real node, with real contracts and real proofs, in every phase of a batch's life."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import WebSocketException

from orderbook import wire
from orderbook.events import OpenedEntry

from .test_observing import figures, get
from .test_venue import Deployed, NodeProcess, Trader, deployed, node, session

__all__ = ["deployed"]

pytestmark = pytest.mark.slow

BEFORE_REVEALS = ("BatchClosed", "BatchSealed")
AFTER_REVEALS = (
    "RevealsEnded",
    "BeaconRecorded",
    "BatchCleared",
    "EpochClosed",
    "proving",
    "EpochProven",
    "EpochSettled",
)


async def kill_at(running: NodeProcess, points: list[str], killed: list[str]) -> None:
    """Kill the node when it logs one of the points; each is used once."""
    while True:
        message = str((await running.line())["message"])
        point = next((point for point in points if message.startswith(point)), None)
        if point is not None:
            points.remove(point)
            killed.append(point)
            running.process.kill()
            return


async def lives(
    deployed: Deployed, folder: Path, who: Trader, points: list[str], done: Callable[[wire.BatchStatus], bool]
) -> list[str]:
    """Run nodes, one after the other killed at a point, until batch 0 is where it should be; where they were killed."""
    killed: list[str] = []
    while True:
        async with node(deployed, folder, "--batch-commitments", "2") as running:
            url = await running.url()
            killer = asyncio.create_task(kill_at(running, points, killed))
            try:
                async with session(deployed, url, who) as client:
                    while True:
                        status = await client.ask(wire.GetBatch(client.next_id(), 0), wire.BatchStatus)
                        if done(status):
                            return killed
                        await asyncio.sleep(0.1)
            except (WebSocketException, OSError, EOFError):  # killed in the middle of a handshake, too
                await killer
            finally:
                killer.cancel()
                await asyncio.gather(killer, return_exceptions=True)


async def test_killed_in_every_phase(deployed: Deployed, tmp_path: Path) -> None:
    buyer = Trader(deployed, 1, 0, (OpenedEntry(2, 0, 20_005, 10),))
    seller = Trader(deployed, 2, 0, (OpenedEntry(3, 0, 20_000, 8),))
    receipts: dict[int, str] = {}
    for trader in (buyer, seller):
        async with node(deployed, tmp_path, "--batch-commitments", "2") as running:
            async with session(deployed, await running.url(), trader) as client:
                receipts[trader.account] = (await client.ask(trader.commit(client), wire.Receipt)).signature
            running.process.send_signal(signal.SIGKILL)
            await running.process.wait()

    await lives(deployed, tmp_path, buyer, list(BEFORE_REVEALS), lambda s: s.phase == "reveal")
    acknowledged: dict[int, str] = {}
    for trader in (buyer, seller):
        async with node(deployed, tmp_path, "--batch-commitments", "2") as running:
            async with session(deployed, await running.url(), trader) as client:
                acknowledged[trader.account] = (await client.ask(trader.reveal(client), wire.Acknowledgement)).signature
            running.process.send_signal(signal.SIGKILL)
            await running.process.wait()

    killed = await lives(deployed, tmp_path, seller, list(AFTER_REVEALS), lambda s: s.phase == "settled")
    # Others are skipped where their event was on disk before the kill came, or where the proof is too quick to tell.
    assert "EpochProven" in killed, killed
    async with node(deployed, tmp_path, "--batch-commitments", "2", "--status", "127.0.0.1:0") as running:
        url = await running.url()
        while "status_port" not in (line := await running.line()):
            pass
        port = int(str(line["status_port"]))
        assert await get(port, "/ready") == (200, '{"ready": true, "problems": []}\n')
        assert figures((await get(port, "/metrics"))[1])['sealbook_batches{phase="settled"}'] == 1
        for trader, fill in ((buyer, 8), (seller, 8)):
            async with session(deployed, url, trader) as client:
                assert (await client.ask(trader.commit(client), wire.Receipt)).signature == receipts[trader.account]
                again = await client.ask(trader.reveal(client), wire.Acknowledgement)
                assert again.signature == acknowledged[trader.account]
                result = await client.ask(wire.GetResult(client.next_id(), 0), wire.Result)
                assert (result.final, [f.fill for f in result.fills]) == (True, [fill])
                balances = await client.ask(wire.GetBalances(client.next_id()), wire.Balances)
                assert balances.root == wire.hex_digest(deployed.exchange.state_root())
        async with session(deployed, url, seller) as client:
            running.process.send_signal(signal.SIGTERM)
            assert await client.push(wire.Goodbye) == wire.Goodbye("stopping", 5.0)
        assert await running.process.wait() == 0
    progress = deployed.exchange.progress()
    assert (progress.sealed_batches, progress.settled_batches) == (1, 1)
    assert len(deployed.exchange.settled(0)) == 1
