"""A venue's settled state without asking the venue: rebuilt from L1, or read from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from eth_utils.crypto import keccak

from commitments.state import balance_leaf, balance_slot, leaf_index
from commitments.types import KEY_SLOT, SLOTS, ZERO, Digest
from contracts.exchange import Exchange
from contracts.records import Epoch
from contracts.rpc import Endpoint, guarded
from proofs.solvency.witness import StateError, check_leaves
from proofs.statement.public import Holding, PublicDataError, QueueEntry, decode, decode_queue

from ..errors import SolvencyError

Progress = Callable[[str], None]
LOG_WINDOW: Final = 5_000
"""Blocks that one search for queue entries covers."""


@dataclass(frozen=True)
class SettledState:
    """The leaves of the state tree that are not zero, by index, and how many assets the venue has."""

    leaves: Mapping[int, Digest]
    assets: int

    @property
    def accounts(self) -> int:
        """Accounts with a key or a balance."""
        return len({index // SLOTS for index in self.leaves})


class LeafRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A leaf in a file: account, slot, four elements."""

    account: int
    slot: int
    value: tuple[int, int, int, int]


class StateFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A state as a file: JSON. Nothing in it is secret, all of it is published on L1."""

    format: str
    version: int
    assets: int
    leaves: list[LeafRow]


def write_state(state: SettledState, path: Path) -> None:
    """Write a state for :func:`read_state`."""
    rows = [LeafRow(*divmod(index, SLOTS), leaf) for index, leaf in sorted(state.leaves.items())]
    path.write_bytes(msgspec.json.encode(StateFile("sealbook-state", 1, state.assets, rows)) + b"\n")


def read_state(path: Path) -> SettledState:
    """Read a state. Raises :class:`SolvencyError` with the field that is wrong."""
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=StateFile)
    except OSError as error:
        raise SolvencyError("state", f"{path}: {error.strerror}") from None
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise SolvencyError("state", f"{path}: {error}") from None
    if (stored.format, stored.version) != ("sealbook-state", 1):
        raise SolvencyError("format", f"{stored.format!r} version {stored.version} is not 'sealbook-state' version 1")
    leaves: dict[int, Digest] = {}
    for row in stored.leaves:
        if not 0 <= row.slot < SLOTS or row.account < 0:
            raise SolvencyError("leaves", f"account {row.account} has no slot {row.slot}")
        if leaves.setdefault(leaf_index(row.account, row.slot), row.value) is not row.value:
            raise SolvencyError("leaves", f"account {row.account}, slot {row.slot} stands there twice")
    try:
        check_leaves(leaves, stored.assets)
    except StateError as error:
        raise SolvencyError(error.field, error.reason) from None
    return SettledState({index: leaf for index, leaf in leaves.items() if leaf != ZERO}, stored.assets)


def replay(endpoint: Endpoint, exchange: Exchange, progress: Progress = lambda _: None) -> SettledState:
    """The settled state from what the settlements published: key roots of the queue, changed balances.

    The caller compares its root with the contract's.

    :raises SolvencyError: L1 does not hold a whole settlement
    :raises contracts.errors.EndpointError: the endpoint is down or contradicts itself
    """
    return guarded(lambda: _replay(exchange, progress))


def _replay(exchange: Exchange, progress: Progress) -> SettledState:
    assets, markets = len(exchange.assets()), len(exchange.markets())
    leaves: dict[int, Digest] = {}
    epochs = exchange.progress().epochs
    for number in range(epochs):
        progress(f"reading epoch {number + 1} of {epochs}")
        entries, balances = _published(exchange, exchange.epoch(number), markets, assets)
        for entry in entries:
            if entry.kind == 1:
                leaves[leaf_index(entry.account, KEY_SLOT)] = entry.value
        for holding in balances:
            leaves[leaf_index(holding.account, balance_slot(holding.asset))] = balance_leaf(holding.value)
    return SettledState({index: leaf for index, leaf in leaves.items() if leaf != ZERO}, assets)


def _published(
    exchange: Exchange, epoch: Epoch, markets: int, assets: int
) -> tuple[list[QueueEntry], tuple[Holding, ...]]:
    """Queue entries and changed balances of an epoch."""
    settled = exchange.settled(epoch.settled_block, epoch.settled_block, epoch=epoch.number)
    if len(settled) != 1:
        raise SolvencyError("Settled", f"block {epoch.settled_block} has {len(settled)} such events for the epoch")
    batches = [exchange.batch(epoch.first_batch + k) for k in range(epoch.batches)]
    heads = exchange.heads_checked(batches[-1].seal_block, epoch.settled_block, id=settled[0].id)
    if not heads or keccak(heads[-1].public_data) != epoch.public_data_hash:
        raise SolvencyError("HeadChecked", f"no such event published what epoch {epoch.number} settled")
    try:
        data = decode(heads[-1].public_data, counts=[b.count for b in batches], markets=markets, assets=assets)
        return decode_queue(heads[-1].queue_entries), data.balances
    except PublicDataError as error:
        raise SolvencyError(f"epoch {epoch.number}", str(error)) from None


def waiting_entries(exchange: Exchange) -> list[QueueEntry]:
    """Queue entries that no settled batch has applied, in order, from the contract's events.

    :raises SolvencyError: the endpoint does not have them
    """
    progress = exchange.progress()
    wanted = range(progress.queue_settled, progress.queue_length)
    found: dict[int, QueueEntry] = {}
    last = int(exchange.w3.eth.block_number)
    while len(found) < len(wanted) and last >= 0:
        for event in exchange.queued(max(last - LOG_WINDOW + 1, 0), last):
            if event.position in wanted:
                found[event.position] = QueueEntry(event.kind, event.account, event.asset, event.value)
        last -= LOG_WINDOW
    absent = [position for position in wanted if position not in found]
    if absent:
        raise SolvencyError("Queued", f"no event has queue entry {absent[0]}")
    return [found[position] for position in wanted]
