"""A venue under faults: crashes at any step, torn writes, lost and repeated messages, L1 outages and reorganisations,
a dying prover, a jumping clock. No acknowledged commitment, reveal, seal or settlement is lost or doubled.

The run is repeatable: ``SEALBOOK_FAULT_SEED`` chooses it, ``SEALBOOK_FAULT_RUNS`` how many there are.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from commitments.venue import venue_id
from orderbook import wire
from orderbook.errors import ChainMismatchError
from orderbook.events import AccountRegistered, BatchSealed, EpochSettled, QueueAppended
from orderbook.openings import commitment_root
from orderbook.parameters import AssetParameters, MarketParameters, VenueParameters

from .faults.chain import FaultyChain
from .faults.rig import Account, Rig, inline_threads
from .simulated import OPERATOR

CONTRACT = "0x" + "11" * 20
PARAMETERS = VenueParameters(
    venue=venue_id(1337, CONTRACT),
    chain_id=1337,
    contract=CONTRACT,
    operator=OPERATOR.address,
    version=1,
    assets=(AssetParameters("0x" + "00" * 20, 10**12), AssetParameters("0x" + "33" * 20, 1)),
    markets=(MarketParameters(base=0, quote=1, lower=1_000, upper=900_000, fee_ppm=500, initial_reference=20_000),),
    max_count=256,
    miss_fee=1_000,
    fee_asset=1,
    reveal_window=12,
    beacon_delay=2,
    min_seal_interval=1,
)
ACCOUNTS = {number: Account(number, PARAMETERS) for number in (2, 3, 4)}
STEPS = st.integers(0, 30)
SEED = int(os.environ.get("SEALBOOK_FAULT_SEED", "1"))
RUNS = int(os.environ.get("SEALBOOK_FAULT_RUNS", "25"))


@dataclass(frozen=True)
class Promise:
    """A receipt that a client got."""

    sequence: int
    commitment: str
    signature: str


def chain_with_accounts(finality: int) -> FaultyChain:
    chain = FaultyChain(PARAMETERS, finality)
    for account in ACCOUNTS.values():
        position = chain.queue_length()
        number, block = account.number, chain.head + 1
        chain.users(
            AccountRegistered(number, "0x" + "44" * 20, account.key.address, block),
            QueueAppended(position, 1, number, 0, account.keys.root, block),
            QueueAppended(position + 1, 2, number, 0, (10**6, 0, 0, 0), block),
            QueueAppended(position + 2, 2, number, 1, (10**9, 0, 0, 0), block),
        )
    for _ in range(finality):
        chain.mine()
    return chain


class Venue(RuleBasedStateMachine):
    """What clients were promised beside what the node holds after each fault."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="sealbook-faults-"))
        self.promises: dict[tuple[int, int], Promise] = {}
        self.acknowledged: dict[tuple[int, int], str] = {}
        self.sequences: dict[tuple[int, int], int] = {}
        self.rig: Rig

    @initialize(finality=st.integers(0, 4))
    def deploy(self, finality: int) -> None:
        self.chain = chain_with_accounts(finality)
        self.rig = Rig(self.chain, self.folder)
        self.rig.seconds(2)
        self.wait(2, {2, 3})

    # -- clients

    def open_batch(self) -> int:
        return len(self.rig.state.lifecycle.batches) - 1

    @rule(account=st.sampled_from(sorted(ACCOUNTS)), steps=STEPS)
    def commit(self, account: int, steps: int) -> None:
        batch = self.open_batch()
        if not 0 <= batch < 64:
            return
        sequence = self.sequences[batch, account] = self.sequences.get((batch, account), 0) + 1
        self.send_commit(account, batch, sequence, steps)

    @rule(account=st.sampled_from(sorted(ACCOUNTS)), back=st.integers(0, 3), steps=STEPS)
    def repeat_commit(self, account: int, back: int, steps: int) -> None:
        batch = self.open_batch() - back
        sequence = self.sequences.get((batch, account))
        if sequence is not None:
            self.send_commit(account, batch, sequence, steps)

    def send_commit(self, account: int, batch: int, sequence: int, steps: int) -> None:
        message = ACCOUNTS[account].commit(batch, sequence)
        reply = self.rig.request(message, account, steps)
        if not isinstance(reply, wire.Receipt):
            return
        promise = Promise(sequence, message.commitment, reply.signature)
        known = self.promises.get((batch, account))
        assert known is None or known.sequence < sequence or known == promise, "one sequence, two receipts"
        if known is None or known.sequence < sequence:
            self.promises[batch, account] = promise

    @rule(account=st.sampled_from(sorted(ACCOUNTS)), back=st.integers(0, 4), steps=STEPS)
    def reveal(self, account: int, back: int, steps: int) -> None:
        if self.open_batch() >= back:
            self.send_reveal(account, self.open_batch() - back, steps)

    def send_reveal(self, account: int, batch: int, steps: int) -> None:
        record = self.rig.state.lifecycle.batch(batch)
        leaf = next((leaf for leaf in record.leaves or () if leaf.account == account), None)
        if leaf is None or record.seal is None:
            return
        reply = self.rig.request(ACCOUNTS[account].reveal(batch, leaf.sequence), account, steps)
        if isinstance(reply, wire.Acknowledgement):
            known = self.acknowledged.setdefault((batch, account), reply.signature)
            assert known == reply.signature

    @rule()
    def deposit(self) -> None:
        position, block = self.chain.queue_length(), self.chain.head + 1
        self.chain.users(QueueAppended(position, 2, 2, 1, (7, 0, 0, 0), block))

    # -- time and the operator

    @rule(count=st.integers(1, 12), busy=st.sets(st.sampled_from(sorted(ACCOUNTS)), min_size=1))
    def wait(self, count: int, busy: set[int]) -> None:
        """Time passes; some accounts do each second what there is to be done."""
        for _ in range(count):
            self.rig.seconds(1)
            for account in sorted(busy):
                if self.rig.failed is None:
                    self.be_busy(account)

    def be_busy(self, account: int) -> None:
        batch = self.open_batch()
        if 0 <= batch < 64 and (batch, account) not in self.promises:
            self.commit(account, 30)
        for record in self.rig.state.lifecycle.batches[max(0, batch - 6) :]:
            if record.phase == "reveal" and (record.number, account) not in self.acknowledged:
                self.send_reveal(account, record.number, 30)

    @rule(steps=STEPS)
    def some_steps(self, steps: int) -> None:
        self.rig.steps(steps)

    # -- faults

    @rule(steps=STEPS)
    def kill(self, steps: int) -> None:
        self.rig.steps(steps)
        self.rig.kill()
        self.promises_hold()

    @rule(
        account=st.sampled_from(sorted(ACCOUNTS)),
        cut=st.floats(0, 1),
        garble=st.booleans(),
        early=st.booleans(),
    )
    def tear(self, account: int, cut: float, garble: bool, early: bool) -> None:
        def cause() -> None:
            if early:
                self.commit_or_wait(account)
            self.rig.seconds(10)

        self.rig.tear(cut, garble, cause)
        self.promises_hold()

    def commit_or_wait(self, account: int) -> None:
        batch = self.open_batch()
        if 0 <= batch < 64:
            sequence = self.sequences[batch, account] = self.sequences.get((batch, account), 0) + 1
            assert not isinstance(
                self.rig.request(ACCOUNTS[account].commit(batch, sequence), account, 20), wire.Receipt
            )

    @rule(seconds=st.integers(1, 20))
    def outage(self, seconds: int) -> None:
        self.chain.down = True
        self.rig.seconds(seconds)
        self.chain.down = False

    @rule()
    def lose_the_next_answer(self) -> None:
        self.chain.lose_answer = True

    @rule(depth=st.integers(1, 4))
    def reorganise(self, depth: int) -> None:
        if depth <= self.chain.finality:
            self.chain.reorganise(depth)

    @rule(times=st.integers(1, 2))
    def prover_dies(self, times: int) -> None:
        self.rig.prover.deaths = times

    @rule()
    def proofs_are_lost(self) -> None:
        shutil.rmtree(self.rig.folder / "epochs", ignore_errors=True)

    @rule(seconds=st.integers(-3600, 3600))
    def clock_jumps(self, seconds: int) -> None:
        self.rig.jump += seconds

    # -- what must hold

    @invariant()
    def alive(self) -> None:
        assert self.rig.failed is None, repr(self.rig.failed)

    @invariant()
    def promises_hold(self) -> None:
        lifecycle = self.rig.state.lifecycle
        for (batch, account), promise in self.promises.items():
            held = lifecycle.batch(batch).commitments[account]
            assert held.sequence >= promise.sequence, "an acknowledged commitment is lost"
            if held.sequence == promise.sequence:
                assert wire.hex_digest(held.commitment) == promise.commitment
                assert "0x" + held.receipt.hex() == promise.signature, "two receipts for one message"
        for (batch, account), signature in self.acknowledged.items():
            record = lifecycle.batch(batch)
            if record.settled is None:
                given = record.reveals[account].acknowledgement
            else:
                given = record.acknowledgements[account]
            assert "0x" + given.hex() == signature
            if record.cleared is not None:
                assert all(outcome.opened for outcome in record.cleared.accounts if outcome.account == account)

    @invariant()
    def the_chain_agrees(self) -> None:
        lifecycle = self.rig.state.lifecycle
        final = [event for _, block in self.chain.blocks[: self.chain.final + 1] for event in block]
        seals = [event for event in final if isinstance(event, BatchSealed)]
        assert [seal.batch for seal in seals] == list(range(len(seals)))
        for seal in seals:
            record = lifecycle.batch(seal.batch)
            assert record.leaves is not None
            assert commitment_root(PARAMETERS.venue, record) == seal.root
            for leaf in record.leaves:
                promise = self.promises.get((seal.batch, leaf.account))
                assert promise is None or leaf.sequence >= promise.sequence
            missing = {account for batch, account in self.promises if batch == seal.batch}
            assert missing <= {leaf.account for leaf in record.leaves}
        following = 0
        for event in final:
            if isinstance(event, EpochSettled):
                assert event.first == following, "settled twice, or out of order"
                following = event.last + 1
        assert lifecycle.settled <= following or lifecycle.settled == 0
        roots = [e.root for e in final if isinstance(e, EpochSettled) and e.last < lifecycle.settled]
        assert not roots or self.rig.state.tree.root == roots[-1]

    def teardown(self) -> None:
        """Without faults every batch that was begun is settled in the end."""
        try:
            if hasattr(self, "rig"):
                self.heal()
        finally:
            if hasattr(self, "rig"):
                self.rig.close()
            shutil.rmtree(self.folder)

    def all_settled(self) -> bool:
        lifecycle = self.rig.state.lifecycle
        return all(batch.phase == "settled" or not (batch.leaves or batch.collected) for batch in lifecycle.batches)

    def heal(self) -> None:
        self.chain.down = self.chain.lose_answer = False
        self.rig.prover.deaths = 0
        for _ in range(60):
            self.rig.seconds(15)
            self.alive()
            if self.all_settled():
                break
        assert self.all_settled(), "a batch is never settled"
        self.promises_hold()
        self.the_chain_agrees()


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    inline_threads(monkeypatch.setattr)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        seed(SEED)(Venue),
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=30,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_reorganisation_behind_finality_stops_the_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inline_threads(monkeypatch.setattr)
    chain = chain_with_accounts(2)
    rig = Rig(chain, tmp_path)
    rig.seconds(3)
    assert rig.failed is None
    chain.reorganise(4)
    rig.seconds(3)
    assert isinstance(rig.failed, ChainMismatchError)
    assert "was final and has another hash now" in str(rig.failed)
    rig.close()


def test_a_torn_write_acknowledges_nothing_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inline_threads(monkeypatch.setattr)
    rig = Rig(chain_with_accounts(0), tmp_path)
    rig.seconds(2)
    first, second = ACCOUNTS[2].commit(0, 1), ACCOUNTS[3].commit(0, 1)
    receipt = rig.request(first, 2, 20)
    assert isinstance(receipt, wire.Receipt)
    replies: list[wire.Message | None] = []
    assert rig.tear(0.6, True, lambda: replies.append(rig.request(second, 3, 20)))
    assert replies == [None]
    assert set(rig.state.lifecycle.batch(0).commitments) == {2}
    again = rig.request(replace_id(first), 2, 20)
    assert isinstance(again, wire.Receipt)
    assert again.signature == receipt.signature
    rig.close()


def replace_id(message: wire.Commit) -> wire.Commit:
    return wire.Commit(2, message.batch, message.sequence, message.commitment, message.signature)
