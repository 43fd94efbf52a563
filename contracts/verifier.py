"""Deployment of the on-chain STARK verifier and calls to it (``docs/proof-format.md``).

A verification key lies in the code of data contracts (a STOP byte, then the bytes), because storage would
cost several times as much. A proof reaches the chain as its head and as runs of query records, each small
enough for one transaction.
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Final

from eth_tester.exceptions import TransactionFailed
from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import ContractCustomError
from web3.types import TxParams

from .artifact import load_artifact
from .errors import ContractsError

CODE_LIMIT: Final = 24_576
"""Bytes of a contract's code (EIP-170)."""
CALLDATA_LIMIT: Final = 128 * 1024
"""Bytes of one transaction that nodes pass on."""
GAS_LIMIT: Final = 16_777_216
"""Gas of one transaction (EIP-7825)."""
PART_SIZE: Final = CODE_LIMIT - 1
"""Key bytes in one data contract."""


class ProofRejectedOnChainError(ContractsError):
    """The verifier contract reverted; ``error`` is the name of its custom error, e.g. ``FriMerkle``."""

    retryable: ClassVar[bool] = False

    def __init__(self, error: str) -> None:
        super().__init__(f"the verifier contract rejected the proof: {error}")
        self.error = error
        snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in error).lstrip("_")
        self.code = f"proof_rejected.{snake}"


class ProofLengthError(ContractsError):
    """The bytes of a proof do not split into a head and whole query records."""

    code = "proof_length"


@dataclass(frozen=True)
class WireProof:
    """A proof in its two parts; ``len(queries)`` is a multiple of ``record_length``."""

    head: bytes
    queries: bytes
    record_length: int

    @classmethod
    def split(cls, proof: bytes, head_length: int, record_length: int) -> WireProof:
        """The lengths are those that the verification key fixes.

        :raises ProofLengthError: if the rest behind the head is not at least one whole record
        """
        head, queries = proof[:head_length], proof[head_length:]
        if len(head) != head_length or not queries or len(queries) % record_length:
            raise ProofLengthError(f"{len(proof)} bytes are not {head_length} + n x {record_length}")
        return cls(head, queries, record_length)

    @property
    def query_count(self) -> int:
        return len(self.queries) // self.record_length

    def chunks(self, room: int) -> Iterator[tuple[int, bytes]]:
        """Consecutive records as (index of the first, bytes), each at most ``room`` bytes.

        :raises ProofLengthError: if not even one record fits
        """
        step = room // self.record_length
        if step == 0:
            raise ProofLengthError(f"a record of {self.record_length} bytes does not fit {room} bytes")
        for first in range(0, self.query_count, step):
            start = first * self.record_length
            yield first, self.queries[start : start + step * self.record_length]

    def pending(self, checked: int, room: int) -> Iterator[tuple[int, bytes]]:
        """Runs of records whose bit is not set in ``checked``, as (index of the first, bytes).

        :raises ProofLengthError: if not even one record fits
        """
        step = room // self.record_length
        if step == 0:
            raise ProofLengthError(f"a record of {self.record_length} bytes does not fit {room} bytes")
        first = 0
        while first < self.query_count:
            if checked >> first & 1:
                first += 1
                continue
            end = first + 1
            while end < min(self.query_count, first + step) and not checked >> end & 1:
                end += 1
            yield first, self.queries[first * self.record_length : end * self.record_length]
            first = end


def data_contract(data: bytes) -> bytes:
    """Creation code of a contract whose code is a STOP byte and ``data``."""
    code = b"\x00" + data
    if len(code) > CODE_LIMIT:
        raise ValueError(f"{len(data)} bytes do not fit one data contract")
    # PUSH2 length, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN
    return bytes.fromhex(f"61{len(code):04x}80600a5f395ff3") + code


def key_parts(vk: bytes) -> list[bytes]:
    """A verification key cut for data contracts, in order."""
    return [vk[i : i + PART_SIZE] for i in range(0, len(vk), PART_SIZE)]


