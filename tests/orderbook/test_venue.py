"""The whole venue: embedded chain, deployed contracts, ``sealbook node`` as a process, real proofs, a kill."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_account import Account
from msgspec.structs import replace
from websockets.asyncio.client import connect

from commitments.receipts import SigningKey
from contracts.chain import serve
from contracts.deploy import Token, deploy_exchange
from contracts.exchange import Exchange
from contracts.records import AssetConfig, Config, MarketConfig
from contracts.rpc import Endpoint
from contracts.rpc import connect as connect_rpc
from contracts.transactions import Sender
from contracts.verifier import StarkVerifier
from orderbook import wire
from orderbook.engine import clear_batch
from orderbook.errors import ChainMismatchError, ConfigurationError, EndpointDownError
from orderbook.events import BatchClosed, EpochClosed, OpenedEntry, RevealAccepted
from orderbook.gateway import Gateway
from orderbook.journal import Journal
from orderbook.l1 import SettlementPackage
from orderbook.node import replay
from orderbook.openings import bundle_commitment, commitment_root, key_root
from orderbook.prover_runner import ProcessProver
from orderbook.state import VenueState
from orderbook.vault import Vault
from proofs.statement import public
from proofs.statement.settlement import verification_key

from .simulated import PATH, Client

pytestmark = pytest.mark.slow

OPERATOR = SigningKey(b"\x07" * 32)


@dataclass
class Deployed:
    endpoint: Endpoint
    exchange: Exchange
    token: Token
    keys: list[str]

    def sender(self, index: int) -> Sender:
        return Sender(self.endpoint.w3, Account.from_key(self.keys[index]))


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    chain = serve()
    endpoint = connect_rpc(chain.url)
    w3 = endpoint.w3
    deployer = Sender(w3, Account.from_key(chain.chain.keys[0]))
    funding = {"from": deployer.address, "to": OPERATOR.address, "value": 10**20}
    w3.eth.wait_for_transaction_receipt(w3.eth.send_transaction(funding))  # type: ignore[arg-type]
    verifier = StarkVerifier.deploy(w3, deployer.address)  # type: ignore[arg-type]
    tier = verifier.register_key(verification_key(0), deployer.address)  # type: ignore[arg-type]
    token = Token.deploy(deployer, "Test Dollar", "USD", 6)
    config = Config(
        operator=OPERATOR.address,
        fee_address=deployer.address,
        assets=(AssetConfig(None, 10**12), AssetConfig(token.address, 1)),
        markets=(MarketConfig(0, 1, 1_000, 900_000, 500, 20_000),),
        tiers=(tier,),
        miss_fee=1_000,
        fee_asset=1,
        reveal_window=4,
        beacon_delay=4,
    )
    exchange, _ = deploy_exchange(deployer, verifier.address, config)
    yield Deployed(endpoint, exchange, token, list(chain.chain.keys))
    chain.stop()


class Trader:
    """A registered account with deposits, whose key tree is good for one batch."""

    def __init__(self, deployed: Deployed, index: int, batch: int, entries: tuple[OpenedEntry, ...]) -> None:
        self.key = SigningKey(bytes([index]) * 32)
        self.sender = deployed.sender(index)
        self.venue = deployed.exchange.venue()
        self.batch = batch
        self.entries = entries
        self.secret = (index, 2, 3, batch)
        self.account = 0
        exchange = deployed.exchange
        exchange.register(self.sender, key_root(self.venue, self.opening()), self.key.address)
        self.account = exchange.account_of(self.sender.address) or 0
        exchange.deposit(self.sender, 0, 10**18, 10**18)
        deployed.token.mint(self.sender, self.sender.address, 10**9)
        deployed.token.approve(self.sender, exchange.address, 10**9)
        exchange.deposit(self.sender, 1, 10**9)

    def opening(self) -> RevealAccepted:
        return RevealAccepted(self.batch, self.account, self.entries, (5, 6, 7), self.secret, 1, PATH, b"")

    def commit(self, client: Client) -> wire.Commit:
        commitment = bundle_commitment(self.venue, self.opening())
        digest = client.domain.commitment(self.batch, self.account, 1, commitment)
        signature = "0x" + self.key.sign(digest).hex()
        return wire.Commit(client.next_id(), self.batch, 1, wire.hex_digest(commitment), signature)

    def reveal(self, client: Client) -> wire.Reveal:
        entries = tuple(wire.Entry(e.kind, e.market, e.price, e.quantity) for e in self.entries)
        path = tuple(wire.hex_digest(node) for node in PATH)
        salt, secret = wire.hex_digest((5, 6, 7, 0)), wire.hex_digest(self.secret)
        return wire.Reveal(client.next_id(), self.batch, entries, salt, secret, 1, path)


class NodeProcess:
    """``sealbook node`` as an operator starts it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, object]] = []

    async def url(self) -> str:
        while True:
            line = await self.line()
            if "url" in line:
                return str(line["url"])

    async def line(self) -> dict[str, object]:
        assert self.process.stdout is not None
        text = await self.process.stdout.readline()
        assert text, self.lines[-5:]
        self.lines.append(json.loads(text))
        return self.lines[-1]

    async def told(self, message: str) -> dict[str, object]:
        """The next line of the log with this message."""
        while (line := await self.line())["message"] != message:
            pass
        return line


