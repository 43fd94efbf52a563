"""Connecting to a JSON-RPC endpoint that may be down, on another chain, or lying."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import requests
from web3 import Web3
from web3.exceptions import Web3Exception

from .errors import (
    EndpointDownError,
    EndpointError,
    InconsistentEndpointError,
    WrongChainError,
    WrongContractError,
)
from .profiles import Profile, profile_for

T = TypeVar("T")
TIMEOUT = 60.0
"""Seconds for one answer; a large transaction takes the embedded chain several."""


class Endpoint:
    """A connection that checks what it is told. May be used from several threads.

    ``w3`` is the plain connection; :meth:`heights` the checked view of the chain's progress.
    """

    def __init__(self, url: str, w3: Web3, chain_id: int, profile: Profile) -> None:
        self.url = url
        self.w3 = w3
        self.chain_id = chain_id
        self.profile = profile
        self._lock = threading.Lock()
        self._latest = 0
        self._final = -1
        self._final_hash = b""

    def heights(self) -> tuple[int, int]:
        """``(latest, final)`` block numbers, final by the profile's rule (-1: none yet).

        :raises EndpointDownError: nobody answers
        :raises WrongChainError: the endpoint now serves another chain
        :raises InconsistentEndpointError: the final block is beyond the latest, lies behind one that was final
            before, or the block that was final before has another hash now
        """
        with self._lock:
            before = self._final
        actual = guarded(lambda: self.w3.eth.chain_id)
        if actual != self.chain_id:
            raise WrongChainError(self.chain_id, actual)
        final = guarded(lambda: self.profile.final_block(self.w3))
        latest = guarded(lambda: self.w3.eth.block_number)
        with self._lock:
            if final > latest:
                raise InconsistentEndpointError("finalized", f"block {final} is final, but the latest is {latest}")
            if final < before:
                raise InconsistentEndpointError("finalized", f"block {final} is final, but block {before} was")
            if final < self._final:  # another thread asked later and was answered sooner
                return max(latest, self._latest), self._final
            if self._final >= 0:
                self._compare_hash(self._final, self._final_hash)
            if final >= 0 and final != self._final:
                self._final_hash = self._hash(final)
            self._latest, self._final = latest, final
        return latest, final

    def _compare_hash(self, number: int, known: bytes) -> None:
        if self._hash(number) != known:
            raise InconsistentEndpointError("finalized", f"block {number} was final and has another hash now")

    def _hash(self, number: int) -> bytes:
        block = guarded(lambda: self.w3.eth.get_block(number))
        if block["number"] != number:
            raise InconsistentEndpointError("number", f"asked for block {number}, got block {block['number']}")
        return bytes(block["hash"])

    def demand_code(self, address: str) -> None:
        """Raises :class:`WrongContractError` if there is no contract at ``address``."""
        if not guarded(lambda: self.w3.eth.get_code(Web3.to_checksum_address(address))):
            raise WrongContractError(f"contract: there is no code at {address} on chain {self.chain_id}")


def connect(url: str, chain_id: int | None = None, profile: str | None = None, timeout: float = TIMEOUT) -> Endpoint:
    """Connect and check the chain id, if one is expected.

    :raises EndpointDownError: nobody answers
    :raises WrongChainError: it is another chain
    """
    if not url.startswith(("http://", "https://")):
        raise EndpointError(f"rpc: {url!r} is no http or https address")
    w3 = Web3(Web3.HTTPProvider(url, request_kwargs={"timeout": timeout}))
    actual = guarded(lambda: w3.eth.chain_id)
    if chain_id is not None and actual != chain_id:
        raise WrongChainError(chain_id, actual)
    endpoint = Endpoint(url, w3, actual, profile_for(actual, profile))
    endpoint.heights()
    return endpoint


def guarded(call: Callable[[], T]) -> T:
    """Run a read of the chain; the transport's exceptions become typed ones."""
    try:
        return call()
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        raise EndpointDownError(f"rpc: the endpoint does not answer ({type(error).__name__})") from None
    except (Web3Exception, KeyError, TypeError, ValueError) as error:
        raise InconsistentEndpointError("response", f"{type(error).__name__}: {error}"[:200]) from None
