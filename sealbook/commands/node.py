"""``sealbook node``: run a venue."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import ssl
import sys
from pathlib import Path
from typing import Any

from commitments.receipts import SigningKey
from orderbook.attest import read_key
from orderbook.errors import ConfigurationError, OrderbookError
from orderbook.gateway import Gateway
from orderbook.journal import Journal
from orderbook.limits import Limits
from orderbook.memory import settle_in
from orderbook.metrics import Metrics
from orderbook.node import Node, replay
from orderbook.parameters import VenueParameters
from orderbook.prover_runner import ProcessProver
from orderbook.proving import check_tiers
from orderbook.settings import Settings
from orderbook.state import VenueState
from orderbook.vault import Vault
from proofs.params import PROFILES

from ..logs import set_up
from ..words import address, batches, count, seconds

_DESCRIPTION = """\
Run a venue: collect commitments over WebSocket, seal batches on L1, take reveals,
clear by the published rule, prove, and settle on L1.

A batch goes through COMMIT, SEAL, REVEAL, BEACON, CLEAR, PROVE and SETTLE. It closes when it
is --batch-seconds old (and holds a commitment, or deposits wait), when it holds
--batch-commitments, or when the operator's session asks for it (message seal_now).
While one batch is proven, the next ones collect.
"""
_EPILOG = """\
examples:
  sealbook node --rpc http://127.0.0.1:8545 --contract 0x... --operator-key operator.key --data ./venue
  sealbook node ... --batch-seconds 30 --batches-per-epoch 4      prove four batches together
  sealbook node ... --batch-seconds 0 --batch-commitments 10      close when ten have committed

files in --data:
  journal.sqlite3   every event, on disk before it is acknowledged; the node resumes from it
  journal.key       the key under which reveals are encrypted there; without it the journal cannot be read
  epochs/           settlement packages, to be sent again if need be; deleted when the settlement is final

The operator key file holds 64 hex digits and must be readable by its owner only (mode 600).
SIGINT and SIGTERM answer what was asked, tell every client, and stop; a second one does not wait.
Exit status: 0 after a signal or when drained, 2 if the node cannot start, 1 if it had to stop.
"""


def add_parser(subparsers: Any) -> None:
    """Add ``node`` to the command line."""
    parser = subparsers.add_parser(
        "node",
        help="run a venue: collect, seal, clear, prove and settle batches",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    chain = parser.add_argument_group("L1")
    chain.add_argument("--rpc", required=True, metavar="URL", help="JSON-RPC endpoint")
    chain.add_argument("--contract", required=True, metavar="ADDRESS", help="the exchange contract")
    chain.add_argument("--chain-id", type=int, metavar="N", help="refuse any other chain")
    chain.add_argument("--profile", metavar="NAME", help="finality and limits; default: by chain id")
    chain.add_argument(
        "--mine-seconds",
        type=seconds,
        metavar="S",
        help="development chains only: make a block this often while one is waited for",
    )
    venue = parser.add_argument_group("venue")
    venue.add_argument("--data", required=True, type=Path, metavar="DIR", help="journal and proofs")
    venue.add_argument(
        "--operator-key", required=True, type=Path, metavar="FILE", help="key of the contract's operator"
    )
    venue.add_argument(
        "--listen",
        default="127.0.0.1:9545",
        type=address,
        metavar="HOST:PORT",
        help="default: 127.0.0.1:9545",
    )
    venue.add_argument("--tls-cert", type=Path, metavar="FILE", help="serve wss:// with this certificate chain (PEM)")
    venue.add_argument("--tls-key", type=Path, metavar="FILE", help="its key (PEM); default: in the same file")
    venue.add_argument(
        "--status",
        type=address,
        metavar="HOST:PORT",
        help="serve /metrics (Prometheus), /health and /ready there over HTTP; default: not at all",
    )
    venue.add_argument(
        "--max-connections",
        type=count,
        default=Limits().connections,
        metavar="N",
        help=f"default {Limits().connections}",
    )
    venue.add_argument(
        "--drain-seconds",
        type=seconds,
        default=0.0,
        metavar="S",
        help="on SIGTERM take no new commitments, and stop when every batch is settled or after S seconds (default 0:"
        " answer what was asked and stop)",
    )
    batching = parser.add_argument_group("batches")
    batching.add_argument(
        "--batch-seconds",
        type=seconds,
        default=10.0,
        metavar="S",
        help="age at which a batch closes; 0: not by age",
    )
    batching.add_argument("--batch-commitments", type=count, metavar="N", help="commitments at which a batch closes")
    batching.add_argument(
        "--batches-per-epoch",
        type=batches,
        default=1,
        metavar="N",
        help="batches proven together (default 1, at most 16)",
    )
    batching.add_argument(
        "--epoch-seconds",
        type=seconds,
        default=300.0,
        metavar="S",
        help="prove fewer after this time (default 300)",
    )
    batching.add_argument(
        "--proofs",
        choices=sorted(PROFILES),
        help="fast: the least work; compact: the fewest bytes on L1, six times the work (default: compact, but fast on"
        " development chains)",
    )
    parser.add_argument("--poll-seconds", type=seconds, default=0.5, metavar="S", help="how often L1 is read")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run until Ctrl-C; the exit status."""
    set_up(options.json)
    log = logging.getLogger("sealbook.node")
    try:
        node, journal = _prepare(options)
    except OrderbookError as error:
        _complain(options, error)
        return 2
    try:
        asyncio.run(_serve(node, options))
    except OrderbookError as error:
        _complain(options, error)
        return 2 if error.code in ("port_busy", "cannot_listen") else 1
    finally:
        journal.close()
    log.info("stopped; everything acknowledged is in %s", options.data)
    return 0


