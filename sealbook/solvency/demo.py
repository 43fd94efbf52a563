"""A generated venue on the embedded chain, to prove its solvency end to end: real contracts, real proof.

Thousands of registrations and settlements are not the point here. So the state root and the custody counters of the
workload are written into the Exchange's storage, and the tokens minted to it; one deposit is a real one and waits in
the queue. Everything after that happens by transactions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from eth_account import Account
from eth_utils.crypto import keccak

from commitments.state import StateTree, balance_leaf, balance_slot, leaf_index
from commitments.types import KEY_SLOT, Digest
from contracts.chain.server import ChainServer
from contracts.deploy import Token, deploy_exchange
from contracts.exchange import EMPTY_STATE, Exchange
from contracts.records import AssetConfig, Config, MarketConfig, pack_digest
from contracts.rpc import Endpoint, connect
from contracts.solvency import SolvencyContract
from contracts.transactions import Sender
from proofs.params import FIRST_ACCOUNT
from proofs.solvency.program import TIERS

from ..bench.prepared import SEARCHED_SLOTS, PreparedChain
from ..deployment import deploy_verifier, development_token
from ..errors import SolvencyError
from .audit import deploy
from .state import SettledState

__all__ = ["DemoVenue", "demo_venue", "generate"]

Report = Callable[[str], None]
UNIT: Final = 10**12
"""Base units of a token in one unit of the venue."""
PENDING: Final = 5_000
"""Units of the one deposit that waits in the queue."""


@dataclass(frozen=True)
class DemoVenue:
    """A venue whose books hold what a generated state owes, and a little more for withdrawals nobody claimed."""

    chain: PreparedChain
    endpoint: Endpoint
    sender: Sender
    exchange: Exchange
    solvency: SolvencyContract
    state: SettledState
    custody_slot: int

    def lose(self, asset: int, units: int) -> None:
        """Take units off the Exchange's books, as a thief would: no transaction of the contract can."""
        left = self.exchange.custody(asset) - units
        self.chain.write_storage(self.exchange.address, _place(asset, self.custody_slot), left)


def generate(accounts: int, assets: int, seed: int = 1) -> SettledState:
    """A state of traders with a key and balances, the fee account and the insurance fund among them."""
    source = random.Random(seed)
    leaves: dict[int, Digest] = {}
    for account in range(FIRST_ACCOUNT + accounts):
        if account >= FIRST_ACCOUNT:
            a, b, c, d = (source.getrandbits(62) for _ in range(4))
            leaves[leaf_index(account, KEY_SLOT)] = (a, b, c, d)
        for asset in range(assets):
            if units := int(source.paretovariate(1.1) * 1_000) if source.random() < 0.9 else 0:
                leaves[leaf_index(account, balance_slot(asset))] = balance_leaf(units)
    return SettledState(leaves, assets)


@contextmanager
def demo_venue(accounts: int, assets: int, report: Report) -> Iterator[DemoVenue]:
    """Start a chain, deploy everything, and fill the books. The chain ends with the context."""
    chain = PreparedChain()
    server = ChainServer(chain)
    server.start()
    try:
        yield _deployed(chain, server.url, generate(accounts, assets), report)
    finally:
        server.stop()


def _deployed(chain: PreparedChain, url: str, state: SettledState, report: Report) -> DemoVenue:
    endpoint = connect(url)
    sender = Sender(endpoint.w3, Account.from_key(chain.keys[0]))
    report("deploying the contracts")
    tokens = [development_token(sender, f"Asset {a}", f"A{a}", 18) for a in range(state.assets)]
    config = Config(
        operator=sender.address,
        fee_address=chain.accounts[1],
        assets=tuple(AssetConfig(token.address, UNIT) for token in tokens),
        markets=(MarketConfig(1, 0, 90, 110, 1_000, 100),),
        tiers=(bytes(32),),  # no epoch is settled here
        miss_fee=0,
        fee_asset=0,
    )
    exchange, _ = deploy_exchange(sender, deploy_verifier(sender, ()), config)
    report("filling the books")
    slot = _fill(chain, sender, exchange, tokens, state)
    solvency = deploy(sender, exchange, tuple(tier.index for tier in TIERS), report)
    return DemoVenue(chain, endpoint, sender, exchange, solvency, state, slot)


def _fill(chain: PreparedChain, sender: Sender, exchange: Exchange, tokens: list[Token], state: SettledState) -> int:
    """One real deposit of asset 0; root and custody as if the generated accounts had deposited theirs.

    Gives the storage slot of the custody counters.
    """
    tokens[0].mint(sender, sender.address, PENDING * UNIT)
    tokens[0].approve(sender, exchange.address, PENDING * UNIT)
    exchange.register(sender, (1, 2, 3, 4), sender.address)
    exchange.deposit(sender, 0, PENDING * UNIT)
    slot = _mapping_slot(chain, exchange.address, 0, PENDING)
    tree = StateTree()
    tree.set(state.leaves)
    root_slot = chain.find_storage(exchange.address, pack_digest(EMPTY_STATE))
    chain.write_storage(exchange.address, root_slot, pack_digest(tree.root))
    for asset, token in enumerate(tokens):
        owed = sum(state.leaves.get(leaf_index(a, balance_slot(asset)), (0,))[0] for a in _accounts(state))
        unclaimed = 100 * asset
        token.mint(sender, exchange.address, (owed + unclaimed) * UNIT)
        before = exchange.custody(asset)
        chain.write_storage(exchange.address, _place(asset, slot), before + owed + unclaimed)
    if exchange.state_root() != tree.root:
        raise SolvencyError("demo", "the contract did not take over the generated state root")
    return slot


def _accounts(state: SettledState) -> list[int]:
    return sorted({index >> 4 for index in state.leaves})


def _mapping_slot(chain: PreparedChain, address: str, key: int, value: int) -> int:
    """Where a mapping lies in storage whose entry at ``key`` is known."""
    height = chain.height
    for slot in range(SEARCHED_SLOTS):
        if int.from_bytes(chain.storage(bytes.fromhex(address[2:]), _place(key, slot), height), "big") == value:
            return slot
    raise SolvencyError("demo", "the custody counters are not where they are looked for")


def _place(key: int, slot: int) -> int:
    """Storage place of a mapping's entry."""
    return int.from_bytes(keccak(key.to_bytes(32, "big") + slot.to_bytes(32, "big")), "big")
