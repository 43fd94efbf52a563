"""Which proofs are checked, and what is remembered of them; the checks themselves: tests/e2e/test_proof_watch.py."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

import client.proofs
from client.chain import SealedBatch
from client.errors import ChainUnreachableError, StateError
from client.proofs import ProofVerdict, ProofWatch


class Chain:
    """Two batches in each epoch."""

    def final_batch(self, number: int) -> SealedBatch | None:
        return SealedBatch(number, (0, 0, 0, 0), 1, 1, 0, number // 2)


class Checker:
    """Finds a fault in epoch 3, and cannot reach L1 at first."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def check(self, epoch: int) -> tuple[str, ...]:
        self.asked.append(epoch)
        if len(self.asked) == 1:
            raise ChainUnreachableError("down")
        return ("proof: refused",) if epoch == 3 else ()


@contextlib.asynccontextmanager
async def watching(checker: Checker | None) -> AsyncIterator[ProofWatch]:
    chain: Any = Chain()
    watch = ProofWatch(chain, checker, retry_seconds=0.01)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_each_epoch_once_and_whichever_is_asked_for() -> None:
    checker = Checker()
    async with watching(checker) as watch:
        for batch in (0, 1, 6, 7):
            watch.settled(batch)
        assert await watch.verdict(3) == ProofVerdict(3, ("proof: refused",))
        assert (await watch.verdict(0)).verified
        assert await watch.verdict(9) == ProofVerdict(9, ())  # none of the own batches is in it
        assert sorted(checker.asked) == [0, 0, 3, 9]  # the first attempt failed
        assert list(watch.verdicts) == [0, 3, 9]


async def test_old_verdicts_are_forgotten_unless_something_was_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.proofs, "_KEPT_VERDICTS", 2)
    checker = Checker()
    async with watching(checker) as watch:
        for epoch in range(8):
            await watch.verdict(epoch)
        assert list(watch.verdicts) == [3, 6, 7]
        assert (await watch.verdict(1)).verified  # asked again, it is checked again
    assert checker.asked.count(1) == 2


async def test_a_client_that_checks_no_proofs_says_so() -> None:
    async with watching(None) as watch:
        watch.settled(0)
        with pytest.raises(StateError) as unchecked:
            await watch.verdict(0)
        assert unchecked.value.code == "proofs_unchecked"
        assert watch.verdicts == {}
