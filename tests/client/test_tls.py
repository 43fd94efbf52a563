"""Over TLS: to the venue and to an agent, with the system's certificates or the caller's own."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from client.client import Client
from client.dialing import websocket
from client.errors import InputError, VenueUnreachableError
from client.orders import buy
from client.remote.agent import RemoteClient
from client.remote.server import serving
from client.states import OrderStatus
from client.store import Store
from tests.orderbook.simulated import SimulatedL1, running

from .conftest import TREE, Trader

CERTIFICATE = Path(__file__).parents[1] / "orderbook" / "tls" / "test-only.crt"
TOKEN = "a token of some length"


@pytest.fixture
def server() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, CERTIFICATE.with_suffix(".key"))
    return context


async def test_to_the_venue_and_to_the_agent(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, server: ssl.SSLContext
) -> None:
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
    async with running(tmp_path, l1, tls=server, mine_seconds=0.02) as node:
        url = f"wss://localhost:{node.server.port}"
        dial = functools.partial(websocket, tls=trusting)
        client = Client(url, alice.chain, alice.keys, Store(alice.path), 0.02, dial=dial)
        async with client.running(), serving(client, "localhost", 0, TOKEN, server) as port:
            await client.register(log_size=TREE)
            async with RemoteClient.connect(f"wss://localhost:{port}", token=TOKEN, tls=trusting) as program:
                (order,) = await program.commit([buy("ETH/USD", 1, 200)], check_balance=False)
                assert order.status is OrderStatus.COMMITTED


async def test_a_certificate_that_is_not_trusted_is_named(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, server: ssl.SSLContext
) -> None:
    async with running(tmp_path, l1, tls=server) as node:
        url = f"wss://localhost:{node.server.port}"
        client = Client(url, alice.chain, alice.keys, Store(alice.path), 0.02)
        with pytest.raises(VenueUnreachableError, match="certificate verify failed"):
            async with client.running(within=2):
                pass
        with pytest.raises(VenueUnreachableError, match="certificate verify failed"):
            async with RemoteClient.connect(url, token=TOKEN, within=2):
                pass


async def test_certificates_for_a_connection_that_uses_none(tmp_path: Path, alice: Trader) -> None:
    context = ssl.create_default_context()
    calls: list[Callable[[], AbstractAsyncContextManager[Any]]] = [
        lambda: RemoteClient.connect("ws://localhost:1", token=TOKEN, tls=context),
        lambda: Client.connect(
            "ws://localhost:1", rpc="", contract="", keys=alice.keys, store=tmp_path / "s", tls=context
        ),
    ]
    for call in calls:
        with pytest.raises(InputError) as plain:
            async with call():
                pass
        assert (plain.value.code, plain.value.field) == ("tls_unused", "url")
