"""Traders on the real thing: embedded chain, deployed contracts, the node, real proofs, claims on L1."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from eth_account import Account

from client.errors import ChainUnreachableError, InputError, StateError, TransactionRevertedError
from client.keys import Keys
from commitments.receipts import SigningKey
from contracts.chain import serve
from contracts.deploy import Token, deploy_exchange
from contracts.records import AssetConfig, Config, MarketConfig
from contracts.rpc import connect as connect_rpc
from contracts.transactions import Sender
from contracts.verifier import StarkVerifier
from orderbook.gateway import Gateway
from orderbook.journal import Journal
from orderbook.node import Node
from orderbook.prover_runner import ProcessProver
from orderbook.settings import Settings
from orderbook.state import VenueState
from orderbook.vault import Vault
from proofs.statement.settlement import verification_key
from sealbook import Client, Settled, Unfilled, buy, sell, withdrawal

pytestmark = pytest.mark.slow

OPERATOR = SigningKey(b"\x07" * 32)


@dataclass
class Deployed:
    rpc: str
    contract: str
    token: Token
    senders: list[Sender]
    keys: list[str]


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    chain = serve()
    w3 = connect_rpc(chain.url).w3
    senders = [Sender(w3, Account.from_key(key)) for key in chain.chain.keys[:4]]
    deployer = senders[0]
    deployer.execute(OPERATOR.address, b"", 21_000, 10**20)
    verifier = StarkVerifier.deploy(w3, deployer.address)
    tier = verifier.register_key(verification_key(0), deployer.address)
    token = Token.deploy(deployer, "Test Dollar", "USD", 6)
    config = Config(
        operator=OPERATOR.address,
        fee_address=deployer.address,
        assets=(AssetConfig(None, 10**15), AssetConfig(token.address, 1)),
        markets=(MarketConfig(0, 1, 100_000, 9_000_000, 500, 2_000_000),),
        tiers=(tier,),
        miss_fee=1_000,
        fee_asset=1,
        registration_fee=10**15,
        reveal_window=400,  # 40 s of blocks: a slow machine must not miss it
        beacon_delay=20,
    )
    exchange, _ = deploy_exchange(deployer, verifier.address, config)
    for sender in senders:
        token.mint(sender, sender.address, 10**12)
    yield Deployed(chain.url, exchange.address, token, senders, list(chain.chain.keys))
    chain.stop()


@contextlib.asynccontextmanager
async def node(deployed: Deployed, folder: Path) -> AsyncIterator[Node]:
    settings = Settings(data=folder, port=0, batch_seconds=None, poll_seconds=0.05, mine_seconds=0.1)
    gateway = await asyncio.to_thread(Gateway, deployed.rpc, deployed.contract, OPERATOR)
    parameters = await asyncio.to_thread(gateway.parameters)
    vault = Vault.at(settings.vault_key, create=True)
    journal = Journal(settings.journal, vault, f"{parameters.chain_id}:{parameters.contract}")
    tier = bytes((await asyncio.to_thread(gateway._exchange.tiers))[0])
    running = Node(settings, VenueState(parameters), journal, gateway, ProcessProver((tier,)), OPERATOR)
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(running.run(ready.set_result))
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        yield running
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_ten_lines_of_the_readme(deployed: Deployed, tmp_path: Path) -> None:
    async with node(deployed, tmp_path) as venue, contextlib.AsyncExitStack() as stack:
        url = f"ws://127.0.0.1:{venue.server.port}"
        clients = []
        for index in (1, 2):
            keys = Keys.create(tmp_path / f"{index}.json")
            client = await stack.enter_async_context(
                Client.connect(
                    url,
                    rpc=deployed.rpc,
                    contract=deployed.contract,
                    account=deployed.keys[index],
                    keys=keys,
                    store=tmp_path / f"{index}.store",
                    poll_seconds=0.1,
                )
            )
            await client.register(log_size=12)
            await client.deposit("ETH", "1.5")
            await client.deposit("USD", "5000")
            clients.append(client)
        maker, taker = clients
        assert [market.symbol for market in maker.venue.markets] == ["ETH/USD"]
        quoted = await maker.quote(
            [sell("ETH/USD", "0.1", "2001"), buy("ETH/USD", "0.1", "1999"), withdrawal("USD", "10")]
        )
        (order,) = await taker.commit([buy("ETH/USD", "0.25", "2001.5")])
        venue.seal_now()
        settled = await order.settled()
        assert isinstance(settled, Settled)
        assert (settled.price, settled.fill, settled.verified) == (2_001_500, 100, True)
        assert taker.venue.markets[0].price(settled.price or 0) == Decimal("2001.5")
        sold, idle, paid = await quoted.settled()
        assert (type(sold), type(idle), type(paid)) == (Settled, Unfilled, Settled)
        assert paid.fill == 10_000_000
        assert (taker.problems, maker.problems) == ({}, {})
        balances = await taker.balances()
        assert balances["ETH"].settled == Decimal("1.6")
        assert balances["USD"].settled == Decimal("5000") - Decimal("200.15") - Decimal("0.1001")
        before = await asyncio.to_thread(deployed.token.balance_of, deployed.senders[1].address)
        assert len(await maker.claim()) == 1
        after = await asyncio.to_thread(deployed.token.balance_of, deployed.senders[1].address)
        assert after - before == 10_000_000
        assert await maker.claim() == ()
        with pytest.raises(StateError, match="epoch 5 is not settled") as early:
            await maker.claim(5)
        assert early.value.code == "not_settled"
        with pytest.raises(TransactionRevertedError) as poor:
            await taker.deposit("USD", "99999999")
        assert poor.value.outcome_known


async def test_endpoints_that_cannot_be_used(deployed: Deployed, tmp_path: Path) -> None:
    facts = {"contract": deployed.contract, "keys": Keys.generate(), "store": tmp_path / "s"}
    with pytest.raises(ChainUnreachableError) as down:
        async with Client.connect("ws://127.0.0.1:1", rpc="http://127.0.0.1:1", **facts):  # type: ignore[arg-type]
            pass
    assert (down.value.code, down.value.field) == ("endpoint_down", "rpc")
    with pytest.raises(InputError) as key:
        async with Client.connect("ws://127.0.0.1:1", rpc=deployed.rpc, account="0x12", **facts):  # type: ignore[arg-type]
            pass
    assert (key.value.code, key.value.field) == ("bad_l1_key", "account")
    assert "0x12" not in str(key.value)
