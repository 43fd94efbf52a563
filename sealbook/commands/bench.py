"""`sealbook bench`: measure clearing, proving, verifying, settling, and the venue under load."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from proofs.params import MAX_ENTRIES, PROFILES

from ..bench.gas_table import print_profile
from ..bench.plot import write_plot
from ..bench.process import Report, run_isolated
from ..errors import BenchError

__all__ = ["JOBS", "add_parser", "run"]

JOBS = {
    "clear": "clear one market from arrays, with fills",
    "prove": "build the witness of one epoch and prove it",
    "verify": "verify such a proof in Python",
    "settle": "settle such an epoch on the real contracts in an embedded EVM",
    "epochs": "settle epochs of 1, 2, 4, 8 and 16 batches: what an order costs",
    "load": "load a node with commitments and reveals over WebSockets, beside a bare echo server",
    "maker": "quote whole ladders on many accounts in every batch, for an hour of simulated batches",
}

_DESCRIPTION = """\
Measure one job. Default work of prove, verify and settle: 10,000 registered accounts, two markets, 256 bundles of
4 orders each from random accounts, all revealed; of several batches, bundles from 1,000 of the accounts.
`ratio` = seconds / baseline_seconds, where the baseline is 2^20 native Poseidon2 permutations in one
thread with SIMD, measured in the same run. docs/benchmarks.md says what is counted.
With --json the last line is one object. Exit status: 0, or 2 if the job could not run."""

_UNITS = {"_seconds": "s", "_bytes": "bytes"}
_CLEAR_ORDERS = 10_000
_CLEAR_LIMIT = 1_000_000


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Register `bench` with the subparsers of the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "bench",
        help="measure clearing, proving, verifying, settling, and the venue under load",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    jobs = parser.add_subparsers(title="jobs", metavar="JOB", dest="job", required=True)
    for name, summary in JOBS.items():
        job = jobs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == "clear":
            job.add_argument("--bundles", type=int, default=1, help="bundles in the book (default 1)")
            job.add_argument(
                "--orders", type=int, default=_CLEAR_ORDERS, help=f"orders per bundle (default {_CLEAR_ORDERS})"
            )
            job.add_argument("--batches", type=int, default=1, help="books to clear one after another (default 1)")
        elif name == "maker":
            job.add_argument("--accounts", type=int, default=16, help="accounts of 64 orders each (default 16)")
            job.add_argument("--batches", type=int, default=360, help="batches to quote in (default 360: an hour)")
            job.add_argument(
                "--batch-seconds", type=float, default=10.0, help="simulated seconds between batches (default 10)"
            )
            job.add_argument("--orders", type=int, default=100, help="orders of others per batch (default 100)")
        elif name == "load":
            job.add_argument("--seconds", type=float, default=10.0, metavar="N", help="of each phase (default 10)")
            job.add_argument("--idle", type=int, default=2_000, help="idle connections beside (default 2000)")
            job.add_argument("--reveals", type=int, default=5_000, help="reveals sent at once (default 5000)")
            job.add_argument("--whole-batches", type=int, default=100, help="batches for the memory (default 100)")
            job.add_argument("--plot", type=Path, metavar="FILE", help="write the curves as an SVG image")
        else:
            job.add_argument("--bundles", type=int, default=256, help="bundles per batch (default 256)")
            job.add_argument("--orders", type=int, default=4, help="orders per bundle (default 4)")
            if name == "epochs":
                job.add_argument("--batches", type=int, default=16, help="batches in the largest epoch (default 16)")
                job.add_argument("--plot", type=Path, metavar="FILE", help="write the curves as an SVG image")
            else:
                job.add_argument("--batches", type=int, default=1, help="batches in the epoch (default 1)")
                job.add_argument(
                    "--worst",
                    action="store_true",
                    help="instead of orders, the most that users can put into bundles: 64 entries on eight assets",
                )
            proofs = "compact" if name in ("settle", "epochs") else "fast"
            job.add_argument(
                "--proofs",
                choices=sorted(PROFILES),
                default=proofs,
                help=f"proof parameters: fast spares the prover, compact the bytes on L1 (default {proofs})",
            )
        if name == "settle":
            job.add_argument("--profile", action="store_true", help="print where the gas of each transaction goes")
        if name == "prove":
            job.add_argument("--profile", action="store_true", help="show where the time goes")
        job.add_argument("--json", action="store_true", help="print one JSON object as the last line")
        job.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Measure and print. 0, or 2 if the job could not run."""
    try:
        figures = _measure(args)
    except BenchError as error:
        if args.json:
            print(json.dumps({"error": {"code": error.code, "message": str(error)}}))
        else:
            print(f"sealbook bench: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(figures))
    else:
        _print(args, figures)
    return 0


def _measure(args: argparse.Namespace) -> dict[str, Any]:
    terminal = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        task = progress.add_task("starting", total=None)

        def report(step: str, done: float | None) -> None:
            progress.update(task, description=step, total=None if done is None else 1.0, completed=done or 0.0)

        figures = _job(args, report)
    machine = {"cpus": os.cpu_count(), "machine": platform.machine()}
    if args.job in ("load", "maker"):
        return {"job": args.job, **figures, **machine}
    work = {"bundles": args.bundles, "orders": args.orders, "batches": args.batches}
    if hasattr(args, "proofs"):
        work["proofs"] = args.proofs
    if getattr(args, "worst", False):
        work["orders"] = MAX_ENTRIES
    return {"job": args.job, **work, **figures, **machine}


def _job(args: argparse.Namespace, report: Report) -> dict[str, Any]:
    if args.job == "clear":
        total = args.bundles * args.orders
        if min(args.bundles, args.orders, args.batches) < 1 or total > _CLEAR_LIMIT or args.batches > 1000:
            raise BenchError(f"orders: {args.bundles} x {args.orders} is not in 1 to {_CLEAR_LIMIT}")
        return run_isolated(clear_job, total, args.batches, report=report)
    # Only what is measured is imported: the jobs below load the prover and the contracts.
    if args.job == "load":
        from .bench_load import measure

        return measure(args, report)
    if args.job == "maker":
        from ..bench.maker import MakerWork, maker_job

        quoting = MakerWork(args.accounts, args.batches, args.batch_seconds, args.orders)
        quoting.check()
        return dict(run_isolated(maker_job, quoting, report=report))
    from ..bench.jobs import proof_job, prove_job, verify_job
    from ..bench.workload import Work

    work = Work(args.bundles, args.orders, args.batches, getattr(args, "worst", False), args.proofs)
    work.check()
    if args.job == "epochs":
        from ..bench.epochs import curves, epochs_job

        sizes = epochs_job(report, work)
        if args.plot is not None:
            write_plot(args.plot, curves(sizes))
        return sizes
    if args.job == "settle":
        from ..bench.settle import settle_job

        figures, profiles = run_isolated(settle_job, work, args.profile, report=report)
        return {**figures, **({"profile": [p.figures() for p in profiles]} if args.profile else {})}
    if args.job == "prove" and args.profile:
        from ..bench.profile import profile_job

        return run_isolated(profile_job, work, report=report)
    if args.job == "prove":
        return dict(run_isolated(prove_job, work, report=report))
    proven = run_isolated(proof_job, work, report=report)
    from proofs.statement.settlement import verification_key

    key = verification_key(proven.statement.tier)
    return dict(run_isolated(verify_job, proven.statement, key, proven.proof, report=report))


def clear_job(report: Report, orders: int, batches: int) -> dict[str, Any]:
    """The clearing figure with the baseline of the same run; seconds are those of all books."""
    from ..bench.jobs import baseline
    from .bench_clear import run as clear

    report("clearing", None)
    runs = [clear(orders) for _ in range(batches)]
    seconds = sum(float(r["seconds"] or 0.0) for r in runs)
    report("measuring the baseline", None)
    base = baseline()
    last = {k: v for k, v in runs[-1].items() if k not in ("seconds", "orders")}
    return {"seconds": seconds, **last, "baseline_seconds": base, "ratio": seconds / base, "book_orders": orders}


def _print(args: argparse.Namespace, figures: dict[str, Any]) -> None:
    console = Console()
    console.print(f"[bold]sealbook bench {args.job}[/]: {JOBS[args.job]}", highlight=False)
    curves: list[str] = []
    if args.job == "load":
        from .bench_load import plots

        curves = plots(figures)
    for number, profile in enumerate(figures.get("profile", ()), 1):
        print_profile(console, number, profile)
    for name, value in figures.items():
        if name in ("job", "profile"):
            continue
        if args.job == "epochs" and name == "epochs":
            _print_epochs(console, figures)
            continue
        if isinstance(value, list):
            _print_times(console, name, value)
            continue
        unit = next((unit for end, unit in _UNITS.items() if ("_" + name).endswith(end)), "")
        text = f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
        console.print(f"  {name.removesuffix('_bytes'):<26} {text} {unit}", highlight=False)
    for line in curves:
        console.print(line, highlight=False, markup=False)


def _print_epochs(console: Console, figures: dict[str, Any]) -> None:
    from ..bench.epochs import rows_of

    headings, cells = rows_of(figures)
    table = Table(box=None, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _print_times(console: Console, title: str, times: list[dict[str, Any]]) -> None:
    """A table of functions with their seconds."""
    table = Table(title=title, title_justify="left", box=None)
    for heading in ("own s", "total s", "calls"):
        table.add_column(heading, justify="right")
    table.add_column("function", overflow="fold")
    for row in times:
        table.add_row(f"{row['own_seconds']:.3f}", f"{row['total_seconds']:.3f}", f"{row['calls']:,}", row["function"])
    console.print(table)
