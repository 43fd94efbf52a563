"""``sealbook agent``: hold an account's keys and store, commit for its programs, and reveal in time."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import secrets
import signal
import ssl
import stat
import sys
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from client.errors import InputError, SealbookError
from client.keys import Keys
from client.remote.server import serving
from client.signers import KeystoreSigner

from ..logs import set_up
from ..sdk import Client

log = logging.getLogger("sealbook.agent")
_PREFIX: Final = "SEALBOOK_"
_DESCRIPTION = """\
Run the reveal agent of one account in a process of its own, so that the laptop that trades may close.

The agent holds keys and store, commits what programs hand to it, looks at L1 by itself, reveals in
time, and warns while a deadline comes nearer. Programs connect with
RemoteClient.connect("ws://...", token=...) and may come and go; several trade on the account at once.
No other process can use the store while the agent runs.
"""
_EPILOG = """\
Every option can also stand in the file that --config names (TOML, e.g. `store = "alice.sqlite3"`) or
in the environment (SEALBOOK_STORE=...); the command line counts before the environment, that before
the file. Passwords are taken from the environment (SEALBOOK_PASSWORD) or from a file, never from the
command line.

examples:
  sealbook agent --venue ws://venue:9545 --rpc http://127.0.0.1:8545 --contract 0x... \\
      --keys alice.keys --store alice.sqlite3 --account-number 7
  SEALBOOK_PASSWORD=... sealbook agent --config agent.toml --json

Exit status: 0 after Ctrl-C, 2 if the agent cannot start as asked, 1 if another try may help.
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What the agent needs. ``token_file`` and ``status_seconds`` have defaults."""

    venue: str
    rpc: str
    contract: str
    keys: Path
    store: Path
    listen: str = "127.0.0.1:9645"
    token_file: Path | None = None
    account_number: int | None = None
    password_file: Path | None = None
    l1_keystore: Path | None = None
    register: bool = False
    profile: str | None = None
    poll_seconds: float = 0.5
    tls_certificate: Path | None = None
    tls_key: Path | None = None


_HELP: Final = {
    "venue": ("URL", "the venue's WebSocket address"),
    "rpc": ("URL", "an L1 endpoint of your own choice"),
    "contract": ("ADDRESS", "the exchange contract"),
    "keys": ("FILE", "key file of Keys.create(): seed and commit key, best with a password"),
    "store": ("FILE", "the account's store; locked while the agent runs"),
    "listen": ("HOST:PORT", "where programs connect (default 127.0.0.1:9645; port 0: any)"),
    "token_file": ("FILE", "what programs must know; made at the first start (default: STORE.token)"),
    "account_number": ("N", "the account; default: that of the L1 key"),
    "password_file": ("FILE", "password of the key file and of the keystore"),
    "l1_keystore": ("FILE", "encrypted L1 key, for --register"),
    "profile": ("NAME", "finality rules of the chain; default: by chain id"),
    "poll_seconds": ("S", "how often L1 is read (default 0.5)"),
    "tls_certificate": ("FILE", "serve programs over TLS; needed where others can reach the address"),
    "tls_key": ("FILE", "its key"),
}


def add_parser(subparsers: Any) -> None:
    """Add ``agent`` to the command line."""
    parser = subparsers.add_parser(
        "agent",
        help="hold an account's keys and store, commit for its programs, reveal in time",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="options as TOML")
    for name, (metavar, text) in _HELP.items():
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar=metavar, help=text)
    parser.add_argument(
        "--register", action="store_true", default=None, help="open the account on L1 first, if there is none"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run until Ctrl-C; the exit status."""
    set_up(arguments.json)
    try:
        options = gather(vars(arguments), os.environ)
        keys, signer = _secrets(options)
        token = _token(options)
        tls = _tls(options)
    except SealbookError as error:
        return _complain(arguments.json, error, 2)
    try:
        asyncio.run(_serve(options, keys, signer, token, tls))
    except SealbookError as error:
        return _complain(arguments.json, error, 2 if not error.retryable else 1)
    except asyncio.CancelledError:
        pass
    log.info("stopped; what was committed is in %s, and is revealed when an agent runs again", options.store)
    return 0


def gather(given: dict[str, Any], environment: dict[str, str] | os._Environ[str]) -> Options:
    """Options from the command line, the environment and the file, in this order.

    :raises InputError: one is missing, unknown, or no value of its kind.
    """
    found: dict[str, Any] = {}
    names = {field.name for field in fields(Options)}
    config = given.get("config") or environment.get(f"{_PREFIX}CONFIG")
    if config is not None:
        found |= _file(Path(config), names)
    found |= {name: environment[key] for name in names if (key := f"{_PREFIX}{name.upper()}") in environment}
    found |= {name: given[name] for name in names if given.get(name) is not None}
    for name in ("venue", "rpc", "contract", "keys", "store"):
        if name not in found:
            raise InputError(
                f"{name} is not given",
                code="option_missing",
                field=name,
                advice=f"pass --{name}, set {_PREFIX}{name.upper()}, or write it into the file of --config",
            )
    return Options(**{name: _typed(name, value) for name, value in found.items()})


