"""When batches close and epochs are proven."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orderbook.clock import BatchClock
from orderbook.events import BatchClosed, BatchOpened, BatchSealed, CommitmentAccepted
from orderbook.parameters import VenueParameters
from orderbook.settings import Settings

from .flow import ZERO, Flow


@pytest.fixture
def flow(parameters: VenueParameters) -> Flow:
    flow = Flow(parameters)
    flow.do(BatchOpened(0, 100.0))
    return flow


def clock(flow: Flow, **options: Any) -> BatchClock:
    return BatchClock(Settings(data=Path("unused"), **options), flow.state)


def committed(flow: Flow, *accounts: int, batch: int = 0) -> None:
    flow.do(*(CommitmentAccepted(batch, account, 1, (1, 0, 0, 0), b"", b"") for account in accounts))


def test_an_empty_batch_waits_for_a_commitment(flow: Flow) -> None:
    timed = clock(flow, batch_seconds=10.0)
    assert timed.closes_at(flow.state.lifecycle.batch(0)) == 110.0
    assert not timed.due(1e9)
    committed(flow, 2)
    assert not timed.due(109.9)
    assert timed.due(110.0)


def test_an_empty_batch_closes_for_the_queue(flow: Flow) -> None:
    flow.register(0)
    assert not clock(flow, batch_seconds=10.0).due(109.9)
    assert clock(flow, batch_seconds=10.0).due(110.0)
    assert not clock(flow, batch_seconds=10.0, empty_batches=False).due(110.0)
    assert not clock(flow, batch_seconds=None).due(1e9)


def test_a_queue_beyond_one_batch_is_flushed_at_once(flow: Flow) -> None:
    trader = flow.register(0)
    for _ in range(flow.parameters.queue_per_batch):
        flow.deposit(trader, 0, 1)
    assert clock(flow, batch_seconds=None).due(100.0)
    committed(flow, 2)
    assert not clock(flow, batch_seconds=None).due(100.0)


def test_enough_commitments_close_a_batch(flow: Flow) -> None:
    counted = clock(flow, batch_seconds=None, batch_commitments=2)
    committed(flow, 2)
    assert not counted.due(1e9)
    committed(flow, 3)
    assert counted.due(100.0)


def test_no_batch_closes_before_the_one_ahead_is_sealed(flow: Flow) -> None:
    committed(flow, 2)
    flow.do(BatchClosed(0), BatchOpened(1, 100.0))
    committed(flow, 2, batch=1)
    counted = clock(flow, batch_seconds=None, batch_commitments=1)
    assert not counted.may_close()
    assert not counted.due(1e9)
    flow.do(BatchSealed(0, ZERO, 1, 0, 5, ""))
    assert counted.due(100.0)


def test_the_operator_closes_a_batch(flow: Flow) -> None:
    manual = clock(flow, batch_seconds=None)
    assert not manual.due(1e9)
    manual.close_now()
    assert manual.due(100.0)


def test_epochs(flow: Flow) -> None:
    policy = clock(flow, batches_per_epoch=3, epoch_seconds=50.0)
    assert not policy.epoch_due(0, 1, 149.0)
    assert policy.epoch_due(0, 1, 150.0)
    assert policy.epoch_due(0, 2, 100.0)
    assert policy.epoch_last(0, 7) == 2
    assert policy.epoch_last(0, 1) == 1
