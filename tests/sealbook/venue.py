"""A small venue on the embedded chain with two settled epochs: registrations, deposits, trades, missed reveals."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account

from commitments import bundle as committed
from commitments.bundle import Entry, Kind
from commitments.hashing import empty_roots
from commitments.keys import KeyTree, Seed
from commitments.receipts import Domain, SigningKey
from commitments.state import StateTree
from commitments.types import COMMITMENT_DEPTH, Digest
from contracts.chain.engine import DevelopmentChain
from contracts.chain.server import ChainServer
from contracts.deploy import Token
from contracts.exchange import Exchange
from contracts.records import AssetConfig, MarketConfig
from contracts.rpc import connect
from contracts.transactions import Sender
from contracts.verifier import WireProof
from proofs import prover_api
from proofs.statement import public
from proofs.statement.kinds import QueueKind
from proofs.statement.settlement import Statement, build_witness, prove, verification_key
from proofs.statement.witness.inputs import (
    BatchInput,
    EpochInput,
    Leaf,
    Market,
    MissingLeaf,
    OpenedLeaf,
    Parameters,
    QueueEntry,
)
from sealbook.bench.settle import settle_on
from sealbook.deployment import deploy_venue

MARKETS = (Market(1, 0, 90, 110, 1_000), Market(2, 0, 1_000, 1_020, 2_500))
REFERENCES = (100, 1_010)
MISS_FEE = 50
WINDOW = 2
DEPOSIT = 100_000
SEQUENCE = 7

BUY, SELL, WITHDRAWAL = Kind.BUY, Kind.SELL, Kind.WITHDRAWAL
FIRST: dict[int, tuple[Entry, ...]] = {
    2: (Entry(BUY, 0, 105, 40), Entry(BUY, 1, 1_015, 3)),
    3: (Entry(SELL, 0, 95, 30), Entry(WITHDRAWAL, 2, 0, 25)),
    4: (Entry(SELL, 1, 1_005, 9),),
}
"""Batch 0; account 5 misses its reveal. Batch 1 is empty."""
SECOND: dict[int, tuple[Entry, ...]] = {2: (Entry(SELL, 0, 99, 5),), 3: (Entry(BUY, 0, 104, 5),)}
"""Batch 2, the second epoch; account 4 misses its reveal."""


@dataclass
class Trader:
    account: int
    sender: Sender
    commit_key: SigningKey
    keys: KeyTree


class SettledVenue:
    """Everything real: contracts, transactions, proofs."""

    def __init__(self) -> None:
        self.random = random.Random(1)
        self.chain = DevelopmentChain()
        self.server = ChainServer(self.chain)
        self.server.start()
        self.url = self.server.url
        self.operator = self.sender(0)
        tokens = [Token.deploy(self.operator, f"Asset {a}", f"A{a}", 6) for a in range(3)]
        self.exchange: Exchange = deploy_venue(
            self.operator,
            self.operator.address,
            self.chain.accounts[1],
            [AssetConfig(token.address, 1) for token in tokens],
            [
                MarketConfig(m.base, m.quote, m.lower, m.upper, m.fee_ppm, r)
                for m, r in zip(MARKETS, REFERENCES, strict=True)
            ],
            MISS_FEE,
            tiers=(0, 1),
            reveal_window=WINDOW,
            beacon_delay=WINDOW,
        ).exchange
        self.address = self.exchange.address
        self.chain_id = self.operator.chain_id
        self.venue = self.exchange.venue()
        self.traders = {2 + i: self.register(2 + i, self.sender(2 + i), tokens) for i in range(4)}
        self.tree = StateTree()
        self.references: tuple[int, ...] = REFERENCES
        self.settle_first()
        self.settle_second()

    def sender(self, index: int) -> Sender:
        return Sender(connect(self.url).w3, Account.from_key(self.chain.keys[index]))

    def register(self, account: int, sender: Sender, tokens: list[Token]) -> Trader:
        commit_key = SigningKey(account.to_bytes(32, "big"))
        keys = KeyTree.generate(Seed(bytes([account]) * 32), self.venue, 0, log_size=2)
        self.exchange.register(sender, keys.root, commit_key.address)
        assert self.exchange.account_of(sender.address) == account
        for asset, token in enumerate(tokens):
            token.mint(sender, sender.address, DEPOSIT)
            token.approve(sender, self.address, DEPOSIT)
            self.exchange.deposit(sender, asset, DEPOSIT)
        return Trader(account, sender, commit_key, keys)

    def salt(self) -> tuple[int, int, int]:
        return (self.random.getrandbits(63), self.random.getrandbits(63), self.random.getrandbits(63))

    def open(self, batch: int, account: int, entries: tuple[Entry, ...]) -> tuple[OpenedLeaf, Digest]:
        """An opened leaf and its commitment."""
        key, salt = self.traders[account].keys.key(batch), self.salt()
        body = committed.Bundle(
            tuple(committed.Entry(committed.Kind(e.kind), e.market, e.price, e.quantity) for e in entries), salt
        )
        commitment = committed.commitment(self.venue, batch, account, body, key.secret)
        return OpenedLeaf(account, entries, salt, key.secret, key.position, key.path), commitment

    def leaves(
        self, batch: int, bundles: dict[int, tuple[Entry, ...]], missing: int
    ) -> tuple[list[Leaf], Digest, bytes]:
        """Leaves, the root to be sealed, and the missing account's signature."""
        out: list[Leaf] = []
        commitments = []
        signature = b""
        for account in sorted({*bundles, missing}):
            leaf, commitment = self.open(batch, account, bundles.get(account, (Entry(BUY, 0, 100, 1),)))
            commitments.append((account, commitment))
            if account == missing:
                out.append(MissingLeaf(account, commitment, charged=True))
                digest = Domain(self.chain_id, self.address).commitment(batch, account, SEQUENCE, commitment)
                signature = SEQUENCE.to_bytes(8, "big") + self.traders[account].commit_key.sign(digest)
            else:
                out.append(leaf)
        return out, committed.commitment_tree(self.venue, batch, commitments).root, signature

    def prove(self, first: int, batches: list[list[Leaf]], queues: list[list[QueueEntry]]) -> tuple[Statement, bytes]:
        facts = [self.exchange.batch(first + k) for k in range(len(batches))]
        inputs = [
            BatchInput(queue, leaves, tuple(public.draw(fact.beacon or b"", m) if leaves else 0 for m in range(2)))
            for queue, leaves, fact in zip(queues, batches, facts, strict=True)
        ]
        parameters = Parameters(self.venue, MARKETS, MISS_FEE, fee_asset=0)
        known = public.EpochContext(
            self.venue,
            MISS_FEE,
            0,
            3,
            empty_roots(COMMITMENT_DEPTH)[-1],
            self.exchange.state_root(),
            tuple(
                public.MarketContext(m.base, m.quote, m.lower, m.upper, m.fee_ppm, r)
                for m, r in zip(MARKETS, self.references, strict=True)
            ),
            tuple(
                public.BatchContext(
                    fact.root,
                    fact.count,
                    tuple(public.QueueEntry(int(e.kind), e.account, e.asset, e.value) for e in queue),
                    fact.beacon or bytes(32),
                )
                for fact, queue in zip(facts, queues, strict=True)
            ),
        )
        epoch = EpochInput(parameters, first, self.references, self.tree, inputs)
        witness = build_witness(epoch, known, self.chain_id, self.address)
        proof = prove(witness)
        self.tree.set(witness.execution.leaves)
        self.references = witness.execution.references
        return witness.statement, proof

    def settle_first(self) -> None:
        leaves, root, signature = self.leaves(0, FIRST, missing=5)
        self.exchange.seal(self.operator, 0, root, len(leaves))
        self.exchange.seal(self.operator, 1, empty_roots(COMMITMENT_DEPTH)[-1], 0)
        self.chain.mine(WINDOW + 1)
        self.exchange.record_beacon(self.operator, 0)
        queue = [QueueEntry(QueueKind(q.kind), q.account, q.asset, q.value) for q in self.exchange.queued(0)]
        statement, proof = self.prove(0, [leaves, []], [queue, []])
        entries = public.encode_queue(public.QueueEntry(int(e.kind), e.account, e.asset, e.value) for e in queue)
        settle_on(lambda step, done: None, self.exchange, self.operator, statement, proof, entries, signature)

    def settle_second(self) -> None:
        """With the signatures in a transaction of their own, and one run of query records checked twice."""
        leaves, root, signature = self.leaves(2, SECOND, missing=4)
        self.exchange.seal(self.operator, 2, root, len(leaves))
        self.chain.mine(WINDOW + 1)
        self.exchange.record_beacon(self.operator, 2)
        statement, proof = self.prove(2, [leaves], [[]])
        wire = WireProof.split(proof, *prover_api.proof_lengths(verification_key(statement.tier)))
        opened, _ = self.exchange.open_settlement(self.operator, statement.public_data, b"", b"", wire.head)
        data = statement.public_data
        missing = data[42 + 16 + 2 : 42 + 16 + 2 + public.MISSING_SIZE]
        self.exchange.check_signatures(self.traders[3].sender, opened.id, missing, signature)
        for first, records in [*wire.chunks(120_000), (0, wire.queries[: wire.record_length])]:
            self.exchange.check_queries(self.operator, opened.id, opened.state, first, records)
        self.exchange.settle(self.operator, opened.id, opened.effects)

    def close(self) -> None:
        self.server.stop()

    def arguments(self, *words: str) -> list[str]:
        """A command line of `sealbook inspect` for this venue."""
        return ["inspect", *words, "--rpc", self.url, "--contract", self.address]


def export_file(venue: SettledVenue, path: Path, epoch: int) -> Path:
    """Inspect an epoch and export it."""
    from sealbook.cli import main

    assert main([*venue.arguments("epoch", str(epoch)), "--json", "--export", str(path)]) == 0
    return path
