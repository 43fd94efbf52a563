"""The prover in a process of its own: the venue goes on while it works, and it can be ended.

The process gets one job over a pipe, sends progress and then the package (or why there is none) and exits. It ignores
Ctrl-C, which is the node's business, and ends when the node is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import msgspec

from .epoch_input import epoch_context, epoch_input
from .errors import ProverError
from .l1 import SettlementPackage
from .proving import Job, make_package
from .state import VenueState
from .threads import blocking

PROGRESS_SECONDS = 0.5


class ProcessProver:
    """Proves one epoch at a time. ``tiers`` are the contract's verification-key hashes.

    ``progress`` is called in the event loop with (first batch, fraction done). ``proofs``: profile of the proof
    parameters. ``process``: what the process does, if not :func:`work`.
    """

    def __init__(
        self,
        tiers: tuple[bytes, ...],
        progress: Callable[[int, float], None] | None = None,
        proofs: str = "fast",
        process: Callable[[Connection, Job], None] | None = None,
    ) -> None:
        self._tiers = tiers
        self._work = process or work
        self._proofs = proofs
        self._progress = progress
        self._process: SpawnProcess | None = None

    async def prove(self, state: VenueState, first: int, last: int) -> tuple[SettlementPackage, float]:
        """The settlement package of an epoch, and the seconds it took.

        :raises ProverError: with the code that the process gave, or ``prover_ended`` (retryable) if it died.
        """
        job = self.job(state, first, last)
        started = time.monotonic()
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=self._work, args=(sender, job), name="sealbook-prover", daemon=True)
        self._process = process
        await blocking(process.start)
        sender.close()
        try:
            package = await self._receive(receiver, first)
        finally:
            receiver.close()
            await blocking(_end, process)
            self._process = None
        return package, time.monotonic() - started

    def stop(self) -> None:
        """End a proof that is being made."""
        if self._process is not None:
            _end(self._process)

    def job(self, state: VenueState, first: int, last: int) -> Job:
        """All that the process needs, and no more."""
        return Job(
            epoch=epoch_input(state, first, last),
            known=epoch_context(state, first, last),
            chain_id=state.parameters.chain_id,
            contract=state.parameters.contract,
            signatures=tuple(
                (batch.number - first, leaf.account, leaf.sequence, leaf.signature)
                for batch in state.epoch(first, last)
                for leaf in batch.missing
            ),
            tiers=self._tiers,
            proofs=self._proofs,
        )

    async def _receive(self, receiver: Connection, first: int) -> SettlementPackage:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(receiver.fileno(), readable.set)
        try:
            while True:
                await readable.wait()
                readable.clear()
                try:
                    kind, value = receiver.recv()
                except (EOFError, OSError):
                    raise ProverError("the prover process ended", code="prover_ended", retryable=True) from None
                if kind == "package":
                    return msgspec.msgpack.decode(value, type=SettlementPackage)
                if kind == "error":
                    raise ProverError(value[1], code=value[0])
                if self._progress is not None:
                    self._progress(first, value)
        finally:
            loop.remove_reader(receiver.fileno())


def _end(process: SpawnProcess) -> None:
    if process.pid is None:
        return
    process.join(0.2)
    if process.is_alive():
        process.terminate()
        process.join(2)
    if process.is_alive():
        process.kill()
        process.join()


def work(sender: Connection, job: Job) -> None:
    """The process's work. Errors cross the pipe as code and message, never as the objects that hold secrets."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    done = threading.Event()
    lock = threading.Lock()
    reporter = threading.Thread(target=_report, args=(sender, lock, done), daemon=True)
    reporter.start()
    answer: tuple[str, object]
    try:
        answer = ("package", msgspec.msgpack.encode(make_package(job)))
    except ProverError as error:
        answer = ("error", (error.code, str(error)))
    except MemoryError:
        answer = ("error", ("prover_memory", "not enough memory for this proof"))
    except Exception as error:
        answer = ("error", ("prover_failed", f"{type(error).__name__} in the prover"))
    done.set()
    reporter.join()
    with lock, contextlib.suppress(BrokenPipeError):
        sender.send(answer)
    sender.close()


def _report(sender: Connection, lock: threading.Lock, done: threading.Event) -> None:
    from proofs.prover_api import progress

    while not done.wait(PROGRESS_SECONDS):
        with lock:
            try:
                sender.send(("progress", progress()))
            except BrokenPipeError:
                return


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
