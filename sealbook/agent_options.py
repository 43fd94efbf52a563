"""Options of ``sealbook agent``: from the command line, the environment and a file, and the secrets that they name."""

from __future__ import annotations

import logging
import os
import secrets
import ssl
import stat
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from client.errors import InputError
from client.keys import Keys
from client.signers import KeystoreSigner

__all__ = ["HELP", "Options", "agent_token", "gather", "key_material", "server_tls", "venue_tls"]

log = logging.getLogger("sealbook.agent")
_PREFIX: Final = "SEALBOOK_"
_NEEDED: Final = ("venue", "rpc", "contract", "keys", "store")
_PATHS: Final = (
    "keys",
    "store",
    "token_file",
    "password_file",
    "l1_keystore",
    "tls_certificate",
    "tls_key",
    "venue_certificates",
)


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
    create_keys: bool = False
    register: bool = False
    profile: str | None = None
    poll_seconds: float = 0.5
    keep_batches: int | None = None
    venue_certificates: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None


HELP: Final = {
    "venue": ("URL", "the venue's WebSocket address"),
    "rpc": ("URL", "an L1 endpoint of your own choice"),
    "contract": ("ADDRESS", "the exchange contract"),
    "keys": ("FILE", "key file of Keys.create(): seed and commit key, best with a password"),
    "store": ("FILE", "the account's store; locked while the agent runs"),
    "listen": ("HOST:PORT", "where programs connect (default 127.0.0.1:9645; port 0: any)"),
    "token_file": ("FILE", "what programs must know; made at the first start (default: STORE.token)"),
    "account_number": ("N", "the account; default: that of the L1 key"),
    "password_file": ("FILE", "password of the key file and of the keystore"),
    "l1_keystore": ("FILE", "encrypted L1 key, for --register and for claims of withdrawals"),
    "profile": ("NAME", "finality rules of the chain; default: by chain id"),
    "poll_seconds": ("S", "how often L1 is read (default 0.5)"),
    "keep_batches": ("N", "forget settled batches older than so many, with receipts and history (default: keep all)"),
    "venue_certificates": ("FILE", "certificates to trust at the venue's wss:// address (default: the system's)"),
    "tls_certificate": ("FILE", "serve programs over TLS; needed where others can reach the address"),
    "tls_key": ("FILE", "its key"),
}


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
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        raise InputError(
            f"{', '.join(missing)}: not given",
            code="option_missing",
            field=missing[0],
            advice=f"pass --{missing[0]}, set {_PREFIX}{missing[0].upper()}, or write it into the file of --config",
        )
    return Options(**{name: _typed(name, value) for name, value in found.items()})


def _wrong(text: str, code: str, name: str) -> InputError:
    """An option with a value that cannot be used."""
    return InputError(text, code=code, field=name, advice=f"look at --{name.replace('_', '-')}")


def _file(path: Path, names: set[str]) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
    except OSError as error:
        raise _wrong(f"cannot read {path}: {error.strerror}", "config_file", "config") from None
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"{path} is not TOML: {error}", "config_file", "config") from None
    found = {name.replace("-", "_"): value for name, value in found.items()}
    for name in found:
        if name not in names:
            raise InputError(
                f"{path}: there is no option {name}",
                code="option_unknown",
                field=name,
                advice="options are named as in --help, with or without dashes",
            )
    return found


def _typed(name: str, value: Any) -> Any:
    try:
        if name in _PATHS:
            return Path(value)
        if name in ("account_number", "keep_batches"):
            return int(value)
        if name == "poll_seconds":
            seconds = float(value)
            if not 0.01 <= seconds <= 60:
                raise ValueError
            return seconds
        if name in ("register", "create_keys"):
            return {"true": True, "1": True, "false": False, "0": False}[str(value).lower()]
    except (ValueError, KeyError, TypeError):
        raise _wrong(f"{name}: {value!r} is no value for it", "option_value", name) from None
    return str(value)


def key_material(options: Options) -> tuple[Keys, KeystoreSigner | None]:
    """Keys, and the L1 key if it is wanted."""
    password = os.environ.get(f"{_PREFIX}PASSWORD")
    if options.password_file is not None:
        password = _owner_only(options.password_file, "password_file").rstrip("\n")
    signer = None
    if options.l1_keystore is not None:
        signer = KeystoreSigner.load(options.l1_keystore, password or "")
    if not options.create_keys:
        return Keys.load(options.keys, password), signer
    if not options.keys.exists():
        log.info("writing new keys to %s: keep a copy", options.keys)
    return Keys.at(options.keys, password), signer


def agent_token(options: Options) -> str:
    """The token in its file, which is made if it is not there."""
    path = options.token_file or options.store.with_name(options.store.name + ".token")
    if not path.exists():
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
        except OSError as error:
            raise _wrong(f"cannot write {path}: {error.strerror}", "token_file", "token_file") from None
        log.info("wrote the token for programs to %s", path)
    token = _owner_only(path, "token_file").strip()
    if len(token) < 16:
        raise InputError(f"{path} holds no token", code="token_file", field="token_file", advice="remove the file")
    return token


def _owner_only(path: Path, field: str) -> str:
    try:
        mode, text = stat.S_IMODE(path.stat().st_mode), path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(f"cannot read {path}: {error}", field, field) from None
    if mode & 0o077:
        raise InputError(f"{path} has mode {mode:o}", code=field, field=field, advice=f"chmod 600 {path}")
    return text


def venue_tls(options: Options) -> ssl.SSLContext | None:
    """Whom to trust at the venue.

    :raises InputError: no certificates.
    """
    if options.venue_certificates is None:
        return None
    try:
        return ssl.create_default_context(cafile=options.venue_certificates)
    except (OSError, ssl.SSLError) as error:
        text = f"cannot use {options.venue_certificates}: {error}"
        raise _wrong(text, "venue_certificates", "venue_certificates") from None


def server_tls(options: Options) -> ssl.SSLContext | None:
    if options.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(options.tls_certificate, options.tls_key)
    except (OSError, ssl.SSLError) as error:
        text = f"cannot use {options.tls_certificate}: {error}"
        raise _wrong(text, "tls_certificate", "tls_certificate") from None
    return context
