"""A venue on the embedded chain, with a verifier for tests in place of the real one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

from contracts.artifact import load_artifact
from contracts.chain import ChainServer, serve
from contracts.deploy import Token, create, deploy_exchange
from contracts.exchange import EMPTY_COMMITMENTS, Exchange
from contracts.records import AssetConfig, Config, Effects, HeadChecked, MarketConfig
from contracts.transactions import Sender
from proofs.statement.public import (
    BatchContext,
    Digest,
    EpochContext,
    Holding,
    MarketContext,
    MarketResult,
    Missing,
    PublicData,
    QueueEntry,
    encode,
    encode_queue,
)

KEY_ROOT: Digest = (1, 2, 3, 4)
ROOT: Digest = (5, 6, 7, 8)
NEW_ROOT: Digest = (9, 10, 11, 2**64 - 2**32)
FEE = 1_000
WINDOW = 3
DELAY = 2


@pytest.fixture(scope="session")
def chain() -> Iterator[ChainServer]:
    server = serve()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def w3(chain: ChainServer) -> Web3:
    return Web3(Web3.HTTPProvider(chain.url))


@dataclass
class Venue:
    """A deployed Exchange with its operator and its tokens (asset 0: 18 decimals, 1: 6 decimals, 2: native)."""

    w3: Web3
    exchange: Exchange
    operator: Sender
    base: Token
    quote: Token
    config: Config
    entries: list[QueueEntry]

    def mine(self, blocks: int = 1) -> None:
        self.w3.provider.make_request("evm_mine", [hex(blocks)])  # type: ignore[arg-type]

    def trader(self) -> tuple[Sender, LocalAccount, int]:
        """A registered account: its sender, its commit key, its number."""
        sender = fund(self.w3, self.operator)
        commit_key: LocalAccount = Account.create()
        self.exchange.register(sender, KEY_ROOT, commit_key.address)
        number = self.exchange.account_of(sender.address)
        assert number is not None
        self.entries.append(QueueEntry(1, number, 0, KEY_ROOT))
        return sender, commit_key, number

    def deposit_native(self, sender: Sender, number: int, units: int) -> None:
        self.exchange.deposit(sender, 2, units * 10**9, value=units * 10**9)
        self.entries.append(QueueEntry(2, number, 2, (units, 0, 0, 0)))

    def seal(self, count: int) -> int:
        """Seal the next batch; with leaves, also wait for its beacon and its deadline."""
        batch = self.exchange.progress().sealed_batches
        self.exchange.seal(self.operator, batch, ROOT if count else EMPTY_COMMITMENTS, count)
        if count:
            self.mine(max(WINDOW, DELAY) + 1)
            self.exchange.record_beacon(self.operator, batch)
        return batch

    def context(self, first: int, batches: int) -> EpochContext:
        """The epoch's context, from views alone."""
        start = self.exchange.progress().queue_settled
        rows = []
        for number in range(first, first + batches):
            sealed = self.exchange.batch(number)
            rows.append(
                BatchContext(sealed.root, sealed.count, tuple(self.entries[start : sealed.cut]), sealed.beacon or b"")
            )
            start = sealed.cut
        parameters = self.exchange.parameters()
        markets = tuple(
            MarketContext(m.base, m.quote, m.lower, m.upper, m.fee_ppm, r)
            for m, r in zip(self.exchange.markets(), self.exchange.references(), strict=True)
        )
        return EpochContext(
            self.exchange.venue(), parameters.miss_fee, parameters.fee_asset, len(self.exchange.assets()),
            EMPTY_COMMITMENTS, self.exchange.state_root(), markets, tuple(rows),
        )  # fmt: skip

    def data(self, first: int, batches: int, **changes: Any) -> PublicData:
        counts = [self.exchange.batch(n).count for n in range(first, first + batches)]
        results = tuple((MarketResult(10_100 + k, 7), MarketResult(200, 0)) for k, count in enumerate(counts) if count)
        plain = PublicData(first, batches, 0, NEW_ROOT, results, (), (), ())
        return replace(plain, **changes)

    def queue_bytes(self, first: int, batches: int) -> bytes:
        return encode_queue(e for b in self.context(first, batches).batches for e in b.queue)

    def open(self, data: PublicData, signatures: bytes = b"", head: bytes = b"head") -> HeadChecked:
        queue = self.queue_bytes(data.first_batch, data.batches)
        return self.exchange.open_settlement(self.operator, encode(data), queue, signatures, head)[0]

    def finish(self, event: HeadChecked) -> Effects:
        self.exchange.check_queries(self.operator, event.id, event.state, 0, b"abc")
        self.exchange.settle(self.operator, event.id, event.effects)
        return event.effects


def fund(w3: Web3, rich: Sender) -> Sender:
    """A fresh key with some ether."""
    account: LocalAccount = Account.create()
    rich.execute(account.address, b"", 21_000, 10**20)
    return Sender(w3, account)


def config(operator: str, base: Token, quote: Token) -> Config:
    return Config(
        operator=operator,
        fee_address=Account.from_key(secrets.token_bytes(32)).address,
        assets=(
            AssetConfig(base.address, 10**12),
            AssetConfig(quote.address, 10**2),
            AssetConfig(None, 10**9),
        ),
        markets=(MarketConfig(0, 1, 10_000, 20_000, 300, 15_000), MarketConfig(2, 1, 100, 300, 0, 200)),
        tiers=(b"\x01" * 32, b"\x02" * 32),
        miss_fee=50,
        fee_asset=1,
        registration_fee=FEE,
        reveal_window=WINDOW,
        beacon_delay=DELAY,
        min_seal_interval=2,
    )


def deploy_test_contract(sender: Sender, name: str, *arguments: Any) -> str:
    artifact = load_artifact(name)
    assert artifact.source.startswith("src/test/")
    return create(sender, artifact.abi, artifact.bytecode, *arguments)[0]


@pytest.fixture(scope="session")
def operator(chain: ChainServer, w3: Web3) -> Sender:
    return Sender(w3, Account.from_key(chain.chain.keys[0]))


@pytest.fixture(scope="session")
def verifier(operator: Sender) -> str:
    return deploy_test_contract(operator, "TestOnlyVerifier")


@pytest.fixture
def venue(w3: Web3, operator: Sender, verifier: str) -> Venue:
    base = Token.deploy(operator, "Base", "BASE", 18)
    quote = Token.deploy(operator, "Quote", "QUOTE", 6)
    parameters = config(operator.address, base, quote)
    exchange, _ = deploy_exchange(operator, verifier, parameters)
    return Venue(w3, exchange, operator, base, quote, parameters, [])


def missing(batch: int, account: int, charged: bool = True) -> Missing:
    return Missing(batch, account, (21, 22, 23, 24), charged)


__all__ = ["Holding", "Venue", "config", "deploy_test_contract", "fund", "missing"]
