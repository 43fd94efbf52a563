"""The client: one account at one venue.

::

    async with Client.connect(url, rpc=..., contract=..., keys=..., account=..., store=...) as client:
        await client.register()
        await client.deposit("ETH", "1")
        (order,) = await client.commit([sell("ETH/USD", "0.5", "2000")])
        print(await order.settled())
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from eth_account.signers.local import LocalAccount

from orderbook.wire import Hello, Login, Message

from .agent import RevealAgent
from .audit import Audit
from .book import Book
from .chain import Chain
from .deadlines import Countdown
from .dialing import Dial, security, websocket
from .errors import InputError, StateError
from .evm import EvmChain
from .feed import Feed
from .funds import Funds
from .greeting import check_hello, login
from .handles import OrderHandle
from .keeper import EvidenceKeeper
from .keys import KeyRing, Keys
from .link import Link
from .ordering import Ordering
from .placing import Desk
from .proofs import ProofChecker, ProofWatch
from .records import BatchRecord
from .signers import LocalSigner, Signer, signer_of
from .store import Store
from .work import Work

__all__ = ["Client"]

log = logging.getLogger("sealbook.client")
LEAST_KEPT: Final = 100
"""Settled batches that a store keeps at the least: what a repetition after a crash may ask for."""


class Client(Ordering):
    """Made by :meth:`connect`; may be used from several tasks of one event loop."""

    def __init__(
        self,
        url: str,
        chain: Chain,
        keys: Keys,
        store: Store,
        poll_seconds: float,
        commit_signer: Signer | None = None,
        take_over: bool = False,
        dial: Dial = websocket,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.venue = chain.venue()
        self.account = 0
        self._chain = chain
        self._keys = keys
        self._store = store
        self._poll_seconds = poll_seconds
        self._signer = LocalSigner(keys.commit_key) if commit_signer is None else commit_signer
        self._link = Link(url, self._greeted, self._login, self._pushed, self._opened, self._closed, dial)
        self.streams = Feed(
            self.venue, self._link, self._hint, self._live_orders, lambda: self.deadlines, self.balances
        )
        """Markets, batches, own orders and own balances as streams of events."""
        self._clock = clock
        self.proofs = ProofWatch(chain)
        """Verdicts on the proofs of own settlements."""
        self._keeper: EvidenceKeeper | None = None
        self._proving: asyncio.Task[None] | None = None
        self._ring = KeyRing(keys, self.venue.number, store.path.parent, store.path.name)
        self._funds = Funds(self.venue, chain)
        self._agent: RevealAgent | None = None
        self._audit: Audit | None = None
        self._working: asyncio.Task[None] | None = None
        self._countdown = Countdown(self.venue.reveal_window, self.streams.counted)
        self._book: Book | None = None
        self._desk: Desk | None = None
        self._take_over = take_over
        self._keep_batches: int | None = None

    def __repr__(self) -> str:
        return f"Client(account={self.account}, venue={self.venue.contract})"

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls,
        url: str,
        *,
        rpc: str,
        contract: str,
        keys: Keys,
        store: str | Path,
        account: str | bytes | LocalAccount | Signer | None = None,
        commit_signer: Signer | None = None,
        account_number: int | None = None,
        profile: str | None = None,
        poll_seconds: float = 0.5,
        within: float = 30.0,
        take_over: bool = False,
        check_proofs: bool = True,
        tls: ssl.SSLContext | None = None,
        keep_batches: int | None = None,
    ) -> AsyncIterator[Client]:
        """Connect to a venue and to L1, check that they belong together, and run the reveal agent until the exit.

        :param url: the venue's WebSocket address, ``ws://`` or ``wss://``.
        :param rpc: an L1 endpoint of the caller's own choice: what the venue says is checked against it.
        :param contract: address of the exchange contract.
        :param keys: seed and commit key.
        :param store: the account's store; one file per account, kept until everything is settled.
        :param account: L1 private key or signer, for register, rekey, deposit and claim; needs not be given otherwise.
        :param commit_signer: signs sessions and commitments in the place of the commit key in ``keys``.
        :param account_number: the account, where ``account`` is not given.
        :param profile: finality rules of the chain, by name; by default those of the chain id.
        :param take_over: go on although the venue holds commitments that this store does not know (an old copy of the
            store, or another process): the one with the highest client sequence counts.
        :param check_proofs: verify the proof of every own settlement, in the background (a second or two of one core);
            :attr:`proofs` has the verdicts.
        :param tls: for ``wss://``: which certificates are trusted, where the system's are not enough.
        :param keep_batches: forget settled batches that are older than so many, with their receipts, history and names;
            by default all are kept, and the store grows with them.
        :raises SealbookError: whichever part does not fit.
        """
        if keep_batches is not None and keep_batches < LEAST_KEPT:
            raise InputError(f"keep_batches: {keep_batches} is less than {LEAST_KEPT}", field="keep_batches")
        if not isinstance(keys, Keys):
            raise InputError("keys: not of type Keys", field="keys", advice="write Keys.at(path)")
        security(url, tls)
        signer, path = None if account is None else signer_of(account), Path(store)
        chain = await asyncio.to_thread(EvmChain, rpc, contract, signer, profile)
        checker = None
        if check_proofs:
            folder = path.with_name(path.name + ".evidence")
            checker = await asyncio.to_thread(cls._proof_checker, rpc, contract, profile, folder)
        dial = functools.partial(websocket, tls=tls)
        client = await asyncio.to_thread(
            cls._open, url, chain, keys, path, poll_seconds, commit_signer, take_over, dial
        )
        client.proofs.checker = checker
        client._keep_batches = keep_batches
        async with client.running(account_number, within):
            yield client

    @classmethod
    def _proof_checker(cls, rpc: str, contract: str, profile: str | None, folder: Path) -> ProofChecker | None:
        """Who checks proofs; ``sealbook.Client`` has one. ``folder`` is for settlements that fail."""
        return None

    @contextlib.asynccontextmanager
    async def running(self, account_number: int | None = None, within: float = 30.0) -> AsyncIterator[Client]:
        """Connect, and run the reveal agent until the exit; what :meth:`connect` does once it has the parts."""
        try:
            await self._start(account_number, within)
            yield self
        finally:
            await self._stop()

    @classmethod
    def _open(
        cls,
        url: str,
        chain: Chain,
        keys: Keys,
        path: Path,
        poll_seconds: float,
        commit_signer: Signer | None,
        take_over: bool,
        dial: Dial,
    ) -> Client:
        store = Store(path)
        try:
            return cls(url, chain, keys, store, poll_seconds, commit_signer, take_over, dial)
        except BaseException:
            store.close()
            raise

    async def _start(self, number: int | None, within: float) -> None:
        address = self._chain.address
        if number is None and address is not None:
            number = await asyncio.to_thread(self._chain.account_of, address)
        if number:
            await self._enter(number, within)
            return
        self._link.start()
        await self._link.ready(within)

    async def _enter(self, number: int, within: float) -> None:
        """Take up the work of an account that L1 knows."""
        registered = await asyncio.to_thread(self._chain.commit_key_of, number)
        if registered.lower() != self._signer.address.lower():
            raise StateError(
                f"account {number} has the commit key {registered}, not {self._signer.address}",
                code="wrong_commit_key",
                field="keys",
            )
        self._store.bind(self.venue.chain_id, self.venue.contract, number)
        for first, log_size in self._store.key_trees():
            await asyncio.to_thread(self._ring.open, first, log_size)
        self.account = number
        await self._link.reconnect()
        await self._link.ready(within)
        self._audit = Audit(self.venue, number, self._chain, self._link, self._store)
        await self._audit.begin()
        self._book = Book(number, self._store, self.streams.moved)
        keeper = self._keeper = EvidenceKeeper(self.venue, number, self._chain, self._store)
        self._desk = Desk(
            self.venue, number, self._link, self._store, self._ring, self._signer, self._book, keeper, self._take_over
        )
        self._agent = RevealAgent(
            Work(
                venue=self.venue,
                account=number,
                chain=self._chain,
                link=self._link,
                store=self._store,
                keys=self._ring,
                commit_address=self._signer.address,
                auditor=self._audit,
                keeper=keeper,
                changed=self._batch_changed,
                poll_seconds=self._poll_seconds,
                countdown=self._countdown,
            )
        )
        self._working = asyncio.create_task(self._agent.run())
        self._proving = asyncio.create_task(self.proofs.run())

    def _batch_changed(self, record: BatchRecord) -> None:
        assert self._book is not None
        self._book.changed(record)
        if record.phase != "settled":
            return
        self.proofs.settled(record.batch)
        if self._keep_batches is not None:
            self._store.prune(record.batch - self._keep_batches)

    async def _stop(self) -> None:
        if self._quotes is not None:
            await self._quotes.close()
        for task in (self._working, self._proving):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await self._link.close()
        await self.streams.close()
        for made in self.commitments:
            for handle in made:
                handle.close()
        self._store.close()

    # ------------------------------------------------------------------------------------------ session

    def _greeted(self, hello: Hello) -> None:
        check_hello(self.venue, hello)

    async def _login(self, hello: Hello) -> Login | None:
        return await login(self.venue, self.account, self._signer, hello) if self.account else None

    def _pushed(self, message: Message) -> None:
        self.streams.take(message)

    def _opened(self) -> None:
        self.streams.opened(own=self.account != 0)

    def _closed(self) -> None:
        self.streams.lost()

    def _hint(self, message: Message) -> None:
        if self._agent is not None:
            self._agent.pushed(message)

    def _live_orders(self) -> tuple[OrderHandle, ...]:
        return tuple(order for made in self.commitments for order in made)
