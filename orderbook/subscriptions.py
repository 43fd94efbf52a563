"""Answering a subscription: what a client missed, or the present state in its place."""

from __future__ import annotations

from collections.abc import Callable

from . import views
from .batch import Batch
from .state import VenueState
from .streams import PUBLIC, Key, Pushed, Streams
from .wire import (
    BatchStatus,
    Channel,
    ChannelAt,
    Heartbeat,
    Markets,
    Receipt,
    Result,
    Sealed,
    Subscribe,
    Subscribed,
)

__all__ = ["heartbeat", "keys_of", "open_channels"]

_MOST_BATCHES = 64
"""Batches in the state that a subscriber gets: the newest."""


def keys_of(request: Subscribe, account: int) -> tuple[Key, ...]:
    """The channels of a request; ``account`` is that of its own channels."""
    return tuple((channel, 0 if channel in PUBLIC else account) for channel in dict.fromkeys(request.channels))


def heartbeat(streams: Streams, keys: tuple[Key, ...]) -> Heartbeat:
    """The last number of each channel."""
    return Heartbeat(streams.identity, tuple(streams.at(key) for key in keys))


def open_channels(
    state: VenueState,
    streams: Streams,
    request: Subscribe,
    account: int,
    closes_at: Callable[[Batch], float | None],
    heartbeat_seconds: float,
) -> Subscribed:
    """The answer to a subscription, of one moment."""
    keys = keys_of(request, account)
    missed, resumed = _missed(streams, request, keys)
    fresh: set[Channel] = {channel for channel, _ in keys if channel not in resumed}
    lifecycle = state.lifecycle
    batches = lifecycle.batches[max(lifecycle.settled - 1, len(lifecycle.batches) - _MOST_BATCHES, 0) :]
    return Subscribed(
        id=request.id,
        stream=streams.identity,
        at=tuple(streams.at(key) for key in keys),
        resumed=resumed,
        heartbeat_seconds=heartbeat_seconds,
        batches=tuple(views.batch_status(lifecycle, b, closes_at(b)) for b in batches) if "batches" in fresh else (),
        markets=views.markets(state, None) if "markets" in fresh else None,
        results=tuple(_results(batches, account)) if "orders" in fresh else (),
        balances=views.balances(state, account, None) if "balances" in fresh else None,
        missed=missed,
    )


def _missed(
    streams: Streams, request: Subscribe, keys: tuple[Key, ...]
) -> tuple[tuple[BatchStatus | Markets | Receipt | Sealed | Result, ...], tuple[Channel, ...]]:
    if request.stream != streams.identity:
        return (), ()
    after: dict[Channel, ChannelAt] = {at.channel: at for at in request.after}
    found: list[Pushed] = []
    resumed: list[Channel] = []
    for key in keys:
        known = after.get(key[0])
        # A balance is pushed to whoever listens, and is the whole state by itself: nothing of it is kept.
        missed = None if known is None or key[0] == "balances" else streams.missed(key, known.sequence)
        if missed is not None:
            found += missed
            resumed.append(key[0])
    return tuple(found), tuple(resumed)  # type: ignore[arg-type]


def _results(batches: list[Batch], account: int) -> list[Result]:
    return [
        views.result(batch, outcome)
        for batch in batches
        if batch.cleared is not None and batch.settled is None
        for outcome in batch.cleared.accounts
        if outcome.account == account
    ]
