"""A settlement from L1 data alone: events lead to transactions, their inputs hold the proof (``docs/inspect.md``).

Nothing is asked of the operator, and no state of old blocks is needed: what an epoch started from is what the epoch
before it ended with. Blocks are known from the contract's records, so no wide range of logs is searched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from web3 import Web3

from contracts.exchange import EMPTY_STATE, FALLBACK_BEACON, Exchange
from contracts.records import Batch, Epoch, HeadChecked, Parameters, Settled, pack_digest
from contracts.rpc import Endpoint, guarded
from proofs import prover_api
from proofs.statement.public import MISSING_SIZE
from proofs.verifier import ProofRejected
from proofs.verifier.vk import parse_verification_key

from .checks import Check
from .contract_code import check_code
from .errors import InspectError
from .export import (
    BatchFacts,
    CommitKey,
    MarketFacts,
    ParameterFacts,
    QueueFacts,
    SettledFacts,
    SettlementExport,
    TransactionFacts,
    digest_hex,
    hexed,
)
from .onchain import fetch_key

__all__ = ["Collected", "collect"]

Progress = Callable[[str], None]
Step = Literal["seal", "beacon", "open", "signatures", "queries", "settle"]

BEACON_RANGE: Final = 10_000
"""Blocks after the seal in which the event of a recorded beacon is looked for."""


@dataclass(frozen=True)
class Collected:
    """A settlement as L1 has it, and the verdicts that only the chain can give."""

    export: SettlementExport
    checks: tuple[Check, ...]


def collect(endpoint: Endpoint, address: str, number: int, progress: Progress = lambda _: None) -> Collected:
    """Everything about epoch ``number``.

    :raises InspectError: L1 does not hold a whole settlement of it
    :raises contracts.errors.EndpointError: the endpoint is down or contradicts itself
    """
    _, final = endpoint.heights()
    return guarded(lambda: _Collector(endpoint, address, number, final, progress).run())


class _Collector:
    def __init__(self, endpoint: Endpoint, address: str, number: int, final: int, progress: Progress) -> None:
        self.endpoint = endpoint
        self.w3 = endpoint.w3
        self.exchange = Exchange(endpoint.w3, address)
        self.number = number
        self.final = final
        self.progress = progress
        self.transactions: dict[bytes, TransactionFacts] = {}
        self.checks: list[Check] = []

    def run(self) -> Collected:
        exchange = self.exchange
        self.progress("reading the contract's records")
        epoch = exchange.epoch(self.number)
        previous = exchange.epoch(self.number - 1) if self.number else None
        parameters = exchange.parameters()
        batches = [exchange.batch(epoch.first_batch + k) for k in range(epoch.batches)]
        settled = self._settled(epoch)
        head = self._head(batches[-1], epoch, settled)
        start = exchange.batch(epoch.first_batch - 1).cut if epoch.first_batch else 0
        key_hash = exchange.tiers()[epoch.tier]
        self.progress("fetching the verification key")
        verifier = exchange.verifier()
        key = fetch_key(self.endpoint, verifier, key_hash)
        wrong = check_code(self.w3, exchange.address, verifier)
        title = "Exchange and verifier are the published contracts"
        self._verdict("code", title, not wrong, wrong or f"{exchange.address}, verifier {verifier}")
        self.progress("fetching the proof")
        self._seals(batches, parameters, epoch)
        opening = exchange.decode_open(self._input(head.origin.transaction, "open"))
        signatures = opening.signatures or self._signatures(head, epoch)
        proof = opening.head + self._queries(key, head, epoch)
        self._keep(settled.origin.transaction, "settle")
        self._events(epoch, head, settled, opening.public_data)
        self._beacons(batches, parameters)
        end = batches[-1].cut
        export = SettlementExport(
            format="sealbook-settlement",
            version=1,
            chain_id=self.endpoint.chain_id,
            contract=exchange.address.lower(),
            epoch=self.number,
            parameters=ParameterFacts(
                version=parameters.version,
                miss_fee=parameters.miss_fee,
                fee_asset=parameters.fee_asset,
                assets=len(exchange.assets()),
                public_bus=parameters.public_bus,
                reveal_window=parameters.reveal_window,
                beacon_delay=parameters.beacon_delay,
            ),
            markets=self._markets(previous),
            batches=[
                BatchFacts(
                    number=b.number,
                    root=digest_hex(b.root),
                    count=b.count,
                    cut=b.cut,
                    seal_block=b.seal_block,
                    beacon=hexed(b.beacon) if b.beacon is not None else None,
                )
                for b in batches
            ],
            queue=QueueFacts(
                start=start,
                hash_before=hexed(exchange.queue_hash(start)),
                hash_after=hexed(exchange.queue_hash(end)),
                entries=hexed(opening.queue_entries),
            ),
            old_root=digest_hex(previous.new_root if previous else EMPTY_STATE),
            settled=SettledFacts(
                new_root=digest_hex(epoch.new_root),
                withdrawals_root=hexed(epoch.withdrawals_root),
                public_data_hash=hexed(epoch.public_data_hash),
                references=list(settled.effects.references),
                open_block=head.origin.block,
                settled_block=epoch.settled_block,
            ),
            tier_key_hash=hexed(key_hash),
            verification_key=hexed(key),
            public_data=hexed(opening.public_data),
            proof=hexed(proof),
            signatures=hexed(signatures),
            commit_keys=self._commit_keys(signatures, opening.public_data, batches),
            transactions=list(self.transactions.values()),
        )
        return Collected(export, tuple(self.checks))

    # -- events and transactions

    def _settled(self, epoch: Epoch) -> Settled:
        found = self.exchange.settled(epoch.settled_block, epoch.settled_block, epoch=self.number)
        if len(found) != 1:
            raise InspectError("Settled", f"block {epoch.settled_block} has {len(found)} such events for the epoch")
        return found[0]

    def _head(self, last: Batch, epoch: Epoch, settled: Settled) -> HeadChecked:
        found = self.exchange.heads_checked(last.seal_block, epoch.settled_block, id=settled.id)
        if not found:
            raise InspectError("HeadChecked", f"no such event opened settlement {settled.id.hex()}")
        return found[-1]

    def _keep(self, digest: bytes, step: Step) -> None:
        """Note the transaction once."""
        if digest in self.transactions:
            return
        transaction: Any = self.w3.eth.get_transaction(Web3.to_hex(digest))
        receipt = self.w3.eth.get_transaction_receipt(Web3.to_hex(digest))
        self.transactions[digest] = TransactionFacts(
            step, hexed(digest), int(receipt["blockNumber"]), int(receipt["gasUsed"]), len(bytes(transaction["input"]))
        )

    def _input(self, digest: bytes, step: Step) -> bytes:
        """The input of a transaction that calls the contract directly, noted."""
        self._keep(digest, step)
        return self.exchange.input(digest)

    def _queries(self, key: bytes, head: HeadChecked, epoch: Epoch) -> bytes:
        """The proof's query records in order, from all transactions that checked some."""
        try:
            wanted = parse_verification_key(key).num_queries
            size = prover_api.proof_lengths(key)[1]
        except (ProofRejected, prover_api.ProverError) as error:
            raise InspectError("verification_key", str(error)) from None
        records: dict[int, bytes] = {}
        for event in self.exchange.queries_checked(head.origin.block, epoch.settled_block, id=head.id):
            call = self.exchange.decode_queries(self._input(event.origin.transaction, "queries"))
            if call.id not in (None, head.id) or call.first != event.first or len(call.queries) != size * event.count:
                raise InspectError(
                    "queries", f"transaction {hexed(event.origin.transaction)} is not what its event says"
                )
            for i in range(event.count):
                records[event.first + i] = call.queries[size * i : size * (i + 1)]
        absent = [i for i in range(wanted) if i not in records]
        if absent:
            raise InspectError("queries", f"record {absent[0]} was never checked on L1")
        self._verdict("queries", "L1 checked every query record of the proof", True, f"{wanted} records")
        return b"".join(records[i] for i in range(wanted))

    def _signatures(self, head: HeadChecked, epoch: Epoch) -> bytes:
        """Those that were given in a transaction of their own."""
        logs = self.exchange.contract.events.SignaturesChecked().get_logs(
            from_block=head.origin.block, to_block=epoch.settled_block, argument_filters={"id": head.id}
        )
        for log in logs:
            data = self._input(bytes(log["transactionHash"]), "signatures")
            _, arguments = self.exchange.contract.decode_function_input(data)
            return bytes(arguments["signatures"])
        return b""

    def _seals(self, batches: list[Batch], parameters: Parameters, epoch: Epoch) -> None:
        for batch in batches:
            for event in self.exchange.sealed(batch.seal_block, batch.seal_block, batch=batch.number):
                self._keep(event.origin.transaction, "seal")
        with_leaves = {b.number for b in batches if b.count}
        first = batches[0].seal_block + parameters.beacon_delay + 1
        last = min(epoch.settled_block, first + BEACON_RANGE)
        for recorded in self.exchange.beacons(first, last) if with_leaves else ():
            if recorded.batch in with_leaves:
                self._keep(recorded.origin.transaction, "beacon")

    # -- facts

    def _markets(self, previous: Epoch | None) -> list[MarketFacts]:
        configured = self.exchange.markets()
        references = [m.initial_reference for m in configured]
        if previous is not None:
            found = self.exchange.settled(previous.settled_block, previous.settled_block, epoch=previous.number)
            if len(found) != 1:
                raise InspectError(
                    "Settled", f"block {previous.settled_block} has no such event for epoch {previous.number}"
                )
            references = list(found[0].effects.references)
        return [
            MarketFacts(m.base, m.quote, m.lower, m.upper, m.fee_ppm, reference)
            for m, reference in zip(configured, references, strict=True)
        ]

    def _commit_keys(self, signatures: bytes, public_data: bytes, batches: list[Batch]) -> list[CommitKey]:
        """Keys of the charged accounts: the list of missing leaves stands behind header and prices."""
        if not signatures:
            return []
        rows = sum(1 for b in batches if b.count)
        start = 42 + 8 * rows * len(self.exchange.markets())
        count = int.from_bytes(public_data[start : start + 2], "big")
        accounts = set()
        for i in range(count):
            leaf = public_data[start + 2 + MISSING_SIZE * i : start + 2 + MISSING_SIZE * (i + 1)]
            if len(leaf) == MISSING_SIZE and leaf[-1]:
                accounts.add(int.from_bytes(leaf[1:4], "big"))
        keys = ((account, self.exchange.commit_key_of(account)) for account in sorted(accounts))
        return [CommitKey(account, key.lower()) for account, key in keys if key is not None]

    # -- verdicts

    def _verdict(self, name: str, title: str, ok: bool | None, detail: str) -> None:
        self.checks.append(Check(name, title, ok, detail))

    def _events(self, epoch: Epoch, head: HeadChecked, settled: Settled, public: bytes) -> None:
        title = "events, records and inputs of the transactions agree"
        wrong = ""
        if head.effects.public_data_hash != bytes(Web3.keccak(public)):
            wrong = "HeadChecked: not what the transaction's input says"
        elif head.effects != settled.effects:
            wrong = "Settled: not the effects that were opened"
        elif settled.effects.new_root != pack_digest(epoch.new_root):
            wrong = "new_root: the record is not the event's"
        elif settled.effects.public_data_hash != epoch.public_data_hash:
            wrong = "public_data_hash: the record is not the event's"
        detail = wrong or f"{len(self.transactions)} transactions, settled in block {epoch.settled_block}"
        self._verdict("events", title, not wrong, detail)
        title = "the settlement is final on its chain"
        final = epoch.settled_block <= self.final
        self._verdict("final", title, final or None, f"block {epoch.settled_block}, final up to {self.final}")

    def _beacons(self, batches: list[Batch], parameters: Parameters) -> None:
        title = "draws come from the block hashes that the rule names"
        fallback = []
        for batch in batches:
            if not batch.count:
                continue
            target = batch.seal_block + parameters.beacon_delay
            if batch.beacon == bytes(self.w3.eth.get_block(target)["hash"]):
                continue
            if batch.beacon != FALLBACK_BEACON:
                self._verdict("beacons", title, False, f"batch {batch.number}: not the hash of block {target}")
                return
            fallback.append(batch.number)
        note = f"; recorded too late, the fixed constant stands in for batches {fallback}" if fallback else ""
        self._verdict("beacons", title, True, f"{sum(1 for b in batches if b.count)} draws{note}")
