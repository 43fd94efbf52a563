"""What inspectors read: a settlement and its verdicts as tables, or as one JSON object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from proofs.params import TIERS
from proofs.statement.public import PublicData, draw

from .checks import Check, Findings
from .export import SettlementExport, digest_hex, epoch_context, hexed, raw

__all__ = ["print_checks", "print_settlement", "settlement_object", "verdict"]

MAX_ROWS = 40
"""Longer lists are cut on the terminal; ``--json`` has them whole."""
SETTLEMENT_STEPS = ("open", "signatures", "queries", "settle")

_MARKS = {True: "[green]holds[/]", False: "[bold red]FAILS[/]", None: "[yellow]open[/]"}
_QUEUE_KINDS = {1: "key root", 2: "deposit"}
_REGIMES = {"proven_unique_decoding": "proven, unique", "proven_list_decoding": "proven, list"}


def verdict(checks: Sequence[Check], accepted: bool) -> str:
    """``verified`` only if the proof was accepted and no check failed."""
    return "verified" if accepted and all(c.ok is not False for c in checks) else "rejected"


def settlement_object(export: SettlementExport, findings: Findings, checks: Sequence[Check]) -> dict[str, Any]:
    """The JSON object of `inspect` and `verify`. Amounts are units, prices ticks, volumes lots."""
    data = findings.data
    tier = data.tier if data else None
    return {
        "verdict": verdict(checks, findings.accepted),
        "checks": [{"name": c.name, "ok": c.ok, "title": c.title, "detail": c.detail} for c in checks],
        "chain_id": export.chain_id,
        "contract": export.contract,
        "epoch": export.epoch,
        "tier": tier,
        "program": {
            "vk_hash": hexed(findings.program_hash),
            "contract_vk_hash": export.tier_key_hash,
            "vk_bytes": len(raw(export.verification_key)),
        },
        "inputs": {
            "venue": epoch_context(export).venue,
            "old_root": export.old_root,
            "miss_fee": export.parameters.miss_fee,
            "fee_asset": export.parameters.fee_asset,
            "markets": [
                {
                    "market": m,
                    "base": market.base,
                    "quote": market.quote,
                    "lower": market.lower,
                    "upper": market.upper,
                    "fee_ppm": market.fee_ppm,
                    "reference": market.reference,
                }
                for m, market in enumerate(export.markets)
            ],
            "queue_entries": [
                {"kind": e.kind, "account": e.account, "asset": e.asset, "value": digest_hex(e.value)}
                for batch in epoch_context(export).batches
                for e in batch.queue
            ],
        },
        "batches": _batches(export, data),
        "outputs": {
            "new_root": digest_hex(data.new_root) if data else None,
            "balances": _holdings(data.balances) if data else [],
            "withdrawals": _holdings(data.withdrawals) if data else [],
            "missing": _missing(export, data) if data else [],
        },
        "public_messages": len(findings.messages),
        "proof_bytes": len(raw(export.proof)),
        "public_data_bytes": len(raw(export.public_data)),
        "security": findings.security,
        "transactions": [
            {
                "step": t.step,
                "hash": t.hash,
                "block": t.block,
                "gas": t.gas,
                "calldata_bytes": t.calldata_bytes,
            }
            for t in export.transactions
        ],
        "settlement_gas": sum(t.gas for t in export.transactions if t.step in SETTLEMENT_STEPS),
    }


def _batches(export: SettlementExport, data: PublicData | None) -> list[dict[str, Any]]:
    rows = iter(data.results if data else ())
    out = []
    for k, batch in enumerate(export.batches):
        results = next(rows, ()) if batch.count else ()
        out.append(
            {
                "batch": batch.number,
                "count": batch.count,
                "missing": sum(1 for m in data.missing if m.batch == k) if data else None,
                "root": batch.root,
                "seal_block": batch.seal_block,
                "queue_cut": batch.cut,
                "beacon": batch.beacon,
                "markets": [
                    {
                        "market": m,
                        "price": result.price if result.volume else None,
                        "reference_after": result.price,
                        "volume": result.volume,
                        "draw": draw(raw(batch.beacon), m) if batch.beacon else None,
                    }
                    for m, result in enumerate(results)
                ],
            }
        )
    return out


def _holdings(rows: Iterable[Any]) -> list[dict[str, int]]:
    return [{"account": h.account, "asset": h.asset, "units": h.value} for h in rows]


def _missing(export: SettlementExport, data: PublicData) -> list[dict[str, Any]]:
    return [
        {
            "batch": export.batches[m.batch].number,
            "account": m.account,
            "commitment": digest_hex(m.commitment),
            "charged": m.charged,
        }
        for m in data.missing
    ]


def print_settlement(console: Console, shown: dict[str, Any]) -> None:
    """The object of :func:`settlement_object` as tables."""
    first, last = shown["batches"][0]["batch"], shown["batches"][-1]["batch"]
    console.print(
        f"[bold]Epoch {shown['epoch']}[/], batches {first} to {last}, "
        f"chain {shown['chain_id']}, exchange {shown['contract']}"
    )
    tier = shown["tier"]
    name = TIERS[tier].name if tier is not None and tier < len(TIERS) else "unknown"
    console.print(f"program {shown['program']['vk_hash']} (tier {name})")
    console.print(f"state {shown['inputs']['old_root']}")
    console.print(f"   -> {shown['outputs']['new_root']}")
    _print_batches(console, shown)
    outputs = shown["outputs"]
    _print_rows(console, "changed balances", ("account", "asset", "units"), outputs["balances"])
    _print_rows(console, "withdrawals", ("account", "asset", "units"), outputs["withdrawals"])
    missing = [{**m, "charged": "yes" if m["charged"] else "no"} for m in outputs["missing"]]
    _print_rows(console, "missing reveals", ("batch", "account", "charged", "commitment"), missing)
    _print_queue(console, shown["inputs"]["queue_entries"])
    _print_security(console, shown["security"])
    transactions = [
        {**t, "gas": f"{t['gas']:,}", "bytes": f"{t['calldata_bytes']:,}", "hash": _short(t["hash"])}
        for t in shown["transactions"]
    ]
    _print_rows(console, "transactions", ("step", "block", "gas", "bytes", "hash"), transactions)
    if transactions:
        console.print(f"settlement gas in all: {shown['settlement_gas']:,}")


def _print_batches(console: Console, shown: dict[str, Any]) -> None:
    table = _table("batches", ("batch", "leaves", "missing"))
    markets = shown["inputs"]["markets"]
    for m in range(len(markets)):
        table.add_column(f"price {m}", justify="right")
        table.add_column(f"volume {m}", justify="right")
    for batch in shown["batches"]:
        cells = [batch["batch"], batch["count"], "?" if batch["missing"] is None else batch["missing"]]
        for m in range(len(markets)):
            result = batch["markets"][m] if m < len(batch["markets"]) else None
            price = None if result is None else result["price"]
            cells += ["no trade" if price is None else price, 0 if result is None else result["volume"]]
        table.add_row(*map(str, cells))
    console.print(table)


def _print_queue(console: Console, entries: Sequence[dict[str, Any]]) -> None:
    rows = [
        {
            "kind": _QUEUE_KINDS.get(entry["kind"], entry["kind"]),
            "account": entry["account"],
            "asset": entry["asset"] if entry["kind"] == 2 else "",
            "value": f"{int(entry['value'][2:18], 16)} units" if entry["kind"] == 2 else _short(entry["value"]),
        }
        for entry in entries
    ]
    _print_rows(console, "queue entries", ("kind", "account", "asset", "value"), rows)


def _short(text: str) -> str:
    """A hash as people compare it; ``--json`` has it whole."""
    return f"{text[:12]}..{text[-8:]}"


def _print_security(console: Console, security: dict[str, dict[str, float]]) -> None:
    if not security:
        return
    table = _table("security in bits, by error source", ("source", *(_REGIMES.get(r, r) for r in security)))
    labels = dict.fromkeys(label for terms in security.values() for label in terms if label != "total")
    for label in (*labels, "total"):
        bits = [f"{terms[label]:.1f}" if label in terms else "" for terms in security.values()]
        table.add_row(label, *bits, style="bold" if label == "total" else None)
    console.print(table)


def _print_rows(console: Console, title: str, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    table = _table(title, columns)
    for row in rows[:MAX_ROWS]:
        table.add_row(*(str(row[column]) for column in columns))
    console.print(table)
    if len(rows) > MAX_ROWS:
        console.print(f"... and {len(rows) - MAX_ROWS} more (--json shows all)")


def print_checks(console: Console, checks: Sequence[Check], accepted: bool) -> None:
    """The verdict of each check, and of all."""
    table = _table("checks", ("verdict", "check", "detail"))
    for check in checks:
        table.add_row(_MARKS[check.ok], f"{check.name}: {check.title}", check.detail)
    console.print(table)
    if verdict(checks, accepted) == "verified":
        console.print("[bold green]verified[/]")
    else:
        reasons = "; ".join(f"{c.name}: {c.detail}" for c in checks if c.ok is False) or "the proof was not checked"
        console.print(f"[bold red]rejected[/]: {reasons}", highlight=False)


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, box=box.SIMPLE, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
