"""The deployed contract judges the cheating operator's settlements."""

from __future__ import annotations

import time
from dataclasses import astuple, replace

from hexbytes import HexBytes

from commitments.receipts import SigningKey
from contracts.errors import RevertedError
from contracts.exchange import EMPTY_COMMITMENTS
from orderbook.epoch_input import epoch_input
from orderbook.gateway import Gateway
from orderbook.journal import Journal
from orderbook.node import replay
from orderbook.parameters import VenueParameters
from orderbook.state import VenueState
from orderbook.vault import Vault
from proofs.statement.public import BatchContext, EpochContext, MarketContext, encode_queue
from proofs.statement.public import QueueEntry as PublicQueueEntry
from proofs.statement.settlement import Witness, build_witness, prove, split_proof
from proofs.statement.witness.inputs import EpochInput

from .cheat import Place, forgeries
from .stage import Stage
from .timeline import Timeline


def try_forgeries(stage: Stage, batch: int, timeline: Timeline) -> list[str]:
    """Submit every forgery as the operator; gives those that were not refused."""
    epoch = _epoch(stage, batch)
    place = Place(stage.endpoint.chain_id, stage.exchange.address, _known(stage, epoch, batch))
    failures = []
    for forgery in forgeries():
        started = time.monotonic()
        witness = forgery.build(epoch, place)
        proof = prove(witness)
        seconds = time.monotonic() - started
        head, _ = split_proof(witness.statement.tier, proof)
        refused = _submit(stage, epoch, witness, head)
        failures += _verdict(timeline, forgery.title, forgery.rule, refused, f"complete proof, {seconds:.1f} s")
    failures += _replay(stage, timeline)
    failures += _flip(stage, epoch, place, timeline)
    return failures


def _verdict(timeline: Timeline, title: str, rule: str, refused: RevertedError | None, note: str) -> list[str]:
    timeline.step("attack", f"{title} ({note})")
    timeline.step("", f"breaks {rule}")
    if refused is None:
        timeline.step("ACCEPTED", "the contract took it: this must never happen", "bold red")
        return [f"attack accepted: {title}"]
    timeline.step("refused", f"by the contract: {refused.error}", "green")
    return []


def _epoch(stage: Stage, batch: int) -> EpochInput:
    """The operator's own view of the unsettled batch, from its journal."""
    data = stage.folder / "node"
    parameters = _parameters(stage)
    journal = Journal(
        data / "journal.sqlite3",
        Vault.at(data / "journal.key", create=False),
        f"{parameters.chain_id}:{parameters.contract}",
    )
    try:
        state = VenueState(parameters)
        replay(state, journal)
        # The whole tree: a forger may touch accounts that have no part in the batch.
        return replace(epoch_input(state, batch, batch), tree=state.tree)
    finally:
        journal.close()


def _parameters(stage: Stage) -> VenueParameters:
    key = SigningKey(bytes.fromhex(stage.operator_key.read_text().strip()))
    return Gateway(stage.rpc, stage.exchange.address, key).parameters()


def _known(stage: Stage, epoch: EpochInput, batch: int) -> EpochContext:
    """What the contract knows: the messages of every forgery are built from it, so that only the proof can fail."""
    exchange = stage.exchange
    sealed = exchange.batch(batch)
    parameters = epoch.parameters
    queue = tuple(PublicQueueEntry(int(e.kind), e.account, e.asset, e.value) for e in epoch.batches[0].queue)
    return EpochContext(
        venue=exchange.venue(),
        miss_fee=parameters.miss_fee,
        fee_asset=parameters.fee_asset,
        assets=len(exchange.assets()),
        empty_root=EMPTY_COMMITMENTS,
        old_root=exchange.state_root(),
        markets=tuple(
            MarketContext(m.base, m.quote, m.lower, m.upper, m.fee_ppm, reference)
            for m, reference in zip(parameters.markets, exchange.references(), strict=True)
        ),
        batches=(BatchContext(sealed.root, sealed.count, queue, sealed.beacon or bytes(32)),),
    )


def _queue(epoch: EpochInput) -> bytes:
    entries = epoch.batches[0].queue
    return encode_queue(PublicQueueEntry(int(e.kind), e.account, e.asset, e.value) for e in entries)


def _submit(stage: Stage, epoch: EpochInput, witness: Witness, head: bytes) -> RevertedError | None:
    try:
        stage.exchange.open_settlement(stage.operator, witness.statement.public_data, _queue(epoch), b"", head)
    except RevertedError as refused:
        return refused
    return None


def _replay(stage: Stage, timeline: Timeline) -> list[str]:
    """The calldata of an epoch that is settled already, word for word."""
    opened = stage.exchange.heads_checked(0)[-1]
    transaction = stage.endpoint.w3.eth.get_transaction(HexBytes(opened.origin.transaction))
    call = stage.exchange.decode_open(bytes(transaction["input"]))
    refused: RevertedError | None = None
    try:
        stage.exchange.open_settlement(stage.operator, *astuple(call))
    except RevertedError as error:
        refused = error
    rule = "section 8: each batch is settled once, in order"
    return _verdict(timeline, "a replayed proof", rule, refused, "word for word")


def _flip(stage: Stage, epoch: EpochInput, place: Place, timeline: Timeline) -> list[str]:
    """The honest settlement with one bit of its proof flipped, in the head and in a query."""
    witness = build_witness(epoch, place.known, place.chain_id, place.exchange)
    head, queries = split_proof(witness.statement.tier, prove(witness))
    broken = bytearray(head)
    broken[len(head) // 2] ^= 1
    refused = _submit(stage, epoch, witness, bytes(broken))
    failures = _verdict(timeline, "one byte of the proof flipped", "the proof itself", refused, "in its head")
    opened, _ = stage.exchange.open_settlement(stage.operator, witness.statement.public_data, _queue(epoch), b"", head)
    record = bytearray(queries[0])
    record[100] ^= 1
    refused = None
    try:
        stage.exchange.check_queries(stage.operator, opened.id, opened.state, 0, bytes(record))
    except RevertedError as error:
        refused = error
    return failures + _verdict(timeline, "one byte of the proof flipped", "the proof itself", refused, "in a query")
