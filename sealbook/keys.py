"""Verification keys as an inspector reads them: shape, parameters, bits per error source, and whose program it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from eth_utils.crypto import keccak
from rich import box
from rich.console import Console
from rich.table import Table

from proofs import prover_api
from proofs.params import TIERS, Tier
from proofs.solvency.program import TIERS as SOLVENCY_TIERS
from proofs.solvency.program import solvency_program
from proofs.solvency.settlement import verification_key as solvency_key
from proofs.statement.program import clearing_program
from proofs.statement.settlement import verification_key as clearing_key
from proofs.tape import Program
from proofs.verifier.vk import TableShape, parse_verification_key

__all__ = ["PROGRAMS", "KeyProgram", "key_object", "print_keys"]

PROVEN = ("proven_unique_decoding", "proven_list_decoding")


class KeyProgram:
    """A program of this source with its tiers."""

    def __init__(
        self, name: str, program: Callable[[], Program], tiers: Sequence[Tier], key: Callable[[int], bytes]
    ) -> None:
        self.name = name
        self.program = program
        self.tiers = tuple(tiers)
        self.key = key


PROGRAMS = {
    "clearing": KeyProgram("clearing", clearing_program, TIERS, clearing_key),
    "solvency": KeyProgram("solvency", solvency_program, SOLVENCY_TIERS, solvency_key),
}


def key_object(program: KeyProgram, index: int, named: bytes | None = None, found: bytes = b"") -> dict[str, Any]:
    """A tier's key, rebuilt from source, and how it compares with the chain.

    :param named: the hash that a contract names for the tier; None where no chain was asked
    :param found: the key that the contract's verifier holds under that hash
    """
    known = index < len(program.tiers)
    own = program.key(index) if known else b""
    own_hash = keccak(own) if known else b""
    ok = named is None or (known and named == own_hash and found == own)
    return {
        "program": program.name,
        "tier": index,
        "name": program.tiers[index].name if known else None,
        "source_vk_hash": _hex(own_hash),
        "contract_vk_hash": None if named is None else _hex(named),
        "ok": ok,
        "vk_bytes": len(found) if named is not None else len(own),
        **(_shape(program, index, own) if known else {}),
    }


def _shape(program: KeyProgram, index: int, vk: bytes) -> dict[str, Any]:
    key = parse_verification_key(vk)
    head, record = prover_api.proof_lengths(vk)
    security = prover_api.security(vk)
    return {
        "tape_bytes": len(program.program().key_tape),
        "tape_hash": _hex(keccak(program.program().key_tape)),
        "parameters": asdict(program.tiers[index].parameters),
        "log_domain": key.log_domain,
        "log_folding_arities": list(key.rounds),
        "tables": [_matrix(program.program(), i, shape) for i, shape in enumerate(key.tables)],
        "buses": [{"name": bus.name, "width": bus.width} for bus in program.program().buses],
        "proof_bytes": {"head": head, "query_record": record, "total": head + record * key.num_queries},
        "security": security,
        "conjectured_bits": security["conjectured"]["total"],
        "proven_bits": _proven(security)["total"],
    }


def _matrix(program: Program, index: int, shape: TableShape) -> dict[str, Any]:
    matrix = program.matrices[index]
    return {
        "matrix": matrix.name,
        "tables": list(dict.fromkeys(name.split(".")[0] for name in matrix.names)),
        "log_height": shape.log_height,
        "width": shape.table.width,
        "asserts": len(matrix.asserts),
        "messages": len(matrix.messages),
        "lookup_columns": len(shape.lookups),
        "degree": max((a.expression.degree for a in matrix.asserts), default=0),
        "lookup_degree": max((_lookup_degree(program, index, c.messages) for c in shape.lookups), default=0),
        "quotient_chunks": 1 << shape.log_chunks,
        "opening_points": 2 if shape.table.reads_next_row else 1,
    }


def _lookup_degree(program: Program, index: int, packed: Sequence[int]) -> int:
    """Degree of ``column * prod(D_j) = sum of count_j * prod(D_i, i != j)`` over the messages packed in a column."""
    chosen = [program.matrices[index].messages[m] for m in packed]
    fields = [max(f.degree for f in message.fields) for message in chosen]
    counts = [message.count.degree + sum(fields) - d for message, d in zip(chosen, fields, strict=True)]
    return max(1 + sum(fields), *counts)


def _proven(security: dict[str, dict[str, float]]) -> dict[str, float]:
    """The better of the proven regimes."""
    return max((security[name] for name in PROVEN if name in security), key=lambda terms: terms["total"])


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def print_keys(console: Console, program: KeyProgram, rows: Sequence[dict[str, Any]]) -> None:
    """The keys of one program as tables."""
    known = [row for row in rows if "tables" in row]
    if known:
        tape = f"tape {known[0]['tape_bytes']:,} bytes, keccak256 {known[0]['tape_hash']}"
        console.print(f"[bold]program {program.name}[/]: {tape}")
        _print_matrices(console, known[0]["tables"])
        _print_tiers(console, known)
        for title, pick in (("conjectured (random words)", _conjectured), ("proven (the better regime)", _proven)):
            _print_bits(console, f"security in bits, {title}", known, pick)
    for row in rows:
        console.print(f"tier {row['tier']} ({row['name']}): {row['source_vk_hash']} {_verdict(row)}")


def _conjectured(security: dict[str, dict[str, float]]) -> dict[str, float]:
    return security["conjectured"]


def _verdict(row: dict[str, Any]) -> str:
    if row["contract_vk_hash"] is None:
        return f"built from source, {row['vk_bytes']:,} bytes"
    if row["ok"]:
        return "[green]the contract's, bit for bit[/]"
    if row["contract_vk_hash"] == row["source_vk_hash"]:
        return "[bold red]IS NOT REGISTERED[/] with the contract's verifier"
    return f"[bold red]IS NOT THE CONTRACT'S[/], which names {row['contract_vk_hash']}"


def _print_matrices(console: Console, matrices: Sequence[dict[str, Any]]) -> None:
    columns = (
        "matrix",
        "tables",
        "width",
        "asserts",
        "degree",
        "messages",
        "lookups",
        "their degree",
        "chunks",
        "points",
    )
    table = _table("matrices", columns)
    for m in matrices:
        cells = (m["width"], m["asserts"], m["degree"], m["messages"], m["lookup_columns"], m["lookup_degree"])
        table.add_row(
            m["matrix"], ", ".join(m["tables"]), *map(str, cells), str(m["quotient_chunks"]), str(m["opening_points"])
        )
    console.print(table)


def _print_tiers(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """One column for each tier."""
    table = _table("heights and parameters", ("", *(row["name"] for row in rows)))
    for i, matrix in enumerate(rows[0]["tables"]):
        table.add_row(f"log2 rows of {matrix['matrix']}", *(str(row["tables"][i]["log_height"]) for row in rows))
    for name in rows[0]["parameters"]:
        table.add_row(name.replace("_", " "), *(str(row["parameters"][name]) for row in rows))
    table.add_row("log2 domain", *(str(row["log_domain"]) for row in rows))
    table.add_row("foldings (log2)", *(" ".join(map(str, row["log_folding_arities"])) for row in rows))
    table.add_row("proof bytes", *(f"{row['proof_bytes']['total']:,}" for row in rows))
    console.print(table)


def _print_bits(
    console: Console,
    title: str,
    rows: Sequence[dict[str, Any]],
    pick: Callable[[dict[str, dict[str, float]]], dict[str, float]],
) -> None:
    table = _table(title, ("source", *(row["name"] for row in rows)))
    terms = [pick(row["security"]) for row in rows]
    for label in (*(label for label in terms[0] if label != "total"), "total"):
        bits = [f"{column[label]:.1f}" if label in column else "" for column in terms]
        table.add_row(label, *bits, style="bold" if label == "total" else None)
    console.print(table)


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, box=box.SIMPLE, title_justify="left", title_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place > 0 else "left", overflow="fold")
    return table