MINING = ("--mine-seconds", "0.2")
"""Have the node make blocks while it waits for one. Without it blocks are made by transactions alone, so that reveals
have all the time in the world."""


@contextlib.asynccontextmanager
async def node(
    deployed: Deployed, folder: Path, *options: str, program: tuple[str, ...] = ("sealbook.cli",)
) -> AsyncIterator[NodeProcess]:
    key = folder / "operator.key"
    if not key.exists():
        key.write_text(OPERATOR.reveal().hex())
        key.chmod(0o600)
    words = ["--rpc", deployed.endpoint.url, "--contract", deployed.exchange.address, "--data", str(folder / "data")]
    words += ["--operator-key", str(key), "--listen", "127.0.0.1:0", "--json", "--poll-seconds", "0.1"]
    words += ["--batch-seconds", "0", *options]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *program, "node", *words, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    try:
        yield NodeProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def session(deployed: Deployed, url: str, trader: Trader | None) -> AsyncIterator[Client]:
    from orderbook.parameters import VenueParameters

    async with connect(url, compression=None, max_size=wire.MAX_REPLY_BYTES) as socket:
        hello = wire.decode_reply(await socket.recv())
        assert isinstance(hello, wire.Hello)
        fields = dict.fromkeys(VenueParameters.__dataclass_fields__, 0)
        identity = {**fields, "chain_id": hello.chain_id, "contract": hello.contract, "venue": hello.venue}
        client = Client(socket, VenueParameters(**identity))  # type: ignore[arg-type]
        client.hello = hello
        if trader is None:
            await client.login(OPERATOR, 0)
        else:
            await client.login(trader.key, trader.account)
        yield client


