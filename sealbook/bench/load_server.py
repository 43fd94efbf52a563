"""The measured process of ``bench load``: a whole node with its journal on disk, or a bare echo server beside it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from commitments.receipts import SigningKey
from commitments.types import Digest
from orderbook.journal import Journal
from orderbook.limits import Limits
from orderbook.memory import settle_in
from orderbook.node import Node, replay
from orderbook.settings import Settings
from orderbook.state import VenueState
from orderbook.vault import Vault

from ..errors import BenchError
from .standin import MemoryL1, UnprovenPackages, venue_parameters

__all__ = ["Control", "Venue", "journaled", "raise_file_limit", "started"]

_START_SECONDS = 60.0


@dataclass(frozen=True)
class Venue:
    """What the measured node serves. ``accounts``: commit key and key root of each, from number 2 on."""

    folder: Path
    operator: bytes
    accounts: tuple[tuple[str, Digest], ...]
    units: int
    reveal_window: int

    @property
    def settings(self) -> Settings:
        return Settings(data=self.folder, port=0, batch_seconds=None, poll_seconds=0.05, mine_seconds=0.05)


@dataclass(frozen=True)
class Control:
    """The other end of a measured process."""

    port: int
    process: Any
    pipe: Connection

    def ask(self, *words: object) -> Any:
        """Have the process do something that no client can: ``advance`` blocks, tell its ``memory`` in bytes or the
        ``cpu`` seconds it used."""
        self.pipe.send(words)
        return self.pipe.recv()

    def kill(self) -> None:
        """As ``kill -9`` does."""
        self.process.kill()
        self.process.join()


@contextlib.contextmanager
def started(target: Any, *arguments: Any) -> Iterator[Control]:
    """A measured process, until the end of the block.

    :raises BenchError: it did not start.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *arguments), name="sealbook-load", daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(_START_SECONDS):
            raise BenchError("the measured process did not start in time")
        try:
            port = ours.recv()
        except EOFError:
            raise BenchError("the measured process ended before it served") from None
        yield Control(port, process, ours)
    finally:
        process.kill()
        process.join()
        ours.close()


def raise_file_limit() -> None:
    """Thousands of connections need as many files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextlib.contextmanager
def journaled(venue: Venue) -> Iterator[VenueState]:
    """The state that a node would resume from."""
    parameters = venue_parameters(SigningKey(venue.operator).address, venue.reveal_window)
    state = VenueState(parameters)
    journal = _journal(venue, parameters.chain_id, parameters.contract)
    try:
        replay(state, journal)
        yield state
    finally:
        journal.close()


def _journal(venue: Venue, chain_id: int, contract: str) -> Journal:
    settings = venue.settings
    vault = Vault.at(settings.vault_key, create=not settings.journal.exists())
    return Journal(settings.journal, vault, f"{chain_id}:{contract}")


def serve_node(pipe: Connection, venue: Venue) -> None:
    """Entry point of the node's process."""
    _prepare()
    asyncio.run(_node(pipe, venue))


def serve_echo(pipe: Connection) -> None:
    """Entry point of the echo server's process: the same library and settings, each message sent back as it is."""
    _prepare()
    asyncio.run(_echo(pipe))


def _prepare() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    logging.getLogger("sealbook").addHandler(logging.NullHandler())
    raise_file_limit()


async def _node(pipe: Connection, venue: Venue) -> None:
    operator = SigningKey(venue.operator)
    parameters = venue_parameters(operator.address, venue.reveal_window)
    l1 = MemoryL1(parameters, venue.accounts, venue.units)
    journal = _journal(venue, parameters.chain_id, parameters.contract)
    free = Limits(requests_per_second=1e9, burst=10**9, pipeline=4_096, outgoing=8_192)
    node = Node(venue.settings, VenueState(parameters), journal, l1, UnprovenPackages(), operator, free)
    loop = asyncio.get_running_loop()

    def obey() -> None:
        match pipe.recv():
            case ("advance", int(blocks)):
                l1.advance(blocks)
                pipe.send(None)
            case ("cpu",):
                pipe.send(time.process_time())
            case _:
                gc.collect()
                pipe.send(resident_bytes())

    def ready(port: int) -> None:
        settle_in()
        loop.add_reader(pipe.fileno(), obey)
        pipe.send(port)

    await node.run(ready)


async def _echo(pipe: Connection) -> None:
    async def echo(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                await socket.send(message)

    async with serve(echo, "127.0.0.1", 0, compression=None, max_queue=16) as server:
        pipe.send(next(iter(server.sockets)).getsockname()[1])
        await asyncio.get_running_loop().create_future()


def resident_bytes() -> int:
    """Memory of this process that is resident now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
