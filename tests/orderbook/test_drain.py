"""``sealbook node --drain-seconds`` as a process: SIGTERM ends it when every batch is settled, or its time is up."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from orderbook import wire
from orderbook.events import OpenedEntry

from .simulated import Client
from .test_protocol import ended
from .test_venue import Deployed, NodeProcess, Trader, deployed, node, session

__all__ = ["deployed"]

pytestmark = pytest.mark.slow


async def mine(deployed: Deployed, blocks: int) -> None:
    for _ in range(blocks):
        await asyncio.to_thread(deployed.endpoint.w3.provider.make_request, "evm_mine", [])  # type: ignore[arg-type]


async def terminated(running: NodeProcess, client: Client) -> None:
    """Tell the node to drain, and wait until it does."""
    running.process.send_signal(signal.SIGTERM)
    await running.told("draining: no new commitments; the node stops when every batch is settled")


async def test_drained_in_time_or_not(deployed: Deployed, tmp_path: Path) -> None:
    trader = Trader(deployed, 1, 0, (OpenedEntry(2, 0, 20_005, 10),))
    late = Trader(deployed, 2, 1, (OpenedEntry(2, 0, 20_005, 10),))
    # Nobody makes blocks: what was committed cannot be settled, and the node stops when its time is up.
    async with node(deployed, tmp_path, "--drain-seconds", "1") as running:
        async with session(deployed, await running.url(), trader) as client:
            await client.ask(trader.commit(client), wire.Receipt)
            await terminated(running, client)
            assert await ended(client) == (1001, "stopping")
            assert client.pushed[-1] == wire.Goodbye("stopping", 5.0)
        assert await running.process.wait() == 0
    # A second SIGTERM does not wait.
    async with node(deployed, tmp_path, "--drain-seconds", "600") as running:
        async with session(deployed, await running.url(), trader) as client:
            await terminated(running, client)
            running.process.send_signal(signal.SIGTERM)
            assert await ended(client) == (1001, "stopping")
        assert await running.process.wait() == 0
    async with node(deployed, tmp_path, "--drain-seconds", "600") as running:
        url = await running.url()
        async with session(deployed, url, trader) as client, session(deployed, url, late) as other:
            await terminated(running, client)
            error = await other.ask(late.commit(other), wire.Error)
            assert (error.code, error.retryable) == ("unavailable", True)
            await client.ask(wire.Subscribe(client.next_id()), wire.Subscribed)
            status = await client.ask(wire.GetBatch(client.next_id(), 0), wire.BatchStatus)
            if status.phase == "seal":
                await client.push(wire.BatchStatus, lambda s: s.batch == 0 and s.phase == "reveal")
            await client.ask(trader.reveal(client), wire.Acknowledgement)
            await mine(deployed, 6)
            assert await ended(client) == (1001, "drained")
            assert client.pushed[-1] == wire.Goodbye("drained", 5.0)
        assert await running.process.wait() == 0
    progress = deployed.exchange.progress()
    assert (progress.sealed_batches, progress.settled_batches) == (1, 1)
    assert list((tmp_path / "data" / "epochs").iterdir()) == []
