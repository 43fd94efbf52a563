"""An exchange contract in memory, and clients on real WebSockets."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from eth_utils.crypto import keccak
from websockets.asyncio.client import ClientConnection, connect

from commitments.receipts import Domain, SigningKey, recover
from orderbook import wire
from orderbook.errors import EndpointDownError
from orderbook.events import (
    AccountRegistered,
    BatchSealed,
    BeaconRecorded,
    ChainFollowed,
    Digest,
    EpochSettled,
    Event,
    OpenedEntry,
    QueueAppended,
    RevealAccepted,
)
from orderbook.journal import Journal
from orderbook.l1 import SettlementPackage
from orderbook.limits import Limits
from orderbook.node import Node, replay
from orderbook.openings import bundle_commitment, key_root
from orderbook.parameters import VenueParameters
from orderbook.settings import Settings
from orderbook.state import VenueState
from orderbook.vault import Vault
from proofs.statement import public

OPERATOR = SigningKey(b"\x07" * 32)
PATH = tuple((i, i, i, i) for i in range(1, 21))
M = TypeVar("M", bound=wire.Message)
P = ParamSpec("P")
T = TypeVar("T")


def locked(method: Callable[Concatenate[SimulatedL1, P], T]) -> Callable[Concatenate[SimulatedL1, P], T]:
    """One call at a time: an event must not appear in a block that was read without it."""

    @functools.wraps(method)
    def call(self: SimulatedL1, *arguments: P.args, **named: P.kwargs) -> T:
        with self.lock:
            return method(self, *arguments, **named)

    return call


class SimulatedL1:
    """One block per transaction; every block is final at once."""

    def __init__(self, parameters: VenueParameters) -> None:
        self._parameters = parameters
        self.block = 1
        self.down = False
        self.events: list[tuple[int, Event]] = []
        self.queue = 0
        self.cut = 0
        self.seals: list[int] = []
        self.settled: list[SettlementPackage] = []
        self.accounts = 2
        self.lock = threading.RLock()

    def _emit(self, event: Event) -> None:
        self.events.append((self.block, event))

    @locked
    def mine(self, blocks: int = 1) -> None:
        self.block += blocks

    @locked
    def register(self, commit_key: str, root: Digest) -> int:
        account, self.accounts = self.accounts, self.accounts + 1
        self.mine()
        self._emit(AccountRegistered(account, "0x" + "44" * 20, commit_key, self.block))
        self._queue(1, account, 0, root)
        return account

    @locked
    def deposit(self, account: int, asset: int, units: int) -> None:
        self.mine()
        self._queue(2, account, asset, (units, 0, 0, 0))

    def _queue(self, kind: int, account: int, asset: int, values: Digest) -> None:
        self._emit(QueueAppended(self.queue, kind, account, asset, values, self.block))
        self.queue += 1

    # -- orderbook.l1.L1

    def parameters(self) -> VenueParameters:
        return self._parameters

    def head(self) -> int:
        self._up()
        return self.block

    def advance(self) -> None:
        self.mine()

    @locked
    def follow(self, after: int, block_hash: str) -> list[Event]:
        self._up()
        if after >= self.block:
            return []
        found = [event for block, event in self.events if after < block <= self.block]
        return [*found, ChainFollowed(self.block, f"0x{self.block:064x}")]

    @locked
    def seal(self, batch: int, root: Digest, count: int) -> None:
        self._up()
        if batch < len(self.seals):
            return
        assert batch == len(self.seals)
        self.mine()
        self.seals.append(self.block)
        self.cut = min(self.cut + self._parameters.queue_per_batch, self.queue)
        self._emit(BatchSealed(batch, root, count, self.cut, self.block, f"0x{batch + 1:064x}"))

    @locked
    def record_beacon(self, batch: int) -> None:
        self._up()
        self.mine()
        self._emit(BeaconRecorded(batch, keccak(batch.to_bytes(32, "big")), self.block))

    @locked
    def settle(self, package: SettlementPackage) -> None:
        self._up()
        if self.settled and self.settled[-1].last >= package.last:
            return
        self.mine()
        self.settled.append(package)
        root = tuple(int.from_bytes(package.public_data[i : i + 8], "big") for i in range(10, 42, 8))
        a, b, c, d = root
        event = EpochSettled(package.first, package.last, (a, b, c, d), self.block, (f"0x{self.block:064x}",), 5)
        self._emit(event)

    def _up(self) -> None:
        if self.down:
            raise EndpointDownError("the endpoint does not answer")


class HonestPackages:
    """Settlement packages with the right public data and no proof: for tests that are not about proofs."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    async def prove(self, state: VenueState, first: int, last: int) -> tuple[SettlementPackage, float]:
        self.calls.append((first, last))
        tree = state.tree.copy()
        tree.set(state.changed_leaves(first, last))
        data = public.PublicData(first, last - first + 1, 0, tree.root, (), (), (), ())
        return SettlementPackage(first, last, 0, public.encode(data), b"", b"", b"", b"", b"", 0), 0.25

    def stop(self) -> None:
        return


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    l1: SimulatedL1,
    *,
    limits: Limits | None = None,
    prover: HonestPackages | None = None,
    tls: ssl.SSLContext | None = None,
    **options: object,
) -> AsyncIterator[Node]:
    """A node on a free port, with the journal in ``folder``."""
    settings = Settings(**{"data": folder, "port": 0, "poll_seconds": 0.01, "batch_seconds": None, **options})  # type: ignore[arg-type]
    vault = Vault.at(settings.vault_key, create=True)
    journal = Journal(settings.journal, vault, f"{l1.parameters().chain_id}:{l1.parameters().contract}")
    state = VenueState(l1.parameters())
    replay(state, journal)
    node = Node(settings, state, journal, l1, prover or HonestPackages(), OPERATOR, limits, tls=tls)
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(node.run(ready.set_result))
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        yield node
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Client:
    """A bare client: sends what it is told, also nonsense."""

    def __init__(self, socket: ClientConnection, parameters: VenueParameters) -> None:
        self.socket = socket
        self.domain = Domain(parameters.chain_id, parameters.contract)
        self.parameters = parameters
        self.number = 0
        self.pushed: list[wire.Reply] = []
        self.hello: wire.Hello

    def next_id(self) -> int:
        self.number += 1
        return self.number

    async def receive(self) -> wire.Reply:
        return wire.decode_reply(await self.socket.recv())

    async def reply(self, request_id: int | None) -> wire.Reply:
        """The reply to a request; what is pushed meanwhile is kept."""
        while True:
            message = await self.receive()
            if getattr(message, "id", -1) == request_id and not isinstance(message, wire.Hello):
                return message
            self.pushed.append(message)

    async def ask(self, request: wire.Message, kind: type[M]) -> M:
        await self.socket.send(wire.encode(request))
        reply = await self.reply(request.id)  # type: ignore[attr-defined]
        assert isinstance(reply, kind), reply
        return reply

    async def push(self, kind: type[M], condition: Callable[[M], bool] = lambda _: True) -> M:
        """The next pushed message of a kind."""
        while True:
            for index, message in enumerate(self.pushed):
                if isinstance(message, kind) and condition(message):
                    del self.pushed[index]
                    return message
            self.pushed.append(await self.receive())

    async def login(self, key: SigningKey, account: int) -> wire.Session:
        digest = self.domain.session(account, bytes.fromhex(self.hello.challenge[2:]))
        return await self.ask(wire.Login(self.next_id(), account, "0x" + key.sign(digest).hex()), wire.Session)


