"""The tutorial's code runs from top to bottom, and the examples are its code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
EXAMPLES = [ROOT / "examples" / name for name in ("preimage.py", "total.py")]


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": "tutorial"}
    for number, block in enumerate(blocks()):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec"), names)
    printed = capsys.readouterr().out
    assert re.search(r"^0x[0-9a-f]{64}\n10[0-9]\.[0-9]+\n", printed)
    end = "is sent once more than received, by opening: the image is the hash of both (row 0)"
    assert end in printed
    assert end in " ".join(PAGE.read_text().split())
    assert "OnChain(gas=" in printed


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example: Path) -> None:
    done = subprocess.run([sys.executable, example], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "bytes" in done.stdout


def test_the_examples_have_the_tables_of_the_page() -> None:
    """A table may have fewer comments in one than in the other, and no other line."""
    shown = "".join(blocks())
    for example in EXAMPLES:
        (table,) = re.findall(r"^def \w+\(row: Row\).*?(?=^\S)", example.read_text(), re.DOTALL | re.MULTILINE)
        assert without_comments(table) in without_comments(shown)


def without_comments(code: str) -> str:
    return re.sub(r"  #.*", "", code)
