"""Fixtures: both field layers, and the worked example of ``docs/proof-format.md`` section 8."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proofs.verifier.field import FAST
from proofs.verifier.reference import REFERENCE

VECTORS = Path(__file__).parents[1] / "vectors" / "tiny.json"


@dataclass(frozen=True, repr=False)
class Example:
    """The worked example; ``trace`` holds its intermediate values."""

    vk: bytes
    context: bytes
    messages: bytes
    proof: bytes
    tape: bytes
    head_length: int
    record_length: int
    trace: dict[str, Any]


@pytest.fixture(scope="session")
def tiny() -> Example:
    data = json.loads(VECTORS.read_text())
    return Example(
        vk=bytes.fromhex(data["vk"]),
        context=bytes.fromhex(data["context"]),
        messages=bytes.fromhex(data["messages"]),
        proof=bytes.fromhex(data["proof"]),
        tape=bytes.fromhex(data["tape"]),
        head_length=data["head_length"],
        record_length=data["record_length"],
        trace=data["trace"],
    )


@pytest.fixture(params=[FAST, REFERENCE], ids=["fast", "reference"])
def layer(request: pytest.FixtureRequest) -> Any:
    return request.param
