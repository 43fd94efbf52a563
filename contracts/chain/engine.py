"""An in-memory chain (eth-tester's py-evm backend) with the limits of a real one.

Every transaction is mined at once into a block of its own. Blocks, transactions, receipts and logs are kept as
JSON-RPC objects when they are mined, so that reading them neither waits for the EVM nor searches the chain.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from eth.exceptions import Revert
from eth.vm.forks.prague import PragueVM
from eth_account import Account
from eth_keys.exceptions import BadSignature
from eth_tester.backends.pyevm.main import (
    PyEVMBackend,
    generate_genesis_state_for_keys,
    get_default_account_keys,
    get_default_genesis_params,
)
from eth_utils.exceptions import ValidationError

MAX_TRANSACTION_BYTES: Final = 128 * 1024
MAX_TRANSACTION_GAS: Final = 1 << 24
BLOCK_GAS: Final = 60_000_000
CHAIN_ID: Final = 131277322940537
"""eth-tester's chain id, fixed in its backend."""
ACCOUNTS: Final = 32
"""Funded accounts; their keys are the numbers 1, 2, ... and known to everybody."""
MAX_LOGS: Final = 10_000
_NEW_CONTRACT: Final = b"\xfe" * 20


class RpcError(Exception):
    """An answer of JSON-RPC's ``error`` member."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class DevelopmentChain:
    """A chain of one process. All methods may be called from any thread."""

    def __init__(self, accounts: int = ACCOUNTS) -> None:
        keys = get_default_account_keys(quantity=accounts)
        self._backend = PyEVMBackend(
            genesis_parameters=get_default_genesis_params({"gas_limit": BLOCK_GAS}),
            genesis_state=generate_genesis_state_for_keys(keys),
            vm_configuration=((0, PragueVM),),
        )
        self.keys: tuple[str, ...] = tuple(key.to_hex() for key in keys)
        self.accounts: tuple[str, ...] = tuple(key.public_key.to_checksum_address() for key in keys)
        self._lock = threading.RLock()
        self._blocks: list[dict[str, Any]] = []
        self._by_hash: dict[str, dict[str, Any]] = {}
        self._transactions: dict[str, dict[str, Any]] = {}
        self._receipts: dict[str, dict[str, Any]] = {}
        self._logs: list[dict[str, Any]] = []
        self._keep_block(0)

    # ------------------------------------------------------------ reading

    @property
    def height(self) -> int:
        """Number of the latest block."""
        return len(self._blocks) - 1

    def block(self, number: int, full: bool = False) -> dict[str, Any] | None:
        if not 0 <= number < len(self._blocks):
            return None
        block = self._blocks[number]
        if full:
            block = {**block, "transactions": [self._transactions[h] for h in block["transactions"]]}
        return block

    def block_by_hash(self, digest: str, full: bool = False) -> dict[str, Any] | None:
        block = self._by_hash.get(digest.lower())
        return None if block is None else self.block(int(block["number"], 16), full)

    def transaction(self, digest: str) -> dict[str, Any] | None:
        return self._transactions.get(digest.lower())

    def receipt(self, digest: str) -> dict[str, Any] | None:
        return self._receipts.get(digest.lower())

    def logs(self, first: int, last: int, addresses: set[str], topics: list[Any]) -> list[dict[str, Any]]:
        """Logs of blocks ``first..last``; no ``addresses`` means any, a topic None any, a list one of it."""
        found = []
        for log in self._logs:
            if not first <= int(log["blockNumber"], 16) <= last:
                continue
            if addresses and log["address"].lower() not in addresses:
                continue
            if len(topics) > len(log["topics"]):
                continue
            wanted = zip(topics, log["topics"], strict=False)
            if all(w is None or t == w or (isinstance(w, list) and t in w) for w, t in wanted):
                found.append(log)
                if len(found) > MAX_LOGS:
                    raise RpcError(-32005, f"more than {MAX_LOGS} logs: ask for fewer blocks")
        return found

    def balance(self, address: bytes, block: int) -> int:
        with self._lock:
            return int(self._backend.get_balance(address, block))

    def nonce(self, address: bytes, block: int) -> int:
        with self._lock:
            return int(self._backend.get_nonce(address, block))

    def code(self, address: bytes, block: int) -> bytes:
        with self._lock:
            return bytes(self._backend.get_code(address, block))

    def storage(self, address: bytes, slot: int, block: int) -> bytes:
        with self._lock:
            return int(self._backend.get_storage(address, slot, block)).to_bytes(32, "big")

    def call(self, sender: bytes, to: bytes | None, data: bytes, value: int, gas: int, block: int) -> tuple[bytes, int]:
        """Run a call on a block's state; gives output and gas used, without the transaction's own cost.

        Without ``to``, ``data`` is creation code: it runs at some address and gives the code it would leave.

        :raises RpcError: with the revert data
        """
        with self._lock:
            header = self._backend.chain.get_canonical_block_by_number(block).header
            vm = self._backend.chain.get_vm(at_header=header)
            code = data if to is None else vm.state.get_code(to)
            if to is None:
                to, data = _NEW_CONTRACT, b""
            computation = vm.execute_bytecode(
                origin=sender, gas_price=0, gas=gas, to=to, sender=sender, value=value, data=data, code=code,
                code_address=to,
            )  # fmt: skip
            if computation.is_error:
                error = computation.error
                if isinstance(error, Revert):
                    raise RpcError(3, "execution reverted", "0x" + bytes(computation.output).hex())
                raise RpcError(-32000, f"{type(error).__name__}: {error}"[:200])
            return bytes(computation.output), int(computation.get_gas_used())

    # ------------------------------------------------------------ writing

    def send_raw(self, raw: bytes) -> str:
        """Execute a signed transaction and mine it; gives its hash.

        :raises RpcError: for a transaction that a node would not take
        """
        if len(raw) > MAX_TRANSACTION_BYTES:
            raise RpcError(-32000, f"oversized data: transaction size {len(raw)}, limit {MAX_TRANSACTION_BYTES}")
        with self._lock:
            try:
                transaction = self._backend.chain.get_transaction_builder().decode(raw)
            except Exception as error:
                raise RpcError(-32602, f"not a transaction: {type(error).__name__}") from None
            if transaction.gas > MAX_TRANSACTION_GAS:
                raise RpcError(-32000, f"transaction gas limit too high: {transaction.gas}, cap {MAX_TRANSACTION_GAS}")
            digest = "0x" + bytes(transaction.hash).hex()
            if digest in self._transactions:
                raise RpcError(-32000, "already known")
            try:
                self._backend.send_raw_transaction(raw)
            except (ValidationError, BadSignature) as error:
                raise RpcError(-32000, f"transaction refused: {error}") from None
            self._mine(bytes(transaction.hash))
            return digest

    def send(self, transaction: Mapping[str, Any]) -> str:
        """Sign with a development account's key, then as :meth:`send_raw`."""
        with self._lock:
            sender = str(transaction["from"]).lower()
            keys = dict(zip((a.lower() for a in self.accounts), self.keys, strict=True))
            if sender not in keys:
                raise RpcError(-32000, f"unknown account {sender}")
            fields = {k: v for k, v in transaction.items() if k != "from" and v is not None}
            fields.setdefault("chainId", CHAIN_ID)
            fields.setdefault("nonce", self.nonce(bytes.fromhex(sender[2:]), self.height))
            if "gasPrice" not in fields:
                fields.setdefault("maxPriorityFeePerGas", 1)
                fields.setdefault("maxFeePerGas", 4 * self.base_fee + 1)
            return self.send_raw(bytes(Account.sign_transaction(fields, keys[sender]).raw_transaction))

    @property
    def base_fee(self) -> int:
        return int(self._blocks[-1]["baseFeePerGas"], 16)

    def mine(self, blocks: int = 1) -> None:
        """Mine empty blocks."""
        for _ in range(blocks):
            with self._lock:
                self._mine(None)

    def _mine(self, digest: bytes | None) -> None:
        self._backend.mine_blocks(1)
        if digest is not None:
            key = "0x" + digest.hex()
            receipt = _rpc(self._backend.get_transaction_receipt(digest))
            transaction = _rpc(self._backend.get_transaction_by_hash(digest))
            transaction["input"] = transaction.pop("data", transaction.get("input", "0x"))
            transaction.setdefault("gasPrice", receipt["effectiveGasPrice"])
            receipt["to"] = transaction["to"] = transaction["to"] if transaction["to"] not in ("0x", "") else None
            self._transactions[key] = transaction
            self._receipts[key] = receipt
            self._logs.extend(receipt["logs"])
        self._keep_block(len(self._blocks))

    def _keep_block(self, number: int) -> None:
        block = _rpc(self._backend.get_block_by_number(number, False))
        for name in ("miningHash", "mixDigest"):
            block.pop(name, None)
        block.setdefault("mixHash", "0x" + "00" * 32)
        block["extraData"] = "0x"
        self._by_hash[block["hash"]] = block
        self._blocks.append(block)


def _rpc(value: Any) -> Any:
    """eth-tester's objects as JSON-RPC ones: camel case, quantities and bytes in hex."""
    if isinstance(value, Mapping):
        return {_camel(k): _member(k, v) for k, v in value.items() if v not in ("mined", "pending")}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return hex(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return [_rpc(v) for v in value]


def _member(name: str, value: Any) -> Any:
    """Members that are not what they seem: bloom filters are numbers inside the backend, types strings."""
    if name == "type":
        return hex(int(value, 16) if isinstance(value, str) else value)
    if name in ("logs_bloom", "bloom") and isinstance(value, int):
        return "0x" + value.to_bytes(256, "big").hex()
    if name == "nonce" and isinstance(value, bytes):
        return "0x" + value.hex()
    if name == "topics":
        return ["0x" + (t.to_bytes(32, "big") if isinstance(t, int) else bytes(t)).hex() for t in value]
    return _rpc(value)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
