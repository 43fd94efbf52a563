"""``sealbook demo``: the whole main job, then the attacks."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import shutil
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from client.errors import SealbookError
from contracts.errors import ContractsError
from sealbook.demo.play import DemoError, perform
from sealbook.demo.timeline import Timeline

_DESCRIPTION = """\
Run the whole main job on this machine, with nothing faked: a development chain and a venue's node as processes
of their own, eight traders and two market makers as SDK clients over WebSockets, registrations and deposits, seven
batches in four epochs on two markets, each proven and settled by the contract; a rationed level, a batch without
trade, a missed reveal, a node killed and restarted, a withdrawal; then an operator who cheats, and the contract that
refuses. It ends with a table of balances, compared with an independent recomputation.
Exit status: 0, 1 if anything differs, 2 if the folder is not its own.
"""


def add_parser(subparsers: Any) -> None:
    """Add ``demo`` to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="run the whole main job and the attacks",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("demo-run"), help="where it leaves its files (default demo-run)"
    )
    parser.add_argument("--rpc", metavar="URL", help="use this development chain instead of starting one")
    parser.add_argument("--keep", action="store_true", help="leave chain and node running at the end, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end, and the story to stderr")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run it; the exit status."""
    console = Console(stderr=options.json, highlight=False, soft_wrap=True)
    logging.getLogger("sealbook").addHandler(logging.NullHandler())
    folder: Path = options.folder
    if folder.exists() and not folder.is_dir():
        print(f"sealbook demo: {folder} is a file; choose another --folder", file=sys.stderr)
        return 2
    if folder.exists():
        if not (folder / ".sealbook-demo").exists() and any(folder.iterdir()):
            print(f"sealbook demo: {folder} holds other files; choose another --folder", file=sys.stderr)
            return 2
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True)
        (folder / ".sealbook-demo").touch()
    except OSError as error:
        print(f"sealbook demo: cannot write into {folder}: {error.strerror}", file=sys.stderr)
        return 2
    try:
        failures = asyncio.run(perform(folder, options.rpc, Timeline(console), options.keep))
    except (DemoError, ContractsError, SealbookError) as error:
        print(f"sealbook demo: {error}", file=sys.stderr)
        return 1
    for failure in failures:
        console.print(f"[bold red]differs:[/] {failure}")
    if not failures:
        console.print("[bold green]everything agrees[/]")
    if options.json:
        print(json.dumps({"failures": failures}))
    return 1 if failures else 0
