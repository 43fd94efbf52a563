"""Programs that trade through an agent: over real sockets, with the real node."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from client.chain import SealedBatch
from client.client import Client
from client.errors import (
    BrokenPromiseError,
    FloatRefusedError,
    InputError,
    InsufficientBalanceError,
    StateError,
    StoreError,
    VenueUnreachableError,
)
from client.orders import buy, sell
from client.proofs import ProofVerdict
from client.remote.agent import RemoteClient
from client.remote.server import serving
from client.states import OrderStatus, Unfilled
from client.store import Store
from orderbook.node import Node
from tests.orderbook.simulated import SimulatedL1

from .conftest import SimulatedChain, Trader, mining

TOKEN = "a token of some length"


@contextlib.asynccontextmanager
async def agent(folder: Path, l1: SimulatedL1, trader: Trader) -> AsyncIterator[tuple[Node, Client, str]]:
    async with (
        mining(folder, l1) as node,
        trader.funded(node) as client,
        serving(client, "127.0.0.1", 0, TOKEN) as port,
    ):
        yield node, client, f"ws://127.0.0.1:{port}"


async def test_the_laptop_closes_and_the_agent_goes_on(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with agent(tmp_path, l1, alice) as (node, client, url):
        async with RemoteClient.connect(url, token=TOKEN) as laptop:
            assert (laptop.account, laptop.venue) == (client.account, client.venue)
            (order,) = await laptop.commit([buy("ETH/USD", Decimal("0.005"), "0.2", client_order_id="x")])
            assert (order.status, order.entry.quantity, order.entry.price) == (OrderStatus.COMMITTED, 5, 200)
        with pytest.raises(StateError) as closed:
            await order.settled()
        assert closed.value.code == "client_closed"
        node.seal_now()
        (mine,) = client.commitments[0]
        await mine.settled()
        async with RemoteClient.connect(url, token=TOKEN) as laptop:
            assert laptop.commitments == ()
            order = await laptop.resolve("x")
            assert order.state == mine.state
            assert isinstance(order.state, Unfilled)
            (again,) = await laptop.commit([buy("ETH/USD", "0.005", "0.2", client_order_id="x")])
            assert again.state == mine.state


async def test_two_programs_share_an_account(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with (
        agent(tmp_path, l1, alice) as (node, _, url),
        RemoteClient.connect(url, token=TOKEN) as one,
        RemoteClient.connect(url, token=TOKEN) as two,
    ):
        seen = two.orders()
        made = await one.commit([sell("ETH/USD", 3, 3_000), buy("ETH/USD", 1, 200)])
        assert [order.entry.kind for order in made] == [3, 2]
        with pytest.raises(StateError) as held:
            await two.commit([buy("ETH/USD", 1, 200)])
        assert (held.value.code, held.value.advice) == ("commitment_open", "use replace() or cancel()")
        (order,) = await two.replace([buy("ETH/USD", 1, 201)])
        assert (await made[0].cancelled()).reason == "replaced"
        node.seal_now()
        assert isinstance(await order.settled(), Unfilled)
        names = {update.client_order_id async for update in changes(seen, 8)}
        assert made[0].client_order_id in names
        assert (await one.open_batch()).batch == 1
        assert (await one.balances())["USD"].settled == Decimal(100)
        (out,) = [await one.withdraw("USD", "1")]
        assert [made.batch for made in two.commitments] or await two.resolve(out.client_order_id)
        await two.cancel()
        assert (await out.cancelled()).reason == "cancelled"


async def changes(stream: object, count: int) -> AsyncIterator[object]:
    from client.streams import Delta

    left = count
    async for event in stream:  # type: ignore[attr-defined]
        if isinstance(event, Delta):
            yield event.change
            left -= 1
            if not left:
                return


async def test_errors_cross_as_they_are(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with agent(tmp_path, l1, alice) as (_, client, url), RemoteClient.connect(url, token=TOKEN) as laptop:
        for orders, kind in (
            ([sell("ETH/USD", "99", "2")], InsufficientBalanceError),
            ([sell("ETH/EUR", 1, 2_000)], InputError),
            ([], InputError),
        ):
            with pytest.raises(kind) as here:
                await laptop.commit(orders)
            with pytest.raises(kind) as there:
                await client.commit(orders)
            assert type(here.value) is type(there.value)
            assert vars(here.value) == vars(there.value)
            assert str(here.value) == str(there.value)
        with pytest.raises(FloatRefusedError):
            await laptop.commit([sell("ETH/USD", 0.5, "2")])  # type: ignore[arg-type]
        assert await laptop.claim() == await client.claim() == ()
        with pytest.raises(StateError) as early:
            await laptop.claim(7)
        assert (early.value.code, early.value.field) == ("not_settled", "epoch")
        monkeypatch.setattr(SimulatedChain, "address", None)
        for call in (laptop.claim, client.claim, lambda: client.deposit("ETH", "1")):
            with pytest.raises(StateError) as keyless:
                await call()  # type: ignore[operator]
            assert keyless.value.code == "no_l1_key"
        with pytest.raises(InputError) as unknown:
            await laptop.resolve("nothing")
        assert unknown.value.code == "unknown_order"


async def test_the_agents_findings_reach_the_program(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = alice.chain.final_batch

    def other(number: int) -> SealedBatch | None:
        seal = true(number)
        return None if seal is None else dataclasses.replace(seal, root=(1, 2, 3, 4))

    async with agent(tmp_path, l1, alice) as (node, client, url), RemoteClient.connect(url, token=TOKEN) as laptop:
        report = await laptop.report()
        assert (report.problems, report.evidence, report.proofs) == ({}, (), {})
        monkeypatch.setattr(alice.chain, "final_batch", other)
        await laptop.commit([buy("ETH/USD", 1, 200)])
        node.seal_now()
        while not client.evidence:  # noqa: ASYNC110 - the keeper tells nobody
            await asyncio.sleep(0.01)
        client.proofs._future(3).set_result(ProofVerdict(3, ("proof: refused",)))
        report = await laptop.report()
        assert {batch: error.code for batch, error in report.problems.items()} == {0: "wrong_root"}
        assert isinstance(report.problems[0], BrokenPromiseError)
        assert [Path(path) for path in report.evidence] == list(client.evidence)
        assert (report.proofs[3].verified, report.proofs[3].faults) == (False, ("proof: refused",))


async def test_a_lost_connection_is_only_a_delay(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with agent(tmp_path, l1, alice) as (node, client, url), RemoteClient.connect(url, token=TOKEN) as laptop:
        placing = asyncio.create_task(laptop.commit([buy("ETH/USD", 1, 200)]))
        await asyncio.sleep(0)
        assert laptop._connection._socket is not None
        laptop._connection._socket.transport.abort()
        (order,) = await placing
        assert order.status is OrderStatus.COMMITTED
        assert len(client.commitments) == 1
        laptop._connection._socket.transport.abort() if laptop._connection._socket is not None else None
        node.seal_now()
        assert isinstance(await order.settled(), Unfilled)


async def test_who_may_connect(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with agent(tmp_path, l1, alice) as (_, client, url):
        with pytest.raises(StateError) as token:
            async with RemoteClient.connect(url, token="guessed"):
                pass
        assert (token.value.code, token.value.field) == ("agent_token", "token")
        with pytest.raises(InputError) as open_:
            async with serving(client, "0.0.0.0", 0, TOKEN):
                pass
        assert (open_.value.code, open_.value.field) == ("agent_needs_tls", "listen")
        with pytest.raises(InputError) as busy:
            async with serving(client, "127.0.0.1", int(url.rpartition(":")[2]), TOKEN):
                pass
        assert busy.value.code == "cannot_listen"
        with pytest.raises(StoreError) as locked:
            Store(alice.path)
        assert (locked.value.code, locked.value.retryable) == ("store_locked", True)
    with pytest.raises(VenueUnreachableError) as gone:
        async with RemoteClient.connect(url, token=TOKEN, within=0.3):
            pass
    assert gone.value.advice == "check the address, and that the agent runs"
