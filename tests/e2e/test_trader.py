"""An agent that is killed and reveals in time, and `examples/trader.py`: chain, node and agent as processes, real
proofs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.errors import StoreError
from client.keys import Keys
from client.store import Store
from sealbook import Client, RemoteClient, buy
from sealbook.demo.play import KEY_TREE_LOG_SIZE
from sealbook.demo.stage import Operator, Service, Stage

from . import PATIENT

EXAMPLE = Path(__file__).parents[2] / "examples" / "trader.py"
RUN_SECONDS = 240
PASSWORD = "a password"

pytestmark = pytest.mark.slow


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    (tmp_path / "stage").mkdir()
    stage = Stage(tmp_path / "stage", None, lambda line: None, PATIENT)
    try:
        yield stage
    finally:
        stage.close()


def start_agent(stage: Stage, folder: Path, account: int) -> tuple[Service, str]:
    """The agent as a process, configured by file and environment; and where programs connect."""
    config = folder / "agent.toml"
    config.write_text(
        f'venue = "{stage.node_url}"\nrpc = "{stage.rpc}"\ncontract = "{stage.exchange.address}"\n'
        f'keys = "{folder / "ada.keys"}"\nstore = "{folder / "ada.sqlite3"}"\nlisten = "127.0.0.1:0"\n'
        f"account-number = {account}\npoll_seconds = 0.2\n"
    )
    os.environ["SEALBOOK_PASSWORD"] = PASSWORD
    try:
        agent = Service("agent", ["agent", "--config", str(config), "--json"], folder / "agent.log")
    finally:
        del os.environ["SEALBOOK_PASSWORD"]
    stage.keep(agent)
    return agent, agent.wait_for(lambda line: line.get("url"))


async def register(stage: Stage, folder: Path) -> int:
    """An account with dollars; its keys and store stay in the folder."""
    stage.fund("ada")
    async with Client.connect(
        stage.node_url,
        rpc=stage.rpc,
        contract=stage.exchange.address,
        keys=Keys.create(folder / "ada.keys", PASSWORD),
        store=folder / "ada.sqlite3",
        account=stage.l1_key("ada"),
    ) as client:
        await client.register(log_size=KEY_TREE_LOG_SIZE)
        await client.deposit("USD", "20000")
        await client.deposit("ETH", "0.1")  # covers the miss fee
        return client.account


async def killed_agent_reveals(stage: Stage, folder: Path, account: int, operator: Operator) -> None:
    """SIGKILL after the receipt; the batch is sealed when the agent is back; nothing is missed."""
    agent, url = await asyncio.to_thread(start_agent, stage, folder, account)
    token = (folder / "ada.sqlite3.token").read_text()
    async with RemoteClient.connect(url, token=token) as laptop:
        with pytest.raises(StoreError) as locked:
            Store(folder / "ada.sqlite3")
        assert locked.value.code == "store_locked"
        made = await laptop.commit([buy("ETH/USD", "1", "2500", client_order_id="before the crash")])
        assert made[0].receipt is not None
    agent.kill()
    agent, url = await asyncio.to_thread(start_agent, stage, folder, account)
    async with RemoteClient.connect(url, token=token) as laptop:
        ((order,),) = laptop.commitments
        assert order.client_order_id == "before the crash"
        await operator.seal_now()
        await order.revealed()
    await asyncio.to_thread(agent.stop)  # the laptop is closed, and the reveal is in: the rest is the venue's part
    status = await operator.until(order.batch, "settled")
    assert (status.count, status.missing) == (1, ())


async def trades(stage: Stage, folder: Path, account: int, operator: Operator) -> list[str]:
    """What the example prints, with the agent's account on the other side."""
    agent, url = await asyncio.to_thread(start_agent, stage, folder, account)
    token = (folder / "ada.sqlite3.token").read_text()
    environment = {
        **os.environ,
        "PYTHONPATH": str(EXAMPLE.parents[1]),
        "PYTHONUNBUFFERED": "1",
        "VENUE": stage.node_url,
        "RPC": stage.rpc,
        "CONTRACT": stage.exchange.address,
        "L1_KEY": f"0x{stage.SPARE_KEY:064x}",
    }
    example = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert example.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(RUN_SECONDS), RemoteClient.connect(url, token=token) as laptop:
            async for line in example.stdout:
                lines.append(line.decode().rstrip())
                if lines[-1] == "order: committed":
                    await laptop.commit([buy("ETH/USD", "1", "2500")])
                    await operator.seal_now()
        assert await example.wait() == 0, lines
    finally:
        if example.returncode is None:
            example.kill()
            await example.wait()
        await asyncio.to_thread(agent.stop)
    return lines


async def test_agent_and_trader(stage: Stage, tmp_path: Path) -> None:
    await asyncio.to_thread(stage.start_node, 1)
    operator = Operator(stage)
    await operator.connect()
    try:
        account = await register(stage, tmp_path)
        await killed_agent_reveals(stage, tmp_path, account, operator)
        lines = await trades(stage, tmp_path, account, operator)
    finally:
        await operator.close()
    states = [line.removeprefix("order: ") for line in lines if line.startswith("order: ")]
    assert states == ["created", "committed", "sealed", "revealed", "cleared", "proven", "settled"]
    (sold,) = [line for line in lines if line.startswith("sold 0.5 ETH at ")]
    assert sold.endswith(", verified: True")
    assert "ETH: 1.5 proven" in lines
    assert any(line.startswith("batches in flight: ") for line in lines)
    said = (tmp_path / "agent.log").read_text()
    assert PASSWORD not in said
    assert (tmp_path / "ada.sqlite3.token").read_text().strip() not in said