def _prepare(options: argparse.Namespace) -> tuple[Node, Journal]:
    """Everything that can fail before the node serves."""
    log = logging.getLogger("sealbook.node")
    settings = Settings(
        data=options.data,
        host=options.listen[0],
        port=options.listen[1],
        batch_seconds=options.batch_seconds or None,
        batch_commitments=options.batch_commitments,
        batches_per_epoch=options.batches_per_epoch,
        epoch_seconds=options.epoch_seconds,
        poll_seconds=options.poll_seconds,
        mine_seconds=options.mine_seconds,
        status=options.status,
    )
    tls = _tls(options.tls_cert, options.tls_key)
    operator: SigningKey = read_key(options.operator_key)
    gateway = Gateway(options.rpc, options.contract, operator, options.chain_id, options.profile)
    parameters = gateway.parameters()
    tiers = gateway.tiers()
    check_tiers(tiers)
    log.info("exchange %s on chain %d, operator %s", parameters.contract, parameters.chain_id, operator.address)
    journal, state, count = _open_journal(settings, parameters)
    if count:
        open_ = len(state.lifecycle.batches) - 1
        log.info(
            "resumed from %d journaled events: batch %d is open, %d settled",
            count,
            open_,
            state.lifecycle.settled,
        )
    metrics = Metrics()
    proofs = options.proofs or ("fast" if gateway.development else "compact")
    prover = ProcessProver(tiers, _Progress(metrics), proofs)
    limits = Limits(connections=options.max_connections)
    return Node(settings, state, journal, gateway, prover, operator, limits, metrics=metrics, tls=tls), journal


class _Progress:
    """Tells how far a proof is: to the metrics always, to the log in tenths."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._told = (-1, 0)

    def __call__(self, first: int, done: float) -> None:
        self._metrics.proof_progress.set(done)
        tenth = (first, int(10 * done))
        if tenth[1] and tenth != self._told:
            self._told = tenth
            text = "proving from batch %d: %d%%"
            logging.getLogger("sealbook.node").info(text, first, 10 * tenth[1], extra={"batch": first})


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """The context of a server with this certificate; None without one.

    :raises ConfigurationError: ``tls``.
    """
    if certificate is None:
        if key is not None:
            raise ConfigurationError("--tls-key without --tls-cert", code="tls")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror if error.filename or not isinstance(error, ssl.SSLError) else error.reason
        raise ConfigurationError(f"cannot use the certificate {certificate}: {reason}", code="tls") from None
    return context


def _open_journal(settings: Settings, parameters: VenueParameters) -> tuple[Journal, VenueState, int]:
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    vault = Vault.at(settings.vault_key, create=not settings.journal.exists())
    journal = Journal(settings.journal, vault, f"{parameters.chain_id}:{parameters.contract}")
    state = VenueState(parameters)
    try:
        return journal, state, replay(state, journal)
    except OrderbookError:
        journal.close()
        raise


async def _serve(node: Node, options: argparse.Namespace) -> None:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()

    def terminate() -> None:
        if options.drain_seconds and not node.draining:
            node.drain()
            loop.call_later(options.drain_seconds, task.cancel)
        else:
            task.cancel()

    loop.add_signal_handler(signal.SIGINT, task.cancel)
    loop.add_signal_handler(signal.SIGTERM, terminate)

    def ready(port: int) -> None:
        settle_in()
        host = f"[{options.listen[0]}]" if ":" in options.listen[0] else options.listen[0]
        url = f"{'ws' if options.tls_cert is None else 'wss'}://{host}:{port}"
        logging.getLogger("sealbook.node").info("listening on %s", url, extra={"url": url})
        if options.status is not None:
            log = logging.getLogger("sealbook.node")
            log.info("status on port %d", node.status.port, extra={"status_port": node.status.port})

    try:
        await node.run(ready)
    except asyncio.CancelledError:
        return


def _complain(options: argparse.Namespace, error: OrderbookError) -> None:
    if options.json:
        line = {"error": {"code": error.code, "message": str(error), "field": error.field}}
        print(json.dumps(line), file=sys.stderr, flush=True)
    else:
        print(f"sealbook node: {error} [{error.code}]", file=sys.stderr, flush=True)
