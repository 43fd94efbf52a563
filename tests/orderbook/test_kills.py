"""``kill -9`` of the real node, with real contracts and real proofs, in every phase of a batch's life."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from websockets.exceptions import WebSocketException

from orderbook import wire
from orderbook.events import OpenedEntry

from .test_observing import figures, get
from .test_venue import MINING, Deployed, NodeProcess, Trader, deployed, node, session

__all__ = ["deployed"]

pytestmark = pytest.mark.slow

BEFORE_REVEALS = ("BatchClosed", "BatchSealed")
BEFORE_THE_PROOF = ("RevealsEnded", "BeaconRecorded", "BatchCleared", "EpochClosed")
AFTER_THE_PROOF = ("EpochProven", "EpochSettled")
START = ("--batch-commitments", "2")


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
    deployed: Deployed,
    folder: Path,
    who: Trader,
    points: Sequence[str],
    done: Callable[[wire.BatchStatus], bool],
    *options: str,
    program: tuple[str, ...] = ("sealbook.cli",),
) -> list[str]:
    """Run nodes, one after the other killed at a point, until batch 0 is where it should be; where they were killed."""
    left, killed = list(points), list[str]()
    while True:
        async with node(deployed, folder, *START, *options, program=program) as running:
            url = await running.url()
            killer = asyncio.create_task(kill_at(running, left, killed))
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


async def killed_until_the_proof(deployed: Deployed, folder: Path, who: Trader) -> None:
    """Kill nodes up to the proof, which none of them can finish, however late its kill comes; and one in the middle of
    the proof, whose prover then ends by itself."""
    prover = folder / "prover"
    program = ("tests.orderbook.held_node", str(prover))
    await lives(deployed, folder, who, BEFORE_THE_PROOF, lambda _: prover.exists(), *MINING, program=program)
    prover.unlink()
    async with node(deployed, folder, *START, *MINING, program=program) as running:
        reading = asyncio.create_task(running.told("stopped"))  # its output must not fill the pipe
        number = await written(prover, running)
        assert alive(number)
        running.process.kill()
        assert await running.process.wait() == -signal.SIGKILL
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    await gone(number)


async def written(file: Path, running: NodeProcess) -> int:
    """The number in a file that the prover of a node writes."""
    while True:
        number = number_in(file)
        if number is not None:
            return number
        assert running.process.returncode is None, running.lines[-5:]
        await asyncio.sleep(0.05)


def number_in(file: Path) -> int | None:
    return int(file.read_text()) if file.exists() else None


async def gone(process: int) -> None:
    """Return when a process has ended."""
    while True:
        if not alive(process):
            return
        await asyncio.sleep(0.05)


def alive(process: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def test_killed_in_every_phase(deployed: Deployed, tmp_path: Path) -> None:
    buyer = Trader(deployed, 1, 0, (OpenedEntry(2, 0, 20_005, 10),))
    seller = Trader(deployed, 2, 0, (OpenedEntry(3, 0, 20_000, 8),))
    receipts: dict[int, str] = {}
    for trader in (buyer, seller):
        async with node(deployed, tmp_path, *START) as running:
            async with session(deployed, await running.url(), trader) as client:
                receipts[trader.account] = (await client.ask(trader.commit(client), wire.Receipt)).signature
            running.process.send_signal(signal.SIGKILL)
            await running.process.wait()

    await lives(deployed, tmp_path, buyer, BEFORE_REVEALS, lambda s: s.phase == "reveal")
    acknowledged: dict[int, str] = {}
    for trader in (buyer, seller):
        async with node(deployed, tmp_path, *START) as running:
            async with session(deployed, await running.url(), trader) as client:
                acknowledged[trader.account] = (await client.ask(trader.reveal(client), wire.Acknowledgement)).signature
            running.process.send_signal(signal.SIGKILL)
            await running.process.wait()

    await killed_until_the_proof(deployed, tmp_path, seller)
    killed = await lives(deployed, tmp_path, seller, AFTER_THE_PROOF, lambda s: s.phase == "settled", *MINING)
    # The other is skipped where its event was on disk before the kill came.
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