async def test_a_batch_settles_on_l1_across_a_kill(deployed: Deployed, tmp_path: Path) -> None:
    buyer = Trader(deployed, 1, 0, (OpenedEntry(2, 0, 20_005, 10),))
    seller = Trader(deployed, 2, 0, (OpenedEntry(3, 0, 20_000, 8), OpenedEntry(1, 1, 0, 500)))
    absent = Trader(deployed, 3, 0, (OpenedEntry(2, 0, 20_005, 10),))
    async with node(deployed, tmp_path, "--batch-commitments", "3") as running:
        url = await running.url()
        async with session(deployed, url, buyer) as one, session(deployed, url, seller) as two:
            await one.ask(buyer.commit(one), wire.Receipt)
            await two.ask(seller.commit(two), wire.Receipt)
            async with session(deployed, url, absent) as three:
                await three.ask(absent.commit(three), wire.Receipt)
            await one.push(wire.Sealed)
            acknowledged = await one.ask(buyer.reveal(one), wire.Acknowledgement)
            await two.push(wire.Sealed)
            await two.ask(seller.reveal(two), wire.Acknowledgement)
        running.process.send_signal(signal.SIGKILL)
        assert await running.process.wait() == -signal.SIGKILL

    async with node(deployed, tmp_path, "--batch-commitments", "3", *MINING) as running:
        url = await running.url()
        async with session(deployed, url, seller) as two, session(deployed, url, buyer) as one:
            again = await one.ask(buyer.reveal(one), wire.Acknowledgement)
            assert again.signature == acknowledged.signature
            await one.ask(wire.Subscribe(one.next_id()), wire.Subscribed)
            status = await one.ask(wire.GetBatch(one.next_id(), 0), wire.BatchStatus)
            if status.phase != "settled":
                status = await one.push(wire.BatchStatus, lambda s: s.batch == 0 and s.phase == "settled")
            result = await two.ask(wire.GetResult(two.next_id(), 0), wire.Result)
            balances = await two.ask(wire.GetBalances(two.next_id()), wire.Balances)
        running.process.send_signal(signal.SIGINT)
        assert await running.process.wait() == 0

    assert [(m.price, m.volume) for m in status.markets] == [(20_005, 8)]
    assert [(m.account, m.charged) for m in status.missing] == [(absent.account, True)]
    assert status.settle_gas is not None
    assert status.settle_gas < 15_000_000
    assert result.final
    assert [fill.fill for fill in result.fills] == [8, 500]
    exchange = deployed.exchange
    assert exchange.progress().settled_batches == 1
    assert balances.root == wire.hex_digest(exchange.state_root())
    assert exchange.references() == (20_005,)
    before = deployed.token.balance_of(seller.sender.address)
    withdrawn = public.Holding(seller.account, 1, 500)
    path = public.withdrawal_path([withdrawn], 0)
    exchange.claim(seller.sender, 0, seller.account, 1, 500, path)
    assert deployed.token.balance_of(seller.sender.address) == before + 500

    # What was done is not done again.
    gateway, nonce = Gateway(deployed.endpoint.url, exchange.address, OPERATOR), nonce_of(deployed)
    gateway.seal(0, exchange.batch(0).root, 3)
    gateway.record_beacon(0)
    gateway.settle(SettlementPackage(0, 0, 0, b"", b"", b"", b"", b"", b"", 0))
    assert nonce_of(deployed) == nonce
    with pytest.raises(ChainMismatchError, match="L1 expects batch 1, the journal seals batch 2"):
        gateway.seal(2, exchange.batch(0).root, 0)
    # The next batch: sealed once, settled from a half-finished settlement.
    state, journal = resumed(tmp_path, gateway)
    state.apply(BatchClosed(1))
    root = commitment_root(exchange.venue(), state.lifecycle.batch(1))
    gateway.seal(1, root, 0)
    gateway.seal(1, root, 0)
    assert exchange.progress().sealed_batches == 2
    for event in gateway.follow(state.followed.block, state.followed.hash) if state.followed is not None else ():
        state.apply(event)
    queue = state.registry.entries(*state.lifecycle.queue_span(1))
    state.apply(clear_batch(state.parameters, state.ledger, queue, state.lifecycle.batch(1)))
    state.apply(EpochClosed(1, 1))
    package, _ = await ProcessProver(gateway.tiers()).prove(state, 1, 1)
    gateway._exchange.open_settlement(
        gateway._sender, package.public_data, package.queue_entries, package.signatures, package.head
    )
    opened = gateway._opened(package)
    assert opened is not None
    assert gateway._opened(replace(package, head=b"other")) is None
    gateway.settle(package)
    gateway.settle(package)
    assert exchange.progress().settled_batches == 2
    assert len(exchange.heads_checked(0, firstBatch=1)) == 1
    journal.close()


