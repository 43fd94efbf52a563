"""`sealbook soundness`: remove constraints one at a time and show what each was for."""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from proofs.soundness.examine import Examiner, Finding, Verdict
from proofs.soundness.registry import SUBJECTS
from proofs.soundness.removal import Constraint
from proofs.soundness.report import summary, write_page
from proofs.soundness.subject import Subject, write_recipes

from ..words import count

__all__ = ["add_parser", "run"]

_DESCRIPTION = """\
Remove every assert, bus message and boundary condition from the tape of each program, one at a time, and show a
forged witness that the weakened program accepts and the full one refuses. Traces are checked, nothing is proven:
tests prove the attacks. A message whose other side would stay without an answer is removed together with it.
Exit status: 0 if every removed constraint is explained, 1 if not, 2 if no constraint has the name."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Register `soundness` with the subparsers of the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "soundness",
        help="remove constraints one at a time and show what each was for",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sample", metavar="N", type=count, help="remove N constraints, chosen at random")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (default 0)")
    parser.add_argument("--only", metavar="TEXT", default="", help="remove only constraints with TEXT in their name")
    parser.add_argument("--search", action="store_true", help="search a forged witness where the suite has none")
    parser.add_argument("--write", metavar="FILE", type=Path, help="write the table into this page (docs/soundness.md)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """0 if every removed constraint is explained, 1 if not."""
    chosen = _chosen(args)
    if not chosen:
        print(f"sealbook soundness: no constraint has {args.only!r} in its name", file=sys.stderr)
        return 2
    findings = _examine(chosen, search=args.search, quiet=args.json)
    shown = summary(findings, SUBJECTS)
    if args.write is not None:
        write_page(args.write, shown)
    if args.json:
        print(json.dumps(shown))
    else:
        _print(Console(), shown)
    return 1 if shown["unexplained"] else 0


def _chosen(args: argparse.Namespace) -> list[tuple[Subject, Constraint]]:
    every = [(s, c) for s in SUBJECTS for c in s.constraints if args.only in c.name]
    if args.sample is None or args.sample >= len(every):
        return every
    places = sorted(random.Random(args.seed).sample(range(len(every)), args.sample))
    return [every[place] for place in places]


def _examine(chosen: Sequence[tuple[Subject, Constraint]], search: bool, quiet: bool) -> list[Finding]:
    examiners = {subject.name: Examiner(subject, search) for subject, _ in chosen}
    findings: list[Finding] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task("removing", total=len(chosen))
        for subject, constraint in chosen:
            findings.append(examiners[subject.name].examine(constraint))
            progress.update(task, advance=1, description=subject.name)
    if search:
        _record(chosen, findings)
    return findings


def _record(chosen: Sequence[tuple[Subject, Constraint]], findings: Sequence[Finding]) -> None:
    """Keep what the search has found beside the program's other forgeries."""
    for subject in {subject.name: subject for subject, _ in chosen}.values():
        known = {f.against[0]: f for f in subject.found()}
        written = {name for f in subject.forgeries for name in f.against}
        new = {
            f.constraint.name: f.forgery
            for f in findings
            if f.program == subject.name and f.forgery is not None and f.constraint.name not in written
        }
        if new.keys() - known.keys():
            write_recipes(subject.recipes, {**known, **new})
            print(f"{len(new.keys() - known.keys())} forgeries written to {subject.recipes}", file=sys.stderr)


def _print(console: Console, shown: dict[str, Any]) -> None:
    table = Table("constraint", "kind", "verdict", "forged witness", box=None, pad_edge=False)
    for row in shown["findings"]:
        told = row["forgery"] or ""
        if row["together"]:
            told += f" (with {', '.join(row['together'])})"
        style = "red" if row["verdict"] == Verdict.UNEXPLAINED else None
        table.add_row(f"{row['program']}/{row['constraint']}", row["kind"], row["verdict"], told, style=style)
    console.print(table)
    console.print(
        f"{shown['constraints']} constraints, {shown['removed']} removed, {shown['forged']} forged, "
        f"{shown['privacy']} for privacy, {shown['unexplained']} unexplained"
    )
