"""A real node in one thread with a clock of its own: its threads run inline, time passes when nothing is to be done.

What a test does to it happens at a step that it chooses, so that the same choices give the same run.
"""

from __future__ import annotations

import asyncio
import selectors
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from commitments.keys import KeyTree, Seed
from commitments.receipts import Domain, SigningKey
from orderbook import duties, follower, wire
from orderbook.batch import Batch
from orderbook.epochs import Prover
from orderbook.errors import JournalError, ProverError
from orderbook.events import Event, OpenedEntry, RevealAccepted
from orderbook.journal import Journal
from orderbook.l1 import SettlementPackage
from orderbook.node import Node, replay
from orderbook.openings import bundle_commitment
from orderbook.parameters import VenueParameters
from orderbook.sessions import Answer, Session
from orderbook.settings import Settings
from orderbook.state import VenueState
from orderbook.vault import Vault

from ..simulated import OPERATOR, HonestPackages
from .chain import Access, FaultyChain

FILES = ("journal.sqlite3", "journal.sqlite3-wal", "journal.key")


class _Hurry(selectors.DefaultSelector):
    """Waits for nothing: time jumps to the next timer instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is not None and timeout > 0:
            self.now += timeout
        assert ready or timeout is not None, "nothing will ever happen"
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual."""

    def __init__(self) -> None:
        self.hurry = _Hurry()
        super().__init__(self.hurry)

    def time(self) -> float:
        return self.hurry.now


class _Inline(Executor):
    """Runs what it is given at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


async def _inline(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """In the place of :func:`orderbook.threads.blocking`: the world may move on before the call, not during it."""
    await asyncio.sleep(0)
    return call(*arguments, **named)


class TornJournal(Journal):
    """Can lose power in the middle of a write: what was not synchronised may be there in part, or garbled."""

    image: Path | None = None
    """Where to leave the disk as it is after the tear; set to have the next write torn."""
    cut: float = 0.0
    """Which part of the write reaches the disk."""
    garble: bool = False

    def append(self, events: Sequence[Event], archive: Sequence[Batch] = (), snapshot: bytes | None = None) -> None:
        if self.image is None:
            return super().append(events, archive, snapshot)
        log = self._path.with_name(FILES[1])
        before = log.stat().st_size if log.exists() else 0
        super().append(events, archive, snapshot)
        copied(self._path.parent, self.image)
        after = log.stat().st_size
        if after > before:
            data = bytearray(log.read_bytes()[: before + int(self.cut * (after - before))])
            if self.garble and len(data) > before:
                data[-1] ^= 0x5A
            (self.image / FILES[1]).write_bytes(bytes(data))
        raise JournalError("the power is gone", code="journal_write")


def copied(folder: Path, to: Path) -> None:
    """The disk as the kernel has it now: what ``kill -9`` leaves."""
    to.mkdir(parents=True)
    for name in FILES:
        if (folder / name).exists():
            shutil.copy(folder / name, to / name)
    if (folder / "epochs").exists():
        shutil.copytree(folder / "epochs", to / "epochs")


class MortalProver(HonestPackages):
    """Dies as often as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.deaths = 0

    async def prove(self, state: VenueState, first: int, last: int) -> tuple[SettlementPackage, float]:
        made = await super().prove(state, first, last)
        await asyncio.sleep(1.5)
        if self.deaths:
            self.deaths -= 1
            raise ProverError("the prover process ended", code="prover_ended", retryable=True)
        return made


class _NoSockets:
    """In the place of the WebSocket server; requests go to the desk directly."""

    is_open = True
    port = 0

    async def start(self, host: str, port: int) -> None: ...

    def open(self) -> None: ...

    async def close(self, reason: str = "stopping") -> None: ...

    def push(self, account: int, message: wire.Message) -> None: ...

    def broadcast(self, key: object, message: wire.Message) -> None: ...

    def subscribed(self, key: object) -> bool:
        return False


