"""Finding one's way on L1: the contract, its keys, and the epoch that was asked for."""

from __future__ import annotations

from web3 import Web3

from contracts.errors import InconsistentEndpointError, RevertedError
from contracts.exchange import Exchange
from contracts.rpc import Endpoint, guarded
from contracts.verifier import StarkVerifier

from .errors import InspectError

__all__ = ["demand_address", "demand_exchange", "fetch_key", "find_epoch"]


def find_epoch(endpoint: Endpoint, address: str, kind: str, number: int | None) -> int:
    """Number of the epoch of ``epoch N``, ``batch N`` or ``latest``. Raises :class:`InspectError`."""
    exchange = demand_exchange(endpoint, address)
    progress = guarded(exchange.progress)
    if kind == "latest":
        if progress.epochs == 0:
            raise InspectError("latest", "nothing is settled yet")
        return progress.epochs - 1
    assert number is not None
    if kind == "epoch":
        if number >= progress.epochs:
            raise InspectError("epoch", f"{number} is not settled; there are {progress.epochs} epochs, from 0 on")
        return number
    if number >= progress.sealed_batches:
        raise InspectError("batch", f"{number} is not sealed; there are {progress.sealed_batches} batches, from 0 on")
    epoch = guarded(lambda: exchange.batch(number)).epoch
    if epoch is None:
        raise InspectError("batch", f"{number} is sealed and waits for its settlement")
    return epoch


def fetch_key(endpoint: Endpoint, verifier: str, key_hash: bytes) -> bytes:
    """A verification key from the verifier contract's data contracts; empty if it is not registered."""
    contract = StarkVerifier(endpoint.w3, Web3.to_checksum_address(verifier)).contract
    parts = guarded(lambda: contract.functions.keyParts(key_hash).call())
    return guarded(lambda: b"".join(bytes(endpoint.w3.eth.get_code(part))[1:] for part in parts))


def demand_address(text: str) -> str:
    """A checksummed contract address. Raises :class:`InspectError`."""
    try:
        return Web3.to_checksum_address(text)
    except ValueError:
        raise InspectError("contract", f"{text!r} is no address") from None


def demand_exchange(endpoint: Endpoint, address: str) -> Exchange:
    """The Exchange at ``address``. Raises :class:`InspectError` if another contract is there."""
    endpoint.demand_code(address)
    exchange = Exchange(endpoint.w3, address)
    try:
        guarded(exchange.parameters)
    except (RevertedError, InconsistentEndpointError):
        raise InspectError("contract", f"{address} is no Exchange of this version") from None
    return exchange
