"""The load benchmark on little work: every key is there, nothing is lost, the plot is an image. No time is asserted."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from orderbook import wire
from orderbook.events import BatchOpened, CommitmentAccepted
from orderbook.state import VenueState
from sealbook.bench.load import LoadWork, _Load
from sealbook.bench.plot import bars
from sealbook.bench.standin import venue_parameters
from sealbook.cli import main
from sealbook.commands.bench_load import _write as write
from sealbook.errors import BenchError

KEYS = {"commitments_per_second", "p99_receipt_ms_at_1000", "lost", "baseline_per_second"}


def test_the_defaults_are_those_of_the_issue() -> None:
    work = LoadWork()
    assert (work.rate, work.idle, work.reveals, work.batches) == (1_000, 2_000, 5_000, 100)


@pytest.mark.slow
def test_a_small_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "load.svg"
    words = ["--seconds", "1", "--idle", "20", "--reveals", "300", "--whole-batches", "2", "--plot", str(image)]
    assert main(["bench", "load", *words, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures.keys() >= KEYS
    assert figures["job"] == "load"
    assert figures["lost"] == 0
    assert figures["reveals"] == 2 * 256
    assert figures["batches"] == 2
    assert figures["commitments"] == sum(figures["per_second"]) + 1_000
    assert figures["receipts_checked"] == figures["commitments"] + 2 * 256 + 2 * 64
    assert min(figures[key] for key in KEYS - {"lost"}) > 0
    assert ElementTree.parse(image).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_what_was_acknowledged_and_is_not_there_counts_as_lost(tmp_path: Path) -> None:
    load = _Load(LoadWork(accounts=2), tmp_path, lambda step, done: None)
    parameters = venue_parameters(load.operator.address, 10)
    trader = load.traders[0]
    digest = load.domain.receipt(0, trader.account, 1, (1, 2, 3, 4))
    commitment, signature = wire.hex_digest((1, 2, 3, 4)), "0x" + load.operator.sign(digest).hex()
    load.receipts.append(wire.Receipt(1, 0, trader.account, 1, commitment, signature))
    state = VenueState(parameters)
    state.apply(BatchOpened(0, 0.0))
    assert load._lost(state) == 1
    state.apply(CommitmentAccepted(0, trader.account, 1, (1, 2, 3, 4), b"", bytes.fromhex(signature[2:])))
    assert load._lost(state) == 0
    state.apply(CommitmentAccepted(0, trader.account, 2, (1, 2, 3, 5), b"", b""))
    assert load._lost(state) == 0
    load.receipts[0] = wire.Receipt(1, 0, trader.account, 1, commitment, "0x" + "11" * 65)
    assert load._lost(state) == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--seconds", "0.5"], "seconds: 0.5 is not in 1 to 86400"),
        (["--idle", "0"], "idle, reveals and whole batches: at least 1, and at most 10,000 idle connections"),
    ],
)
def test_work_out_of_range(words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "load", *words, "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {"error": {"code": "bench", "message": reason}}


def test_bars() -> None:
    assert bars("t", [4, 1], ["a", "b"], width=4) == ["t", "         a ████ 4", "         b █ 1"]


def test_a_plot_that_cannot_be_written(tmp_path: Path) -> None:
    figures = {"per_second": [1, 2], "receipt_ms": [0.5]}
    with pytest.raises(BenchError, match="cannot write"):
        write(tmp_path / "none" / "load.svg", figures)