class Rig:
    """A node on a folder; crashes leave another folder, on which the next one starts."""

    def __init__(self, chain: FaultyChain, folder: Path) -> None:
        self.chain = chain
        self.root = folder
        self.lives = 0
        self.loop = VirtualLoop()
        self.jump = 0.0
        """How wrong the wall clock is."""
        self.prover = MortalProver()
        self.folder = folder / "0"
        self.folder.mkdir()
        self.start()

    def wall(self) -> float:
        return self.loop.time() + self.jump

    def start(self) -> None:
        """A node on the present folder, followed up to the chain's final block."""
        settings = Settings(
            data=self.folder,
            poll_seconds=0.5,
            batch_seconds=8.0,
            batches_per_epoch=2,
            epoch_seconds=20.0,
            resend_seconds=10.0,
            snapshot_events=15,
        )
        parameters = self.chain.parameters
        vault = Vault.at(settings.vault_key, create=not settings.journal.exists())
        self.journal = TornJournal(settings.journal, vault, f"{parameters.chain_id}:{parameters.contract}")
        self.state = VenueState(parameters)
        replay(self.state, self.journal)
        self.access = Access(self.chain)
        prover: Prover = self.prover
        self.node = Node(settings, self.state, self.journal, self.access, prover, OPERATOR, wall_clock=self.wall)
        self.node.server = _NoSockets()  # type: ignore[assignment]
        self.node._recorder._thread.shutdown()
        self.node._recorder._thread = _Inline()  # type: ignore[assignment]
        self.task = self.loop.create_task(self.node.run())

    def steps(self, count: int) -> None:
        """Let the node do so many turns of its event loop, without letting time pass."""

        async def turns() -> None:
            for _ in range(count):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())

    def seconds(self, count: float) -> None:
        """Let time pass; a block is made every second."""

        async def pass_() -> None:
            for _ in range(int(count)):
                await asyncio.sleep(1)
                self.chain.mine()

        self.loop.run_until_complete(pass_())

    def request(self, request: wire.Request, account: int, steps: int) -> wire.Message | None:
        """Send a request to the desk; its reply, or None if the reply is not there after so many turns: lost."""

        async def ask() -> Answer:
            return self.node._desk.handle(Session(b"", account, {account: None}), request)

        task = self.loop.create_task(ask())
        self.steps(steps)
        if not task.done():
            task.cancel()
            self.steps(1)
            return None
        if task.exception() is not None:
            return None
        message, written = task.result()
        lost = written is not None and (not written.done() or written.exception() is not None)
        return None if lost else message

    @property
    def failed(self) -> BaseException | None:
        """Why the node ended, if it did."""
        return self.task.exception() if self.task.done() and not self.task.cancelled() else None

    def kill(self) -> None:
        """``kill -9`` and a new start."""
        image = self._next()
        copied(self.folder, image)
        self._bury(image)

    def tear(self, cut: float, garble: bool, cause: Callable[[], None]) -> bool:
        """Lose power in the next write, which ``cause`` brings about; whether there was one."""
        image = self._next()
        self.journal.image, self.journal.cut, self.journal.garble = image, cut, garble
        cause()
        torn = image.exists()
        if not torn:
            copied(self.folder, image)
        self._bury(image)
        return torn

    def _next(self) -> Path:
        self.lives += 1
        return self.root / str(self.lives)

    def _bury(self, image: Path) -> None:
        """End the old node, whose last words reach nobody, and start on what it left."""
        self.access.alive = False
        self._end()
        shutil.rmtree(self.folder)
        self.folder = image
        self.start()

    def _end(self) -> None:
        self.task.cancel()
        self.loop.run_until_complete(asyncio.gather(self.task, return_exceptions=True))
        self.journal.close()

    def close(self) -> None:
        self._end()
        self.loop.close()


def inline_threads(patch: Callable[[object, str, object], None]) -> None:
    """Have nodes run their blocking calls inline."""
    for module in (duties, follower):
        patch(module, "blocking", _inline)


class Account:
    """An account with one-time keys for the first 64 batches. Each sequence has a bundle of its own."""

    def __init__(self, number: int, parameters: VenueParameters) -> None:
        self.number = number
        self.venue = parameters.venue
        self.domain = Domain(parameters.chain_id, parameters.contract)
        self.key = SigningKey(bytes([number]) * 32)
        self.keys = KeyTree.generate(Seed(bytes([number]) * 32), self.venue, 0, 6)

    def opening(self, batch: int, sequence: int) -> RevealAccepted:
        key = self.keys.key(batch)
        kind, price = (2, 20_000 + sequence) if self.number % 2 else (3, 20_000)
        entries = (OpenedEntry(kind, 0, price, 5),)
        salt = (self.number, batch, sequence)
        return RevealAccepted(batch, self.number, entries, salt, key.secret, key.position, key.path, b"")

    def commit(self, batch: int, sequence: int) -> wire.Commit:
        committed = bundle_commitment(self.venue, self.opening(batch, sequence))
        digest = self.domain.commitment(batch, self.number, sequence, committed)
        return wire.Commit(1, batch, sequence, wire.hex_digest(committed), "0x" + self.key.sign(digest).hex())

    def reveal(self, batch: int, sequence: int) -> wire.Reveal:
        opening = self.opening(batch, sequence)
        return wire.Reveal(
            1,
            batch,
            tuple(wire.Entry(e.kind, e.market, e.price, e.quantity) for e in opening.entries),
            wire.hex_digest((*opening.salt, 0)),
            wire.hex_digest(opening.secret),
            opening.key_position,
            tuple(wire.hex_digest(node) for node in opening.key_path),
        )
