"""What an order costs, from an epoch of one batch to one of sixteen: proven and settled, size by size."""

from __future__ import annotations

from typing import Any, Final

from .jobs import baseline
from .plot import svg
from .process import Report, run_isolated
from .settle import settle_job
from .workload import Work

__all__ = ["SIZES", "curves", "epochs_job", "rows_of"]

SIZES: Final = (1, 2, 4, 8, 16)
"""Batches in an epoch."""


def epochs_job(report: Report, work: Work) -> dict[str, Any]:
    """One settled epoch of each size up to ``work.batches``, each in a process of its own: ``epochs``, a row each."""
    rows = []
    for batches in (size for size in SIZES if size <= work.batches):
        size = Work(work.bundles, work.orders, batches, proofs=work.proofs)

        def step(text: str, done: float | None, batches: int = batches) -> None:
            report(f"{batches} batches: {text}", done)

        figures, _ = run_isolated(settle_job, size, False, report=step)
        report(f"{batches} batches: measuring the baseline", None)
        rows.append(_row(size, figures, baseline()))
    return {"epochs": rows}


def _row(work: Work, figures: dict[str, Any], base: float) -> dict[str, Any]:
    orders = work.bundles * work.orders * work.batches
    seconds = figures["prove_seconds"]
    return {
        "batches": work.batches,
        "orders": orders,
        "tier": figures["tier"],
        "prove_seconds": seconds,
        "baseline_seconds": base,
        "ratio": seconds / base,
        "milliseconds_per_order": 1000 * seconds / orders,
        "ratio_per_thousand_orders": 1000 * seconds / base / orders,
        "peak_memory_bytes": figures["peak_memory_bytes"],
        "proof_bytes": figures["proof_bytes"],
        "calldata_bytes": figures["calldata_bytes"],
        "transactions": figures["transactions"],
        "gas": figures["gas"],
        "gas_per_order": figures["gas"] / orders,
    }


def rows_of(figures: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of the table that a person reads, in 80 columns. MB of memory, kB of proof."""
    headings = [
        "batches",
        "orders",
        "tier",
        "s",
        "ratio",
        "ms each",
        "MB",
        "kB",
        "txs",
        "M gas",
        "gas each",
    ]
    cells = [
        [
            f"{row['batches']}",
            f"{row['orders']:,}",
            row["tier"],
            f"{row['prove_seconds']:.2f}",
            f"{row['ratio']:.1f}",
            f"{row['milliseconds_per_order']:.2f}",
            f"{row['peak_memory_bytes'] / 1e6:,.0f}",
            f"{row['proof_bytes'] / 1e3:,.0f}",
            f"{row['transactions']}",
            f"{row['gas'] / 1e6:.2f}",
            f"{row['gas_per_order']:,.0f}",
        ]
        for row in figures["epochs"]
    ]
    return headings, cells


def curves(figures: dict[str, Any]) -> str:
    """The costs of an order over the sizes of epochs, as an SVG image."""
    rows = figures["epochs"]
    sizes = ", ".join(str(row["batches"]) for row in rows)
    return svg(
        [
            (f"Gas per order, epochs of {sizes} batches", "gas", [row["gas_per_order"] for row in rows]),
            (
                f"Proving per 1,000 orders over the baseline, epochs of {sizes} batches",
                "ratio",
                [row["ratio_per_thousand_orders"] for row in rows],
            ),
        ]
    )
