"""The `sealbook` command: one module of :mod:`sealbook.commands` for each word, loaded when it is used."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

COMMANDS = {
    "clear": "clear order books from JSON lines by the published rule",
    "demo": "run the whole main job: chain, node, traders, proofs, settlement, attacks",
    "chain": "serve the embedded development chain as JSON-RPC",
    "node": "run a venue: collect, seal, clear, prove and settle batches",
    "asyncapi": "print the wire protocol as an AsyncAPI document",
    "agent": "hold an account's keys and store, commit for its programs, reveal in time",
    "inspect": "verify settled batches and epochs from L1 data alone",
    "verify": "verify an exported settlement offline",
    "prove": "prove the venue's solvency against what the contract holds",
    "evidence": "check evidence of a venue's broken promise offline",
    "soundness": "remove constraints one at a time and show what each was for",
    "bench": "measure clearing, proving, verifying and settling",
}
"""Words and what ``sealbook --help`` says of them."""

INTERRUPTED = 130
USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser(words)
    if not words:
        parser.print_help(sys.stderr)
        return USAGE
    options = parser.parse_args(words)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sealbook",
        description="A private batch-auction order book with commit-reveal and zero-knowledge matching.",
        epilog="Start with `sealbook demo`. Each command has its own --help.",
    )
    parser.add_argument("--version", action="version", version=f"sealbook {_version()}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    chosen = next((word for word in words if word in COMMANDS), None)
    for word, summary in COMMANDS.items():
        if word == chosen:
            # Only the chosen command is imported: `sealbook clear` starts without web3.
            importlib.import_module(f"sealbook.commands.{word}").add_parser(subparsers)
        else:
            subparsers.add_parser(word, help=summary)
    return parser


def _version() -> str:
    try:
        return version("sealbook")
    except PackageNotFoundError:
        return "from source"


if __name__ == "__main__":
    sys.exit(main())
