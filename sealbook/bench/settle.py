"""Settling on L1, measured: the real contracts on the embedded chain, real proof, every transaction's gas.

Registering ten thousand accounts would take thousands of transactions that nobody wants to measure here. So the state
root of the workload is written into the contract's storage before the first seal; that is the only thing that did not
happen by a transaction.
"""

from __future__ import annotations

import time
from typing import Final

from eth_account import Account

from contracts.chain.server import ChainServer
from contracts.exchange import EMPTY_STATE, Exchange
from contracts.records import AssetConfig, MarketConfig, pack_digest
from contracts.rpc import connect
from contracts.settlement import Material, settle
from contracts.transactions import Mined, Sender
from contracts.verifier import WireProof
from proofs import prover_api
from proofs.params import TIERS
from proofs.statement.settlement import Statement, verification_key

from ..deployment import deploy_venue, development_token
from ..errors import BenchError
from .gas import GasProfile, ProfiledChain
from .jobs import Figures, proven_epoch
from .process import Report, peak_memory
from .workload import MISS_FEE, Work, build

__all__ = ["settle_job", "settle_on"]

REVEAL_WINDOW: Final = 2


def settle_job(report: Report, work: Work, profile: bool = False) -> tuple[Figures, list[GasProfile]]:
    """Deploy, seal, prove and settle one epoch.

    ``gas`` and ``transactions`` count opening, queries and settlement; seals and beacons are reported apart.

    :param profile: also take each transaction apart, which runs it several times
    """
    work.check()
    chain = ProfiledChain()
    server = ChainServer(chain)
    server.start()
    try:
        return _measured(report, work, chain, server.url, profile), chain.profiles
    finally:
        server.stop()


def _measured(report: Report, work: Work, chain: ProfiledChain, url: str, profile: bool) -> Figures:
    report("deploying the contracts", None)
    sender = Sender(connect(url).w3, Account.from_key(chain.keys[0]))
    tokens = [development_token(sender, f"Asset {a}", f"A{a}", 6) for a in range(work.assets)]
    exchange = deploy_venue(
        sender,
        sender.address,
        chain.accounts[1],
        [AssetConfig(token.address, 1) for token in tokens],
        [
            MarketConfig(m.base, m.quote, m.lower, m.upper, m.fee_ppm, reference)
            for m, reference in zip(work.markets, work.references, strict=True)
        ],
        MISS_FEE,
        reveal_window=REVEAL_WINDOW,
        beacon_delay=REVEAL_WINDOW,
    ).exchange
    report("building the workload", None)
    workload = build(work, exchange.venue())
    slot = chain.find_storage(exchange.address, pack_digest(EMPTY_STATE))
    chain.write_storage(exchange.address, slot, pack_digest(workload.tree.root))
    if exchange.state_root() != workload.tree.root:
        raise BenchError("the contract did not take over the workload's state root")
    report("sealing", None)
    seals = [exchange.seal(sender, k, root, work.bundles) for k, root in enumerate(workload.roots)]
    chain.mine(REVEAL_WINDOW + 1)
    beacons = [exchange.batch(k).beacon for k in range(work.batches)]
    recorded = [exchange.record_beacon(sender, k) for k, beacon in enumerate(beacons) if beacon is None]
    known = [exchange.batch(k).beacon or b"" for k in range(work.batches)]
    proven = proven_epoch(report, workload, known, sender.chain_id, exchange.address)
    if profile:
        chain.watched = bytes.fromhex(exchange.address[2:])
    start = time.perf_counter()
    mined = settle_on(report, exchange, sender, proven.statement, proven.proof)
    seconds = time.perf_counter() - start
    if exchange.progress().settled_batches != work.batches:
        raise BenchError("the contract did not settle the epoch")
    return {
        "seconds": seconds,
        "peak_memory_bytes": peak_memory(),
        "proof_bytes": len(proven.proof),
        "calldata_bytes": sum(m.calldata_bytes for m in mined),
        "gas": sum(m.gas_used for m in mined),
        "transactions": len(mined),
        "open_gas": mined[0].gas_used,
        "seal_gas": sum(m.gas_used for m in seals),
        "beacon_gas": sum(m.gas_used for m in recorded),
        "largest_transaction_gas": max(m.gas_used for m in mined),
        "largest_calldata_bytes": max(m.calldata_bytes for m in mined),
        "prove_seconds": proven.witness_seconds + proven.prove_seconds,
        "tier": TIERS[proven.statement.tier].name,
    }


def settle_on(
    report: Report,
    exchange: Exchange,
    sender: Sender,
    statement: Statement,
    proof: bytes,
    queue_entries: bytes = b"",
    signatures: bytes = b"",
) -> list[Mined]:
    """Send a settlement's transactions in order: opening, query records as many as fit, settlement.

    :raises contracts.errors.RevertedError: the contract refused one
    """
    head_length, record_length = prover_api.proof_lengths(verification_key(statement.tier))
    wire = WireProof.split(proof, head_length, record_length)
    report("settling", 0.0)
    material = Material(statement.public_data, queue_entries, b"", signatures, wire)
    return settle(exchange, sender, material, progress=lambda done: report("settling", done))[1]
