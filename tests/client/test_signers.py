"""Signers: at hand, in an encrypted file, over HTTP. Each gives what an ordinary wallet gives, or a typed error."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from client.client import Client
from client.errors import InputError, KeyFileError, SignerError, StateError
from client.keys import Keys
from client.orders import buy
from client.signers import KeystoreSigner, LocalSigner, RemoteSigner, Signer, signer_of
from client.states import Unfilled
from client.store import Store
from client.typed import Messages, TypedData
from client.venue import Venue
from commitments.receipts import recover
from commitments.types import MODULUS
from tests.orderbook.simulated import SimulatedL1

from .conftest import TREE, Trader, mining, url_of

KEY = b"\x11" * 32
MESSAGES = Messages(1337, "0x" + "11" * 20)
COMMIT = MESSAGES.commitment(2**62, 7, 2**63 - 1, (1, 2, MODULUS - 1, 0))
SESSION = MESSAGES.session(7, b"\xab" * 32)
TRANSACTION = {
    "type": 2,
    "chainId": 1337,
    "nonce": 3,
    "gas": 50_000,
    "maxPriorityFeePerGas": 1,
    "maxFeePerGas": 10**9,
    "value": 5,
    "data": b"\1\2\3",
    "to": "0x" + "22" * 20,
}
Answer = Callable[[str, list[Any]], Any]


@contextlib.contextmanager
def serving(answer: Answer, status: int = 200) -> Iterator[str]:
    """A JSON-RPC signer on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reply = answer(asked["method"], asked["params"])
            self.send_response(status)
            self.end_headers()
            body = reply if isinstance(reply, bytes) else json.dumps({"jsonrpc": "2.0", "id": 1, **reply}).encode()
            self.wfile.write(body)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def wallet(key: bytes = KEY) -> Answer:
    """What a wallet with this key answers; typed data are hashed by another encoder than ours."""

    def answer(method: str, parameters: list[Any]) -> dict[str, Any]:
        if method == "eth_signTypedData_v4":
            signed = Account.from_key(key).sign_message(encode_typed_data(full_message=parameters[1]))
            return {"result": "0x" + bytes(signed.signature).hex()}
        fields = {name: int(v, 16) if name not in ("from", "to", "data") else v for name, v in parameters[0].items()}
        fields.pop("from")
        raw = Account.from_key(key).sign_transaction({"type": 2, **fields}).raw_transaction
        return {"result": {"raw": "0x" + bytes(raw).hex()}}

    return answer


@pytest.mark.parametrize("message", [COMMIT, SESSION], ids=["commit", "session"])
async def test_all_signers_sign_alike(tmp_path: Path, message: TypedData) -> None:
    path = tmp_path / "key.json"
    KeystoreSigner.create(path, "correct horse", KEY)
    with serving(wallet()) as url:
        signers: list[Signer] = [
            LocalSigner(KEY),
            LocalSigner("0x" + KEY.hex()),
            signer_of(Account.from_key(KEY)),
            KeystoreSigner.load(path, "correct horse"),
            RemoteSigner(url, Account.from_key(KEY).address.lower()),
        ]
        for signer in signers:
            assert signer.address == Account.from_key(KEY).address
            assert recover(message.digest, await signer.sign_message(message)) == signer.address
            assert str(Account.recover_transaction(signer.sign_transaction(TRANSACTION))) == signer.address
            assert KEY.hex() not in repr(signer)


