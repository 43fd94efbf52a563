"""``bench load``: the venue under load on this machine, the generator included, beside a bare echo server.

The node is a process of its own with its journal on disk; L1 and the prover are stand-ins (:mod:`.standin`). Every
commitment is signed, sent in a frame of its own, journaled, and answered with a signed receipt. Phases:

1. an echo server of the same library, as many connections, frames of the same size: the baseline;
2. the node, with idle connections beside; commitments as fast as it takes them, a batch turning over every two seconds;
3. one commitment every millisecond: the receipt's delay is counted from when the commitment was due;
4. reveals of as many batches as 5,000 bundles make up, all at once;
5. a hundred batches from commitment to settlement: memory after the first twenty and after all;
6. ``kill -9``, and every receipt looked up in what the journal gives.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from commitments.receipts import Domain, SigningKey
from commitments.types import MODULUS, Digest
from orderbook import wire
from orderbook.state import VenueState
from proofs.params import MAX_COUNT

from .load_beside import echoes, idle_connections, without_pauses
from .load_client import Lane, Tally, Trader, lanes, signed_by
from .load_server import Control, Venue, journaled, raise_file_limit, serve_echo, serve_node, started
from .process import Report
from .standin import venue_parameters

__all__ = ["LoadWork", "load_job"]

_WINDOW_BLOCKS = 10_000
_TURN_SECONDS = 2.0
_UNITS = 10**12
_OPERATOR = b"\x07" * 32
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class LoadWork:
    """How much of what. ``seconds``: of each of the first three phases."""

    seconds: float = 10.0
    accounts: int = MAX_COUNT
    connections: int = 16
    depth: int = 32
    """Commitments without receipt on one connection, in the second phase."""
    rate: int = 1_000
    """Commitments per second in the third phase."""
    idle: int = 2_000
    reveals: int = 5_000
    batches: int = 100
    batch_accounts: int = 64
    """Commitments in each batch of the fifth phase."""


def load_job(report: Report, work: LoadWork) -> dict[str, Any]:
    """All figures of one run."""
    raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="sealbook-load-") as folder:
        return asyncio.run(_Load(work, Path(folder), report).run())


class _Load:
    def __init__(self, work: LoadWork, folder: Path, report: Report) -> None:
        self.work = work
        self.report = report
        self.operator = SigningKey(_OPERATOR)
        parameters = venue_parameters(self.operator.address, _WINDOW_BLOCKS)
        self.domain = Domain(parameters.chain_id, parameters.contract)
        report("making accounts and one-time keys", None)
        self.traders = [Trader(number, parameters.venue) for number in range(2, 2 + work.accounts)]
        accounts = tuple((trader.key.address, trader.keys.root) for trader in self.traders)
        self.venue = Venue(folder, _OPERATOR, accounts, _UNITS, _WINDOW_BLOCKS)
        self.receipts: list[wire.Receipt] = []
        self.unanswered = 0

    async def run(self) -> dict[str, Any]:
        work = self.work
        with started(serve_echo) as echo:
            self.report("echo server: the baseline", None)
            baseline = await echoes(
                echo.port, min(work.seconds, 5.0), work.connections, work.depth, self._commitment(0)
            )
        with started(serve_node, self.venue) as node:
            figures = await self._node(node)
            self.report("killing the node and reading its journal", None)
            node.kill()
            with journaled(self.venue) as state:
                figures["lost"] = self._lost(state)
        rate = figures["commitments_per_second"]
        return {
            "commitments_per_second": rate,
            "p99_receipt_ms_at_1000": figures.pop("p99"),
            "lost": figures.pop("lost"),
            "baseline_per_second": baseline,
            "ratio": rate / baseline,
            **figures,
            "receipts_checked": len(self.receipts),
        }

    async def _node(self, node: Control) -> dict[str, Any]:
        work = self.work
        async with lanes(node.port, self.domain, self.traders, work.connections) as own, _operator(self, node) as desk:
            empty = node.ask("memory")
            self.report(f"{work.idle} idle connections", None)
            async with idle_connections(node.port, work.idle):
                idle = node.ask("memory")
                with without_pauses():
                    self.report("commitments, as many as it takes", None)
                    used = node.ask("cpu")
                    fast, series, seconds = await self._sustained(node, own, desk)
                    used = node.ask("cpu") - used
                    self.report(f"{work.rate} commitments per second", None)
                    steady = await self._steady(own)
            self.report(f"{work.reveals} reveals", None)
            count, reveal_seconds = await self._reveals(node, own, desk)
            memory = await self._batches(node, own, desk)
            self.unanswered += sum(lane.unanswered for lane in own)
        waits = sorted(steady.waits)
        return {
            "commitments_per_second": len(fast.receipts) / seconds,
            "p99": 1000 * waits[int(0.99 * (len(waits) - 1))],
            "p50_receipt_ms_at_1000": 1000 * waits[len(waits) // 2],
            "commitments": len(fast.receipts) + len(steady.receipts),
            "node_cpu_us": 1e6 * used / max(1, len(fast.receipts)),
            "refused": fast.refused + steady.refused,
            "seconds": seconds,
            "idle_connections": work.idle,
            "idle_memory_mb": idle / _MEGABYTE,
            "idle_connection_kb": (idle - empty) / max(1, work.idle) / 1000,
            "reveals": count,
            "reveals_seconds": reveal_seconds,
            **memory,
            "per_second": series,
            "receipt_ms": [round(1000 * wait, 2) for wait in waits[:: max(1, len(waits) // 100)]],
        }

    # ------------------------------------------------------------------------------------------ phases

    def _commitment(self, batch: int) -> wire.Commit:
        """A commitment of nothing in particular, for its size."""
        return self.traders[0].commit(self.domain, batch, _anything())

    async def _sustained(self, node: Control, own: list[Lane], desk: Lane) -> tuple[Tally, list[int], float]:
        """Keep ``depth`` commitments unanswered on every connection; seal a batch now and then."""
        tally, start = Tally(), time.perf_counter()
        end = start + self.work.seconds

        def following(lane: Lane) -> Iterator[wire.Message | None]:
            for trader in cycle(lane.traders):
                yield None if time.perf_counter() >= end else trader.commit(self.domain, lane.open_batch, _anything())

        with contextlib.ExitStack() as stack:
            for lane in own:
                stack.enter_context(lane.counting(tally, following(lane).__next__))
            for lane in own:
                source = following(lane)
                for _ in range(self.work.depth):
                    message = next(source)
                    if message is not None:
                        await lane.send(message, time.perf_counter())
            while time.perf_counter() < end:
                await asyncio.sleep(min(_TURN_SECONDS, max(0.0, end - time.perf_counter())))
                await self._turn(node, desk)
            for lane in own:
                await lane.answered()
        self.receipts += tally.receipts
        series = [0] * max(1, round(self.work.seconds))
        for at in tally.at:
            series[min(len(series) - 1, int((at - start) / self.work.seconds * len(series)))] += 1
        return tally, series, max(tally.at) - start

    async def _turn(self, node: Control, desk: Lane) -> None:
        """Seal the open batch, and let the reveals of the ones before it be missing."""
        number = desk.open_batch
        await desk.ask(wire.SealNow(0), wire.BatchStatus)
        await desk.until(lambda: number in desk.sealed and desk.open_batch > number)
        node.ask("advance", _WINDOW_BLOCKS + 2)

    async def _steady(self, own: list[Lane]) -> Tally:
        """One commitment at each tick of a clock that waits for nobody."""
        tally, rate = Tally(), self.work.rate
        start = time.perf_counter() + 0.05
        turns = [cycle(lane.traders) for lane in own]
        with contextlib.ExitStack() as stack:
            for lane in own:
                stack.enter_context(lane.counting(tally))
            for number in range(int(rate * self.work.seconds)):
                due = start + number / rate
                pause = due - time.perf_counter()
                await asyncio.sleep(max(0.0, pause))
                lane, trader = own[number % len(own)], next(turns[number % len(own)])
                await lane.send(trader.commit(self.domain, lane.open_batch, _anything()), due)
            for lane in own:
                await lane.answered()
        self.receipts += tally.receipts
        return tally

    async def _filled(self, own: list[Lane], desk: Lane, count: int) -> int:
        """Commit openable bundles of ``count`` accounts to the open batch, and close it; its number."""
        number, tally = desk.open_batch, Tally()
        pairs = [(lane, trader) for lane in own for trader in lane.traders]
        with contextlib.ExitStack() as stack:
            for lane in own:
                stack.enter_context(lane.counting(tally))
            for lane, trader in pairs[:count]:
                message = trader.commit(self.domain, number, trader.commitment(number))
                await lane.send(message, time.perf_counter())
            for lane in own:
                await lane.answered()
        self.receipts += tally.receipts
        await desk.ask(wire.SealNow(0), wire.BatchStatus)
        await desk.until(lambda: number in desk.sealed and desk.open_batch > number)
        return number

    async def _revealed(self, own: list[Lane], batches: list[int], count: int) -> tuple[int, float]:
        """Reveal what :meth:`_filled` committed; how many, and the seconds from the first to the last answer."""
        tally = Tally()
        pairs = [(lane, trader) for lane in own for trader in lane.traders]
        messages = [(lane, trader.reveal(batch)) for batch in batches for lane, trader in pairs[:count]]
        start = time.perf_counter()
        with contextlib.ExitStack() as stack:
            for lane in own:
                stack.enter_context(lane.counting(tally))
            for lane, message in messages:
                await lane.send(message, start)
            for lane in own:
                await lane.answered()
        self.unanswered += tally.refused
        return len(tally.at), max(tally.at, default=start) - start

    async def _reveals(self, node: Control, own: list[Lane], desk: Lane) -> tuple[int, float]:
        await self._turn(node, desk)
        size = min(self.work.accounts, self.work.reveals)
        batches = [await self._filled(own, desk, size) for _ in range(-(-self.work.reveals // size))]
        return await self._revealed(own, batches, size)

    async def _batches(self, node: Control, own: list[Lane], desk: Lane) -> dict[str, Any]:
        """Whole lives of batches, and the node's memory on the way."""
        early = 0
        size = min(self.work.accounts, self.work.batch_accounts)
        start = time.perf_counter()
        for number in range(self.work.batches):
            self.report("whole batches", number / self.work.batches)
            batch = await self._filled(own, desk, size)
            await self._revealed(own, [batch], size)
            await desk.until(lambda batch=batch: batch in desk.settled)  # type: ignore[misc]
            if number + 1 == max(1, self.work.batches // 5):
                early = node.ask("memory")
        late = node.ask("memory")
        return {
            "batches": self.work.batches,
            "batches_seconds": time.perf_counter() - start,
            "memory_mb_early": early / _MEGABYTE,
            "memory_mb_late": late / _MEGABYTE,
            "memory_growth_mb": (late - early) / _MEGABYTE,
            "journal_mb": self.venue.settings.journal.stat().st_size / _MEGABYTE,
        }

    def _lost(self, state: VenueState) -> int:
        """Requests without an answer, and receipts that are not signed or not in the journal.

        The journal may hold a later message of the same account and batch instead: the highest sequence counts.
        """
        lost = self.unanswered
        for receipt in self.receipts:
            held = state.lifecycle.batch(receipt.batch).commitments.get(receipt.account)
            kept = held is not None and (
                held.sequence > receipt.sequence
                or (held.sequence == receipt.sequence and "0x" + held.receipt.hex() == receipt.signature)
            )
            lost += not (kept and signed_by(self.operator.address, self.domain, receipt))
        return lost


@contextlib.asynccontextmanager
async def _operator(load: _Load, node: Control) -> AsyncIterator[Lane]:
    async with lanes(node.port, load.domain, [], 1) as (desk,):
        await desk.login(0, load.operator)
        yield desk


def _anything() -> Digest:
    return (secrets.randbelow(MODULUS - 1) + 1, 2, 3, 4)
