"""The pages of the SDK name what exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import sealbook
from client.client import Client
from client.feed import Feed
from client.handles import OrderHandle
from client.remote.agent import RemoteClient
from client.states import OrderStatus
from sealbook.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = ("docs/sdk.md", "docs/comparison.md")


@pytest.mark.parametrize("page", PAGES)
def test_links_and_files_are_there(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("http"):
            assert (ROOT / "docs" / target).exists(), target
    for path in re.findall(r"`((?:client|orderbook|tests|examples|sealbook)/[\w/]+(?:\.py|/))`", text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES)
def test_code_is_python_with_public_names(page: str) -> None:
    for block in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
        tree = ast.parse(f"async def block():\n{re.sub('^', '    ', block, flags=re.MULTILINE)}")
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "sealbook":
                assert all(hasattr(sealbook, alias.name) for alias in node.names)


def test_members_that_the_page_names() -> None:
    text = (ROOT / "docs/sdk.md").read_text()
    for name in re.findall(r"`client\.(\w+)", text):
        assert hasattr(Client, name) or name in ("venue", "streams", "proofs"), name
    for name in re.findall(r"`(?:await )?order\.(\w+)", text):
        assert hasattr(OrderHandle, name), name
    for name in re.findall(r"\| `(\w+)\(\)` \|", text):
        assert hasattr(Feed, name), name
    for state in OrderStatus:
        word = "".join(part.capitalize() for part in state.value.split("_"))
        assert f"`{word}`" in text, word
    (listed,) = re.findall(r"`RemoteClient` has (.*?) with the", text, re.DOTALL)
    for name in re.findall(r"`(\w+)(?:\(\))?`", listed):
        assert hasattr(RemoteClient, name), name
    for word in re.findall(r"`?sealbook ((?!import)[a-z]+)[ `]", text):
        assert word in COMMANDS, word
