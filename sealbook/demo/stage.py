"""The processes of the demonstration: chain and node as commands of their own, and the operator's session."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3.types import RPCEndpoint
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from commitments.receipts import Domain, SigningKey
from contracts.deploy import Token
from contracts.exchange import Exchange
from contracts.records import AssetConfig
from contracts.rpc import Endpoint
from contracts.rpc import connect as connect_rpc
from contracts.transactions import Sender
from orderbook.wire import BatchStatus, Error, Hello, Login, SealNow, Session, Subscribe, decode_reply, encode

from ..deployment import deploy_venue, development_token
from .cast import ASSETS, DECIMALS, FEE_ASSET, MARKETS, MISS_FEE, PEOPLE, UNITS, purse

START_SECONDS = 60
STOP_SECONDS = 20
LOGIN_SECONDS = 20
RICH = 10**21
"""Base units of the native coin that a participant needs at most."""
LOGIN_ATTEMPTS = 3
OPERATOR_KEY = 1
FEE_KEY = 2
FIRST_PERSON_KEY = 3
REVEAL_WINDOW = 6
BEACON_DELAY = 6


class DemoError(Exception):
    """The demonstration cannot go on, and why."""


class Service:
    """A command of sealbook in a process of its own, with its output in a log file."""

    def __init__(self, name: str, arguments: list[str], log: Path) -> None:
        self.name = name
        self.log = log
        self._start = log.stat().st_size if log.exists() else 0
        self._file = log.open("ab")
        # A session of its own: Ctrl-C reaches the demonstration, which then ends its services in order.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sealbook.cli", *arguments],
            stdout=self._file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait_for(self, found: Callable[[dict[str, Any]], str | None]) -> str:
        """Wait for a line of JSON in the output from which ``found`` takes something."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with self.log.open("rb") as file:
                file.seek(self._start)
                for line in file.read().splitlines():
                    value = self._line(line, found)
                    if value is not None:
                        return value
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise DemoError(f"the {self.name} did not start; its log is {self.log}")

    @staticmethod
    def _line(line: bytes, found: Callable[[dict[str, Any]], str | None]) -> str | None:
        try:
            value = json.loads(line)
        except ValueError:
            return None
        return found(value) if isinstance(value, dict) else None

    def kill(self) -> None:
        """End it without any warning, as a power cut would."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._file.close()

    def stop(self) -> None:
        """Ask it to end; end it if it does not."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._file.close()


class Stage:
    """Chain, contracts and node. ``reveal_window``: blocks from the seal to the reveal deadline; the node makes four a
    second while it waits for one, and waits no longer than for the last reveal."""

    SPARE_KEY = FIRST_PERSON_KEY + len(PEOPLE)
    """A funded account that nobody in the cast uses."""

    def __init__(
        self, folder: Path, rpc: str | None, report: Callable[[str], None], reveal_window: int = REVEAL_WINDOW
    ) -> None:
        self._reveal_window = reveal_window
        self.folder = folder
        (folder / "clients").mkdir(mode=0o700)
        self.report = report
        self._services: list[Service] = []
        self.node: Service | None = None
        self.node_url = ""
        self.rpc = rpc or self._start_chain()
        self.endpoint: Endpoint = connect_rpc(self.rpc)
        self.operator = Sender(self.endpoint.w3, _key(OPERATOR_KEY))
        self.people: dict[str, Sender] = {
            name: Sender(self.endpoint.w3, _key(FIRST_PERSON_KEY + i)) for i, name in enumerate(PEOPLE)
        }
        self._fund_l1()
        self.exchange, self.tokens = self._deploy()
        self.operator_key = folder / "operator.key"
        self.operator_key.touch(mode=0o600)
        self.operator_key.write_text(f"{OPERATOR_KEY:064x}\n")

    def _start_chain(self) -> str:
        chain = Service("chain", ["chain", "--port", "0", "--json"], self.folder / "chain.log")
        self._services.append(chain)
        return chain.wait_for(lambda line: line.get("rpc"))

    def _fund_l1(self) -> None:
        """Give every key native coins where the chain has none for it: anvil knows other accounts."""
        w3 = self.endpoint.w3
        spare = w3.to_checksum_address(_key(self.SPARE_KEY).address)
        for address in (self.operator.address, *(person.address for person in self.people.values()), spare):
            if w3.eth.get_balance(address) < RICH:
                reply = w3.provider.make_request(RPCEndpoint("anvil_setBalance"), [address, hex(10 * RICH)])
                if "error" in reply:
                    raise DemoError(f"rpc: {self.rpc} is no development chain: account {address} has no coins")

    def _deploy(self) -> tuple[Exchange, dict[str, Token | None]]:
        tokens: dict[str, Token | None] = {
            "USD": development_token(self.operator, "Demo dollar", "USD", DECIMALS["USD"]),
            "ETH": None,
            "BTC": development_token(self.operator, "Demo bitcoin", "BTC", DECIMALS["BTC"]),
        }
        assets = []
        for symbol in ASSETS:
            token = tokens[symbol]
            assets.append(AssetConfig(token.address if token else None, UNITS[symbol]))
        deployment = deploy_venue(
            self.operator,
            self.operator.address,
            _key(FEE_KEY).address,
            assets,
            MARKETS,
            MISS_FEE,
            fee_asset=FEE_ASSET,
            reveal_window=self._reveal_window,
            beacon_delay=BEACON_DELAY,
            report=self.report,
        )
        return deployment.exchange, tokens

    def fund(self, name: str) -> None:
        """Give a participant the tokens that it will deposit (it has native coins already)."""
        for symbol, amount in purse(name).items():
            token = self.tokens[symbol]
            if token is not None:
                whole = int(amount) * 10 ** DECIMALS[symbol]
                token.mint(self.operator, self.people[name].address, whole)

    def l1_key(self, name: str) -> bytes:
        return (FIRST_PERSON_KEY + PEOPLE.index(name)).to_bytes(32, "big")

    def start_node(self, batches_per_epoch: int, batch_seconds: float = 0) -> None:
        """Start (or start again) the node; the port stays the same. ``batch_seconds`` 0: batches close on request."""
        port = self.node_url.rpartition(":")[2] or "0"
        node = Service(
            "node",
            [
                "node", "--rpc", self.rpc, "--contract", self.exchange.address,
                "--data", str(self.folder / "node"), "--operator-key", str(self.operator_key),
                "--listen", f"127.0.0.1:{port}", "--batch-seconds", str(batch_seconds),
                "--batches-per-epoch", str(batches_per_epoch), "--poll-seconds", "0.2",
                "--mine-seconds", "0.25", "--json",
            ],
            self.folder / "node.log",
        )  # fmt: skip
        self.node = node
        self._services.append(node)
        self.node_url = node.wait_for(lambda line: line.get("url"))

    def keep(self, service: Service) -> None:
        """End another service with the rest."""
        self._services.append(service)

    def stop_node(self) -> None:
        if self.node is not None:
            self.node.stop()
            self.node = None

    def close(self) -> None:
        for service in reversed(self._services):
            service.stop()