def test_a_keystore_is_what_wallets_read(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    made = KeystoreSigner.create(path, "secret")
    assert path.stat().st_mode & 0o777 == 0o600
    document = json.loads(path.read_text())
    assert (document["version"], document["crypto"]["kdf"]) == (3, "scrypt")
    assert Account.from_key(Account.decrypt(document, "secret")).address == made.address


def test_keystores_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    KeystoreSigner.create(path, "secret", KEY)

    def code(call: Callable[[], object]) -> str:
        with pytest.raises(SignerError) as caught:
            call()
        assert KEY.hex() not in str(caught.value)
        return caught.value.code

    assert code(lambda: KeystoreSigner.create(path, "again")) == "keystore_exists"
    assert code(lambda: KeystoreSigner.load(path, "wrong")) == "keystore_password"
    assert code(lambda: KeystoreSigner.load(tmp_path / "none", "secret")) == "keystore_file"
    path.chmod(0o644)
    assert code(lambda: KeystoreSigner.load(path, "secret")) == "keystore_mode"
    path.chmod(0o600)
    for damaged in ("", "{}", '{"version": 3}', "[]", '{"version": 9, "crypto": {}}'):
        path.write_text(damaged)
        assert code(lambda: KeystoreSigner.load(path, "secret")) == "keystore_file"
    for key in (b"1", "0x12", "zz", b"\0" * 32):
        with pytest.raises(InputError) as caught:
            LocalSigner(key)
        assert caught.value.code == "bad_key"


@pytest.mark.parametrize(
    ("answer", "status", "code", "retryable"),
    [
        (lambda *_: {"error": {"code": -32000, "message": "not allowed"}}, 200, "signer_refused", False),
        (lambda *_: {"result": "0x12"}, 200, "signer_wrong_key", False),
        (lambda *_: {"result": 5}, 200, "signer_malformed", False),
        (lambda *_: b"hello", 200, "signer_malformed", False),
        (lambda *_: b"[]", 200, "signer_malformed", False),
        (lambda *_: {}, 503, "signer_refused", True),
        (lambda *_: {}, 403, "signer_refused", False),
        (wallet(b"\x12" * 32), 200, "signer_wrong_key", False),
    ],
)
async def test_what_a_remote_signer_answers_is_checked(answer: Answer, status: int, code: str, retryable: bool) -> None:
    with serving(answer, status) as url:
        signer = RemoteSigner(url, Account.from_key(KEY).address)
        with pytest.raises(SignerError) as caught:
            await signer.sign_message(COMMIT)
        assert (caught.value.code, caught.value.retryable) == (code, retryable)
        assert caught.value.outcome_known
        with pytest.raises(SignerError):
            signer.sign_transaction(TRANSACTION)


async def test_a_remote_signer_that_is_not_there() -> None:
    with serving(wallet()) as url:
        signer = RemoteSigner(url.replace("//", "//user:hidden@"), Account.from_key(KEY).address)
    with pytest.raises(SignerError, match="does not answer") as caught:
        await signer.sign_message(COMMIT)
    assert "hidden" not in str(caught.value) + repr(signer)
    assert (caught.value.code, caught.value.retryable) == ("signer_unreachable", True)
    for url, address, field in (("ftp://x", "0x" + "11" * 20, "url"), ("http://x", "0x12", "address")):
        with pytest.raises(InputError) as refused:
            RemoteSigner(url, address)
        assert refused.value.field == field


async def test_a_client_whose_commit_key_is_elsewhere(tmp_path: Path, l1: SimulatedL1, venue: Venue) -> None:
    trader = Trader("a1", tmp_path, l1, venue)
    asked: list[str] = []

    def answer(method: str, parameters: list[Any]) -> Any:
        asked.append(parameters[1]["primaryType"])
        return wallet()(method, parameters)

    async with mining(tmp_path, l1) as node:
        with serving(answer) as url:
            signer = RemoteSigner(url, Account.from_key(KEY).address)
            client = Client(url_of(node), trader.chain, trader.keys, Store(trader.path), 0.02, signer)
            try:
                await client._start(None, 10.0)
                await client.register(log_size=TREE)
                await client.deposit("USD", "100")
                (order,) = await client.commit([buy("ETH/USD", 1, 200)])
                node.seal_now()
                assert isinstance(await order.settled(), Unfilled)
            finally:
                await client._stop()
        assert asked == ["Session", "CommitMessage"]
        other = Client(url_of(node), trader.chain, trader.keys, Store(trader.path), 0.02)
        with pytest.raises(StateError) as caught:
            await other._start(None, 10.0)
        assert caught.value.code == "wrong_commit_key"
        await other._stop()


def test_encrypted_key_files(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keys = Keys.create(path, "pass word")
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.seed.reveal().hex() not in path.read_text()
    assert keys.commit_key.reveal().hex() not in path.read_text()
    again = Keys.load(path, "pass word")
    assert (again.seed.reveal(), again.commit_key.address) == (keys.seed.reveal(), keys.commit_key.address)
    for password in (None, "other"):
        with pytest.raises(KeyFileError) as caught:
            Keys.load(path, password)
        assert (caught.value.code, caught.value.field) == ("key_file_password", "password")
    document = json.loads(path.read_text())
    for name, value in (("salt", "00"), ("box", "zz"), ("scrypt_n", 12345), ("scrypt_n", 2**30)):
        path.write_text(json.dumps({**document, name: value}))
        with pytest.raises(KeyFileError) as caught:
            Keys.load(path, "pass word")
        assert caught.value.code == "key_file_damaged"
