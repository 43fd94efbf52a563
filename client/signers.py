"""Who signs: a key at hand, a key in an encrypted file, or a signer elsewhere that speaks Ethereum JSON-RPC.

A client has two, and they are apart on purpose. The *commit key* signs sessions and commitments, for every batch, and
moves no funds. The *L1 key* signs transactions and is needed rarely. Neither opens a commitment: that takes the seed.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import stat
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, cast

from eth_account import Account
from eth_account.signers.local import LocalAccount

from commitments.receipts import SigningKey, checksum_address, recover

from .errors import InputError, SignerError
from .typed import TypedData

__all__ = ["KeystoreSigner", "LocalSigner", "RemoteSigner", "Signer", "signer_of"]

_SCRYPT_N: Final = 2**15
_MAX_REPLY: Final = 1 << 20
Transaction: TypeAlias = Mapping[str, Any]


class Signer(Protocol):
    """Signs for one address. Anything with these members may be given to the client."""

    @property
    def address(self) -> str:
        """Checksummed address of the key."""

    async def sign_message(self, message: TypedData) -> bytes:
        """``r || s || v`` over EIP-712 typed data.

        :raises SignerError: no signature.
        """

    def sign_transaction(self, transaction: Transaction) -> bytes:
        """A signed L1 transaction, ready to be sent. Blocking: it is called in a thread.

        :raises SignerError: no signature.
        """


class LocalSigner:
    """A private key of 32 bytes (or its hex) in this process."""

    def __init__(self, key: str | bytes | SigningKey) -> None:
        if isinstance(key, SigningKey):
            self._key = key
            return
        try:
            secret = bytes.fromhex(key.removeprefix("0x")) if isinstance(key, str) else bytes(key)
            if len(secret) != 32:
                raise ValueError
            self._key = SigningKey(secret)
        except ValueError:
            raise InputError("not a private key of 32 bytes", code="bad_key", field="key") from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address})"

    @property
    def address(self) -> str:
        return self._key.address

    async def sign_message(self, message: TypedData) -> bytes:
        return self._key.sign(message.digest)

    def sign_transaction(self, transaction: Transaction) -> bytes:
        return bytes(Account.from_key(self._key.reveal()).sign_transaction(dict(transaction)).raw_transaction)


class KeystoreSigner(LocalSigner):
    """A key from an encrypted keystore file (version 3, scrypt), as Ethereum wallets write them."""

    @classmethod
    def create(cls, path: str | Path, password: str, key: str | bytes | None = None) -> KeystoreSigner:
        """Write a key (by default a fresh one) to a new file with mode 0600.

        :raises SignerError: ``keystore_exists``, ``keystore_file``.
        """
        signer = cls(os.urandom(32) if key is None else key)
        document = Account.encrypt(signer._key.reveal(), password, kdf="scrypt", iterations=_SCRYPT_N)
        path = Path(path)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise SignerError(f"{path} exists", code="keystore_exists", field="path") from None
        except OSError as error:
            raise SignerError(f"cannot write {path}: {error.strerror}", code="keystore_file", field="path") from None
        with os.fdopen(handle, "w") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        return signer

    @classmethod
    def load(cls, path: str | Path, password: str) -> KeystoreSigner:
        """Decrypt a file. Takes about a second, on purpose.

        :raises SignerError: ``keystore_file`` (missing, no keystore), ``keystore_mode`` (others can read it),
            ``keystore_password``.
        """
        path = Path(path)
        try:
            mode, text = stat.S_IMODE(path.stat().st_mode), path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise SignerError(f"cannot read {path}: {error}", code="keystore_file", field="path") from None
        if mode & 0o077:
            raise SignerError(f"{path} has mode {mode:o}", code="keystore_mode", field="path", advice="chmod 600 it")
        try:
            return cls(bytes(Account.decrypt(text, password)))
        except ValueError as error:
            if "MAC mismatch" in str(error):
                raise SignerError("wrong password", code="keystore_password", field="password") from None
            raise SignerError(f"{path} is no keystore file", code="keystore_file", field="path") from None
        except (KeyError, TypeError, AttributeError, NotImplementedError, InputError):
            raise SignerError(f"{path} is no keystore file", code="keystore_file", field="path") from None


class RemoteSigner:
    """A signer over HTTP with the JSON-RPC methods ``eth_signTypedData_v4`` (or another ``method``) and
    ``eth_signTransaction``, such as a key service or a wallet daemon.

    What it answers is checked: a signature by another key never leaves this process.
    """

    def __init__(
        self,
        url: str,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        method: str = "eth_signTypedData_v4",
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise InputError(
                f"a signer's address is an http or https URL, not {url[:8]!r}...", code="bad_url", field="url"
            )
        try:
            number = bytes.fromhex(address.removeprefix("0x"))
        except ValueError:
            number = b""
        if len(number) != 20:
            raise InputError(f"{address!r} is no address", code="bad_address", field="address")
        self._url = url  # may hold a password, so messages name the host only
        self._host = urllib.parse.urlsplit(url).hostname or ""
        self._address = checksum_address(number)
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._timeout = timeout
        self._method = method
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __repr__(self) -> str:
        return f"RemoteSigner({self._address})"

    @property
    def address(self) -> str:
        return self._address

    async def sign_message(self, message: TypedData) -> bytes:
        result = await asyncio.to_thread(self._call, self._method, [self._address, message.document()])
        signature = _bytes(result)
        if len(signature) == 65 and signature[64] < 2:
            signature = signature[:64] + bytes([signature[64] + 27])
        found = recover(message.digest, signature)
        if found != self._address:
            what = "no canonical signature" if found is None else f"a signature by {found}"
            raise SignerError(f"the signer gave {what}, not one by {self._address}", code="signer_wrong_key")
        return signature

    def sign_transaction(self, transaction: Transaction) -> bytes:
        fields = {name: _rpc(value) for name, value in transaction.items() if name != "type"}
        result = self._call("eth_signTransaction", [{"from": self._address, **fields}])
        raw = _bytes(result.get("raw") if isinstance(result, dict) else result)
        try:
            found = str(Account.recover_transaction(raw))
        except Exception:  # a transaction of another kind, or none: the decoders have no common error
            raise SignerError("the signer gave no signed transaction", code="signer_malformed") from None
        if found != self._address:
            raise SignerError(f"the signer signed with {found}, not with {self._address}", code="signer_wrong_key")
        return raw

    def _call(self, method: str, parameters: list[Any]) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        request = urllib.request.Request(self._url, body, self._headers)
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                answer = json.loads(response.read(_MAX_REPLY))
        except urllib.error.HTTPError as error:
            error.close()
            retryable = error.code >= 500 or error.code == 429
            raise SignerError(f"the signer answers {error.code}", code="signer_refused", retryable=retryable) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise SignerError(
                f"the signer at {self._host} does not answer: {reason}", code="signer_unreachable", retryable=True
            ) from None
        except ValueError:
            raise SignerError("the signer's answer is not JSON", code="signer_malformed") from None
        if not isinstance(answer, dict):
            raise SignerError("the signer's answer is no JSON-RPC answer", code="signer_malformed")
        if answer.get("error"):
            problem = answer["error"]
            text = problem.get("message", "") if isinstance(problem, dict) else str(problem)
            raise SignerError(f"the signer refuses {method}: {str(text)[:200]}", code="signer_refused")
        return answer.get("result")


def _bytes(value: Any) -> bytes:
    try:
        return bytes.fromhex(cast(str, value).removeprefix("0x"))
    except (AttributeError, ValueError):
        raise SignerError("the signer's answer is not hex", code="signer_malformed") from None


def _rpc(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return hex(value) if isinstance(value, int) else value


def signer_of(key: str | bytes | LocalAccount | Signer, field: str = "account") -> Signer:
    """A signer from what callers may give for one: a private key, an account of ``eth_account``, or a signer.

    :raises InputError: ``bad_l1_key``, naming ``field``.
    """
    if isinstance(key, LocalAccount):
        return LocalSigner(bytes(key.key))
    if isinstance(key, str | bytes):
        try:
            return LocalSigner(key)
        except InputError:
            raise InputError(f"{field}: not a private key of 32 bytes", code="bad_l1_key", field=field) from None
    return key
