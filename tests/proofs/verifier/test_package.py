"""The package's face and its independence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import proofs.verifier
from proofs.verifier import Reason
from proofs.verifier import errors as errors_module


def test_public_names() -> None:
    assert sorted(proofs.verifier.__all__) == [
        "ProofRejected",
        "PublicMessage",
        "RUN",
        "Reason",
        "Verified",
        "unpack_messages",
        "verify",
    ]
    assert all(hasattr(proofs.verifier, name) for name in proofs.verifier.__all__)


def test_every_reason_is_explained() -> None:
    assert errors_module.__doc__ is not None
    assert all(f"\n``{reason.name}``" in errors_module.__doc__ for reason in Reason)


def test_the_verifier_loads_no_rust_and_no_prover() -> None:
    code = """
import sys, proofs.verifier
ours = [m for m in sys.modules if m.split(".")[0] in ("proofs", "commitments", "matching", "contracts")]
print(sorted(m for m in ours if not m.startswith("proofs.verifier")))
"""
    root = Path(__file__).parents[3]
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert result.stdout.strip() == "['proofs']"
