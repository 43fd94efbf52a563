"""`sealbook inspect`: verify a settled batch or epoch from L1 data alone."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from contracts.errors import ContractsError
from contracts.rpc import Endpoint, connect, guarded
from proofs import prover_api
from proofs.params import TIERS
from proofs.statement.settlement import verification_key_hash

from ..checks import check_export
from ..collect import collect, demand_address, demand_exchange, fetch_key, find_epoch
from ..errors import InspectError, SealbookError
from ..export import hexed, write_export
from ..report import print_checks, print_settlement, settlement_object, verdict

__all__ = ["add_parser", "run"]

_DESCRIPTION = """\
Verify settled batches from what the chain holds, trusting neither operator nor contract:
  sealbook inspect batch 3 ...    the epoch that settled batch 3 (a number alone is a batch: sealbook inspect 3)
  sealbook inspect epoch 1 ...    epoch 1
  sealbook inspect latest ...     the last settled epoch
  sealbook inspect key ...        the verification keys of all tiers, against this program's source
Events lead to the transactions, whose inputs hold public data and proof. The public messages are built again from the
contract's records, and the proof is checked by the Python verifier. That L1 says what it says is taken from
the endpoint: use one that you trust, best your own.
Exit status: 0 if everything holds, 1 if a check fails, 2 if there is nothing to check."""

KINDS = ("batch", "epoch", "latest", "key")


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Register `inspect` with the subparsers of the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "inspect",
        help="verify settled batches and epochs from L1 data alone",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "what", type=_what, metavar="batch|epoch|latest|key", help="what to inspect, or a batch's number"
    )
    parser.add_argument("number", type=_number, nargs="?", help="number of the batch or epoch")
    parser.add_argument("--rpc", metavar="URL", required=True, help="JSON-RPC endpoint of the chain")
    parser.add_argument("--contract", metavar="ADDR", required=True, help="address of the Exchange")
    parser.add_argument("--chain-id", metavar="ID", type=_number, help="refuse any other chain")
    parser.add_argument("--profile", metavar="NAME", help="rules of finality: development, anvil, ethereum, rollup")
    parser.add_argument("--export", metavar="FILE", type=Path, help="write the settlement for `sealbook verify`")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)
    return parser


def _what(text: str) -> str:
    if text not in KINDS and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(KINDS)}, nor a batch's number")
    return text


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """0 if everything holds, 1 if a check fails, 2 if nothing could be checked."""
    try:
        if args.what not in KINDS:
            if args.number is not None:
                raise InspectError("number", f"two numbers: did you mean `inspect batch {args.what}`?")
            args.what, args.number = "batch", _number(args.what)
        if (args.number is None) != (args.what in ("latest", "key")):
            wanted = "needs a number" if args.number is None else "takes no number"
            raise InspectError("number", f"`inspect {args.what}` {wanted}")
        address = demand_address(args.contract)
        endpoint = connect(args.rpc, chain_id=args.chain_id, profile=args.profile)
        if args.what == "key":
            return _inspect_key(endpoint, address, args.json)
        return _inspect_epoch(endpoint, address, args)
    except (SealbookError, ContractsError) as error:
        if args.json:
            print(json.dumps({"error": {"code": error.code, "message": str(error)}}))
        else:
            print(f"sealbook inspect: {error}", file=sys.stderr)
        return 2


def _inspect_epoch(endpoint: Endpoint, address: str, args: argparse.Namespace) -> int:
    terminal = Console(stderr=True)
    with terminal.status("connecting", spinner="dots") as status:
        number = find_epoch(endpoint, address, args.what, args.number)
        collected = collect(endpoint, address, number, status.update)
        findings = check_export(collected.export, status.update)
    checks = [*collected.checks, *findings.checks]
    shown = settlement_object(collected.export, findings, checks)
    if args.export is not None:
        size = write_export(collected.export, args.export)
        print(f"wrote {args.export} ({size} bytes)", file=sys.stderr)
    if args.json:
        print(json.dumps(shown))
    else:
        console = Console()
        print_settlement(console, shown)
        print_checks(console, checks, findings.accepted)
    return 0 if verdict(checks, findings.accepted) == "verified" else 1


def _inspect_key(endpoint: Endpoint, address: str, as_json: bool) -> int:
    exchange = demand_exchange(endpoint, address)
    named = guarded(exchange.tiers)
    verifier = guarded(exchange.verifier)
    rows: list[dict[str, Any]] = []
    for index, key_hash in enumerate(named):
        key = fetch_key(endpoint, verifier, key_hash)
        own = verification_key_hash(index) if index < len(TIERS) else b""
        rows.append(
            {
                "tier": index,
                "name": TIERS[index].name if index < len(TIERS) else None,
                "contract_vk_hash": hexed(key_hash),
                "source_vk_hash": hexed(own),
                "vk_bytes": len(key),
                "ok": own == key_hash and bool(key),
                "security": prover_api.security(key) if key and own == key_hash else {},
            }
        )
    ok = all(row["ok"] for row in rows)
    if as_json:
        print(json.dumps({"verdict": "verified" if ok else "rejected", "verifier": verifier, "tiers": rows}))
        return 0 if ok else 1
    console = Console()
    for row in rows:
        state = "is this program" if row["ok"] else "IS NOT THIS PROGRAM, OR IS NOT REGISTERED"
        total = {name: f"{terms['total']:.1f}" for name, terms in row["security"].items()}
        console.print(f"tier {row['tier']} ({row['name']}): {row['contract_vk_hash']} {state}", highlight=False)
        console.print(f"  {row['vk_bytes']} bytes, security in bits: {total}", highlight=False)
    console.print("verified" if ok else "rejected")
    return 0 if ok else 1
