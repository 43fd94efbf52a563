"""Totality: the most that users can put into one batch is proven, and its settlement fits L1's limits."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from contracts.profiles import DEVELOPMENT
from proofs.params import MAX_COUNT, MAX_ENTRIES

PROVE_SECONDS = 1200


@pytest.mark.slow
def test_worst_batch_settles() -> None:
    """256 bundles of 64 entries; every balance of eight assets changes and is withdrawn from."""
    done = subprocess.run(
        [sys.executable, "-m", "sealbook.cli", "bench", "settle", "--worst", "--json"],
        capture_output=True,
        text=True,
        timeout=PROVE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["bundles"], figures["orders"]) == (MAX_COUNT, MAX_ENTRIES)
    assert figures["tier"] == "deep"
    assert figures["largest_calldata_bytes"] < DEVELOPMENT.max_transaction_bytes
    assert figures["largest_transaction_gas"] <= DEVELOPMENT.max_transaction_gas
