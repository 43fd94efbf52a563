"""``sealbook agent``: hold an account's keys and store, commit for its programs, and reveal in time."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import ssl
import sys
from pathlib import Path
from typing import Any

from client.errors import InputError, SealbookError
from client.keys import Keys
from client.remote.server import serving
from client.signers import KeystoreSigner

from ..agent_options import HELP, Options, agent_token, gather, key_material, server_tls, venue_tls
from ..logs import set_up
from ..sdk import Client

log = logging.getLogger("sealbook.agent")
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
  SEALBOOK_PASSWORD=... sealbook agent ... --create-keys --l1-keystore l1.json --register     a new account

Exit status: 0 after Ctrl-C, 2 if the agent cannot start as asked, 1 if another try may help.
"""


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
    for name, (metavar, text) in HELP.items():
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar=metavar, help=text)
    parser.add_argument(
        "--create-keys", action="store_true", default=None, help="write a new key file first, if there is none"
    )
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
        keys, signer = key_material(options)
        token = agent_token(options)
        tls, trusted = server_tls(options), venue_tls(options)
    except SealbookError as error:
        return _complain(arguments.json, error, 2)
    try:
        asyncio.run(_serve(options, keys, signer, token, tls, trusted))
    except SealbookError as error:
        return _complain(arguments.json, error, 2 if not error.retryable else 1)
    except asyncio.CancelledError:
        pass
    log.info("stopped; what was committed is in %s, and is revealed when an agent runs again", options.store)
    return 0


async def _serve(
    options: Options,
    keys: Keys,
    signer: KeystoreSigner | None,
    token: str,
    tls: ssl.SSLContext | None,
    trusted: ssl.SSLContext | None,
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
        tls=trusted,
        keep_batches=options.keep_batches,
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
