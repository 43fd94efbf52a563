"""The life cycle as a state machine: random walks, and each refusal with its code."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from orderbook.duty import AwaitReveals, Clear, CloseEpoch, Draw, Open, Prove, Seal, Settle
from orderbook.errors import JournalError, RequestError
from orderbook.events import (
    ZERO,
    AccountOutcome,
    BatchCleared,
    BatchClosed,
    BatchOpened,
    BatchSealed,
    BeaconRecorded,
    CommitmentAccepted,
    EpochClosed,
    EpochProven,
    EpochSettled,
    Event,
    RevealAccepted,
    RevealsEnded,
)
from orderbook.lifecycle import Lifecycle
from orderbook.parameters import AssetParameters, MarketParameters, VenueParameters

PARAMETERS = VenueParameters(
    venue=5,
    chain_id=1,
    contract="0x" + "11" * 20,
    operator="0x" + "22" * 20,
    version=1,
    assets=(AssetParameters("0x" + "00" * 20, 1),) * 2,
    markets=(MarketParameters(0, 1, 10, 1000, 0, 100),),
    max_count=4,
    miss_fee=10,
    fee_asset=1,
    reveal_window=3,
    beacon_delay=1,
    min_seal_interval=1,
)


def commitment(batch: int, account: int, sequence: int, value: int = 7) -> CommitmentAccepted:
    return CommitmentAccepted(batch, account, sequence, (value, 0, 0, 0), b"s", b"r")


def reveal(batch: int, account: int) -> RevealAccepted:
    return RevealAccepted(batch, account, (), (0, 0, 0), ZERO, 0, (), b"a")


def sealed(batch: int, count: int, block: int = 10) -> BatchSealed:
    return BatchSealed(batch, ZERO, count, 0, block, "0x" + "00" * 32)


def cleared(machine: Lifecycle, batch: int) -> BatchCleared:
    record = machine.batches[batch]
    outcomes = tuple(
        AccountOutcome(leaf.account, leaf.account in record.reveals, True, 0, (), (), ())
        for leaf in record.leaves or ()
    )
    return BatchCleared(batch, (), outcomes, (), ())


def applied(*events: Event) -> Lifecycle:
    machine = Lifecycle(PARAMETERS)
    for event in events:
        machine.apply(event)
    return machine


class Walk(RuleBasedStateMachine):
    """Whatever order things happen in: batches move forward only, in order, and always some duty is left."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Lifecycle(PARAMETERS)
        self.block = 0
        self.history: list[Event] = []
        self.phases: dict[int, str] = {}

    def do(self, event: Event) -> None:
        self.machine.apply(event)
        self.history.append(event)

    def duty(self, kind: type) -> list:  # type: ignore[type-arg]
        return [duty for duty in self.machine.duties() if isinstance(duty, kind)]

    @precondition(lambda self: self.duty(Open))
    @rule()
    def opens(self) -> None:
        self.do(BatchOpened(self.duty(Open)[0].batch, 0.0))

    @precondition(lambda self: self.machine.open_batch)
    @rule(account=st.integers(2, 7), sequence=st.integers(1, 9), value=st.integers(0, 2))
    def commits(self, account: int, sequence: int, value: int) -> None:
        batch = self.machine.open_batch
        assert batch is not None
        before = batch.commitments.get(account)
        reason = ""
        repeated = None
        try:
            repeated = self.machine.check_commitment(batch.number, account, sequence, (value, 0, 0, 0))
        except RequestError as error:
            reason = error.code
        if before is not None and sequence <= before.sequence:
            same = sequence == before.sequence and before.commitment == (value, 0, 0, 0)
            assert (reason, repeated) == (("", before) if same else ("replayed", None))
        elif reason == "batch_full":
            assert batch.collected == PARAMETERS.max_count
        elif reason == "not_found":
            assert value == 0
        else:
            assert (reason, repeated) == ("", None)
            self.do(commitment(batch.number, account, sequence, value))

    @precondition(lambda self: self.machine.open_batch)
    @rule()
    def closes(self) -> None:
        self.do(BatchClosed(len(self.machine.batches) - 1))

    @precondition(lambda self: self.duty(Seal))
    @rule()
    def seals(self) -> None:
        batch = self.machine.batches[self.duty(Seal)[0].batch]
        self.do(sealed(batch.number, len(batch.leaves or ()), self.block))

    @rule(blocks=st.integers(1, 4))
    def mines(self, blocks: int) -> None:
        self.block += blocks

    @precondition(lambda self: self.duty(AwaitReveals))
    @rule(data=st.data())
    def reveals(self, data: st.DataObject) -> None:
        duty = data.draw(st.sampled_from(self.duty(AwaitReveals)))
        batch = self.machine.batches[duty.batch]
        closed = [leaf.account for leaf in batch.leaves or () if leaf.account not in batch.reveals]
        if closed:
            self.do(reveal(batch.number, data.draw(st.sampled_from(closed))))

    @precondition(lambda self: self.duty(AwaitReveals))
    @rule(data=st.data())
    def ends_reveals(self, data: st.DataObject) -> None:
        duty = data.draw(st.sampled_from(self.duty(AwaitReveals)))
        if self.block > duty.until or self.machine.all_revealed(duty.batch):
            self.do(RevealsEnded(duty.batch, self.block))

    @precondition(lambda self: self.duty(Draw))
    @rule(data=st.data())
    def draws(self, data: st.DataObject) -> None:
        self.do(BeaconRecorded(data.draw(st.sampled_from(self.duty(Draw))).batch, b"\1" * 32, self.block))

    @precondition(lambda self: self.duty(Clear))
    @rule()
    def clears(self) -> None:
        self.do(cleared(self.machine, self.duty(Clear)[0].batch))

    @precondition(lambda self: self.duty(CloseEpoch))
    @rule(data=st.data())
    def closes_epoch(self, data: st.DataObject) -> None:
        duty = self.duty(CloseEpoch)[0]
        self.do(EpochClosed(duty.first, data.draw(st.integers(duty.first, duty.last))))

    @precondition(lambda self: self.duty(Prove))
    @rule()
    def proves(self) -> None:
        duty = self.duty(Prove)[0]
        self.do(EpochProven(duty.first, duty.last, 0, "f", b"d", 1, 1.0))

    @precondition(lambda self: self.duty(Settle))
    @rule()
    def settles(self) -> None:
        duty = self.duty(Settle)[0]
        self.do(EpochSettled(duty.first, duty.last, ZERO, self.block, (), 0))

    @invariant()
    def phases_go_forward(self) -> None:
        order = ("commit", "seal", "reveal", "beacon", "clear", "prove", "settle", "settled")
        later = len(order)
        for batch in self.machine.batches:
            now = order.index(batch.phase)
            assert now >= order.index(self.phases.get(batch.number, "commit"))
            self.phases[batch.number] = batch.phase
            # A batch is never ahead of the one before it, but for reveals and draws, which overlap.
            if later < 2 or later > 4 or now > 4:
                assert now <= later
            later = now

    @invariant()
    def one_batch_collects(self) -> None:
        collecting = [batch for batch in self.machine.batches if batch.phase == "commit"]
        assert len(collecting) <= 1
        assert not collecting or collecting[0] is self.machine.batches[-1]
        for batch in self.machine.batches:
            assert batch.collected <= PARAMETERS.max_count
            accounts = [leaf.account for leaf in batch.leaves or ()]
            assert accounts == sorted(set(accounts))
            assert batch.phase != "settled" or not batch.reveals

    @invariant()
    def something_is_left_to_do(self) -> None:
        assert self.machine.open_batch is not None or self.machine.duties()

    def teardown(self) -> None:
        replayed = applied(*self.history)
        assert list(replayed.batches) == list(self.machine.batches)
        assert replayed.duties() == self.machine.duties()


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def refused(machine: Lifecycle, batch: int, account: int, sequence: int, value: int = 7) -> RequestError:
    with pytest.raises(RequestError) as caught:
        machine.check_commitment(batch, account, sequence, (value, 0, 0, 0))
    return caught.value


