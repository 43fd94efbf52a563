"""All batches of the venue in order: those in flight and the newest settled ones in memory, older ones on disk."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Final, overload

from .batch import Batch

__all__ = ["Shelf"]

_FETCHED: Final = 16
"""Batches that were fetched from disk and are kept for the next question."""


class Shelf:
    """``fetch`` reads a settled batch back from disk; without it every batch stays in memory. ``keep``: settled batches
    that stay."""

    def __init__(self, fetch: Callable[[int], Batch] | None = None, keep: int = 32) -> None:
        self._fetch = fetch
        self._keep = keep
        self._first = 0
        self._held: list[Batch] = []
        self._fetched: OrderedDict[int, Batch] = OrderedDict()

    def fetch_from(self, fetch: Callable[[int], Batch]) -> None:
        """From now on settled batches are on disk."""
        self._fetch = fetch

    def resume(self, first: int, held: Iterable[Batch]) -> None:
        """Take over batches; those before ``first`` are on disk."""
        self._first, self._held = first, list(held)

    def __len__(self) -> int:
        return self._first + len(self._held)

    def __iter__(self) -> Iterator[Batch]:
        return (self[number] for number in range(len(self)))

    @overload
    def __getitem__(self, number: int) -> Batch: ...
    @overload
    def __getitem__(self, number: slice) -> list[Batch]: ...
    def __getitem__(self, number: int | slice) -> Batch | list[Batch]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        place = number if number >= 0 else number + len(self)
        if place >= self._first:
            return self._held[place - self._first]
        if place < 0:
            raise IndexError(number)
        return self._from_disk(place)

    def append(self, batch: Batch) -> None:
        self._held.append(batch)

    def put_away(self, settled: int, keep: int | None = None) -> Batch | None:
        """Let go of settled batches beyond those to be kept; the newest of them. ``settled``: how many are settled.

        They are on disk: the journal holds a batch from its settlement on.
        """
        if self._fetch is None:
            return None
        count = settled - (self._keep if keep is None else keep) - self._first
        if count <= 0:
            return None
        newest = self._held[count - 1]
        del self._held[:count]
        self._first += count
        return newest

    def _from_disk(self, number: int) -> Batch:
        batch = self._fetched.get(number)
        if batch is None:
            assert self._fetch is not None
            batch = self._fetched[number] = self._fetch(number)
            if len(self._fetched) > _FETCHED:
                self._fetched.popitem(last=False)
        self._fetched.move_to_end(number)
        return batch
