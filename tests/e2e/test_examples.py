"""The examples run as they are: the market maker against a real venue too."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sealbook.demo.stage import Stage

from . import PATIENT

ROOT = Path(__file__).parents[2]
RUN_SECONDS = 300


def run(example: str, *arguments: str, folder: Path, **environment: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / example), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_market_maker_in_a_simulation(tmp_path: Path) -> None:
    out = run("market_maker.py", folder=tmp_path)
    assert [int(n) for n in re.findall(r"batch (\d+): 10 quotes", out)] == list(range(10))
    fills, bought, sold = re.findall(r"(\d+) fills: bought ([\d.]+), sold ([\d.]+)", out)[0]
    assert int(fills) > 0
    assert float(bought) > 0
    assert float(sold) > 0
    assert out == run("market_maker.py", folder=tmp_path)


def test_backtest(tmp_path: Path) -> None:
    out = run("backtest.py", "--batches", "12", "--seed", "5", folder=tmp_path)
    assert re.search(r"fills: [1-9]", out)
    assert "filled" in out  # the table of pandas
    assert out == run("backtest.py", "--batches", "12", "--seed", "5", folder=tmp_path)


@pytest.mark.slow
def test_market_maker_at_a_venue(tmp_path: Path) -> None:
    (tmp_path / "stage").mkdir()
    stage = Stage(tmp_path / "stage", None, lambda line: None, PATIENT)
    try:
        people = ("ada", "bob")
        for name in people:
            stage.fund(name)
        stage.start_node(16, batch_seconds=3)
        out = run(
            "market_maker.py",
            folder=tmp_path,
            VENUE=stage.node_url,
            RPC=stage.rpc,
            CONTRACT=stage.exchange.address,
            L1_KEYS=",".join("0x" + stage.l1_key(name).hex() for name in people),
        )
    finally:
        stage.close()
    assert len(re.findall(r"batch \d+: 10 quotes", out)) == 10
    assert "0 fills: bought 0, sold 0 ETH" in out  # nobody else trades there
