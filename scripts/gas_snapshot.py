#!/usr/bin/env python
"""Writes contracts/snapshots/gas.json: what each step from deployment to claim takes, on the embedded chain.

Run it after an intended change of the contracts or of the proof, and say in the commit why a figure rose.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from contracts.chain import serve  # noqa: E402
from tests.e2e.settlement import Stage, claim_withdrawal, settle_honestly  # noqa: E402

SNAPSHOT = ROOT / "contracts" / "snapshots" / "gas.json"


def main() -> None:
    server = serve()
    try:
        stage = Stage.deploy(server.url)
        execution, *_ = settle_honestly(stage)
        claim_withdrawal(stage, execution)
    finally:
        server.stop()
    SNAPSHOT.parent.mkdir(exist_ok=True)
    SNAPSHOT.write_text(json.dumps(stage.gas, indent=2) + "\n")
    for step, gas in stage.gas.items():
        print(f"{step:12} {gas:>12,}")


if __name__ == "__main__":
    main()
