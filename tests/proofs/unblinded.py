"""The test build of the native module, in which parts of the blinding can be left out.

It is compiled on first use into a directory of its own, so that the installed module cannot be it; cargo makes later
uses free. Which parts are left out is an environment variable, read when a proof is made.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from typing import Any

import pytest

PROVER = Path(__file__).parents[2] / "proofs" / "prover"
TARGET = PROVER / "target" / "unblinded"
PROFILE = "unblinded"
FEATURE = "unblinded"
LIBRARY = {"darwin": "lib_native.dylib", "win32": "_native.dll"}.get(sys.platform, "lib_native.so")
LINK = ["--", "-C", "link-arg=-undefined", "-C", "link-arg=dynamic_lookup"] if sys.platform == "darwin" else []
"""An extension module finds Python's symbols when it is loaded; macOS must be told so."""
TOOLCHAIN = Path(sys.prefix) / "rust" / "cargo"
"""Where ``scripts/build_native`` puts a toolchain if the machine has none."""


def _cargo() -> tuple[str, dict[str, str]]:
    environment = {**os.environ, "PYO3_PYTHON": sys.executable}
    if (TOOLCHAIN / "bin" / "cargo").exists():
        environment |= {"CARGO_HOME": str(TOOLCHAIN), "RUSTUP_HOME": str(TOOLCHAIN.parent / "rustup")}
        return str(TOOLCHAIN / "bin" / "cargo"), environment
    found = shutil.which(
        "cargo", path=os.pathsep.join([os.environ.get("PATH", ""), str(Path.home() / ".cargo" / "bin")])
    )
    if found is None:
        pytest.skip("needs cargo to build the prover without blinding")
    return found, environment


def load() -> Any:
    """The test build as a module."""
    cargo, environment = _cargo()
    command = [cargo, "rustc", "--quiet", "--locked", "--lib", "--profile", PROFILE, "--features", FEATURE]
    built = subprocess.run(
        [*command, "--target-dir", str(TARGET)],
        cwd=PROVER,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    loader = ExtensionFileLoader("_native", str(TARGET / PROFILE / LIBRARY))
    spec = importlib.util.spec_from_loader("_native", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@contextmanager
def left_out(module: Any, *parts: str) -> Iterator[None]:
    """While it lasts, the test build's proofs lack these parts of the blinding."""
    os.environ[module.UNBLINDED] = ",".join(parts)
    try:
        yield
    finally:
        del os.environ[module.UNBLINDED]
