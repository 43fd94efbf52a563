"""`sealbook prove solvency`: prove what a venue owes, and compare it with what it holds."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eth_account import Account
from rich import box
from rich.console import Console
from rich.table import Table

from contracts.errors import ContractsError, RevertedError
from contracts.rpc import connect
from contracts.solvency import Position
from contracts.transactions import Sender
from orderbook.attest import read_key
from orderbook.errors import OrderbookError
from proofs.solvency.program import TIERS
from proofs.solvency.settlement import verification_key_hash
from proofs.verifier import ProofRejected

from ..errors import CommandError, SolvencyError
from ..onchain import demand_address, demand_exchange
from ..solvency.audit import Proof, Recorded, demand_solvency, deploy, misstate, prove_state, record, take_stock
from ..solvency.demo import DemoVenue, demo_venue
from ..solvency.state import SettledState, read_state, replay, write_state
from ..words import count, number

__all__ = ["add_parser", "run"]

_DESCRIPTION = """\
Prove that the balances of all accounts under a venue's state root sum to its liabilities, and say nothing else about
any account. Anybody can: the state is rebuilt from what the settlements published on L1.
  sealbook prove solvency --demo                                 a generated venue on the embedded chain, end to end
  sealbook prove solvency --rpc URL --contract ADDR              prove, verify, compare with the chain; send nothing
  sealbook prove solvency ... --key FILE                         deploy a Solvency contract and record it there
  sealbook prove solvency ... --key FILE --solvency ADDR         record it in one that is there
