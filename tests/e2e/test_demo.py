"""The demonstration is the main job: it must end with everything in agreement, and its artifacts must verify."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN_SECONDS = 600


def sealbook(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sealbook.cli", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )


@pytest.mark.slow
def test_demo(tmp_path: Path) -> None:
    done = sealbook("demo", "--folder", "run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"failures": []}
    story = " ".join(done.stderr.split())
    assert story.count("refused by the contract:") == 8
    for expected in ("missing: gus", "no trade", "killed", "restarted", "everything agrees"):
        assert expected in story
    files = sorted((tmp_path / "run").glob("epoch-*.json"))
    assert [file.name for file in files] == [f"epoch-{n}.json" for n in range(4)]
    assert sealbook("verify", str(files[1]), cwd=tmp_path).returncode == 0
    damaged = json.loads(files[1].read_text())
    proof = damaged["proof"]
    damaged["proof"] = proof[:5000] + ("0" if proof[5000] != "0" else "1") + proof[5001:]
    files[1].write_text(json.dumps(damaged))
    assert sealbook("verify", str(files[1]), cwd=tmp_path).returncode == 1


def test_demo_spares_foreign_files(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    refused = sealbook("demo", "--folder", "mine", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr == "sealbook demo: mine holds other files; choose another --folder\n"
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
