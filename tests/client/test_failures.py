"""No failure is opaque: whatever breaks comes out as an error of the tree, with the cause in words and advice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from client.client import Client
from client.errors import (
    ChainUnreachableError,
    InputError,
    SealbookError,
    StoreError,
    TransactionRevertedError,
    VenueRefusedError,
    VenueUnreachableError,
)
from client.orders import buy
from client.remote.agent import RemoteClient
from client.store import Store
from client.venue import Venue
from commitments.receipts import SigningKey
from orderbook import wire
from tests.orderbook.simulated import SimulatedL1, connected, running

from .conftest import Trader, mining


async def test_a_full_disk_stops_a_commitment_before_it_is_sent(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node) as client:
        pages = client._store._database.execute("PRAGMA page_count").fetchone()[0]
        client._store._database.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError) as full:
            await client.commit([buy("ETH/USD", 1, 200)] * 60)
        assert (full.value.code, full.value.field) == ("store_write", "store")
        assert "nothing is sent before it is stored" in full.value.advice
        assert "full" in str(full.value)
        assert client.commitments == ()
        assert node.state.lifecycle.batch(0).commitments == {}


@pytest.mark.parametrize("url", ["nowhere", "http://127.0.0.1:1", "ws://"])
async def test_an_address_that_is_none(tmp_path: Path, l1: SimulatedL1, alice: Trader, url: str) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: alice.running(url),
        lambda: RemoteClient.connect(url, token="t"),
    ]
    for call in calls:
        with pytest.raises(InputError) as bad:
            async with call():
                pass
        assert (bad.value.code, bad.value.field) == ("bad_url", "url")


async def test_the_cause_is_in_the_message(tmp_path: Path, l1: SimulatedL1, venue: Venue, alice: Trader) -> None:
    client = Client("ws://127.0.0.1:9", alice.chain, alice.keys, Store(alice.path), 0.02)
    client._link.start()
    with pytest.raises(VenueUnreachableError, match="last seen: ConnectionRefusedError"):
        await client._link.ready(0.5)
    with pytest.raises(VenueUnreachableError, match="last seen: ConnectionRefusedError"):
        await client._link.request(wire.GetMarkets(0), 0.3)
    await client._stop()


async def test_a_wrong_signature_names_both_signers(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    """What other venues call "invalid signature"."""
    async with mining(tmp_path, l1) as node, alice.funded(node) as client, connected(node, l1.parameters()) as other:
        stranger = SigningKey(b"\x55" * 32)
        digest = other.domain.session(client.account, bytes.fromhex(other.hello.challenge[2:]))
        await other.socket.send(wire.encode(wire.Login(1, client.account, "0x" + stranger.sign(digest).hex())))
        reply = await other.reply(1)
        assert isinstance(reply, wire.Error)
        assert (reply.code, reply.field) == ("bad_signature", "signature")
        assert reply.message == f"signed by {stranger.address}, not by {alice.keys.commit_key.address}"
        error = VenueRefusedError(reply.message, code=reply.code)
        assert "load the key file that was used at register()" in error.advice


async def test_l1_down_is_told_as_such(tmp_path: Path, l1: SimulatedL1, alice: Trader) -> None:
    async with running(tmp_path, l1) as node, alice.funded(node) as client:
        alice.chain.down = True
        calls: list[Callable[[], Awaitable[object]]] = [
            client.balances,
            lambda: client.commit([buy("ETH/USD", 1, 200)]),
            client.claim,
        ]
        for call in calls:
            with pytest.raises(ChainUnreachableError) as down:
                await call()
            assert (down.value.retryable, down.value.outcome_known) == (True, True)
        alice.chain.down = False


def test_every_error_says_what_to_do() -> None:
    for kind in walk(SealbookError):
        if kind.__module__ != "client.errors" or kind.__name__ == "OrderEndedError":
            continue
        error = kind("x")
        assert error.code
        assert error.advice
        assert str(error) == f"x ({error.advice})"
        assert isinstance(error.retryable, bool)
        assert isinstance(error.outcome_known, bool)
    assert TransactionRevertedError("x", reason="TooSmall()").reason == "TooSmall()"


def walk(kind: type[SealbookError]) -> list[type[SealbookError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in walk(child))]


async def test_a_fault_in_the_agent_is_noted_and_the_agent_lives(
    tmp_path: Path, l1: SimulatedL1, alice: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mining(tmp_path, l1) as node, alice.funded(node) as client:
        real, broken = alice.chain.final_batch, [True]

        def final_batch(number: int) -> Any:
            if broken:
                raise ZeroDivisionError
            return real(number)

        monkeypatch.setattr(alice.chain, "final_batch", final_batch)
        (order,) = await client.commit([buy("ETH/USD", 1, 200)])
        while 0 not in client.problems:  # noqa: ASYNC110 - the problem tells nobody
            await asyncio.sleep(0.01)
        assert client.problems[0].code == "internal"
        assert "ZeroDivisionError" in str(client.problems[0])
        broken.clear()
        node.seal_now()
        await order.settled()
