"""The generator of ``bench load``: connections with many accounts each, in MessagePack."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection, connect

from commitments.bundle import Bundle, Entry, Kind, commitment
from commitments.keys import KeyTree, Seed
from commitments.receipts import Domain, SigningKey, recover
from commitments.types import Digest
from orderbook import wire
from orderbook.corked import corked

from ..errors import BenchError

__all__ = ["Lane", "Tally", "Trader", "lanes"]

M = TypeVar("M", bound=wire.Message)
_ENTRIES = tuple(Entry(Kind.BUY if i % 2 else Kind.SELL, 0, 20_000 + i, 5) for i in range(4))
_REPLY_SECONDS = 120.0


class Trader:
    """An account with its commit key and its one-time keys for the first 2^10 batches."""

    def __init__(self, account: int, venue: int) -> None:
        self.account = account
        self.venue = venue
        self.key = SigningKey(account.to_bytes(32, "big"))
        self.keys = KeyTree.generate(Seed(account.to_bytes(32, "little")), venue, 0, 10)
        self.sequence = 0

    def bundle(self, batch: int) -> Bundle:
        """A buy or a sell of one market, by account."""
        return Bundle((_ENTRIES[self.account % len(_ENTRIES)],), (self.account, batch + 1, 3))

    def commitment(self, batch: int) -> Digest:
        return commitment(self.venue, batch, self.account, self.bundle(batch), self.keys.key(batch).secret)

    def commit(self, domain: Domain, batch: int, committed: Digest) -> wire.Commit:
        """The next commitment of a batch."""
        self.sequence += 1
        digest = domain.commitment(batch, self.account, self.sequence, committed)
        signature = "0x" + self.key.sign(digest).hex()
        return wire.Commit(0, batch, self.sequence, wire.hex_digest(committed), signature, self.account)

    def reveal(self, batch: int) -> wire.Reveal:
        key, bundle = self.keys.key(batch), self.bundle(batch)
        return wire.Reveal(
            0,
            batch,
            tuple(wire.Entry(int(e.kind), e.market, e.price, e.quantity) for e in bundle.entries),
            wire.hex_digest((*bundle.salt, 0)),
            wire.hex_digest(key.secret),
            key.position,
            tuple(wire.hex_digest(node) for node in key.path),
            self.account,
        )


@dataclass
class Tally:
    """What became of the requests of one phase. ``waits``: seconds from when a request was due to its reply."""

    sent: int = 0
    refused: int = 0
    waits: list[float] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    """When each reply came."""
    receipts: list[wire.Receipt] = field(default_factory=list)


class Lane:
    """One connection. ``open_batch`` follows the venue's broadcasts."""

    def __init__(self, socket: ClientConnection, domain: Domain, traders: Sequence[Trader]) -> None:
        self.socket = socket
        self.domain = domain
        self.traders = tuple(traders)
        self.challenge = b""
        self.open_batch = 0
        self.sealed: set[int] = set()
        self.settled: set[int] = set()
        self.changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._next = 1
        self._waiting: dict[int, asyncio.Future[wire.Reply]] = {}
        self._due: dict[int, float] = {}
        self._tally = Tally()
        self._more: Callable[[], wire.Message | None] | None = None

    @property
    def unanswered(self) -> int:
        """Requests without a reply."""
        return len(self._due) + len(self._waiting)

    async def read(self) -> None:
        """Take what comes until the connection ends."""
        async for frame in self.socket:
            message = wire.decode_reply(frame)
            number = getattr(message, "id", None)
            if number is None:
                self._pushed(message)
            elif number in self._due:
                await self._counted(number, message)
            elif number in self._waiting:
                self._waiting.pop(number).set_result(message)

    def _pushed(self, message: wire.Message) -> None:
        if isinstance(message, wire.BatchStatus):
            if message.phase == "commit":
                self.open_batch = max(self.open_batch, message.batch)
            if message.phase == "reveal":
                self.sealed.add(message.batch)
            if message.phase == "settled":
                self.settled.add(message.batch)
            self.changed.set()

    async def _counted(self, number: int, message: wire.Message) -> None:
        now, tally = time.perf_counter(), self._tally
        due = self._due.pop(number)
        if isinstance(message, wire.Receipt):
            tally.waits.append(now - due)
            tally.at.append(now)
            tally.receipts.append(message)
        elif isinstance(message, wire.Acknowledgement):
            tally.at.append(now)
        else:
            tally.refused += 1
        if not self._due:
            self._idle.set()
        if self._more is not None:
            following = self._more()
            if following is not None:
                await self.send(following, now)

    async def send(self, request: wire.Message, due: float) -> None:
        """Send a request that counts from ``due`` on; its reply goes to the tally."""
        number, self._next = self._next, self._next + 1
        self._due[number] = due
        self._tally.sent += 1
        await self.socket.send(wire.encode_binary(replace(request, id=number)))

    async def ask(self, request: wire.Message, kind: type[M]) -> M:
        """Send a request and wait for its reply.

        :raises BenchError: another reply.
        """
        number, self._next = self._next, self._next + 1
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send(wire.encode_binary(replace(request, id=number)))
        reply = await asyncio.wait_for(self._waiting[number], _REPLY_SECONDS)
        if not isinstance(reply, kind):
            raise BenchError(f"the venue answered {reply} to {type(request).__name__}")
        return reply

    async def login(self, account: int, key: SigningKey) -> None:
        """Open a session on this connection."""
        digest = self.domain.session(account, self.challenge)
        await self.ask(wire.Login(0, account, "0x" + key.sign(digest).hex()), wire.Session)

    @contextlib.contextmanager
    def counting(self, tally: Tally, more: Callable[[], wire.Message | None] | None = None) -> Iterator[None]:
        """Count replies in ``tally``; each one is followed by what ``more`` gives."""
        self._tally, self._more = tally, more
        yield
        self._more = None

    async def answered(self) -> None:
        """Wait until nothing is without a reply, or for two minutes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REPLY_SECONDS):
                while self._due:
                    self._idle.clear()
                    await self._idle.wait()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a broadcast that makes a condition true.

        :raises BenchError: not in two minutes.
        """
        try:
            async with asyncio.timeout(_REPLY_SECONDS):
                while not condition():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise BenchError("the venue does not go on") from None


