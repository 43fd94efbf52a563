"""Deploying a venue: verifier, verification keys, development tokens, Exchange."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from web3 import Web3

from contracts.artifact import load_artifact
from contracts.deploy import Token, create, deploy_exchange
from contracts.exchange import Exchange
from contracts.records import AssetConfig, Config, MarketConfig
from contracts.transactions import Sender
from contracts.verifier import data_contract, key_parts
from proofs.params import MAX_COUNT, TIERS
from proofs.statement.public import PUBLIC_BUS
from proofs.statement.settlement import verification_key, verification_key_hash

KEY_GAS = 1 << 24
REGISTER_KEY_GAS = 1 << 24

Report = Callable[[str], None]

ALL_TIERS = tuple(tier.index for tier in TIERS)


@dataclass(frozen=True)
class Deployment:
    """What was deployed: the exchange, its verifier's address, and the block that created the exchange."""

    exchange: Exchange
    verifier: str
    block: int


def deploy_verifier(sender: Sender, tiers: Sequence[int], report: Report = lambda line: None) -> str:
    """The two verifier contracts with the keys of the given tiers registered; gives the address."""
    queries = _create(sender, "StarkQueries")
    verifier = _create(sender, "StarkVerifier", queries)
    for tier in tiers:
        register_key(sender, verifier, verification_key(tier))
        report(f"key of tier {TIERS[tier].name}: 0x{verification_key_hash(tier).hex()}")
    return verifier


def register_key(sender: Sender, verifier: str, vk: bytes) -> None:
    """Deploy a verification key's data contracts and register them. Anybody may."""
    contract = sender.w3.eth.contract(Web3.to_checksum_address(verifier), abi=load_artifact("StarkVerifier").abi)
    parts = []
    for part in key_parts(vk):
        mined = sender.execute(None, data_contract(part), KEY_GAS)
        assert mined.contract is not None
        parts.append(Web3.to_checksum_address(mined.contract))
    call = bytes.fromhex(contract.encode_abi("registerKey", args=[parts])[2:])
    sender.execute(verifier, call, REGISTER_KEY_GAS)


def deploy_venue(
    sender: Sender,
    operator: str,
    fee_address: str,
    assets: Sequence[AssetConfig],
    markets: Sequence[MarketConfig],
    miss_fee: int,
    fee_asset: int = 0,
    tiers: Sequence[int] = ALL_TIERS,
    reveal_window: int = 8,
    beacon_delay: int = 8,
    registration_fee: int = 0,
    report: Report = lambda line: None,
) -> Deployment:
    """Deploy everything that a venue needs on L1. ``tiers`` must start at 0 and have no gaps."""
    verifier = deploy_verifier(sender, tiers, report)
    config = Config(
        operator=operator,
        fee_address=fee_address,
        assets=tuple(assets),
        markets=tuple(markets),
        tiers=tuple(verification_key_hash(tier) for tier in tiers),
        miss_fee=miss_fee,
        fee_asset=fee_asset,
        registration_fee=registration_fee,
        reveal_window=reveal_window,
        beacon_delay=beacon_delay,
        max_count=MAX_COUNT,
        public_bus=PUBLIC_BUS,
    )
    exchange, mined = deploy_exchange(sender, verifier, config)
    report(f"exchange: {exchange.address}")
    return Deployment(exchange, verifier, mined.block)


def development_token(sender: Sender, name: str, symbol: str, decimals: int) -> Token:
    """A token that anybody may mint: for development chains only."""
    return Token.deploy(sender, name, symbol, decimals)


def _create(sender: Sender, name: str, *arguments: object) -> str:
    artifact = load_artifact(name)
    checked = [Web3.to_checksum_address(a) if isinstance(a, str) else a for a in arguments]
    address, _ = create(sender, artifact.abi, artifact.bytecode, *checked)
    return address
