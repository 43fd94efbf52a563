"""Snapshots: a state that goes on as if nothing had been left out, and a journal that stays short."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from orderbook import wire
from orderbook.batch import Batch
from orderbook.errors import JournalError
from orderbook.events import Event, OpenedEntry
from orderbook.journal import Journal
from orderbook.node import replay
from orderbook.parameters import VenueParameters
from orderbook.state import VenueState
from orderbook.vault import Vault

from .flow import Flow, settled_root
from .simulated import OPERATOR, SimulatedL1, Trader, connected, running

ORDER = OpenedEntry(2, 0, 20_000, 5)


def opened(folder: Path, identity: str = "1:0xaa") -> Journal:
    return Journal(folder / "journal.sqlite3", Vault.at(folder / "journal.key", create=True), identity)


def same(one: VenueState, other: VenueState) -> bool:
    return (
        one.tree.root == other.tree.root
        and one.lifecycle.marks == other.lifecycle.marks
        and list(one.lifecycle.batches) == list(other.lifecycle.batches)
        and one.registry.accounts == other.registry.accounts
        and one.ledger.balances == other.ledger.balances
        and (one.ledger.references, one.settled_references) == (other.ledger.references, other.settled_references)
        and one.registry.length == other.registry.length
        and one.followed == other.followed
    )


class Kept(Flow):
    """A flow whose events go to a journal, with a snapshot at each settlement that is asked for."""

    def __init__(self, parameters: VenueParameters, journal: Journal) -> None:
        super().__init__(parameters)
        self.journal = journal
        self.take = True

    def do(self, *events: Event) -> None:
        super().do(*events)
        settled = [e for e in events if type(e).__name__ == "EpochSettled"]
        batches: list[Batch] = [b for e in settled for b in self.state.epoch(e.first, e.last)]  # type: ignore[attr-defined]
        self.journal.append(events, batches, self.state.snapshot().encoded() if settled and self.take else None)


def rounds(flow: Flow, count: int) -> None:
    """Batches with one order, one of them missing each time, settled one by one; then one that is only revealed."""
    traders = list(flow.traders.values())
    for _ in range(count):
        number = len(flow.state.lifecycle.batches)
        for trader in traders:
            flow.rekey(trader, number)
        flow.batch({trader.number: [ORDER] for trader in traders}, missing=[traders[0].number])
        flow.settle(number, number, settled_root(flow.state, number, number))


@pytest.mark.parametrize("take", [True, False], ids=["snapshots", "events only"])
def test_a_state_goes_on_from_what_the_journal_keeps(parameters: VenueParameters, tmp_path: Path, take: bool) -> None:
    journal = opened(tmp_path)
    flow = Kept(parameters, journal)
    flow.take = take
    for _ in range(3):
        trader = flow.register(0)
        flow.deposit(trader, 0, 10**6)
        flow.deposit(trader, 1, 10**9)
    rounds(flow, 6)
    number = len(flow.state.lifecycle.batches)
    flow.batch({3: [ORDER]})
    journal.close()
    journal = opened(tmp_path)
    state = VenueState(parameters)
    count = replay(state, journal)
    flow.journal = journal
    assert (count < 20) == take
    assert same(state, flow.state)
    assert state.lifecycle.batch(0).acknowledgements.keys() == {3, 4}
    # Both go on alike.
    root = settled_root(flow.state, number, number)
    before = len(flow.events)
    flow.settle(number, number, root)
    for event in flow.events[before:]:
        state.apply(event)
    flow.state.lifecycle.batches.fetch_from(journal.batch)
    assert same(state, flow.state)
    journal.close()


def test_the_journal_lets_go_of_what_a_snapshot_covers(parameters: VenueParameters, tmp_path: Path) -> None:
    journal = opened(tmp_path)
    flow = Kept(parameters, journal)
    for _ in range(3):
        flow.register(0)
    rounds(flow, 5)
    journal.append([])
    journal.close()
    database = sqlite3.connect(tmp_path / "journal.sqlite3")
    assert database.execute("SELECT count(*) FROM events").fetchone()[0] == 0
    assert database.execute("SELECT count(*) FROM batches").fetchone()[0] == 5
    database.close()
    journal = opened(tmp_path)
    flow.journal = journal
    flow.state.fetch_from(journal.batch)
    rounds(flow, 1)
    state = VenueState(parameters)
    replay(state, journal)
    assert same(state, flow.state)
    journal.close()


def test_old_batches_and_forgotten_entries_leave_memory(parameters: VenueParameters, tmp_path: Path) -> None:
    journal = opened(tmp_path)
    flow = Kept(parameters, journal)
    flow.state.fetch_from(journal.batch)
    flow.register(0)
    rounds(flow, 34)
    assert len(flow.state.lifecycle.batches._held) == 32
    assert len(flow.state.lifecycle.batches) == 34
    assert len(flow.state.registry.queue) == 32
    assert flow.state.registry.length == 35
    assert len(flow.state.registry.roots[2]) == 33
    assert flow.state.lifecycle.batch(0).settled is not None
    assert flow.state.lifecycle.batch(0) is flow.state.lifecycle.batch(0)
    journal.close()


@pytest.mark.parametrize("table", ["snapshot", "batches"])
def test_an_altered_snapshot_or_batch_is_found(parameters: VenueParameters, tmp_path: Path, table: str) -> None:
    journal = opened(tmp_path)
    flow = Kept(parameters, journal)
    flow.register(0)
    rounds(flow, 1)
    journal.close()
    database = sqlite3.connect(tmp_path / "journal.sqlite3")
    database.execute(f"UPDATE {table} SET payload = zeroblob(100)")
    database.commit()
    database.close()
    journal = opened(tmp_path)
    with pytest.raises(JournalError, match="a record does not open under the node's key"):
        journal.snapshot() if table == "snapshot" else journal.batch(0)
    journal.close()


def test_a_lost_batch_is_found(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    with pytest.raises(JournalError, match="batch 3 is lost"):
        journal.batch(3)
    journal.close()


async def test_a_node_resumes_from_its_snapshot(tmp_path: Path, parameters: VenueParameters) -> None:
    l1 = SimulatedL1(replace(parameters, operator=OPERATOR.address))
    trader = Trader(l1, 1)
    l1.deposit(trader.account, 1, 10**9)
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.login(trader.key, trader.account)
        receipt = await client.ask(trader.commit(client), wire.Receipt)
        node.seal_now()
        await client.push(wire.Sealed)
        acknowledged = await client.ask(trader.reveal(client), wire.Acknowledgement)
        l1.mine(4)
        result = await client.push(wire.Result, lambda r: r.final)
        root = node.state.tree.root
        assert (await client.ask(trader.reveal(client), wire.Acknowledgement)).signature == acknowledged.signature
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        assert node.state.tree.root == root
        await client.login(trader.key, trader.account)
        again = await client.ask(wire.GetResult(client.next_id(), 0), wire.Result)
        assert again.fills == result.fills
        assert again.changes == result.changes
        assert (await client.ask(trader.reveal(client), wire.Acknowledgement)).signature == acknowledged.signature
        repeated = await client.ask(trader.commit(client), wire.Receipt)
        assert repeated.signature == receipt.signature
    database = sqlite3.connect(tmp_path / "journal.sqlite3")
    kinds = {kind for (kind,) in database.execute("SELECT DISTINCT kind FROM events")}
    database.close()
    assert "reveal" not in kinds
    assert "commitment" not in kinds
