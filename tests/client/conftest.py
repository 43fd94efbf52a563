"""A venue for clients: the real node and its real WebSocket server over an exchange contract in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from client.chain import Progress, Published, QueueEntry, SealedBatch, Settlement, WithdrawalLine
from client.client import Client
from client.errors import ChainUnreachableError
from client.handles import OrderHandle
from client.keys import Keys
from client.store import Store
from client.venue import Asset, Market, Venue
from commitments.hashing import empty_roots
from commitments.types import STATE_DEPTH, Digest
from commitments.venue import keccak256, venue_id
from orderbook.events import AccountRegistered, BatchSealed, EpochSettled, QueueAppended
from orderbook.node import Node
from orderbook.parameters import AssetParameters, MarketParameters, VenueParameters
from tests.orderbook.simulated import OPERATOR, SimulatedL1, running

CONTRACT = "0x" + "11" * 20
NATIVE = "0x" + "00" * 20
TOKEN = "0x" + "33" * 20
TREE = 10
"""Log2 of the batches that a test's key tree covers."""
WINDOW = 2_000
"""Blocks in which a reveal counts. Long, for a machine that stalls: a test that wants it to be over mines them."""


@pytest.fixture
def parameters() -> VenueParameters:
    return VenueParameters(
        venue=venue_id(1337, CONTRACT),
        chain_id=1337,
        contract=CONTRACT,
        operator=OPERATOR.address,
        version=1,
        assets=(AssetParameters(NATIVE, 10**15), AssetParameters(TOKEN, 1)),
        markets=(
            MarketParameters(base=0, quote=1, lower=100, upper=900_000, fee_ppm=500, initial_reference=2_000),
            MarketParameters(base=1, quote=0, lower=1_000, upper=9_000, fee_ppm=0, initial_reference=3_000),
        ),
        max_count=256,
        miss_fee=1_000,
        fee_asset=1,
        reveal_window=WINDOW,
        beacon_delay=2,
        min_seal_interval=1,
    )


@pytest.fixture
def venue(parameters: VenueParameters) -> Venue:
    """ETH in units of 0.001, USD (6 decimals) in units of 0.000001: a tick is 0.001 USD for an ETH."""
    assets = (Asset(0, "ETH", NATIVE, 10**15, 18), Asset(1, "USD", TOKEN, 1, 6))
    return Venue(
        chain_id=parameters.chain_id,
        contract=parameters.contract,
        number=parameters.venue,
        operator=parameters.operator,
        assets=assets,
        markets=tuple(
            Market(i, assets[m.base], assets[m.quote], m.lower, m.upper, m.fee_ppm, m.initial_reference)
            for i, m in enumerate(parameters.markets)
        ),
        max_count=parameters.max_count,
        miss_fee=parameters.miss_fee,
        fee_asset=parameters.fee_asset,
        registration_fee=0,
        reveal_window=parameters.reveal_window,
    )


@pytest.fixture
def l1(parameters: VenueParameters) -> SimulatedL1:
    return SimulatedL1(parameters)