For each asset: liabilities (proven) and deposits that wait in the queue must not exceed custody, the Exchange's books;
the rest are withdrawals that wait for their owners. Custody must not exceed what the Exchange really holds.
Exit status: 0 solvent, 1 not, 2 if nothing could be proven."""
DEMO_ACCOUNTS = 300
DEMO_ASSETS = 3


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Register `prove` with the subparsers of the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "prove",
        help="prove the venue's solvency against what the contract holds",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("solvency",), metavar="solvency", help="what to prove: solvency")
    parser.add_argument("--rpc", metavar="URL", help="JSON-RPC endpoint of the chain")
    parser.add_argument("--contract", metavar="ADDR", help="address of the Exchange")
    parser.add_argument("--chain-id", metavar="ID", type=number, help="refuse any other chain")
    parser.add_argument("--profile", metavar="NAME", help="limits of a transaction; default: by chain id")
    parser.add_argument("--solvency", metavar="ADDR", help="address of the Solvency contract")
    parser.add_argument("--key", metavar="FILE", type=Path, help="key that pays for the transactions (64 hex digits)")
    parser.add_argument("--state", metavar="FILE", type=Path, help="take the state from a file instead of L1's events")
    parser.add_argument("--save-state", metavar="FILE", type=Path, help="write the state to a file")
    parser.add_argument("--demo", action="store_true", help="prove a generated venue on the embedded chain")
    parser.add_argument(
        "--accounts", metavar="N", type=count, help=f"accounts of the demonstration (default {DEMO_ACCOUNTS})"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """0 solvent, 1 not, 2 if nothing could be proven."""
    try:
        _check(args)
        with Console(stderr=True).status("starting", spinner="dots") as status:
            shown = _demo(args, status.update) if args.demo else _prove(args, status.update)
    except (CommandError, ContractsError, OrderbookError, ProofRejected) as error:
        if args.json:
            print(json.dumps({"error": {"code": error.code, "message": str(error)}}))
        else:
            print(f"sealbook prove: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(shown))
    else:
        _print(Console(highlight=False, soft_wrap=True), shown)
    return 0 if shown["solvent"] else 1


def _check(args: argparse.Namespace) -> None:
    """Raise :class:`SolvencyError` for options that do not go together."""
    if args.demo:
        for name in ("rpc", "contract", "chain_id", "profile", "solvency", "key", "state"):
            if getattr(args, name) is not None:
                raise SolvencyError(f"--{name.replace('_', '-')}", "the demonstration has a chain of its own")
        return
    if args.accounts is not None:
        raise SolvencyError("--accounts", "only the demonstration generates accounts")
    for name in ("rpc", "contract"):
        if getattr(args, name) is None:
            raise SolvencyError(f"--{name}", "needed, unless it is --demo")
    if args.solvency is not None and args.key is None:
        raise SolvencyError("--solvency", "recording a proof takes transactions: give a --key that pays for them")


def _prove(args: argparse.Namespace, report: Any) -> dict[str, Any]:
    key = read_key(args.key) if args.key is not None else None
    address = demand_address(args.contract)
    endpoint = connect(args.rpc, chain_id=args.chain_id, profile=args.profile)
    exchange = demand_exchange(endpoint, address)
    state = read_state(args.state) if args.state is not None else replay(endpoint, exchange, report)
    if state.assets != len(exchange.assets()):
        raise SolvencyError("assets", f"the state has {state.assets}, the Exchange {len(exchange.assets())}")
    if args.save_state is not None:
        write_state(state, args.save_state)
    solvency, sender = None, None
    if key is not None:
        sender = Sender(endpoint.w3, Account.from_key(key.reveal()), endpoint.profile)
        if args.solvency is None:
            solvency = deploy(sender, exchange, tuple(tier.index for tier in TIERS), report)
        else:
            solvency = demand_solvency(endpoint, demand_address(args.solvency), exchange)
    target = solvency.address if solvency is not None else exchange.address
    proven = prove_state(state, exchange.state_root(), endpoint.chain_id, target, report)
    if solvency is None or sender is None:
        positions = take_stock(exchange, proven.statement.claim.liabilities)
        return _object(state, proven, positions, exchange.progress().epochs, None, None)
    report("recording")
    recorded = record(sender, solvency, exchange, proven)
    return _object(state, proven, recorded.solvency.positions, recorded.solvency.epochs, solvency.address, recorded)


def _demo(args: argparse.Namespace, report: Any) -> dict[str, Any]:
    accounts = DEMO_ACCOUNTS if args.accounts is None else args.accounts
    with demo_venue(accounts, DEMO_ASSETS, report) as venue:
        if args.save_state is not None:
            write_state(venue.state, args.save_state)
        root, chain_id = venue.exchange.state_root(), venue.endpoint.chain_id
        proven = prove_state(venue.state, root, chain_id, venue.solvency.address, report)
        report("recording")
        recorded = record(venue.sender, venue.solvency, venue.exchange, proven)
        solvency = recorded.solvency
        shown = _object(venue.state, proven, solvency.positions, solvency.epochs, venue.solvency.address, recorded)
        return {**shown, "attacks": _attacks(venue, proven, report)}


def _attacks(venue: DemoVenue, proven: Proof, report: Any) -> list[dict[str, str]]:
    """What a venue might try, and what the contract makes of it."""
    report("lying")
    owed = proven.statement.claim.liabilities
    false = misstate(venue.state, venue.endpoint.chain_id, venue.solvency.address, (owed[0] - 1, *owed[1:]))
    try:
        record(venue.sender, venue.solvency, venue.exchange, false)
        refusal = "accepted"
    except RevertedError as error:
        refusal = f"refused: {error.error}"
    report("stealing")
    venue.lose(0, 1)
    short = record(venue.sender, venue.solvency, venue.exchange, proven)
    return [
        {"attack": "liabilities of asset 0 stated one unit too low", "outcome": refusal},
        {
            "attack": "one unit of asset 0 taken off the books",
            "outcome": "recorded as solvent" if short.solvency.solvent else "recorded as not solvent",
        },
    ]


def _object(
    state: SettledState,
    proven: Proof,
    positions: Sequence[Position],
    epochs: int,
    contract: str | None,
    recorded: Recorded | None,
) -> dict[str, Any]:
    """The JSON object. Amounts are units of the venue."""
    claim = proven.statement.claim
    mined = recorded.transactions if recorded is not None else ()
    return {
        "solvent": all(position.sound for position in positions),
        "recorded": recorded is not None,
        "chain_id": proven.statement.chain_id,
        "contract": contract,
        "root": "0x" + b"".join(element.to_bytes(8, "big") for element in claim.root).hex(),
        "epochs": epochs,
        "block": recorded.solvency.block if recorded is not None else None,
        "accounts": state.accounts,
        "leaves": len(state.leaves),
        "tier": TIERS[proven.statement.tier].name,
        "vk_hash": "0x" + verification_key_hash(proven.statement.tier).hex(),
        "assets": [
            {"asset": asset, **asdict(position), "unclaimed": position.unclaimed, "sound": position.sound}
            for asset, position in enumerate(positions)
        ],
        "public_messages": len(proven.statement.messages),
        "proof_bytes": len(proven.proof),
        "witness_seconds": round(proven.witness_seconds, 3),
        "prove_seconds": round(proven.prove_seconds, 3),
        "verify_seconds": round(proven.verify_seconds, 3),
        "transactions": [
            {"hash": "0x" + m.hash.hex(), "block": m.block, "gas": m.gas_used, "calldata_bytes": m.calldata_bytes}
            for m in mined
        ],
        "gas": sum(m.gas_used for m in mined),
    }


def _print(console: Console, shown: dict[str, Any]) -> None:
    console.print(f"state {shown['root']}")
    console.print(f"after {shown['epochs']} epochs: {shown['accounts']:,} accounts, {shown['leaves']:,} leaves")
    console.print(f"program {shown['vk_hash']} (tier {shown['tier']})")
    columns = ("asset", "liabilities", "pending", "custody", "held", "unclaimed", "")
    table = Table(
        title="units, by asset",
        box=box.SIMPLE,
        title_justify="left",
        title_style="bold",
        padding=(0, 1),
        pad_edge=False,
    )
    for column in columns:
        table.add_column(column, justify="right" if column else "left", overflow="fold")
    for row in shown["assets"]:
        amounts = (row[name] for name in ("liabilities", "pending", "custody", "held", "unclaimed"))
        mark = "[green]covered[/]" if row["sound"] else "[bold red]NOT COVERED[/]"
        table.add_row(str(row["asset"]), *(f"{amount:,}" for amount in amounts), mark)
    console.print(table)
    console.print(
        f"witness {shown['witness_seconds']:.2f} s, proof {shown['prove_seconds']:.2f} s, "
        f"verified in {shown['verify_seconds']:.2f} s; {shown['proof_bytes']:,} bytes"
    )
    if shown["recorded"]:
        count = len(shown["transactions"])
        console.print(
            f"recorded by {shown['contract']} in block {shown['block']}: "
            f"{count} transaction{'s' if count > 1 else ''}, {shown['gas']:,} gas"
        )
    else:
        console.print("compared with the chain by this program; not recorded by a contract (--key)")
    for attack in shown.get("attacks", ()):
        console.print(f"tried: {attack['attack']}: {attack['outcome']}")
    console.print("[bold green]solvent[/]" if shown["solvent"] else "[bold red]not solvent[/]")
