"""`sealbook verify`: check an exported settlement offline."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from ..checks import Check, check_export
from ..errors import ExportError
from ..export import read_export
from ..report import print_checks, print_settlement, settlement_object, verdict

__all__ = ["OFFLINE", "add_parser", "run"]

_DESCRIPTION = """\
Check a settlement that `sealbook inspect --export FILE` wrote, without any connection: the proof, that its key
is this program built from source, that public data, queue, outcome and signatures fit together.
What a file cannot show is that its facts of L1 (sealed roots, beacons, queue hash, state roots, the key that the
contract names) are the chain's: compare chain id and contract, and for certainty run `sealbook inspect`.
Exit status: 0 if everything holds, 1 if a check fails, 2 if the file cannot be read."""

OFFLINE = Check(
    "chain",
    "the facts of L1 in the file are the chain's",
    None,
    "only `sealbook inspect` can tell: compare chain id and contract",
)


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Register `verify` with the subparsers of the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "verify",
        help="verify an exported settlement offline",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="what `sealbook inspect --export` wrote")
    parser.add_argument("--native", action="store_true", help="have a second, native verifier judge the proof too")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """0 if everything holds, 1 if a check fails, 2 if the file cannot be read."""
    try:
        export = read_export(args.file)
    except ExportError as error:
        if args.json:
            print(json.dumps({"error": {"code": error.code, "field": error.field, "message": str(error)}}))
        else:
            place = "" if error.field == "file" else f"{error.field}: "
            print(f"sealbook verify: {args.file}: {place}{error.reason}", file=sys.stderr)
        return 2
    with Console(stderr=True).status("reading", spinner="dots") as status:
        findings = check_export(export, status.update, args.native)
    checks = [*findings.checks, OFFLINE]
    shown = settlement_object(export, findings, checks)
    if args.json:
        print(json.dumps(shown))
    else:
        console = Console()
        print_settlement(console, shown)
        print_checks(console, checks, findings.accepted)
    return 0 if verdict(checks, findings.accepted) == "verified" else 1
