"""`sealbook bench load`: options, and how its figures are shown."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..bench.load import LoadWork, load_job
from ..bench.plot import bars, svg, write_plot
from ..bench.process import Report
from ..errors import BenchError

__all__ = ["measure", "plots"]

_SECONDS = (1.0, 86_400.0)


def measure(args: argparse.Namespace, report: Report) -> dict[str, Any]:
    """All figures; the SVG file is written if it was asked for.

    :raises BenchError: the work is out of range, or the file cannot be written.
    """
    if not _SECONDS[0] <= args.seconds <= _SECONDS[1]:
        raise BenchError(f"seconds: {args.seconds:g} is not in {_SECONDS[0]:g} to {_SECONDS[1]:g}")
    if min(args.idle, args.reveals, args.whole_batches) < 1 or args.idle > 10_000:
        raise BenchError("idle, reveals and whole batches: at least 1, and at most 10,000 idle connections")
    work = replace(LoadWork(), seconds=args.seconds, idle=args.idle, reveals=args.reveals, batches=args.whole_batches)
    figures = load_job(report, work)
    if args.plot is not None:
        _write(args.plot, figures)
    return {**figures, "plot": None if args.plot is None else str(args.plot)}


def plots(figures: dict[str, Any]) -> list[str]:
    """The curves as lines of text; they are taken out of ``figures``."""
    series, waits = figures.pop("per_second"), figures.pop("receipt_ms")
    shares = [50, 90, 95, 99, 100]
    quantiles = [waits[min(len(waits) - 1, share * len(waits) // 100)] for share in shares]
    return [
        *bars("commitments with receipt, in each second", series, [f"{i + 1} s" for i in range(len(series))]),
        *bars("milliseconds to the receipt at 1,000 per second", quantiles, [f"{share}%" for share in shares]),
    ]


def _write(path: Path, figures: dict[str, Any]) -> None:
    image = svg(
        [
            ("Commitments with signed receipt, in each second", "1/s", figures["per_second"]),
            ("Delay of the receipt at 1,000 per second, all receipts by delay", "ms", figures["receipt_ms"]),
        ]
    )
    write_plot(path, image)
