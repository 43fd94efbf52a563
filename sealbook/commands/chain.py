"""`sealbook chain`: the embedded development chain as JSON-RPC on the loopback address."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from typing import Any

from contracts.chain import CHAIN_ID, serve

from ..words import count, interval, port

__all__ = ["add_parser", "run"]

DEFAULT_PORT = 8545

_DESCRIPTION = """\
Serve an in-memory Ethereum chain (Prague rules) on 127.0.0.1 until Ctrl-C. Every transaction is mined at once;
nothing survives the process. The accounts' keys are public: use them for development only.
Exit status: 0, 2 if the port cannot be used."""


def add_parser(subparsers: Any) -> None:
    """Register the command with the command line's parsers."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "chain",
        help="serve an embedded development chain",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=port, default=DEFAULT_PORT, help="0 picks a free one (default 8545)")
    parser.add_argument(
        "--interval", type=interval, metavar="SECONDS", help="also mine an empty block every so many seconds"
    )
    parser.add_argument(
        "--accounts", type=count, metavar="N", default=10, help="funded accounts to print, up to all (default 10)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; gives the exit status."""
    try:
        server = serve(args.port, args.interval)
    except OSError as error:
        print(f"sealbook chain: port {args.port} cannot be used: {error.strerror}", file=sys.stderr)
        return 2
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    shown = min(args.accounts, len(server.chain.accounts))
    accounts = list(zip(server.chain.accounts[:shown], server.chain.keys[:shown], strict=True))
    if args.json:
        listed = [{"address": address, "key": key} for address, key in accounts]
        print(json.dumps({"rpc": server.url, "chain_id": CHAIN_ID, "accounts": listed}), flush=True)
    else:
        print(f"RPC       {server.url}\nchain id  {CHAIN_ID}\n\nfunded development accounts (address, private key)")
        for address, key in accounts:
            print(f"  {address}  {key}")
        print("\nCtrl-C ends the chain.", flush=True)
    stop.wait()
    server.stop()
    return 0
