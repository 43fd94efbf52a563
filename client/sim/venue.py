"""A venue in process: the rules, state and messages of a real one, without network, chain, proofs, or waiting.

::

    sim = SimVenue()

    async def main():
        async with sim.client("alice", {"ETH": "10", "USD": "50000"}) as client:
            (order,) = await client.commit([sell("ETH/USD", "0.5", "1990")])
            print(await order.settled())

    sim.run(main())

The clients are the ones that trade at real venues, with their store, reveal agent and checks. Time is that of the loop:
under :meth:`SimVenue.run` it jumps to where something happens next, and every run with one seed gives the same result.
What is not simulated: proofs (L1 accepts every settlement), gas, reorganisations, and the transport's delays.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import weakref
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from commitments.venue import keccak256

from ..blocking import SyncClient, opened
from ..client import Client
from ..history import History, MarketRow
from ..keys import Keys
from ..store import Store
from ..venue import Number, Venue
from .archive import Archive
from .chain import SimChain
from .floor import SimFloor
from .loop import VirtualLoop
from .sockets import dial
from .street import Flow
from .switch import Switch
from .terms import SimTerms

__all__ = ["SimVenue"]

T = TypeVar("T")
_ADDRESS: Final = "sim:"
_MEMORY: Final = Path("/dev/shm")


class _SimPortal:
    """Runs the simulation's loop until a call has its result."""

    def __init__(self, sim: SimVenue) -> None:
        self._sim = sim

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return self._sim.runner().run(work)


def _clean(archive: Archive, temporary: Path | None) -> None:
    archive.close()
    if temporary is not None:
        shutil.rmtree(temporary, ignore_errors=True)


class SimVenue:
    """``flow`` gives the orders of everybody else, from ``street_accounts`` accounts of 64 orders each. Stores of the
    clients, and settled batches, are in ``folder``, by default a temporary one (in memory where the system has such).
    """

    def __init__(
        self,
        terms: SimTerms | None = None,
        *,
        flow: Flow | None = None,
        street_accounts: int = 4,
        folder: Path | None = None,
    ) -> None:
        self.terms = terms or SimTerms()
        self._switch = Switch(self.terms.seed)
        self._folder = folder or Path(
            tempfile.mkdtemp(prefix="sealbook-sim-", dir=_MEMORY if _MEMORY.is_dir() else None)
        )
        self._archive = Archive(self._folder)
        # Also where nobody calls close(): no run leaves its files behind.
        self._cleanup = weakref.finalize(self, _clean, self._archive, self._folder if folder is None else None)
        self._floor = SimFloor(self.terms, flow, street_accounts, self._switch, self._archive)
        self._runner: asyncio.Runner | None = None
        self._working: list[asyncio.Task[None]] = []

    @property
    def venue(self) -> Venue:
        """Assets, markets and rules."""
        return self._floor.contract.venue

    def now(self) -> float:
        """The simulation's time, in seconds since 1970 UTC."""
        return self._floor.now()

    # ------------------------------------------------------------------------------------------ running

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in simulated time, with the venue at work; may be called again until :meth:`close`."""
        return self.runner().run(self._main(main))

    def runner(self) -> asyncio.Runner:
        """What runs the simulation's loop."""
        if self._runner is None:
            self._runner = asyncio.Runner(loop_factory=VirtualLoop)
        return self._runner

    async def _main(self, main: Coroutine[Any, Any, T]) -> T:
        async with self.working():
            return await main

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """The venue at work, on whatever loop runs; does nothing where it is at work already."""
        if self._working:
            yield
            return
        self._working = [asyncio.create_task(self._floor.run()), asyncio.create_task(self._switch.beat())]
        try:
            yield
        finally:
            for task in self._working:
                task.cancel()
            results = await asyncio.gather(*self._working, return_exceptions=True)
            self._working = []
            for result in results:
                if isinstance(result, Exception):
                    raise result

    def close(self) -> None:
        """End the simulation and delete its temporary stores."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None
        self._cleanup()

    def __enter__(self) -> SimVenue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------ clients

    @contextlib.asynccontextmanager
    async def client(
        self, name: str, funds: Mapping[str, Number] | None = None, *, batches: int = 1 << 12
    ) -> AsyncIterator[Client]:
        """A client with an account of its own, registered the first time with a key tree for ``batches`` batches.

        ``funds`` are deposited each time. The same name later is the same account, with its store.
        """
        chain = SimChain(self._floor.contract, name)
        seed = keccak256(f"sealbook/simulation/{self.terms.seed}/{name}".encode())
        client = Client(
            _ADDRESS,
            chain,
            Keys(seed, keccak256(seed)),
            Store(self._folder / f"{name}.store"),
            self.terms.block_seconds,
            dial=lambda _: dial(self._switch.serve),
            clock=self.now,
        )
        async with self.working(), client.running():
            await client.register(log_size=max(batches - 1, 1).bit_length())
            for asset, amount in (funds or {}).items():
                await client.deposit(asset, amount)
            yield client

    @contextlib.contextmanager
    def sync_client(
        self, name: str, funds: Mapping[str, Number] | None = None, *, batches: int = 1 << 12
    ) -> Iterator[SyncClient]:
        """:meth:`client` without ``await``. Time passes while a call waits, and while nothing else."""
        portal = _SimPortal(self)
        with opened(portal, self.working), opened(portal, lambda: self.client(name, funds, batches=batches)) as made:
            yield SyncClient(portal, made)

    def history(self) -> History[MarketRow]:
        """What the markets did in every batch so far; ``.to_pandas()`` makes a table."""
        return History(MarketRow, self._floor.rows)

    def unplug(self, client: Client) -> None:
        """Cut a client's connection to the venue until :meth:`plug`; its connection to L1 stays."""
        self._switch.unplug(client.account)

    def plug(self, client: Client) -> None:
        """Let it in again."""
        self._switch.plug(client.account)
