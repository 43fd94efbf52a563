"""`sealbook asyncapi`: the venue's wire protocol as an AsyncAPI document."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from orderbook.asyncapi import document

__all__ = ["add_parser", "run", "text"]

_DESCRIPTION = """\
Print the AsyncAPI 3.0 document of the venue's WebSocket protocol, generated from the message types of this version.
Exit status: 0; with --check 1 if the file says something else; 2 if it cannot be read or written."""


def add_parser(subparsers: Any) -> None:
    """Register the command with the command line's parsers."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "asyncapi",
        help="print the wire protocol as AsyncAPI",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--output", type=Path, metavar="FILE", help="write it there")
    target.add_argument("--check", type=Path, metavar="FILE", help="compare with a file instead of printing")
    parser.add_argument("--json", action="store_true", help="accepted for uniformity: the document is JSON")
    parser.set_defaults(run=run)


def text() -> str:
    """The document as it is kept in files."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def run(args: argparse.Namespace) -> int:
    """Print, write or compare; the exit status."""
    try:
        if args.output is not None:
            args.output.write_text(text(), encoding="utf-8")
        elif args.check is None:
            print(text(), end="")
        elif args.check.read_text(encoding="utf-8") != text():
            print(f"sealbook asyncapi: {args.check} is not current; write it anew with --output", file=sys.stderr)
            return 1
    except OSError as error:
        print(f"sealbook asyncapi: {args.check or args.output}: {error.strerror}", file=sys.stderr)
        return 2
    return 0
