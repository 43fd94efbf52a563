"""The README's ten lines run against a real venue: chain and node as processes, real sockets, a real proof."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sealbook.demo.stage import Stage

from . import PATIENT

README = Path(__file__).parents[2] / "README.md"
RUN_SECONDS = 240


@pytest.mark.slow
def test_ten_lines_of_sdk(tmp_path: Path) -> None:
    (script,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / "stage").mkdir()
    stage = Stage(tmp_path / "stage", None, lambda line: None, PATIENT)
    try:
        stage.start_node(1, batch_seconds=1)
        finished = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(README.parent),
                "VENUE": stage.node_url,
                "RPC": stage.rpc,
                "CONTRACT": stage.exchange.address,
                "L1_KEY": f"0x{stage.SPARE_KEY:064x}",
            },
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
    finally:
        stage.close()
    assert finished.returncode == 0, finished.stderr
    states = [line.partition("(")[0] for line in finished.stdout.splitlines()]
    assert states[-2] == "Unfilled"  # nobody buys: the order ends without a fill, settled on L1
    assert "Revealed" in states
    assert "'ETH': Balance(symbol='ETH', settled=Decimal('2')" in finished.stdout