def _key(number: int) -> LocalAccount:
    """A funded development account; everybody knows these keys."""
    account: LocalAccount = Account.from_key(number.to_bytes(32, "big"))
    return account


class Operator:
    """The operator's session: closes batches at will and follows their phases. Reconnects when the node comes back."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        exchange = stage.exchange
        self._domain = Domain(stage.endpoint.chain_id, exchange.address)
        self._key = SigningKey(OPERATOR_KEY.to_bytes(32, "big"))
        self._connection: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self.status: dict[int, BatchStatus] = {}

    async def connect(self) -> None:
        """Log in and subscribe; try again if the node does not answer in time."""
        await self.close()
        for _ in range(LOGIN_ATTEMPTS):
            with contextlib.suppress(TimeoutError, OSError, WebSocketException):
                async with asyncio.timeout(LOGIN_SECONDS):
                    return await self._log_in()
            await asyncio.sleep(1)
        raise DemoError(f"the node does not answer the operator; see {self._stage.folder / 'node.log'}")

    async def _log_in(self) -> None:
        connection = await connect(self._stage.node_url, max_size=2**22)
        hello = decode_reply(await connection.recv())
        assert isinstance(hello, Hello)
        digest = self._domain.session(0, bytes.fromhex(hello.challenge[2:]))
        await connection.send(encode(Login(id=1, account=0, signature="0x" + self._key.sign(digest).hex())))
        while not isinstance(reply := decode_reply(await connection.recv()), Session):
            if isinstance(reply, Error):
                raise DemoError(f"the operator cannot log in: {reply.message}")
        await connection.send(encode(Subscribe(id=2)))
        self._connection = connection
        self._reader = asyncio.create_task(self._read(connection))

    async def _read(self, connection: ClientConnection) -> None:
        async for frame in connection:
            message = decode_reply(frame)
            if isinstance(message, BatchStatus):
                async with self._changed:
                    self.status[message.batch] = message
                    self._changed.notify_all()

    async def seal_now(self) -> None:
        assert self._connection is not None
        await self._connection.send(encode(SealNow(id=3)))

    async def until(self, batch: int, *phases: str, seconds: float = 120) -> BatchStatus:
        """Wait for a batch to be in one of the phases."""

        def there() -> bool:
            return batch in self.status and self.status[batch].phase in phases

        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(there)
        except TimeoutError:
            status = self.status.get(batch)
            raise DemoError(
                f"batch {batch} did not reach {' or '.join(phases)} in {seconds:.0f} s "
                f"(it is in {status.phase if status else 'no phase'}); see {self._stage.folder / 'node.log'}"
            ) from None
        return self.status[batch]

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
