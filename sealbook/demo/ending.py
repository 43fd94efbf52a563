"""Who ended with what: proven to the clients, published on L1, and recomputed without any of the venue's code."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from client.client import Client
from client.orders import Instruction
from contracts.exchange import Exchange
from orderbook.wire import BatchStatus

from ..checks import check_export
from ..collect import collect
from ..export import write_export
from . import cast
from .audit import Ledger, to_tokens
from .cast import ASSETS
from .published import published_balances
from .stage import Stage
from .timeline import Timeline

__all__ = ["Record", "compare", "export"]


@dataclass
class Record:
    """What was done, for the independent recomputation."""

    orders: dict[int, dict[int, Sequence[Instruction]]] = field(default_factory=dict)
    missed: dict[int, set[int]] = field(default_factory=dict)


async def compare(
    exchange: Exchange,
    timeline: Timeline,
    record: Record,
    accounts: Mapping[str, int],
    clients: Mapping[str, Client],
    told: Mapping[int, BatchStatus],
) -> list[str]:
    """Print the balances; what differs. ``told``: what the venue says of each batch."""
    failures: list[str] = []
    timeline.chapter("Who ended with what")
    ledger = Ledger()
    for name, number in accounts.items():
        for symbol, amount in cast.purse(name).items():
            ledger.deposit(number, symbol, amount)
    for batch in sorted(record.orders):
        chain = await asyncio.to_thread(exchange.batch, batch)
        results = ledger.batch(record.orders[batch], record.missed[batch], chain.beacon or bytes(32))
        status = told.get(batch)
        if status is not None and status.markets:
            claimed = [(m.price if m.volume else None, m.volume) for m in status.markets]
            if claimed != results:
                failures.append(f"batch {batch}: the venue says {claimed}, recomputed {results}")
    published = await asyncio.to_thread(published_balances, exchange)
    rows = []
    for name, number in accounts.items():
        balances = await clients[name].balances()
        cells = [f"{name} ({number})"]
        for asset, symbol in enumerate(ASSETS):
            expected = to_tokens(asset, ledger.balances[(number, asset)])
            proven = balances[symbol].settled
            cells.append(f"{proven.normalize():f}")
            if proven != expected:
                failures.append(f"{name}: {proven} {symbol} proven, {expected} recomputed")
            if published.get((number, asset), 0) != ledger.balances[(number, asset)]:
                failures.append(f"{name}: L1's public data give another {symbol} balance")
        cells.append("✓" if not any(f.startswith(f"{name}:") for f in failures) else "✗")
        rows.append(cells)
    for label, number in (("fees (0)", 0), ("insurance (1)", 1)):
        agree = all(published.get((number, a), 0) == ledger.balances[(number, a)] for a in range(len(ASSETS)))
        if not agree:
            failures.append(f"{label}: L1's public data and the recomputation differ")
        tokens = (to_tokens(a, ledger.balances[(number, a)]) for a in range(len(ASSETS)))
        rows.append([label, *(f"{amount.normalize():f}" for amount in tokens), "✓" if agree else "✗"])
    timeline.table("Balances under L1's state root", ["account", *ASSETS, "agree"], rows)
    timeline.say("proven to each client by a Merkle path; compared with L1's public data, and with a recomputation")
    timeline.say("from the orders that shares no code with the venue")
    return failures


async def export(stage: Stage, timeline: Timeline) -> list[str]:
    """Export every settlement, verified from L1 data alone; say how to check them again. What failed."""
    failures: list[str] = []
    folder = stage.folder
    timeline.chapter("Check it yourself")
    endpoint, address = stage.endpoint, stage.exchange.address
    epochs = await asyncio.to_thread(lambda: stage.exchange.progress().epochs)
    for epoch in range(epochs):
        collected = await asyncio.to_thread(collect, endpoint, address, epoch)
        findings = await asyncio.to_thread(check_export, collected.export)
        path = folder / f"epoch-{epoch}.json"
        write_export(collected.export, path)
        if not findings.accepted or not all(check.ok is not False for check in collected.checks):
            failures.append(f"epoch {epoch}: inspection failed")
        timeline.say(f"sealbook verify {path}")
    timeline.say("while the chain runs (with --keep):")
    timeline.say(f"sealbook inspect epoch 0 --rpc {stage.rpc} --contract {address}")
    return failures
