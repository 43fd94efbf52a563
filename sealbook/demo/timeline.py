"""What the demonstration prints: one readable line of life per batch, tables, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orderbook.wire import BatchStatus

from .audit import show_price, to_tokens
from .cast import ASSETS, FEE_ASSET, MARKET_NAMES, MARKETS, MISS_FEE


class Timeline:
    """Prints to one console."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def chapter(self, title: str) -> None:
        self.console.print()
        self.console.rule(Text(title, style="bold"), align="left")

    def say(self, text: str, style: str = "") -> None:
        self.console.print(Text(text, style=style))

    def scene(self, batch: int, title: str) -> None:
        self.console.print()
        self.console.print(Text(f"batch {batch}  ", style="bold cyan") + Text(title))

    def step(self, name: str, text: str, style: str = "") -> None:
        self.console.print(Text(f"  {name:<11}", style="bold") + Text(text, style=style))

    def cleared(self, status: BatchStatus, names: Mapping[int, str]) -> None:
        """The steps of a batch up to its clearing."""
        count = status.count or 0
        self.step("sealed", f"{count} commitments under one root in block {status.seal_block}: {short(status.root)}")
        if not count:
            self.step("cleared", "no commitments: it only brings the queue's registrations and deposits in")
            return
        missing = [names.get(m.account, str(m.account)) for m in status.missing]
        shown = f"{count - len(missing)} of {count}"
        if missing:
            fee = to_tokens(FEE_ASSET, MISS_FEE).normalize()
            shown += f"; missing: {', '.join(missing)}, charged {fee:f} {ASSETS[FEE_ASSET]}"
        self.step("revealed", shown, "yellow" if missing else "")
        for market in status.markets:
            self.step("cleared", result(market.market, market.price, market.volume))

    def settled(self, status: BatchStatus) -> None:
        """The steps after it."""
        first, last = status.epoch or (status.batch, status.batch)
        together = f"batches {first} to {last} together" if first != last else "alone"
        size = f"{status.proof_bytes:,} bytes, tier {status.tier}"
        self.step("proven", f"in {status.proof_seconds:.1f} s, {together}: {size}")
        count = len(status.settle_transactions)
        self.step("settled", f"verified by the contract in {count} transactions, {status.settle_gas:,} gas", "green")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        table = Table(title=title, title_justify="left", title_style="bold")
        for index, column in enumerate(columns):
            table.add_column(column, justify="left" if index == 0 else "right")
        for row in rows:
            table.add_row(*row)
        self.console.print()
        self.console.print(table)

    def sides(self, title: str, left: tuple[str, Sequence[str]], right: tuple[str, Sequence[str]]) -> None:
        """Two columns of text side by side."""
        table = Table(title=title, title_justify="left", title_style="bold", show_lines=False)
        table.add_column(left[0], ratio=1)
        table.add_column(right[0], ratio=1)
        for index in range(max(len(left[1]), len(right[1]))):
            table.add_row(*(side[1][index] if index < len(side[1]) else "" for side in (left, right)))
        self.console.print()
        self.console.print(table)


def result(market: int, price: int, volume: int) -> str:
    name, config = MARKET_NAMES[market], MARKETS[market]
    if not volume:
        return f"{name}: no trade"
    lots = to_tokens(config.base, volume).normalize()
    return f"{name}: {lots:f} {ASSETS[config.base]} at {show_price(market, price)}"


def short(value: str | None) -> str:
    return "" if value is None else f"{value[:10]}…{value[-6:]}"
