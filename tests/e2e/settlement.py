"""A stage for settlements with real proofs: a venue deployed on a chain, with one batch sealed and due.

Batch 0 brings everything in: 32 queue entries (eight keys, three deposits each), and seven leaves: five honest
bundles (:func:`book`), one that the operator made up for account 7 with a secret of its own, and one of account 8
that was signed and never revealed. Honestly settled, the made-up leaf counts as missing without a charge, the
other as missing with one.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eth_account import Account

from commitments.bundle import Bundle, Entry, Kind
from commitments.bundle import Entry as BundleEntry
from commitments.bundle import Kind as BundleKind
from commitments.bundle import commitment as commit
from commitments.hashing import compress_all
from commitments.receipts import Domain, SigningKey
from commitments.state import StateTree
from commitments.types import Digest
from contracts.deploy import Token
from contracts.errors import RevertedError
from contracts.exchange import EMPTY_COMMITMENTS, STEP_GAS, Exchange
from contracts.records import AssetConfig, HeadChecked, MarketConfig
from contracts.rpc import connect
from contracts.settlement import Material, settle
from contracts.transactions import REVERTS, Mined, Sender, decoded
from contracts.verifier import WireProof
from proofs.params import KEY_DEPTH
from proofs.statement import public
from proofs.statement.kinds import QueueKind
from proofs.statement.settlement import Statement, Witness, assemble, prove, split_proof, verify_statement
from proofs.statement.witness.execute import Execution, execute
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
from proofs.verifier import ProofRejected
from sealbook.deployment import deploy_venue, development_token

from ..proofs.statement.scenario import Tree

MARKETS = (Market(1, 0, 90, 110, 1000), Market(2, 0, 1000, 1020, 2500))
REFERENCES = (100, 1010)
MISS_FEE = 50
UNIT = 10**12
DEPOSIT = 10_000
TRADERS = range(2, 10)
MADE_UP, UNREVEALED, IDLE = 7, 8, 9
"""Accounts: the operator's own leaf stands in for 7; 8 signed and kept silent; 9 committed nothing."""
WINDOW = 2
TIERS = (0, 1)
ANVIL = 31337
OPERATOR = Account.from_key((1).to_bytes(32, "big"))
"""Funded on the embedded chain from the start."""


def book() -> dict[int, tuple[Entry, ...]]:
    """Bundles by account: 60 lots trade at 101, two buys there are rationed, account 6 withdraws 70 units."""
    return {
        2: (Entry(Kind.BUY, 0, 101, 40),),
        3: (Entry(Kind.BUY, 0, 101, 35),),
        4: (Entry(Kind.BUY, 0, 103, 10), Entry(Kind.SELL, 0, 106, 5)),
        5: (Entry(Kind.SELL, 0, 99, 50), Entry(Kind.SELL, 0, 101, 10)),
        6: (Entry(Kind.WITHDRAWAL, 0, 0, 70), Entry(Kind.BUY, 0, 95, 7)),
    }


class Keys:
    """One-time keys of the traders for the first batches, and whatever else is random."""

    def __init__(self, venue: int, batches: int, seed: int = 7) -> None:
        self._random = random.Random(seed)
        self._venue = venue
        self._secrets = {account: [self.digest() for _ in range(batches)] for account in TRADERS}
        self._trees: dict[int, Tree] = {}
        for account, secrets in self._secrets.items():
            keys = compress_all(secrets, [(1, venue, batch, 0) for batch in range(batches)])
            self._trees[account] = tree = Tree(KEY_DEPTH)
            tree.set(dict(enumerate(keys)))

    def element(self) -> int:
        return self._random.randrange(public.MODULUS)

    def digest(self) -> Digest:
        return (self.element(), self.element(), self.element(), self.element())

    def root(self, account: int) -> Digest:
        return self._trees[account].node(0, 0)

    def leaf(self, batch: int, account: int, entries: Sequence[Entry]) -> OpenedLeaf:
        """The leaf as its owner reveals it."""
        salt = (self.element(), self.element(), self.element())
        tree = self._trees[account]
        path = tuple(tree.node(KEY_DEPTH - height, (batch >> height) ^ 1) for height in range(KEY_DEPTH))
        return OpenedLeaf(account, tuple(entries), salt, self._secrets[account][batch], batch, path)

    def commitment(self, batch: int, leaf: OpenedLeaf) -> Digest:
        entries = tuple(BundleEntry(BundleKind(int(e.kind)), e.market, e.price, e.quantity) for e in leaf.entries)
        return commit(self._venue, batch, leaf.account, Bundle(entries, leaf.salt), leaf.secret)


@dataclass
class Settlement:
    """The opening and all transactions of one settlement, in order."""

    head: HeadChecked
    transactions: list[Mined]

    @property
    def gas(self) -> int:
        return sum(mined.gas_used for mined in self.transactions)