class _Corked(ClientConnection):
    """Writes of one turn of the event loop together, on either side of the measurement."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(corked(transport))


def connected(port: int) -> connect:
    """A connection to a measured process."""
    url = f"ws://127.0.0.1:{port}"
    return connect(
        url, compression=None, max_size=wire.MAX_REPLY_BYTES, max_queue=None, proxy=None, create_connection=_Corked
    )


@contextlib.asynccontextmanager
async def lanes(port: int, domain: Domain, traders: Sequence[Trader], count: int) -> AsyncIterator[list[Lane]]:
    """``count`` connections with the traders spread over them, all logged in and subscribed."""
    async with contextlib.AsyncExitStack() as stack:
        found: list[Lane] = []
        for index in range(count):
            socket = await stack.enter_async_context(connected(port))
            hello = wire.decode_reply(await socket.recv())
            assert isinstance(hello, wire.Hello)
            lane = Lane(socket, domain, traders[index::count])
            reader = asyncio.create_task(lane.read())
            stack.push_async_callback(_stop, reader)
            lane.challenge = bytes.fromhex(hello.challenge[2:])
            for trader in lane.traders:
                await lane.login(trader.account, trader.key)
            subscribed = await lane.ask(wire.Subscribe(0), wire.Subscribed)
            lane.open_batch = max(status.batch for status in subscribed.batches)
            found.append(lane)
        yield found


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def signed_by(operator: str, domain: Domain, receipt: wire.Receipt) -> bool:
    """Whether a receipt is the operator's word."""
    committed = wire.digest_of(receipt.commitment, "commitment")
    digest = domain.receipt(receipt.batch, receipt.account, receipt.sequence, committed)
    return recover(digest, bytes.fromhex(receipt.signature[2:])) == operator
