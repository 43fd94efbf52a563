"""Telling clients, and the log, about events that are on disk."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from . import views
from .events import (
    AccountRegistered,
    BatchCleared,
    ChainFollowed,
    CommitmentAccepted,
    CommitmentLeased,
    EpochSettled,
    Event,
    QueueAppended,
    RevealAccepted,
)
from .notices import Notice
from .state import VenueState
from .streams import Key, Streams
from .wire import Message

__all__ = ["CLIENTS_OWN", "announce"]

log = logging.getLogger("sealbook.node")
CLIENTS_OWN = (CommitmentAccepted, CommitmentLeased, RevealAccepted)
"""Events of which only their client learns, by the reply to it."""
_UNLOGGED = (*CLIENTS_OWN, AccountRegistered, QueueAppended, ChainFollowed)
"""What concerns one client, or only L1's progress."""
_LOGGED = ("batch", "first", "last", "count", "block", "transaction", "tier", "seconds", "proof_bytes", "gas")


class Listeners(Protocol):
    """Who is connected."""

    def push(self, account: int, message: Message) -> None: ...

    def broadcast(self, key: Key, message: Message) -> None: ...

    def subscribed(self, key: Key) -> bool: ...


def announce(
    state: VenueState, streams: Streams, listeners: Listeners, events: Sequence[Event], told: Sequence[Notice]
) -> None:
    """Number and send the notices, and what follows from the events; log what is public of them."""
    for notice in told:
        message = streams.stamp(notice.key, notice.message)
        if notice.account is None:
            listeners.broadcast(notice.key, message)
        else:
            listeners.push(notice.account, message)
    for event in events:
        if isinstance(event, BatchCleared | EpochSettled):
            _announce_state(state, streams, listeners, event)
        if not isinstance(event, _UNLOGGED):
            fields = {name: getattr(event, name) for name in _LOGGED if hasattr(event, name)}
            log.info("%s", type(event).__name__, extra=fields)


def _announce_state(
    state: VenueState, streams: Streams, listeners: Listeners, event: BatchCleared | EpochSettled
) -> None:
    """Markets, and the balances of accounts that follow theirs."""
    if isinstance(event, BatchCleared):
        key: Key = ("markets", 0)
        listeners.broadcast(key, streams.stamp(key, views.markets(state, None)))
    first, last = (event.batch, event.batch) if isinstance(event, BatchCleared) else (event.first, event.last)
    batches = state.epoch(first, last)
    for account in {a for b in batches if b.cleared is not None for a, _, _ in b.cleared.balances}:
        key = ("balances", account)
        if listeners.subscribed(key):
            listeners.broadcast(key, streams.stamp(key, views.balances(state, account, None)))
