"""The embedded chain as a JSON-RPC server, endpoints that fail or lie, and `sealbook chain`."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests
from eth_account import Account
from web3 import Web3

from contracts.chain import CHAIN_ID, ChainServer
from contracts.errors import (
    EndpointDownError,
    EndpointError,
    InconsistentEndpointError,
    RevertedError,
    TransactionFailedError,
    TransactionTooLargeError,
    WrongChainError,
    WrongContractError,
)
from contracts.profiles import ANVIL, DEVELOPMENT, ETHEREUM, ROLLUP, UnknownProfileError, profile_for
from contracts.rpc import connect
from contracts.transactions import Sender

from .conftest import Venue


def rpc(chain: ChainServer, method: str, *params: Any) -> dict[str, Any]:
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}
    answer: dict[str, Any] = requests.post(chain.url, json=body, timeout=60).json()
    assert answer["id"] == 7
    return answer


def signed(chain: ChainServer, w3: Web3, **fields: Any) -> str:
    account = Account.from_key(chain.chain.keys[5])
    fields = {
        "to": account.address, "value": 0, "gas": 21_000, "chainId": CHAIN_ID, "maxPriorityFeePerGas": 1,
        "maxFeePerGas": 10**12, "nonce": w3.eth.get_transaction_count(account.address), **fields,
    }  # fmt: skip
    return "0x" + bytes(account.sign_transaction(fields).raw_transaction).hex()


def test_blocks_by_number_tag_and_hash(chain: ChainServer, w3: Web3) -> None:
    rpc(chain, "evm_mine")
    latest = w3.eth.get_block("latest")
    for tag in ("safe", "finalized", "pending", latest["number"], latest["hash"]):
        assert w3.eth.get_block(tag)["hash"] == latest["hash"]  # type: ignore[arg-type]
    assert w3.eth.get_block(latest["number"] - 1)["hash"] == latest["parentHash"]
    assert rpc(chain, "eth_getBlockByNumber", hex(10**6), False)["result"] is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"gas": 2**24 + 1}, "transaction gas limit too high: 16777217, cap 16777216"),
        (
            {"data": b"\1" * (128 * 1024), "gas": 2**24},
            "oversized data: transaction size 1311",
        ),
        ({"nonce": 10**6}, "transaction refused"),
        ({"value": 10**30}, "transaction refused"),
        ({"gas": 20_000}, "transaction refused"),
    ],
)
def test_transactions_that_a_node_would_not_take(
    chain: ChainServer, w3: Web3, fields: dict[str, Any], reason: str
) -> None:
    height = chain.chain.height
    error = rpc(chain, "eth_sendRawTransaction", signed(chain, w3, **fields))["error"]
    assert error["code"] == -32000
    assert error["message"].startswith(reason)
    assert chain.chain.height == height


def test_a_transaction_is_mined_once(chain: ChainServer, w3: Web3) -> None:
    raw = signed(chain, w3, gas=30_000, data=b"\x01\x02")
    digest = rpc(chain, "eth_sendRawTransaction", raw)["result"]
    assert rpc(chain, "eth_sendRawTransaction", raw)["error"]["message"] == "already known"
    transaction = w3.eth.get_transaction(digest)
    assert bytes(transaction["input"]) == b"\x01\x02"
    receipt = w3.eth.get_transaction_receipt(digest)
    assert (receipt["status"], receipt["blockNumber"]) == (1, transaction["blockNumber"])
    assert w3.eth.get_block(transaction["blockNumber"])["transactions"] == [transaction["hash"]]
    assert w3.eth.fee_history(2, "latest")["baseFeePerGas"][0] > 0


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("eth_nothing", [], -32601),
        ("eth_getBalance", ["0x12"], -32602),
        ("eth_getBalance", [], -32602),
        ("eth_getBlockByNumber", [12], -32602),
        ("eth_sendRawTransaction", ["0xzz"], -32602),
        ("eth_sendRawTransaction", ["0x02c0"], -32602),
        ("eth_call", [{"to": "0x" + "11" * 20, "surprise": 1}], -32602),
        ("eth_sendTransaction", [{"from": "0x" + "11" * 20}], -32000),
        ("evm_mine", ["0xffffff"], -32602),
        ("eth_getLogs", [{"blockHash": "0x00"}], -32001),
    ],
)
def test_bad_requests(chain: ChainServer, method: str, params: list[Any], code: int) -> None:
    assert rpc(chain, method, *params)["error"]["code"] == code


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{", -32700), (b"[]", -32600), (b"3", -32600), (b'{"method":"eth_chainId","params":{}}', -32602)],
)
def test_bad_bodies(chain: ChainServer, body: bytes, code: int) -> None:
    assert requests.post(chain.url, data=body, timeout=10).json()["error"]["code"] == code


def test_large_bodies_are_not_read(chain: ChainServer) -> None:
    host, port = chain.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_batches_of_requests(chain: ChainServer) -> None:
    body = [{"id": n, "method": "eth_chainId"} for n in range(3)]
    answers = requests.post(chain.url, json=body, timeout=10).json()
    assert [(a["id"], a["result"]) for a in answers] == [(n, hex(CHAIN_ID)) for n in range(3)]


def test_logs_are_filtered(venue: Venue) -> None:
    _, _, number = venue.trader()
    venue.seal(0)
    ex = venue.exchange
    assert [e.batch for e in ex.sealed(0, batch=0)] == [0]
    assert ex.sealed(0, batch=1) == []
    assert [e.account for e in ex.registered(0)] == [number]
    assert ex.registered(venue.w3.eth.block_number) == []


def test_reasons_of_failed_transactions(venue: Venue) -> None:
    with pytest.raises(TransactionTooLargeError, match=r"limit is 131072"):
        venue.operator.send(venue.exchange.address, bytes(128 * 1024), 2**24)
    with pytest.raises(TransactionFailedError, match=r"^out of gas at 60000$"):
        venue.operator.execute(venue.exchange.address, venue.exchange.encode("seal", 0, [1, 1, 1, 1], 1), 60_000)
    with pytest.raises(RevertedError, match=r"^reverted: WrongBatch\(given=3, expected=0\)$") as caught:
        venue.exchange.seal(venue.operator, 3, (1, 1, 1, 1), 1)
    assert (caught.value.code, caught.value.retryable) == ("reverted.wrong_batch", False)
    assert repr(venue.operator) == f"Sender({venue.operator.address})"


def test_profiles() -> None:
    assert (profile_for(CHAIN_ID), profile_for(31337), profile_for(1)) == (DEVELOPMENT, ANVIL, ETHEREUM)
    assert profile_for(10) == ROLLUP
    assert profile_for(10, "development") == DEVELOPMENT
    with pytest.raises(UnknownProfileError, match=r"'goerli' is not one of development, anvil, ethereum, rollup"):
        profile_for(1, "goerli")


def test_connecting(chain: ChainServer) -> None:
    endpoint = connect(chain.url, CHAIN_ID)
    latest, final = endpoint.heights()
    assert latest == final == chain.chain.height
    assert endpoint.profile == DEVELOPMENT
    with pytest.raises(WrongChainError, match=rf"serves chain {CHAIN_ID}, expected 1$"):
        connect(chain.url, 1)
    with pytest.raises(WrongContractError, match=r"no code at 0x1111"):
        endpoint.demand_code("0x" + "11" * 20)
    with pytest.raises(EndpointError, match=r"no http or https address"):
        connect("ftp://x")


def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(EndpointDownError, match=r"does not answer") as caught:
            connect(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert caught.value.retryable


class Liar:
    """An endpoint on chain 1 that says what it is told to."""

    def __init__(self) -> None:
        self.chain, self.latest, self.final, self.salt, self.shift = 1, 100, 90, 0, 0

    def result(self, method: str, params: list[Any]) -> Any:
        if method == "eth_chainId":
            return hex(self.chain)
        if method == "eth_blockNumber":
            return hex(self.latest)
        number = self.final if params[0] == "finalized" else int(params[0], 16) + self.shift
        return {"number": hex(number), "hash": "0x" + (number * 256 + self.salt).to_bytes(32, "big").hex()}


@contextmanager
def lying() -> Iterator[tuple[Liar, str]]:
    liar = Liar()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            result = liar.result(request["method"], request.get("params") or [])
            body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield liar, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"final": 101}, "finalized: block 101 is final, but the latest is 100"),
        ({"final": 89}, "finalized: block 89 is final, but block 90 was"),
        ({"salt": 1}, "finalized: block 90 was final and has another hash now"),
        ({"shift": 1}, "number: asked for block 90, got block 91"),
    ],
)
def test_an_endpoint_that_lies(changes: dict[str, int], error: str) -> None:
    with lying() as (liar, url):
        endpoint = connect(url)
        assert endpoint.heights() == (100, 90)
        for name, value in changes.items():
            setattr(liar, name, value)
        with pytest.raises(InconsistentEndpointError) as caught:
            endpoint.heights()
        assert str(caught.value) == error


def test_an_endpoint_that_changes_its_chain() -> None:
    with lying() as (liar, url):
        endpoint = connect(url)
        liar.chain = 5
        with pytest.raises(WrongChainError, match=r"serves chain 5, expected 1$"):
            endpoint.heights()


COMMAND = "import sys; from argparse import ArgumentParser as P; from sealbook.commands import chain as c; "
COMMAND += "p = P(); c.add_parser(p.add_subparsers()); a = p.parse_args(); sys.exit(a.run(a))"


def test_the_command_serves_until_it_is_interrupted() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "chain", "--port", "0", "--json"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        endpoint = connect(told["rpc"], told["chain_id"])
        sender = Sender(endpoint.w3, Account.from_key(told["accounts"][1]["key"]))
        assert sender.execute(told["accounts"][2]["address"], b"", 21_000, 1).gas_used == 21_000
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        if process.stdout is not None:
            process.stdout.close()


def test_a_busy_port_is_one_line(chain: ChainServer) -> None:
    port = chain.url.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "chain", "--port", port], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr == f"sealbook chain: port {port} cannot be used: Address already in use\n"
