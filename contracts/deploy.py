"""Deployment of the Exchange and of development tokens. Test material is refused."""

from __future__ import annotations

from typing import Any, Final

from web3 import Web3

from .artifact import load_artifact
from .errors import ArtifactError, ContractsError
from .exchange import NATIVE, Exchange
from .records import Config
from .transactions import Mined, Sender

DEPLOY_GAS: Final = 1 << 24
TOKEN_GAS: Final = 200_000


def deploy_contract(sender: Sender, name: str, *arguments: Any) -> tuple[str, Mined]:
    """Create a contract of the product; gives its address.

    :raises ArtifactError: for interfaces, libraries and everything under ``src/test``
    """
    artifact = load_artifact(name)
    if not artifact.deployable:
        raise ArtifactError(f"artifact {name}: not for deployment ({artifact.source})")
    return create(sender, artifact.abi, artifact.bytecode, *arguments)


def create(sender: Sender, abi: list[dict[str, Any]], bytecode: bytes, *arguments: Any) -> tuple[str, Mined]:
    """Create a contract from its creation code; gives its address."""
    contract = sender.w3.eth.contract(abi=abi, bytecode=bytecode)
    data = contract.constructor(*arguments).data_in_transaction
    mined = sender.execute(None, bytes.fromhex(data[2:]), DEPLOY_GAS)
    if mined.contract is None:
        raise ContractsError("the contract was not created")
    return mined.contract, mined


def deploy_exchange(sender: Sender, verifier: str, config: Config) -> tuple[Exchange, Mined]:
    """Deploy the Exchange on a verifier whose keys are registered.

    :raises RevertedError: ``BadConfig`` with the field that is out of range
    """
    address, mined = deploy_contract(
        sender,
        "Exchange",
        (
            Web3.to_checksum_address(verifier),
            config.operator,
            config.fee_address,
            config.miss_fee,
            config.fee_asset,
            config.registration_fee,
            config.reveal_window,
            config.beacon_delay,
            config.min_seal_interval,
            config.max_count,
            config.public_bus,
            [(a.token or NATIVE, a.unit) for a in config.assets],
            [(m.base, m.quote, m.lower, m.upper, m.fee_ppm, m.initial_reference) for m in config.markets],
            list(config.tiers),
        ),
    )
    return Exchange(sender.w3, address), mined


class Token:
    """An ERC-20 token. ``mint`` is there on development tokens only."""

    def __init__(self, w3: Web3, address: str) -> None:
        self.address = Web3.to_checksum_address(address)
        self.contract: Any = w3.eth.contract(self.address, abi=load_artifact("DevelopmentToken").abi)

    @classmethod
    def deploy(cls, sender: Sender, name: str, symbol: str, decimals: int) -> Token:
        """A development token that anybody may mint."""
        address, _ = deploy_contract(sender, "DevelopmentToken", name, symbol, decimals)
        return cls(sender.w3, address)

    def balance_of(self, owner: str) -> int:
        return int(self.contract.functions.balanceOf(owner).call())

    def decimals(self) -> int:
        return int(self.contract.functions.decimals().call())

    def mint(self, sender: Sender, to: str, amount: int) -> Mined:
        return self._write(sender, "mint", to, amount)

    def approve(self, sender: Sender, spender: str, amount: int) -> Mined:
        return self._write(sender, "approve", spender, amount)

    def _write(self, sender: Sender, name: str, *arguments: Any) -> Mined:
        data = bytes.fromhex(self.contract.encode_abi(name, args=list(arguments))[2:])
        return sender.execute(self.address, data, TOKEN_GAS)