@dataclass
class Stage:
    """A venue with one sealed batch. ``gas``: what each kind of step took (the dearest, where there are several)."""

    url: str
    exchange: Exchange
    operator: Sender
    traders: dict[int, Sender]
    tokens: list[Token]
    keys: Keys
    gas: dict[str, int] = field(default_factory=dict)
    batches: list[BatchInput] = field(default_factory=list)
    made_up: OpenedLeaf | None = None
    signatures: bytes = b""
    state: StateTree = field(default_factory=StateTree)
    references: tuple[int, ...] = REFERENCES

    @classmethod
    def deploy(cls, url: str) -> Stage:
        """Deploy on the chain behind ``url``, and register and fund the traders."""
        endpoint = connect(url)
        w3 = endpoint.w3
        if endpoint.chain_id == ANVIL:
            w3.provider.make_request("anvil_setBalance", [OPERATOR.address, hex(10**24)])  # type: ignore[arg-type]
        operator = Sender(w3, OPERATOR)
        tokens = [development_token(operator, f"Token {i}", f"T{i}", 18) for i in range(3)]
        start = int(w3.eth.block_number)
        deployment = deploy_venue(
            operator,
            operator.address,
            operator.address,
            [AssetConfig(token.address, UNIT) for token in tokens],
            [
                MarketConfig(m.base, m.quote, m.lower, m.upper, m.fee_ppm, reference)
                for m, reference in zip(MARKETS, REFERENCES, strict=True)
            ],
            MISS_FEE,
            tiers=TIERS,
            reveal_window=WINDOW,
            beacon_delay=WINDOW,
        )
        exchange = deployment.exchange
        traders = {a: Sender(w3, Account.from_key((100 + a).to_bytes(32, "big"))) for a in TRADERS}
        stage = cls(url, exchange, operator, traders, tokens, Keys(exchange.venue(), batches=2))
        blocks = range(start + 1, deployment.block + 1)
        stage.gas["deploy"] = sum(int(w3.eth.get_block(number)["gasUsed"]) for number in blocks)
        stage._bring_in()
        return stage

    def _bring_in(self) -> None:
        queue: list[QueueEntry] = []
        for account, trader in self.traders.items():
            self.operator.execute(trader.address, b"", 21_000, 10**18)
            root = self.keys.root(account)
            self._spent("register", self.exchange.register(trader, root, trader.address))
            assert self.exchange.account_of(trader.address) == account
            queue.append(QueueEntry(QueueKind.KEY, account, 0, root))
        for account, trader in self.traders.items():
            for asset, token in enumerate(self.tokens):
                token.mint(self.operator, trader.address, DEPOSIT * UNIT)
                token.approve(trader, self.exchange.address, DEPOSIT * UNIT)
                self._spent("deposit", self.exchange.deposit(trader, asset, DEPOSIT * UNIT))
                queue.append(QueueEntry(QueueKind.DEPOSIT, account, asset, (DEPOSIT, 0, 0, 0)))
        self._seal(0, queue)

    def _seal(self, batch: int, queue: Sequence[QueueEntry]) -> None:
        leaves: list[Leaf] = [self.keys.leaf(batch, account, entries) for account, entries in book().items()]
        own = self.keys.leaf(batch, MADE_UP, [Entry(Kind.SELL, 0, 99, 30)])
        self.made_up = replace(own, secret=self.keys.digest())
        leaves.append(MissingLeaf(MADE_UP, self.keys.commitment(batch, self.made_up), charged=False))
        silent = self.keys.leaf(batch, UNREVEALED, [Entry(Kind.BUY, 1, 1010, 1)])
        committed = self.keys.commitment(batch, silent)
        leaves.append(MissingLeaf(UNREVEALED, committed, charged=True))
        self.signatures = self.signature(batch, UNREVEALED, committed)
        draft = BatchInput(list(queue), leaves, (0, 0))
        self.batches = [draft]
        root, count = execute(self.epoch).roots[0], len(leaves)
        self._spent("seal", self.exchange.seal(self.operator, batch, root, count))
        self.mine(WINDOW + 1)
        self._spent("beacon", self.exchange.record_beacon(self.operator, batch))
        beacon = self.exchange.batch(batch).beacon
        assert beacon is not None
        self.batches = [replace(draft, draws=tuple(public.draw(beacon, m) for m in range(len(MARKETS))))]

    def signature(self, batch: int, account: int, committed: Digest) -> bytes:
        """A charged leaf's signature as a settlement carries it."""
        domain = Domain(self.operator.chain_id, self.exchange.address)
        sequence = 1
        key = SigningKey((100 + account).to_bytes(32, "big"))
        return sequence.to_bytes(8, "big") + key.sign(domain.commitment(batch, account, sequence, committed))

    def _spent(self, step: str, mined: Mined) -> None:
        self.gas[step] = max(self.gas.get(step, 0), mined.gas_used)

    @property
    def unrevealed(self) -> Digest:
        """The commitment of the charged leaf."""
        leaf = self.batches[0].leaves[-1]
        assert isinstance(leaf, MissingLeaf)
        return leaf.commitment

    def mine(self, blocks: int) -> None:
        self.exchange.w3.provider.make_request("anvil_mine", [hex(blocks)])  # type: ignore[arg-type]

    # -- what is to be settled

    @property
    def epoch(self) -> EpochInput:
        """The honest epoch."""
        parameters = Parameters(self.exchange.venue(), MARKETS, MISS_FEE, 0)
        return EpochInput(parameters, 0, self.references, self.state, self.batches)

    def known(self) -> public.EpochContext:
        """What the contract knows of the sealed batches that are not settled."""
        progress = self.exchange.progress()
        numbers = range(progress.settled_batches, progress.sealed_batches)
        batches = [self.exchange.batch(number) for number in numbers]
        queues: list[tuple[public.QueueEntry, ...]] = [_queue(batch) for batch in self.batches]
        if numbers.start:
            queues = [() for _ in batches]
        return public.EpochContext(
            venue=self.exchange.venue(),
            miss_fee=MISS_FEE,
            fee_asset=0,
            assets=len(self.tokens),
            empty_root=EMPTY_COMMITMENTS,
            old_root=self.exchange.state_root(),
            markets=tuple(
                public.MarketContext(m.base, m.quote, m.lower, m.upper, m.fee_ppm, reference)
                for m, reference in zip(MARKETS, self.exchange.references(), strict=True)
            ),
            batches=tuple(
                public.BatchContext(b.root, b.count, queue, b.beacon or bytes(32))
                for b, queue in zip(batches, queues, strict=True)
            ),
        )

    def witness(self, execution: Execution) -> Witness:
        """The statement as the contract will put it for what ``execution`` publishes, and the traces."""
        return assemble(execution, 0, self.known(), self.operator.chain_id, self.exchange.address)

    @property
    def queue_entries(self) -> bytes:
        return public.encode_queue(entry for batch in self.batches for entry in _queue(batch))

    # -- what the contract says

    def settle(self, statement: Statement, proof: bytes) -> Settlement:
        """All transactions of a settlement, each as full as it may be."""
        head, records = split_proof(statement.tier, proof)
        wire = WireProof(head, b"".join(records), len(records[0]))
        material = Material(statement.public_data, self.queue_entries, b"", self.signatures, wire)
        return Settlement(*settle(self.exchange, self.operator, material))

    def open(self, statement: Statement, head: bytes) -> tuple[HeadChecked, Mined]:
        return self.exchange.open_settlement(
            self.operator, statement.public_data, self.queue_entries, self.signatures, head
        )

    def opening_error(self, public_data: bytes, queue_entries: bytes, signatures: bytes, head: bytes) -> str:
        """The custom error with which ``openSettlement`` would fail now, by a call; ``accepted`` if it would not."""
        return self._call("openSettlement", public_data, queue_entries, signatures, head, b"")

    def queries_error(self, head: HeadChecked, first: int, records: bytes) -> str:
        """The custom error with which ``checkQueries`` would fail now; ``accepted`` if it would not."""
        return self._call("checkQueries", head.id, head.state, first, records)

    def _call(self, name: str, *arguments: Any) -> str:
        try:
            self.exchange.contract.functions[name](*arguments).call({"from": self.operator.address, "gas": STEP_GAS})
        except REVERTS as error:
            reason = decoded(error)
            assert isinstance(reason, RevertedError)
            return reason.error
        return "accepted"


