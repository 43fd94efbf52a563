"""Sending signed transactions: explicit gas, one nonce sequence per key, typed reasons for failures."""

from __future__ import annotations

import threading
from ast import literal_eval
from dataclasses import dataclass
from typing import Any, Protocol

from eth_tester.exceptions import TransactionFailed
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import ContractCustomError, ContractLogicError, TimeExhausted
from web3.types import TxParams, TxReceipt

from .artifact import reverted
from .errors import ContractsError, RevertedError, TransactionFailedError, TransactionTooLargeError
from .profiles import Profile, profile_for

REVERTS = (ContractCustomError, ContractLogicError, TransactionFailed)


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction that succeeded. ``calldata_bytes`` is the size of its input."""

    hash: bytes
    block: int
    gas_used: int
    calldata_bytes: int
    contract: str | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction, ready to be sent."""

    raw_transaction: bytes


class Wallet(Protocol):
    """Signs transactions for one address: an account of ``eth_account``, or what stands for a signer elsewhere."""

    @property
    def address(self) -> Any: ...

    def sign_transaction(self, transaction_dict: dict[str, Any]) -> Any:
        """An object with ``raw_transaction``."""


class Sender:
    """Signs with one key and sends. May be used from several threads. The key stays out of ``repr``."""

    def __init__(self, w3: Web3, account: Wallet, profile: Profile | None = None, timeout: float = 300) -> None:
        self.w3 = w3
        self.address = account.address
        self.chain_id = int(w3.eth.chain_id)
        self.profile = profile or profile_for(self.chain_id)
        self._account = account
        self._timeout = timeout
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Sender({self.address})"

    def send(self, to: str | None, data: bytes, gas: int, value: int = 0) -> bytes:
        """Sign and send; gives the transaction's hash without waiting. ``to`` None creates a contract.

        :raises TransactionTooLargeError: before anything is sent
        """
        with self._lock:
            tip = 1 if self.profile.mines_on_demand else int(self.w3.eth.max_priority_fee)
            base_fee = int(self.w3.eth.get_block("latest").get("baseFeePerGas", 0))
            fields: dict[str, Any] = {
                "type": 2,
                "chainId": self.chain_id,
                "nonce": self.w3.eth.get_transaction_count(self._account.address, "pending"),
                "gas": min(gas, self.profile.max_transaction_gas),
                "maxPriorityFeePerGas": tip,
                "maxFeePerGas": 4 * base_fee + tip,
                "value": value,
                "data": data,
            }
            if to is not None:
                fields["to"] = Web3.to_checksum_address(to)
            raw = bytes(self._account.sign_transaction(fields).raw_transaction)
            if len(raw) > self.profile.max_transaction_bytes:
                raise TransactionTooLargeError(len(raw), self.profile.max_transaction_bytes)
            return bytes(self.w3.eth.send_raw_transaction(raw))

    def wait(self, digest: bytes) -> Mined:
        """Wait until it is mined.

        :raises RevertedError: a contract refused, with its reason
        :raises TransactionFailedError: it failed and the reason cannot be found any more
        """
        try:
            receipt = self.w3.eth.wait_for_transaction_receipt(
                HexBytes(digest), timeout=self._timeout, poll_latency=0.05
            )
        except TimeExhausted:
            raise TransactionFailedError(f"transaction {digest.hex()} was not mined in {self._timeout} s") from None
        transaction = self.w3.eth.get_transaction(HexBytes(digest))
        if receipt["status"] != 1:
            raise self._reason(transaction, receipt)
        return Mined(
            digest,
            int(receipt["blockNumber"]),
            int(receipt["gasUsed"]),
            len(transaction["input"]),
            receipt.get("contractAddress"),
        )

    def execute(self, to: str | None, data: bytes, gas: int, value: int = 0) -> Mined:
        """Send and wait."""
        return self.wait(self.send(to, data, gas, value))

    def _reason(self, transaction: Any, receipt: TxReceipt) -> ContractsError:
        """Run it again on the block before."""
        if int(receipt["gasUsed"]) >= int(transaction["gas"]):
            return TransactionFailedError(f"out of gas at {transaction['gas']}")
        call: TxParams = {
            "from": transaction["from"],
            "data": transaction["input"],
            "value": transaction["value"],
            "gas": transaction["gas"],
        }
        if transaction.get("to"):
            call["to"] = transaction["to"]
        for block in (int(receipt["blockNumber"]), int(receipt["blockNumber"]) - 1):
            try:
                self.w3.eth.call(call, block)
            except REVERTS as error:
                return decoded(error)
        return TransactionFailedError(f"transaction {bytes(transaction['hash']).hex()} failed")


def decoded(error: Exception) -> RevertedError:
    """The typed exception for web3's, whichever provider it came from."""
    data = getattr(error, "data", None)
    if isinstance(data, str) and data.startswith("0x"):
        return reverted(bytes.fromhex(data[2:]))
    _, _, text = str(error).partition("execution reverted: ")
    if text.startswith(("b'", 'b"')):  # eth-tester's own provider hands on the text of a bytes literal
        return reverted(bytes(literal_eval(text)))
    return RevertedError("Unknown", {"message": str(error)[:200]})
