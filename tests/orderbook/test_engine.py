"""The engine against the witness builder: the same epoch, executed twice by different code, gives the same outcome."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from orderbook.epoch_input import epoch_input
from orderbook.errors import ChainMismatchError
from orderbook.events import OpenedEntry
from orderbook.parameters import VenueParameters
from orderbook.state import VenueState
from proofs.statement.public import draw
from proofs.statement.witness.execute import execute

from .flow import ZERO, Flow, roundtrip, settled_root

BUY, SELL, WITHDRAWAL = 2, 3, 1


def bundle(parameters: VenueParameters, source: random.Random) -> list[OpenedEntry]:
    """Random entries in the order that a bundle demands."""
    entries = []
    for _ in range(source.randint(1, 6)):
        if source.random() < 0.15:
            entries.append(OpenedEntry(WITHDRAWAL, source.randint(0, 1), 0, source.randint(1, 10**7)))
        else:
            price = source.choice([20_000, 20_001, 20_002, 19_999, source.randint(1_000, 900_000)])
            entries.append(OpenedEntry(source.choice([BUY, SELL]), source.randint(0, 1), price, source.randint(1, 400)))
    market = {e: 0 if e.kind == WITHDRAWAL else e.market for e in entries}
    return sorted(entries, key=lambda e: (parameters.debited_asset(e.kind, e.market), market[e], e.kind))


@pytest.mark.parametrize("seed", range(6))
def test_engine_and_witness_builder_agree(parameters: VenueParameters, seed: int) -> None:
    source = random.Random(seed)
    flow = Flow(parameters, seed)
    traders = [flow.register(0) for _ in range(9)]
    for trader in traders:
        flow.deposit(trader, 0, source.choice([0, 50, 100_000, 10**9]))
        flow.deposit(trader, 1, source.choice([0, 900, 10**6, 10**9]))
    flow.batch({t.number: bundle(parameters, source) for t in traders[:7]}, missing=[traders[3].number])
    for trader in traders:
        flow.rekey(trader, 1)
    flow.batch({t.number: bundle(parameters, source) for t in traders if source.random() < 0.8})
    flow.deposit(traders[0], 1, 12_345)
    flow.batch({})
    execution = execute(epoch_input(flow.state, 0, 2))

    batches = flow.state.epoch(0, 2)
    outcomes = [batch.cleared for batch in batches]
    assert [
        [(m.reference, m.price, m.volume) for m in outcome.markets] for outcome in outcomes if outcome is not None
    ] == [[(r.reference, r.price, r.volume) for r in results] for results in execution.results]
    fills = {(f.batch, f.account, f.position): (f.admitted, f.filled) for f in execution.fills}
    assert fills == {
        (k, account.account, position): (entry.admitted, entry.fill)
        for k, outcome in enumerate(outcomes)
        if outcome is not None
        for account in outcome.accounts
        for position, entry in enumerate(account.outcomes)
    }
    assert [(m.batch, m.account, m.commitment) for m in execution.missing] == [
        (batch.number, leaf.account, leaf.commitment) for batch in batches for leaf in batch.missing
    ]
    balances = {(account, asset): units for account, asset, units in execution.balances}
    assert all(flow.state.ledger.balance(*key) == units for key, units in balances.items())
    withdrawn: dict[tuple[int, int], int] = {}
    for outcome in outcomes:
        assert outcome is not None
        for account, asset, units in outcome.withdrawals:
            withdrawn[(account, asset)] = withdrawn.get((account, asset), 0) + units
    assert sorted((*key, units) for key, units in withdrawn.items()) == sorted(execution.withdrawals)
    assert execution.roots[0] == batches[0].seal.root  # type: ignore[union-attr]
    assert execution.references == flow.state.ledger.references
    assert execution.old_root == flow.state.tree.root
    assert execution.new_root == settled_root(flow.state, 0, 2)

    flow.settle(0, 2, execution.new_root)
    assert flow.state.tree.root == execution.new_root
    assert flow.state.settled_references == flow.state.ledger.references


def test_money_is_neither_made_nor_lost(parameters: VenueParameters) -> None:
    source = random.Random(3)
    flow = Flow(parameters)
    traders = [flow.register(0) for _ in range(20)]
    for trader in traders:
        flow.deposit(trader, 0, 10**9)
        flow.deposit(trader, 1, 10**9)
    flow.batch({t.number: bundle(parameters, source) for t in traders}, missing=[5, 9])
    cleared = flow.state.lifecycle.batch(0).cleared
    assert cleared is not None
    for asset in (0, 1):
        held = sum(flow.state.ledger.balance(account, asset) for account in range(2 + len(traders)))
        withdrawn = sum(units for _, a, units in cleared.withdrawals if a == asset)
        deposited = sum(
            e.values[0]
            for e in flow.state.registry.queue[: flow.state.lifecycle.last_cut]
            if e.kind == 2 and e.asset == asset
        )
        assert held + withdrawn == deposited
    assert flow.state.ledger.balance(1, parameters.fee_asset) == 2 * parameters.miss_fee


def test_a_missed_reveal_costs_at_most_the_balance(parameters: VenueParameters) -> None:
    flow = Flow(parameters)
    poor, rich = flow.register(0), flow.register(0)
    flow.deposit(poor, 1, 300)
    flow.deposit(rich, 1, 5_000)
    order = [OpenedEntry(BUY, 0, 20_000, 1)]
    flow.batch({poor.number: order, rich.number: order}, missing=[poor.number, rich.number])
    cleared = flow.state.lifecycle.batch(0).cleared
    assert cleared is not None
    assert [(a.account, a.charged, a.covered, a.changes) for a in cleared.accounts] == [
        (2, 300, False, ((1, -300),)),
        (3, 1_000, True, ((1, -1_000),)),
    ]
    assert flow.state.ledger.balance(1, 1) == 1_300


def test_without_cover_orders_are_dropped_and_withdrawals_are_not(parameters: VenueParameters) -> None:
    flow = Flow(parameters)
    trader = flow.register(0)
    flow.deposit(trader, 0, 500)
    flow.deposit(trader, 1, 999)
    entries = [OpenedEntry(WITHDRAWAL, 0, 0, 500), OpenedEntry(SELL, 0, 20_000, 0 + 1)]
    flow.batch({trader.number: entries})
    cleared = flow.state.lifecycle.batch(0).cleared
    assert cleared is not None
    assert [outcome.admitted for outcome in cleared.accounts[0].outcomes] == [True, False]
    assert cleared.withdrawals == ((2, 0, 500),)


def test_the_draw_is_the_top_of_a_hash() -> None:
    assert draw(b"\0" * 32, 0) == 0xAD3228B6
    assert draw(b"\0" * 32, 1) != draw(b"\0" * 32, 0)


def test_replay_gives_the_same_state(parameters: VenueParameters) -> None:
    source = random.Random(1)
    flow = Flow(parameters)
    traders = [flow.register(0) for _ in range(4)]
    for trader in traders:
        flow.deposit(trader, 1, 10**8)
        flow.deposit(trader, 0, 10**8)
    flow.batch({t.number: bundle(parameters, source) for t in traders}, missing=[4])
    flow.batch({})
    flow.settle(0, 1, settled_root(flow.state, 0, 1))
    again = VenueState(parameters)
    for event in roundtrip(flow.events):
        if type(event).__name__ != "RevealAccepted":  # deleted by the journal once settled
            again.apply(event)
    # Acknowledgements come back with the batch itself, which the journal keeps from its settlement on.
    assert list(again.lifecycle.batches) == [replace(b, acknowledgements={}) for b in flow.state.lifecycle.batches]
    assert again.tree.root == flow.state.tree.root
    assert [again.ledger.account(t.number) for t in traders] == [flow.state.ledger.account(t.number) for t in traders]


def test_a_settled_root_that_does_not_follow(parameters: VenueParameters) -> None:
    flow = Flow(parameters)
    flow.register(0)
    flow.batch({})
    with pytest.raises(ChainMismatchError) as caught:
        flow.settle(0, 0, ZERO)
    assert (caught.value.code, caught.value.field) == ("chain_mismatch", "root")
