"""Writes the published vectors: ``python -m commitments.vectors``."""

from pathlib import Path

from . import build, render

for name, content in build().items():
    Path(__file__).with_name(f"{name}.json").write_text(render(content))