class SimulatedChain:
    """A client's own view of the contract in memory. ``down`` and ``lag`` are its own endpoint's faults."""

    def __init__(self, l1: SimulatedL1, venue: Venue, owner: str) -> None:
        self.l1 = l1
        self._venue = venue
        self._owner = owner
        self.down = False
        self.lag = 0
        self.accounts: dict[str, tuple[int, str]] = {}
        self.settlements: dict[int, str] = {}

    @property
    def address(self) -> str | None:
        return self._owner

    def venue(self) -> Venue:
        return self._venue

    def head(self) -> int:
        if self.down:
            raise ChainUnreachableError("down")
        return self.l1.block

    def final(self) -> int:
        return self.head() - self.lag

    def progress(self) -> Progress:
        self.head()
        seals = [e for _, e in self.l1.events if isinstance(e, BatchSealed)]
        settled = sum(p.last - p.first + 1 for p in self.l1.settled)
        applied = seals[settled - 1].cut if settled else 0
        return Progress(len(seals), settled, len(self.l1.settled), self.l1.queue, self.l1.cut, applied)

    def batch(self, number: int) -> SealedBatch | None:
        self.head()
        for _, e in self.l1.events:
            if isinstance(e, BatchSealed) and e.batch == number:
                epochs = [i for i, p in enumerate(self.l1.settled) if p.first <= number <= p.last]
                return SealedBatch(number, e.root, e.count, e.block, e.cut, epochs[0] if epochs else None)
        return None

    def final_batch(self, number: int) -> SealedBatch | None:
        seal = self.batch(number)
        if seal is None or seal.seal_block > self.final():
            return None
        if seal.epoch is not None and self.settlement(seal.epoch).block > self.final():
            return replace(seal, epoch=None)
        return seal

    def state_root(self) -> Digest:
        roots = [e.root for _, e in self.l1.events if isinstance(e, EpochSettled)]
        return roots[-1] if roots else empty_roots(STATE_DEPTH)[-1]

    def account_of(self, address: str) -> int:
        return self.accounts.get(address, (0, ""))[0]

    def commit_key_of(self, account: int) -> str:
        return next(
            e.commit_key for _, e in self.l1.events if isinstance(e, AccountRegistered) and e.account == account
        )

    def queue(self, account: int) -> list[QueueEntry]:
        self.head()
        return [
            QueueEntry(e.position, e.kind, e.asset, e.values)
            for _, e in self.l1.events
            if isinstance(e, QueueAppended) and e.account == account
        ]

    def settlement(self, epoch: int) -> Settlement:
        package = self.l1.settled[epoch]
        event = next(e for _, e in self.l1.events if isinstance(e, EpochSettled) and e.first == package.first)
        return Settlement(
            epoch, package.first, package.last - package.first + 1, event.block, event.transactions[0], ()
        )

    def published(self, epoch: int) -> Published:
        package = self.l1.settled[epoch]
        counts = tuple(self.counts(package.first, package.last))
        settled = self.settlement(epoch)
        digest = "0x" + keccak256(package.public_data).hex()
        return Published(package.public_data, digest, counts, settled.transaction)

    def counts(self, first: int, last: int) -> list[int]:
        return [e.count for _, e in self.l1.events if isinstance(e, BatchSealed) and first <= e.batch <= last]

    def claimed(self, epoch: int, account: int, asset: int) -> bool:
        return False

    def register(self, key_root: Digest, commit_key: str) -> str:
        self.accounts[self._owner] = (self.l1.register(commit_key, key_root), commit_key)
        return "0x" + "aa" * 32

    def rekey(self, key_root: Digest) -> str:
        with self.l1.lock:
            self.l1.mine()
            self.l1._queue(1, self.account_of(self._owner), 0, key_root)
        return "0x" + "ab" * 32

    def deposit(self, asset: int, units: int) -> str:
        self.l1.deposit(self.account_of(self._owner), asset, units)
        return "0x" + "ac" * 32

    def claim(self, settlement: Settlement, line: WithdrawalLine) -> str:
        raise NotImplementedError


class Trader:
    """A client that can be stopped and started again on the same store and keys."""

    def __init__(self, name: str, folder: Path, l1: SimulatedL1, venue: Venue) -> None:
        self.keys = Keys.generate()
        self.path = folder / f"{name}.store"
        self.chain = SimulatedChain(l1, venue, f"0x{name}")

    @contextlib.asynccontextmanager
    async def running(self, url: str, take_over: bool = False) -> AsyncIterator[Client]:
        client = Client(url, self.chain, self.keys, Store(self.path), 0.02, take_over=take_over)
        try:
            await client._start(None, 10.0)
            yield client
        finally:
            await client._stop()

    @contextlib.asynccontextmanager
    async def funded(self, node: Node, eth: str = "10", usd: str = "100") -> AsyncIterator[Client]:
        async with self.running(url_of(node)) as client:
            await client.register(log_size=TREE)
            await client.deposit("ETH", eth)
            await client.deposit("USD", usd)
            yield client


@pytest.fixture
def alice(tmp_path: Path, l1: SimulatedL1, venue: Venue) -> Trader:
    return Trader("a1", tmp_path, l1, venue)


@pytest.fixture
def bob(tmp_path: Path, l1: SimulatedL1, venue: Venue) -> Trader:
    return Trader("b0", tmp_path, l1, venue)


def mining(folder: Path, l1: SimulatedL1) -> contextlib.AbstractAsyncContextManager[Node]:
    """A node on a chain that makes blocks while the node waits for them."""
    return running(folder, l1, mine_seconds=0.02)


def url_of(node: Node) -> str:
    return f"ws://127.0.0.1:{node.server.port}"


async def end(handle: OrderHandle) -> object:
    return [state async for state in handle][-1]


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.01)


async def until_sealed(node: Node, batch: int = 0) -> None:
    await until(lambda: node.state.lifecycle.batch(batch).seal is not None)
