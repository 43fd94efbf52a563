"""The gas of a settlement's transactions as tables."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["print_profile"]


def print_profile(console: Console, number: int, profile: dict[str, Any]) -> None:
    """One transaction; ``profile`` as :meth:`sealbook.bench.gas.GasProfile.figures` gives it."""
    table = Table(title=f"transaction {number}: {profile['gas']:,} gas", title_justify="left")
    table.add_column("part")
    table.add_column("gas", justify="right")
    for part, gas in profile["parts"].items():
        table.add_row(part, f"{gas:,}")
    table.add_section()
    table.add_row("execution", f"{profile['execution']:,}")
    table.add_row(f"input, {profile['calldata_bytes']:,} bytes", f"{profile['input']:,}")
    table.add_row("floor of the input", f"{profile['floor']:,}")
    console.print(table)