def test_a_commitment_for_a_batch_that_does_not_exist() -> None:
    error = refused(applied(BatchOpened(0, 0.0)), 1, 2, 1)
    assert (error.code, error.field, str(error)) == ("unknown_batch", "batch", "batch 1 does not exist yet")


def test_a_commitment_for_a_closed_batch_is_retryable() -> None:
    machine = applied(BatchOpened(0, 0.0), BatchClosed(0), BatchOpened(1, 0.0))
    error = refused(machine, 0, 2, 1)
    assert (error.code, error.retryable) == ("wrong_phase", True)
    assert str(error) == "batch 0 is closed; open is batch 1"


def test_an_older_sequence_is_a_replay_and_the_same_message_is_a_repetition() -> None:
    machine = applied(BatchOpened(0, 0.0), commitment(0, 2, 5))
    assert refused(machine, 0, 2, 4).code == "replayed"
    assert refused(machine, 0, 2, 5, 8).code == "replayed"
    assert machine.check_commitment(0, 2, 5, (7, 0, 0, 0)) == commitment(0, 2, 5)
    machine.apply(BatchClosed(0))
    assert machine.check_commitment(0, 2, 5, (7, 0, 0, 0)) == commitment(0, 2, 5)


def test_a_full_batch_takes_replacements_only() -> None:
    machine = applied(BatchOpened(0, 0.0), *(commitment(0, account, 1) for account in range(2, 6)))
    error = refused(machine, 0, 6, 1)
    assert (error.code, error.retryable) == ("batch_full", True)
    assert machine.check_commitment(0, 2, 2, (9, 0, 0, 0)) is None
    machine.apply(commitment(0, 2, 2, 0))
    assert machine.check_commitment(0, 6, 1, (9, 0, 0, 0)) is None


