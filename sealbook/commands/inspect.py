"""`sealbook inspect`: verify a settled batch or epoch from L1 data alone."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak
from rich.console import Console

from contracts.errors import ContractsError
from contracts.rpc import Endpoint, connect, guarded

from ..checks import check_export
from ..collect import collect
from ..errors import CommandError, InspectError
from ..export import write_export
from ..keys import PROGRAMS, KeyProgram, key_object, print_keys
from ..onchain import demand_address, demand_exchange, fetch_key, find_epoch
from ..report import print_checks, print_settlement, settlement_object, verdict
from ..solvency.audit import demand_solvency
from ..words import number as number_of

__all__ = ["add_parser", "run"]

_DESCRIPTION = """\
Verify settled batches from what the chain holds, trusting neither operator nor contract:
  sealbook inspect batch 3 ...    the epoch that settled batch 3 (a number alone is a batch: sealbook inspect 3)
  sealbook inspect epoch 1 ...    epoch 1
  sealbook inspect latest ...     the last settled epoch
  sealbook inspect key ...        the verification keys of all tiers, against this program's source
  sealbook inspect key            the keys of this source alone: tables, parameters, bits of every error source
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
    parser.add_argument("number", type=number_of, nargs="?", help="number of the batch or epoch")
    parser.add_argument("--rpc", metavar="URL", help="JSON-RPC endpoint of the chain; `key` alone needs none")
    parser.add_argument("--contract", metavar="ADDR", help="address of the Exchange")
    parser.add_argument("--solvency", metavar="ADDR", help="with `key`: also the keys of this Solvency contract")
    parser.add_argument("--chain-id", metavar="ID", type=number_of, help="refuse any other chain")
    parser.add_argument("--profile", metavar="NAME", help="rules of finality: development, anvil, ethereum, rollup")
    parser.add_argument("--export", metavar="FILE", type=Path, help="write the settlement for `sealbook verify`")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run, refuse=parser.error)
    return parser


def _what(text: str) -> str:
    if text not in KINDS and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(KINDS)}, nor a batch's number")
    return text


def run(args: argparse.Namespace) -> int:
    """0 if everything holds, 1 if a check fails, 2 if nothing could be checked."""
    try:
        if args.what not in KINDS:
            if args.number is not None:
                raise InspectError("number", f"two numbers: did you mean `inspect batch {args.what}`?")
            args.what, args.number = "batch", number_of(args.what)
        if (args.number is None) != (args.what in ("latest", "key")):
            wanted = "needs a number" if args.number is None else "takes no number"
            raise InspectError("number", f"`inspect {args.what}` {wanted}")
        _demand_chain(args)
        if args.what == "key":
            return _inspect_key(args)
        address = demand_address(args.contract)
        return _inspect_epoch(connect(args.rpc, chain_id=args.chain_id, profile=args.profile), address, args)
    except (CommandError, ContractsError) as error:
        if args.json:
            print(json.dumps({"error": {"code": error.code, "message": str(error)}}))
        else:
            print(f"sealbook inspect: {error}", file=sys.stderr)
        return 2


def _demand_chain(args: argparse.Namespace) -> None:
    """End with a usage message unless there is a chain to look at, or none is needed."""
    if args.solvency is not None and args.what != "key":
        raise InspectError("solvency", "only `inspect key` takes it")
    given = {"rpc": args.rpc, "contract": args.contract}
    if args.what == "key" and not any((*given.values(), args.solvency)):
        return
    missing = [f"--{name}" for name, value in given.items() if value is None]
    if missing:
        args.refuse(f"the following arguments are required: {', '.join(missing)}")


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


def _inspect_key(args: argparse.Namespace) -> int:
    """The keys of this source; with a chain, against those that its contracts name."""
    rows = {name: _own_keys(program) for name, program in PROGRAMS.items()}
    verifier = None
    if args.rpc is not None:
        endpoint = connect(args.rpc, chain_id=args.chain_id, profile=args.profile)
        exchange = demand_exchange(endpoint, demand_address(args.contract))
        verifier = guarded(exchange.verifier)
        rows["clearing"] = _chain_keys(endpoint, verifier, PROGRAMS["clearing"], guarded(exchange.tiers))
        if args.solvency is not None:
            solvency = demand_solvency(endpoint, demand_address(args.solvency), exchange)
            named = guarded(solvency.tiers)
            rows["solvency"] = _chain_keys(endpoint, guarded(solvency.verifier), PROGRAMS["solvency"], named)
    ok = all(row["ok"] for tiers in rows.values() for row in tiers)
    outcome = ("verified" if ok else "rejected") if verifier is not None else "source"
    if args.json:
        print(json.dumps({"verdict": outcome, "verifier": verifier, "tiers": rows["clearing"], **rows}))
        return 0 if ok else 1
    console = Console(highlight=False, soft_wrap=True)
    for name, tiers in rows.items():
        print_keys(console, PROGRAMS[name], tiers)
    if verifier is None:
        console.print("built from source; give --rpc and --contract to compare with a chain")
    else:
        console.print("[bold green]verified[/]" if ok else "[bold red]rejected[/]")
    return 0 if ok else 1


def _own_keys(program: KeyProgram) -> list[dict[str, Any]]:
    return [key_object(program, index) for index in range(len(program.tiers))]


def _chain_keys(endpoint: Endpoint, verifier: str, program: KeyProgram, named: Sequence[bytes]) -> list[dict[str, Any]]:
    """One row for each key that the contract names. A contract may name fewer tiers than the source has."""
    known = [keccak(program.key(index)) for index in range(len(program.tiers))]
    rows = []
    for place, key_hash in enumerate(named):
        index = known.index(key_hash) if program.name == "solvency" and key_hash in known else place
        rows.append(key_object(program, index, key_hash, fetch_key(endpoint, verifier, key_hash)))
    return rows