def python_error(statement: Statement, proof: bytes) -> str:
    """The Python verifier's verdict under the name that the contract has for it."""
    try:
        verify_statement(statement, proof)
    except ProofRejected as rejected:
        return "".join(word.capitalize() for word in rejected.reason.value.split("_"))
    return "accepted"


def settle_honestly(stage: Stage) -> tuple[Execution, Statement, bytes, Settlement]:
    """Execute, prove and settle the stage's epoch, and note the gas."""
    execution = execute(stage.epoch)
    witness = stage.witness(execution)
    proof = prove(witness)
    settlement = stage.settle(witness.statement, proof)
    stage.gas["open"] = settlement.transactions[0].gas_used
    stage.gas["finish"] = settlement.transactions[-1].gas_used
    stage.gas["settlement"] = settlement.gas
    return execution, witness.statement, proof, settlement


def claim_withdrawal(stage: Stage, execution: Execution) -> Mined:
    """Claim the epoch's only withdrawal."""
    ((account, asset, amount),) = execution.withdrawals
    listed = [public.Holding(account, asset, amount)]
    mined = stage.exchange.claim(stage.traders[account], 0, account, asset, amount, public.withdrawal_path(listed, 0))
    stage.gas["claim"] = mined.gas_used
    return mined


def _queue(batch: BatchInput) -> tuple[public.QueueEntry, ...]:
    return tuple(public.QueueEntry(int(e.kind), e.account, e.asset, e.value) for e in batch.queue)


__all__ = ["Settlement", "Stage", "book", "claim_withdrawal", "prove", "python_error", "settle_honestly"]