@cache
def error_names() -> dict[bytes, str]:
    """Custom errors of the verifier contracts by their 4-byte selector."""
    entries = [e for name in ("StarkVerifier", "StarkQueries") for e in load_artifact(name).abi]
    return {
        bytes(Web3.keccak(text=f"{e['name']}({','.join(i['type'] for i in e['inputs'])})")[:4]): e["name"]
        for e in entries
        if e["type"] == "error"
    }


class StarkVerifier:
    """Typed binding of ``IStarkVerifier``. Calls are synchronous; nothing is cached."""

    def __init__(self, w3: Web3, address: ChecksumAddress) -> None:
        self.w3 = w3
        self.address = address
        self.contract: Contract = w3.eth.contract(address, abi=load_artifact("StarkVerifier").abi)

    @classmethod
    def deploy(cls, w3: Web3, sender: ChecksumAddress) -> StarkVerifier:
        """Deploys the two contracts of the verifier from an account of the node."""
        queries = _create(w3, sender, load_artifact("StarkQueries").bytecode)
        code = load_artifact("StarkVerifier").bytecode
        return cls(w3, _create(w3, sender, code + bytes(12) + bytes.fromhex(queries[2:])))

    def register_key(self, vk: bytes, sender: ChecksumAddress) -> bytes:
        """Deploys the key's data contracts and registers them.

        :return: keccak256 of the key, 32 bytes, its name on chain
        """
        parts = [_create(self.w3, sender, data_contract(part)) for part in key_parts(vk)]
        call = self.contract.functions.registerKey(parts)
        receipt = self.w3.eth.wait_for_transaction_receipt(call.transact({"from": sender, "gas": GAS_LIMIT}))
        if receipt["status"] != 1:
            raise ContractsError("the key was not registered")
        return bytes(Web3.keccak(vk))

    def check_head(self, vk_hash: bytes, context: bytes, messages: bytes, head: bytes) -> bytes:
        """Checks all of a proof but its queries.

        :param messages: packed public messages: bus, then the fields as 8 bytes big-endian
        :return: the state that ``check_queries`` needs
        :raises ProofRejectedOnChainError: with the contract's reason
        """
        state: bytes = self._call("checkHead", vk_hash, context, messages, head)
        return bytes(state)

    def check_queries(self, state: bytes, first: int, queries: bytes) -> int:
        """Checks whole records from index ``first`` on.

        :return: how many
        :raises ProofRejectedOnChainError: with the contract's reason
        """
        return int(self._call("checkQueries", state, first, queries))

    def verify(self, vk_hash: bytes, context: bytes, messages: bytes, proof: WireProof, room: int) -> bytes:
        """Checks a whole proof in calls as they would be made on chain, ``room`` bytes of records at a time.

        :return: the state
        """
        state = self.check_head(vk_hash, context, messages, proof.head)
        if int(self._call("queryCount", state)) != proof.query_count:
            raise ProofLengthError(f"{proof.query_count} query records")
        for first, records in proof.chunks(room):
            self.check_queries(state, first, records)
        return state

    def _call(self, name: str, *arguments: Any) -> Any:
        options: TxParams = {"gas": 2 * GAS_LIMIT}  # a call knows no limit but the block's
        try:
            return self.contract.functions[name](*arguments).call(options)
        except (ContractCustomError, TransactionFailed) as error:
            selector = revert_data(error)[:4]
            if selector not in error_names():
                raise
            raise ProofRejectedOnChainError(error_names()[selector]) from None


def revert_data(error: ContractCustomError | TransactionFailed) -> bytes:
    """What a reverted call returned. The embedded chain hands it on as the text of a bytes literal only."""
    if isinstance(error, ContractCustomError):
        return bytes.fromhex(error.data.removeprefix("0x")) if isinstance(error.data, str) else b""
    _, _, text = str(error).partition("execution reverted: ")
    return bytes(literal_eval(text)) if text.startswith(("b'", 'b"')) else b""


def _create(w3: Web3, sender: ChecksumAddress, code: bytes) -> ChecksumAddress:
    sent = w3.eth.send_transaction({"from": sender, "data": code, "gas": GAS_LIMIT})
    receipt = w3.eth.wait_for_transaction_receipt(sent)
    address = receipt["contractAddress"]
    if receipt["status"] != 1 or address is None:
        raise ContractsError("a contract was not created")
    return address
