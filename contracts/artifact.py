"""Compiled contracts: ``contracts/artifacts``, and the custom errors that they raise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from .errors import ArtifactError, RevertedError

_TEST_SOURCES: Final = "src/test/"
_RAISING: Final = ("IExchange", "IStarkErrors", "StarkVerifier", "StarkQueries", "ISolvency", "DevelopmentToken")
_STANDARD: Final = (
    {"type": "error", "name": "Error", "inputs": [{"name": "message", "type": "string"}]},
    {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
)


@dataclass(frozen=True)
class Artifact:
    """A compiled contract."""

    name: str
    source: str
    abi: list[dict[str, Any]]
    bytecode: bytes
    """Creation code, without constructor arguments."""
    size: int
    """Bytes of the deployed code."""

    @property
    def deployable(self) -> bool:
        """Whether the product may deploy it; test material may not."""
        return bool(self.bytecode) and not self.source.startswith(_TEST_SOURCES)


@cache
def load_artifact(name: str) -> Artifact:
    """The contract called ``name``. Raises :class:`ArtifactError` if there is none."""
    try:
        text = (files("contracts") / "artifacts" / f"{name}.json").read_text()
        raw = json.loads(text)
        size = (len(raw["deployedBytecode"]) - 2) // 2
        return Artifact(raw["contractName"], raw["source"], raw["abi"], bytes.fromhex(raw["bytecode"][2:]), size)
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"artifact {name}: {error}") from None


@cache
def error_table() -> dict[bytes, dict[str, Any]]:
    """ABI entries of all custom errors by selector."""
    entries = [e for name in _RAISING for e in load_artifact(name).abi if e["type"] == "error"]
    return {_selector(entry): entry for entry in (*entries, *_STANDARD)}


def reverted(data: bytes) -> RevertedError:
    """The typed exception for what a contract reverted with."""
    entry = error_table().get(data[:4])
    if entry is None:
        return RevertedError("Unknown", {"data": data[:68]})
    names = [i["name"] for i in entry["inputs"]]
    try:
        values = abi_decode([i["type"] for i in entry["inputs"]], data[4:])
    except DecodingError:
        return RevertedError("Unknown", {"data": data[:68]})
    return RevertedError(entry["name"], dict(zip(names, values, strict=True)))


def _selector(entry: dict[str, Any]) -> bytes:
    return bytes(keccak(text=f"{entry['name']}({','.join(i['type'] for i in entry['inputs'])})")[:4])