@contextlib.asynccontextmanager
async def connected(node: Node, parameters: VenueParameters) -> AsyncIterator[Client]:
    async with connect(f"ws://127.0.0.1:{node.server.port}", compression=None) as socket:
        client = Client(socket, parameters)
        hello = await client.receive()
        assert isinstance(hello, wire.Hello)
        client.hello = hello
        yield client


class Trader:
    """An account: commit key, secrets, bundles. Its key tree is good for one batch."""

    def __init__(self, l1: SimulatedL1, name: int, batch: int = 0) -> None:
        self.key = SigningKey(bytes([name]) * 32)
        self.venue = l1.parameters().venue
        self.batch = batch
        self.account = l1.accounts
        self.entries: tuple[OpenedEntry, ...] = (OpenedEntry(2, 0, 20_000, 5),)
        l1.register(self.key.address, key_root(self.venue, self.opening()))

    def opening(self) -> RevealAccepted:
        return RevealAccepted(
            batch=self.batch,
            account=self.account,
            entries=self.entries,
            salt=(self.account, 8, 9),
            secret=(self.account, 1, 1, self.batch),
            key_position=3,
            key_path=PATH,
            acknowledgement=b"",
        )

    @property
    def commitment(self) -> Digest:
        return bundle_commitment(self.venue, self.opening())

    def commit(self, client: Client, sequence: int = 1, batch: int | None = None) -> wire.Commit:
        number = self.batch if batch is None else batch
        digest = client.domain.commitment(number, self.account, sequence, self.commitment)
        signature = "0x" + self.key.sign(digest).hex()
        return wire.Commit(client.next_id(), number, sequence, wire.hex_digest(self.commitment), signature)

    def reveal(self, client: Client) -> wire.Reveal:
        opening = self.opening()
        return wire.Reveal(
            client.next_id(),
            self.batch,
            tuple(wire.Entry(e.kind, e.market, e.price, e.quantity) for e in opening.entries),
            wire.hex_digest((*opening.salt, 0)),
            wire.hex_digest(opening.secret),
            opening.key_position,
            tuple(wire.hex_digest(node) for node in PATH),
        )


def signed_by_operator(digest: bytes, signature: str) -> bool:
    return recover(digest, bytes.fromhex(signature[2:])) == OPERATOR.address


def funded(l1: SimulatedL1, name: int, batch: int = 0) -> Trader:
    """An account with both assets of the first market."""
    trader = Trader(l1, name, batch)
    l1.deposit(trader.account, 0, 10**6)
    l1.deposit(trader.account, 1, 10**9)
    return trader


async def refused(client: Client, request: wire.Message) -> tuple[str, str, bool]:
    """Code, field, and whether to repeat, of the error that answers."""
    error = await client.ask(request, wire.Error)
    return (error.code, error.field, error.retryable)


async def sealed(operator: Client) -> None:
    """Have the open batch closed."""
    await operator.ask(wire.SealNow(operator.next_id()), wire.BatchStatus)


async def everything(client: Client, answers: list[wire.Reply]) -> None:
    """Read until the connection ends, which raises."""
    while True:
        answers.append(await client.receive())