def _file(path: Path, names: set[str]) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", code="config_file", field="config") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not TOML: {error}", code="config_file", field="config") from None
    found = {name.replace("-", "_"): value for name, value in found.items()}
    for name in found:
        if name not in names:
            raise InputError(f"{path}: there is no option {name}", code="option_unknown", field=name)
    return found


_PATHS: Final = ("keys", "store", "token_file", "password_file", "l1_keystore", "tls_certificate", "tls_key")


def _typed(name: str, value: Any) -> Any:
    try:
        if name in _PATHS:
            return Path(value)
        if name == "account_number":
            return int(value)
        if name == "poll_seconds":
            seconds = float(value)
            if not 0.01 <= seconds <= 60:
                raise ValueError
            return seconds
        if name == "register":
            return {"true": True, "1": True, "false": False, "0": False}[str(value).lower()]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{name}: {value!r} is no value for it", code="option_value", field=name) from None
    return str(value)


def _secrets(options: Options) -> tuple[Keys, KeystoreSigner | None]:
    """Keys, and the L1 key if it is wanted."""
    password = os.environ.get(f"{_PREFIX}PASSWORD")
    if options.password_file is not None:
        password = _owner_only(options.password_file, "password_file").rstrip("\n")
    signer = None
    if options.l1_keystore is not None:
        signer = KeystoreSigner.load(options.l1_keystore, password or "")
    return Keys.load(options.keys, password), signer


def _token(options: Options) -> str:
    """The token in its file, which is made if it is not there."""
    path = options.token_file or options.store.with_name(options.store.name + ".token")
    if not path.exists():
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}", code="token_file", field="token_file") from None
        log.info("wrote the token for programs to %s", path)
    token = _owner_only(path, "token_file").strip()
    if len(token) < 16:
        raise InputError(f"{path} holds no token", code="token_file", field="token_file", advice="remove the file")
    return token


def _owner_only(path: Path, field: str) -> str:
    try:
        mode, text = stat.S_IMODE(path.stat().st_mode), path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}", code=field, field=field) from None
    if mode & 0o077:
        raise InputError(f"{path} has mode {mode:o}", code=field, field=field, advice=f"chmod 600 {path}")
    return text


def _tls(options: Options) -> ssl.SSLContext | None:
    if options.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(options.tls_certificate, options.tls_key)
    except (OSError, ssl.SSLError) as error:
        text = f"cannot use {options.tls_certificate}: {error}"
        raise InputError(text, code="tls_certificate", field="tls_certificate") from None
    return context


async def _serve(
    options: Options, keys: Keys, signer: KeystoreSigner | None, token: str, tls: ssl.SSLContext | None
) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    host, _, port = options.listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise InputError(f"{options.listen!r} is not HOST:PORT", code="option_value", field="listen")
    host = host.strip("[]")
    async with Client.connect(
        options.venue,
        rpc=options.rpc,
        contract=options.contract,
        keys=keys,
        store=options.store,
        account=signer,
        account_number=options.account_number,
        profile=options.profile,
        poll_seconds=options.poll_seconds,
    ) as client:
        if not client.account and options.register:
            log.info("registering; the key tree takes some seconds")
            await client.register()
        if not client.account:
            raise InputError(
                "no account",
                code="not_registered",
                field="account_number",
                advice="pass --account-number, or --register with --l1-keystore",
            )
        async with serving(client, host, int(port), token, tls) as bound:
            scheme = "ws" if tls is None else "wss"
            url = f"{scheme}://[{host}]:{bound}" if ":" in host else f"{scheme}://{host}:{bound}"
            waiting = len(client.commitments)
            log.info(
                "account %d: programs connect to %s; %d commitments on their way",
                client.account,
                url,
                waiting,
                extra={"url": url, "account": client.account, "commitments": waiting},
            )
            await asyncio.Event().wait()


def _complain(as_json: bool, error: SealbookError, status: int) -> int:
    if as_json:
        line = {"code": error.code, "message": str(error), "field": error.field, "advice": error.advice}
        print(json.dumps({"error": line}), file=sys.stderr, flush=True)
    else:
        print(f"sealbook agent: {error} [{error.code}]", file=sys.stderr, flush=True)
    return status
