"""``docs/privacy.md`` names everything that leaves the operator's machine: no message, event or field is forgotten."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from contracts.artifact import load_artifact
from orderbook.wire import Reply

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text()


def _named(section: int) -> set[str]:
    """What stands in backticks in a section."""
    _, _, rest = PAGE.partition(f"\n## {section}. ")
    return set(re.findall(r"`([^`]+)`", rest.partition("\n## ")[0]))


def test_every_message_of_the_venue_is_on_the_page() -> None:
    tags = {message.__struct_config__.tag for message in get_args(Reply)}
    assert tags
    assert tags <= _named(4)


def test_every_event_and_every_transaction_is_on_the_page() -> None:
    abi = load_artifact("Exchange").abi
    events = {entry["name"] for entry in abi if entry["type"] == "event"}
    changing = {e["name"] for e in abi if e["type"] == "function" and e["stateMutability"] not in ("view", "pure")}
    assert events
    assert events | changing <= _named(3)
