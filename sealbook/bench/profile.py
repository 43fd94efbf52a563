"""Where the time of building one epoch's witness goes, and that of proving it."""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from commitments.venue import venue_id
from proofs import prover_api
from proofs.params import TIERS
from proofs.statement.settlement import Witness, build_witness, prove

from .jobs import CHAIN_ID, CONTRACT, beacons
from .process import Report
from .workload import Work, build

__all__ = ["profile_job"]

FUNCTIONS: Final = 20
"""So many functions are listed."""
REPEATS: Final = 5
"""The least of so many runs is shown, after a first one."""
ROOT: Final = Path(__file__).parents[2]


def profile_job(report: Report, work: Work) -> dict[str, Any]:
    """Functions of witness building by their own time, and phases of the proof, in seconds. Phases nest and overlap.

    ``witness_seconds`` and ``witness_processor_seconds`` are those of plain runs in a process that has made one before.
    The interpreter's profiler slows small functions down: compare its figures with each other, not with a plain run.
    """
    report("building the workload", None)
    workload = build(work, venue_id(CHAIN_ID, CONTRACT))
    drawn = beacons(work)
    epoch, known = workload.epoch(drawn), workload.context(drawn)
    report("building the witness", None)

    def build_once() -> Witness:
        return build_witness(epoch, known, CHAIN_ID, CONTRACT, profile=work.proofs)

    # The first time code is imported and fresh memory is touched.
    witness, times = build_once(), [_seconds(build_once) for _ in range(REPEATS)]
    profiler = cProfile.Profile()
    profiler.runcall(build_once)
    report("proving", None)
    prove(witness)
    phases = sorted(prover_api.profile().items(), key=lambda phase: -phase[1])
    return {
        "tier": TIERS[witness.statement.tier].name,
        "witness_seconds": min(wall for wall, _ in times),
        "witness_processor_seconds": min(processor for _, processor in times),
        "witness": _functions(pstats.Stats(profiler)),
        **{f"{name.replace(' ', '_')}_seconds": seconds for name, seconds in phases},
    }


def _seconds(run: Callable[[], object]) -> tuple[float, float]:
    """How long a call takes by the clock, and of all cores' time."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor


def _functions(stats: pstats.Stats) -> list[dict[str, str | int | float]]:
    """The functions that take most time themselves."""
    found = []
    for (file, line, name), (_, calls, own, whole, _) in stats.stats.items():  # type: ignore[attr-defined]
        path = Path(file)
        own_file = path.is_relative_to(ROOT) and "site-packages" not in path.parts
        place = f"{path.relative_to(ROOT)}:{line} {name}" if own_file else f"{path.stem} {name}" if line else name
        found.append({"function": place, "calls": calls, "own_seconds": own, "total_seconds": whole})
    return sorted(found, key=lambda row: -row["own_seconds"])[:FUNCTIONS]