def test_nothing_to_cancel() -> None:
    assert refused(applied(BatchOpened(0, 0.0)), 0, 2, 1, 0).code == "not_found"


def test_cancelled_commitments_are_no_leaves() -> None:
    machine = applied(
        BatchOpened(0, 0.0), commitment(0, 3, 1), commitment(0, 2, 1), commitment(0, 3, 2, 0), BatchClosed(0)
    )
    assert [leaf.account for leaf in machine.batches[0].leaves or ()] == [2]


def test_reveals_before_the_seal_and_results_before_clearing() -> None:
    machine = applied(BatchOpened(0, 0.0), commitment(0, 2, 1), BatchClosed(0))
    with pytest.raises(RequestError) as caught:
        machine.check_reveal_phase(0)
    assert (caught.value.code, caught.value.retryable) == ("wrong_phase", True)
    machine.apply(sealed(0, 1))
    with pytest.raises(RequestError) as caught:
        machine.check_result(0)
    assert (caught.value.code, caught.value.retryable) == ("too_early", True)


def test_the_reveal_deadline_counts_from_the_seal() -> None:
    machine = applied(BatchOpened(0, 0.0), commitment(0, 2, 1), BatchClosed(0), sealed(0, 1, 100))
    assert machine.reveal_until(0) == 103
    assert machine.duties() == [Open(1), AwaitReveals(0, 103), Draw(0)]


def test_missing_leaves_are_listed_after_reveals_ended() -> None:
    machine = applied(
        BatchOpened(0, 0.0),
        commitment(0, 2, 1),
        commitment(0, 3, 1),
        BatchClosed(0),
        sealed(0, 2),
        reveal(0, 3),
    )
    assert machine.batches[0].missing == ()
    machine.apply(RevealsEnded(0, 20))
    assert [leaf.account for leaf in machine.batches[0].missing] == [2]


def test_an_empty_batch_needs_neither_reveals_nor_beacon() -> None:
    machine = applied(BatchOpened(0, 0.0), BatchClosed(0), BatchOpened(1, 0.0), sealed(0, 0))
    assert machine.duties() == [Clear(0)]


@pytest.mark.parametrize(
    "event",
    [
        BatchOpened(3, 0.0),
        BatchSealed(0, ZERO, 1, 0, 1, ""),
        RevealsEnded(0, 1),
        EpochClosed(0, 0),
        EpochSettled(0, 0, ZERO, 1, (), 0),
        commitment(1, 2, 1),
    ],
)
def test_events_out_of_order_are_a_corrupt_journal(event: Event) -> None:
    with pytest.raises(JournalError) as caught:
        applied(BatchOpened(0, 0.0), event)
    assert caught.value.code == "journal_corrupt"


def test_an_epoch_that_is_too_large_starts_again_with_fewer_batches() -> None:
    machine = applied(*(e for n in range(4) for e in (BatchOpened(n, 0.0), BatchClosed(n), sealed(n, 0))))
    for number in range(4):
        machine.apply(cleared(machine, number))
    machine.apply(EpochClosed(0, 3))
    assert machine.duties() == [Open(4), Prove(0, 3)]
    machine.apply(EpochClosed(0, 1))
    assert machine.duties() == [Open(4), Prove(0, 1)]
    machine.apply(EpochProven(0, 1, 0, "f", b"d", 1, 1.0))
    with pytest.raises(JournalError):
        machine.apply(EpochClosed(0, 0))
    machine.apply(EpochSettled(0, 1, ZERO, 1, (), 0))
    assert machine.duties() == [Open(4), CloseEpoch(2, 3)]
