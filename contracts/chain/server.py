"""JSON-RPC over HTTP for the development chain: the methods that web3 and ordinary wallets need."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from .engine import BLOCK_GAS, CHAIN_ID, MAX_TRANSACTION_GAS, DevelopmentChain, RpcError

MAX_BODY: Final = 1 << 20
MAX_BATCH: Final = 100
READ_TIMEOUT: Final = 30.0
CALL_GAS: Final = 2 * MAX_TRANSACTION_GAS
_TAGS: Final = ("latest", "pending", "safe", "finalized")
_CALL_FIELDS: Final = frozenset(
    {"from", "to", "data", "input", "value", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas"}
    | {"nonce", "chainId", "type", "accessList"}
)


class Methods:
    """One method for each of JSON-RPC's; parameters are checked here."""

    def __init__(self, chain: DevelopmentChain) -> None:
        self._chain = chain
        self._table: dict[str, Callable[..., Any]] = {
            "web3_clientVersion": lambda: "sealbook-chain/1 (py-evm, prague)",
            "net_version": lambda: str(CHAIN_ID),
            "eth_chainId": lambda: hex(CHAIN_ID),
            "eth_syncing": lambda: False,
            "eth_accounts": lambda: list(chain.accounts),
            "eth_blockNumber": lambda: hex(chain.height),
            "eth_gasPrice": lambda: hex(2 * chain.base_fee + 1),
            "eth_maxPriorityFeePerGas": lambda: hex(1),
            "eth_getBlockByNumber": self._block_by_number,
            "eth_getBlockByHash": lambda digest, full=False: chain.block_by_hash(_text(digest), bool(full)),
            "eth_getTransactionByHash": lambda digest: chain.transaction(_text(digest)),
            "eth_getTransactionReceipt": lambda digest: chain.receipt(_text(digest)),
            "eth_getLogs": self._logs,
            "eth_getBalance": lambda a, b="latest": hex(chain.balance(_address(a), self._number(b))),
            "eth_getTransactionCount": lambda a, b="latest": hex(chain.nonce(_address(a), self._number(b))),
            "eth_getCode": lambda a, b="latest": "0x" + chain.code(_address(a), self._number(b)).hex(),
            "eth_getStorageAt": self._storage,
            "eth_call": self._call,
            "eth_estimateGas": self._estimate,
            "eth_feeHistory": self._fee_history,
            "eth_sendRawTransaction": lambda raw: chain.send_raw(_bytes(raw)),
            "eth_sendTransaction": self._send,
            "evm_mine": self._mine,
            "anvil_mine": self._mine,
        }

    def answer(self, method: str, parameters: list[Any]) -> Any:
        """Run one method. Raises :class:`RpcError`."""
        if method not in self._table:
            raise RpcError(-32601, f"the method {method} does not exist")
        try:
            return self._table[method](*parameters)
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            raise RpcError(-32602, f"invalid parameters: {error}") from None

    def _number(self, tag: Any) -> int:
        if tag in _TAGS or tag is None:
            return self._chain.height
        if tag == "earliest":
            return 0
        number = _quantity(tag)
        if number > self._chain.height:
            raise RpcError(-32001, f"block {number} is not known")
        return number

    def _block_by_number(self, tag: Any, full: Any = False) -> Any:
        return self._chain.block(self._number(tag) if tag in (*_TAGS, "earliest") else _quantity(tag), bool(full))

    def _logs(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        address = query.get("address") or []
        addresses = {_text(a).lower() for a in ([address] if isinstance(address, str) else address)}
        topics = query.get("topics") or []
        if query.get("blockHash"):
            block = self._chain.block_by_hash(_text(query["blockHash"]))
            if block is None:
                raise RpcError(-32001, "block is not known")
            first = last = int(block["number"], 16)
        else:
            start, end = query.get("fromBlock", "latest"), query.get("toBlock", "latest")
            first = self._number(start) if start in (*_TAGS, "earliest", None) else _quantity(start)
            last = self._number(end) if end in (*_TAGS, "earliest", None) else _quantity(end)
        return self._chain.logs(first, last, addresses, topics)

    def _storage(self, address: Any, slot: Any, tag: Any = "latest") -> str:
        return "0x" + self._chain.storage(_address(address), _quantity(slot), self._number(tag)).hex()

    def _call(self, call: dict[str, Any], tag: Any = "latest", *_overrides: Any) -> str:
        return "0x" + self._run(call, tag)[0].hex()

    def _run(self, call: dict[str, Any], tag: Any) -> tuple[bytes, int]:
        if unknown := set(call) - _CALL_FIELDS:
            raise ValueError(f"unknown fields {sorted(unknown)}")
        to = _address(call["to"]) if call.get("to") else None
        data = _bytes(call.get("data") or call.get("input") or "0x")
        gas = min(_quantity(call["gas"]) if call.get("gas") else CALL_GAS, BLOCK_GAS)
        sender = _address(call["from"]) if call.get("from") else bytes(20)
        value = _quantity(call.get("value") or "0x0")
        return self._chain.call(sender, to, data, value, gas, self._number(tag))

    def _estimate(self, call: dict[str, Any], tag: Any = "latest") -> str:
        if not call.get("to"):
            return hex(MAX_TRANSACTION_GAS)
        _, used = self._run(call, tag)
        data = _bytes(call.get("data") or call.get("input") or "0x")
        tokens = 4 * len(data) - 3 * data.count(0)
        needed = max(21_000 + 4 * tokens + used * 5 // 4, 21_000 + 10 * tokens)
        return hex(min(needed, MAX_TRANSACTION_GAS))

    def _fee_history(self, blocks: Any, newest: Any, percentiles: Any = None) -> dict[str, Any]:
        count = min(_quantity(blocks) if isinstance(blocks, str) else int(blocks), 1024)
        last = self._number(newest)
        first = max(0, last - count + 1)
        kept = [b for n in range(first, last + 1) if (b := self._chain.block(n)) is not None]
        fees = [b["baseFeePerGas"] for b in kept]
        return {
            "oldestBlock": hex(first),
            "baseFeePerGas": [*fees, fees[-1]],
            "gasUsedRatio": [int(b["gasUsed"], 16) / int(b["gasLimit"], 16) for b in kept],
            "reward": [["0x1"] * len(percentiles or ()) for _ in kept],
        }

    def _send(self, transaction: dict[str, Any]) -> str:
        fields = {k: v for k, v in transaction.items() if k != "input"}
        if "input" in transaction:
            fields["data"] = transaction["input"]
        fields.setdefault("gas", hex(MAX_TRANSACTION_GAS))
        for name in ("gas", "value", "nonce", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "chainId"):
            if name in fields:
                fields[name] = _quantity(fields[name])
        return self._chain.send(fields)

    def _mine(self, blocks: Any = "0x1", *_interval: Any) -> str:
        count = _quantity(blocks) if isinstance(blocks, str) else int(blocks)
        if not 0 < count <= 10_000:
            raise ValueError(f"blocks: {count} is not in 1..10000")
        self._chain.mine(count)
        return "0x0"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ChainServer
    timeout = READ_TIMEOUT
    wbufsize = -1

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.close_connection = True
            self._reply(413, _failure(None, RpcError(-32600, f"a body of at most {MAX_BODY} bytes is wanted")))
            return
        try:
            request = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            self._reply(200, _failure(None, RpcError(-32700, "not JSON")))
            return
        if isinstance(request, list):
            if not 0 < len(request) <= MAX_BATCH:
                self._reply(200, _failure(None, RpcError(-32600, f"1 to {MAX_BATCH} requests are wanted")))
                return
            self._reply(200, [self._one(r) for r in request])
        else:
            self._reply(200, self._one(request))

    def _one(self, request: Any) -> dict[str, Any]:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return _failure(None, RpcError(-32600, "not a request"))
        identity, parameters = request.get("id"), request.get("params", [])
        if not isinstance(parameters, list):
            return _failure(identity, RpcError(-32602, "params: a list is wanted"))
        try:
            result = self.server.methods.answer(request["method"], parameters)
        except RpcError as error:
            return _failure(identity, error)
        except Exception as error:  # the server outlives a defect of the EVM
            return _failure(identity, RpcError(-32603, f"internal error: {type(error).__name__}: {error}"[:300]))
        return {"jsonrpc": "2.0", "id": identity, "result": result}

    def _reply(self, status: int, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Requests are not logged."""


class ChainServer(ThreadingHTTPServer):
    """Serves a chain on the loopback address. ``port`` 0 takes a free one."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, chain: DevelopmentChain, port: int = 0, interval: float | None = None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.chain = chain
        self.methods = Methods(chain)
        self._interval = interval
        self._stopped = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Serve from background threads until :meth:`stop`."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        if self._interval is not None:
            threading.Thread(target=self._mine_regularly, args=(self._interval,), daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        self.shutdown()
        self.server_close()

    def _mine_regularly(self, interval: float) -> None:
        while not self._stopped.wait(interval):
            self.chain.mine()


def serve(port: int = 0, interval: float | None = None) -> ChainServer:
    """A fresh chain, served. Raises ``OSError`` if the port is taken."""
    server = ChainServer(DevelopmentChain(), port, interval)
    server.start()
    return server


def _failure(identity: Any, error: RpcError) -> dict[str, Any]:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    return {"jsonrpc": "2.0", "id": identity, "error": body}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a string is wanted")
    return value


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError("a hex string is wanted")
    return bytes.fromhex(value[2:])


def _address(value: Any) -> bytes:
    raw = _bytes(value)
    if len(raw) != 20:
        raise ValueError("an address has 20 bytes")
    return raw


def _quantity(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError("a quantity in hex is wanted")
    return int(value, 16)


__all__ = ["ChainServer", "Methods", "serve"]
