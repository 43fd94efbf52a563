"""`sealbook evidence`: check a file of evidence offline."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console

from client.errors import EvidenceError
from client.evidence import Finding, judge, read

__all__ = ["add_parser", "run"]

_DESCRIPTION = """\
Check a file that a client kept when the venue broke a promise, without any connection: two receipts with one sequence
number, an acknowledged reveal that is listed as missing, a path that does not lead to the sealed root, or a receipt
whose commitment was left out of its batch.
What the bytes show, and what has to be looked up on L1, is listed. That a commitment was left out no bytes can show.
Exit status: 0 if a broken promise is shown, 1 if the file shows none, 2 if it cannot be read, 3 if bytes alone cannot
tell."""
_STATUS: Final = {"proven": 0, "refuted": 1, "not_shown": 3}
_WORDS: Final = {
    "proven": "[bold red]broken promise[/]",
    "refuted": "[bold]no evidence[/]",
    "not_shown": "[bold yellow]not shown by these bytes[/]",
}


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Register `evidence` with the subparsers of the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "evidence",
        help="check evidence of a broken promise offline",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="a file of a store's .evidence folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Judge and print; see the description for the exit status."""
    try:
        evidence = read(args.file)
    except EvidenceError as error:
        if args.json:
            print(json.dumps({"error": {"code": error.code, "field": error.field, "message": str(error)}}))
        else:
            print(f"sealbook evidence: {error}", file=sys.stderr)
        return 2
    finding = judge(evidence)
    scene = msgspec.structs.asdict(evidence.scene)
    if args.json:
        print(json.dumps({**msgspec.to_builtins(finding), "scene": scene}))
    else:
        _print(finding, scene)
    return _STATUS[finding.verdict]


def _print(finding: Finding, scene: dict[str, Any]) -> None:
    console = Console()
    place = ", ".join(f"{name} {value}" for name, value in scene.items())
    console.print(f"{_WORDS[finding.verdict]}: {finding.kind.replace('_', ' ')}", highlight=False)
    console.print(f"promise: {finding.promise}", highlight=False)
    console.print(place, highlight=False)
    for title, lines in (("shown", finding.shown), ("wrong", finding.faults), ("only L1 can tell", finding.look_up)):
        for line in lines:
            console.print(f"  {title}: {line}", highlight=False)
