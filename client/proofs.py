"""Checks of the zero-knowledge proofs behind the own settlements, in the background."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final, Protocol

from .chain import Chain
from .errors import SealbookError, StateError

__all__ = ["ProofChecker", "ProofVerdict", "ProofWatch"]

_KEPT_VERDICTS: Final = 1_000
log = logging.getLogger("sealbook.proofs")


@dataclass(frozen=True, slots=True)
class ProofVerdict:
    """What the own look at an epoch's proof gave. ``faults``: checks that failed; none of them: it is verified."""

    epoch: int
    faults: tuple[str, ...]

    @property
    def verified(self) -> bool:
        return not self.faults


class ProofChecker(Protocol):
    """Verifies settled epochs from L1 data alone."""

    def check(self, epoch: int) -> tuple[str, ...]:
        """The checks that failed, in words. Blocking; takes a second or two.

        :raises Exception: L1 could not be read.
        """


class ProofWatch:
    """Checks one epoch after the other, each once; without ``checker`` none. Verdicts that found nothing wrong are
    remembered for the newest epochs only."""

    def __init__(self, chain: Chain, checker: ProofChecker | None = None, retry_seconds: float = 5.0) -> None:
        self.checker = checker
        self._chain = chain
        self._retry_seconds = retry_seconds
        self._verdicts: dict[int, asyncio.Future[ProofVerdict]] = {}
        self._waiting: asyncio.Queue[tuple[int | None, int | None]] = asyncio.Queue()
        """A batch whose epoch is to be looked up, or an epoch."""

    @property
    def verdicts(self) -> dict[int, ProofVerdict]:
        """Verdicts by epoch."""
        return {epoch: future.result() for epoch, future in sorted(self._verdicts.items()) if future.done()}

    def settled(self, batch: int) -> None:
        """An own batch is settled: its proof is to be checked."""
        if self.checker is not None:
            self._waiting.put_nowait((batch, None))

    async def verdict(self, epoch: int) -> ProofVerdict:
        """Wait for the verdict on an epoch: that of an own batch, which is checked by itself, or any other.

        :raises StateError: ``proofs_unchecked``: the client was told not to check proofs.
        """
        if self.checker is None:
            raise StateError(
                "this client does not check proofs", code="proofs_unchecked", advice="connect with check_proofs=True"
            )
        if epoch not in self._verdicts:
            self._waiting.put_nowait((None, epoch))
        return await asyncio.shield(self._future(epoch))

    def _future(self, epoch: int) -> asyncio.Future[ProofVerdict]:
        return self._verdicts.setdefault(epoch, asyncio.get_running_loop().create_future())

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            batch, epoch = await self._waiting.get()
            try:
                if epoch is None and batch is not None:
                    seal = await asyncio.to_thread(self._chain.final_batch, batch)
                    epoch = None if seal is None else seal.epoch
                if epoch is not None:
                    await self._check(epoch)
            except Exception as error:  # the chain's library has errors of many kinds; none may end the watch
                code = error.code if isinstance(error, SealbookError) else type(error).__name__
                what = f"batch {batch}" if epoch is None else f"epoch {epoch}"
                log.warning("the proof of %s is not checked yet: %s", what, error, extra={"code": code})
                await asyncio.sleep(self._retry_seconds)
                self._waiting.put_nowait((batch, epoch))

    async def _check(self, epoch: int) -> None:
        if self._future(epoch).done():
            return
        assert self.checker is not None
        faults = await asyncio.to_thread(self.checker.check, epoch)
        self._future(epoch).set_result(ProofVerdict(epoch, tuple(faults)))
        if faults:
            log.error("the proof of epoch %d does not hold: %s", epoch, "; ".join(faults))
        for old in sorted(epoch for epoch, verdict in self.verdicts.items() if verdict.verified)[:-_KEPT_VERDICTS]:
            del self._verdicts[old]