def nonce_of(deployed: Deployed) -> int:
    return int(deployed.endpoint.w3.eth.get_transaction_count(OPERATOR.address))  # type: ignore[arg-type]


def resumed(folder: Path, gateway: Gateway) -> tuple[VenueState, Journal]:
    """The state of a node that has stopped, from its journal."""
    data, parameters = folder / "data", gateway.parameters()
    vault = Vault.at(data / "journal.key", create=False)
    journal = Journal(data / "journal.sqlite3", vault, f"{parameters.chain_id}:{parameters.contract}")
    state = VenueState(parameters)
    replay(state, journal)
    return state, journal


async def failed(deployed: Deployed, folder: Path, *words: str) -> tuple[int, str]:
    """Exit status and the one line on stderr of a node that cannot start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sealbook.cli",
        "node",
        *words,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, stderr = await process.communicate()
    return process.returncode or 0, stderr.decode()


async def test_a_node_that_cannot_start_says_why_in_one_line(deployed: Deployed, tmp_path: Path) -> None:
    key = tmp_path / "operator.key"
    key.write_text(OPERATOR.reveal().hex())
    key.chmod(0o600)
    common = ["--contract", deployed.exchange.address, "--data", str(tmp_path / "d"), "--operator-key", str(key)]
    status, line = await failed(deployed, tmp_path, "--rpc", "http://127.0.0.1:9", *common)
    assert status == 2
    assert line.count("\n") == 1
    assert line.endswith("[endpoint_down]\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        words = ["--rpc", deployed.endpoint.url, *common, "--listen", listen]
        status, line = await failed(deployed, tmp_path, *words)
    assert (status, line) == (2, f"sealbook node: {listen} is in use by another program [port_busy]\n")
    words = ["--rpc", deployed.endpoint.url, *common, "--tls-cert", str(key)]
    status, line = await failed(deployed, tmp_path, *words)
    assert status == 2
    assert line.startswith(f"sealbook node: cannot use the certificate {key}: ")
    assert line.endswith("[tls]\n")
    key.chmod(0o644)
    status, line = await failed(deployed, tmp_path, "--rpc", deployed.endpoint.url, *common)
    assert (status, line) == (2, f"sealbook node: {key} has mode 644; it must be 600 [operator_key]\n")


def test_the_gateway_refuses_another_chain_contract_or_key(deployed: Deployed) -> None:
    url, contract = deployed.endpoint.url, deployed.exchange.address
    with pytest.raises(ChainMismatchError) as wrong_chain:
        Gateway(url, contract, OPERATOR, chain_id=1)
    assert wrong_chain.value.code == "endpoint.wrong_chain"
    with pytest.raises(ChainMismatchError) as wrong_contract:
        Gateway(url, "0x" + "77" * 20, OPERATOR)
    assert wrong_contract.value.code == "endpoint.wrong_contract"
    with pytest.raises(ConfigurationError) as wrong_key:
        Gateway(url, contract, SigningKey(b"\x08" * 32)).parameters()
    assert wrong_key.value.code == "operator_key"
    with pytest.raises(EndpointDownError) as down:
        Gateway("http://127.0.0.1:9", contract, OPERATOR)
    assert (down.value.code, down.value.retryable) == ("endpoint_down", True)


def test_a_chain_that_changed_behind_finality(deployed: Deployed) -> None:
    gateway = Gateway(deployed.endpoint.url, deployed.exchange.address, OPERATOR)
    with pytest.raises(ChainMismatchError, match="has another hash now") as changed:
        gateway.follow(1, "0x" + "00" * 32)
    assert changed.value.field == "finalized"
    with pytest.raises(ChainMismatchError, match="the endpoint knows final blocks up to") as short:
        gateway.follow(10**9, "0x" + "00" * 32)
    assert short.value.field == "finalized"
