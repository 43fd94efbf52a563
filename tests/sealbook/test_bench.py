"""Benchmarks: the workload is what is said, jobs run in their own process, JSON has its keys. No times are asserted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from commitments.venue import keccak256
from proofs.statement.witness.execute import execute
from sealbook.bench.process import Report, run_isolated
from sealbook.bench.workload import ACCOUNTS, MARKETS, Work, build
from sealbook.cli import main
from sealbook.errors import BenchError

VENUE = 4711


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return out


def test_the_workload_is_what_the_issue_says() -> None:
    assert ACCOUNTS == 10_000
    assert Work() == Work(bundles=256, orders=4, batches=1)
    assert len(MARKETS) == 2


def test_the_workload_is_the_same_every_time() -> None:
    work = Work(5, 3, 2)
    first, second = build(work, VENUE, accounts=40), build(work, VENUE, accounts=40)
    assert first.leaves == second.leaves
    assert first.roots == second.roots
    assert first.tree.root == second.tree.root


def test_the_prover_sees_what_was_sealed_and_everything_is_admitted() -> None:
    workload = build(Work(6, 4, 3), VENUE, first_batch=3, accounts=40)
    beacons = [keccak256(bytes([k])) for k in range(3)]
    execution = execute(workload.epoch(beacons))
    assert tuple(execution.roots) == workload.roots
    assert execution.old_root == workload.tree.root == workload.context(beacons).old_root
    assert execution.counts == [6, 6, 6]
    assert not execution.missing
    assert len(execution.fills) == 6 * 4 * 3
    assert all(fill.admitted for fill in execution.fills)
    assert all(result.volume for batch in execution.results for result in batch)


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (Work(0, 4, 1), "bundles: 0 is not in 1 to 256"),
        (Work(257, 4, 1), "bundles: 257 is not in 1 to 256"),
        (Work(1, 65, 1), "orders: 65 is not in 1 to 64"),
        (Work(1, 1, 17), "batches: 17 is not in 1 to 16"),
    ],
)
def test_impossible_work_is_refused(work: Work, message: str) -> None:
    with pytest.raises(BenchError, match=rf"^{message}$"):
        work.check()


def failing_job(report: Report) -> None:
    report("half", 0.5)
    raise BenchError("no luck")


def dying_job(report: Report) -> None:
    os._exit(3)


def test_a_jobs_reports_and_error_arrive() -> None:
    seen: list[tuple[str, float | None]] = []
    with pytest.raises(BenchError, match=r"^no luck$"):
        run_isolated(failing_job, report=lambda step, done: seen.append((step, done)))
    assert seen == [("half", 0.5)]


def test_a_job_that_dies_is_said() -> None:
    with pytest.raises(BenchError, match=r"^the measured process ended with status 3$"):
        run_isolated(dying_job)


def test_clear_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "clear", "--bundles", "10", "--orders", "20", "--json"]) == 0
    figures = last_line(capsys)
    assert {"seconds", "peak_memory_bytes", "baseline_seconds", "ratio"} <= figures.keys()
    assert figures["book_orders"] == 200
    assert figures["ratio"] == pytest.approx(figures["seconds"] / figures["baseline_seconds"])


@pytest.mark.parametrize("job", ["prove", "verify"])
def test_proof_json(job: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", job, "--bundles", "2", "--orders", "1", "--batches", "2", "--json"]) == 0
    figures = last_line(capsys)
    assert {"seconds", "peak_memory_bytes", "proof_bytes", "baseline_seconds", "ratio"} <= figures.keys()
    assert figures["tier"] == "small"
    assert figures["proof_bytes"] > 100_000
    assert (figures["bundles"], figures["orders"], figures["batches"]) == (2, 1, 2)
    assert figures["ratio"] == pytest.approx(figures["seconds"] / figures["baseline_seconds"])


def test_witness_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "prove", "--bundles", "2", "--orders", "1", "--profile", "--json"]) == 0
    figures = last_line(capsys)
    assert {"function", "calls", "own_seconds", "total_seconds"} == figures["witness"][0].keys()
    seconds = [row["own_seconds"] for row in figures["witness"]]
    assert seconds == sorted(seconds, reverse=True)
    assert any(row["function"].startswith("proofs/statement/witness/") for row in figures["witness"])
    assert {"witness_seconds", "witness_processor_seconds", "write_traces_seconds"} <= figures.keys()


@pytest.mark.slow
def test_settle_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "settle", "--bundles", "2", "--orders", "2", "--json"]) == 0
    figures = last_line(capsys)
    assert {"seconds", "peak_memory_bytes", "proof_bytes", "calldata_bytes", "gas", "transactions"} <= figures.keys()
    assert (figures["proofs"], figures["transactions"]) == ("compact", 1)
    assert figures["gas"] == figures["open_gas"]
    assert figures["largest_transaction_gas"] <= 1 << 24
    assert figures["largest_calldata_bytes"] < 128 * 1024
    assert figures["calldata_bytes"] > figures["proof_bytes"]


def test_epochs_and_their_plot(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    image = tmp_path / "epochs.svg"
    arguments = ["--bundles", "2", "--orders", "2", "--batches", "2", "--plot", str(image), "--json"]
    assert main(["bench", "epochs", *arguments]) == 0
    rows = last_line(capsys)["epochs"]
    assert [(row["batches"], row["orders"], row["transactions"]) for row in rows] == [(1, 4, 1), (2, 8, 1)]
    assert rows[1]["gas_per_order"] < rows[0]["gas_per_order"]
    assert image.read_text().startswith("<svg")


def test_wrong_work_is_exit_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "prove", "--bundles", "1000"]) == 2
    assert capsys.readouterr().err == "sealbook bench: bundles: 1000 is not in 1 to 256\n"
    assert main(["bench", "clear", "--orders", "0", "--json"]) == 2
    assert last_line(capsys)["error"]["code"] == "bench"


def test_maker(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--accounts", "2", "--batches", "4", "--orders", "20"]
    assert main(["bench", "maker", "--json", *arguments]) == 0
    figures = last_line(capsys)
    assert (figures["job"], figures["accounts"], figures["ladder"], figures["batches"]) == ("maker", 2, 128, 4)
    assert (figures["complete"], figures["settled"], figures["lost"]) == (4, 8, 0)
    assert figures["fills"] > 0
    assert figures["headroom"] == figures["batch_interval_seconds"] / figures["worst_batch_seconds"]
    assert main(["bench", "maker", "--json", "--accounts", "0"]) == 2
    assert last_line(capsys)["error"]["code"] == "bench"
