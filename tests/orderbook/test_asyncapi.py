"""The AsyncAPI document: current, complete, without dangling references, and true to what the decoder accepts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from orderbook import wire
from orderbook.asyncapi import PUSHED, REPLIES, document
from sealbook.cli import main

FILE = Path(__file__).parents[2] / "docs" / "asyncapi.json"


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_the_file_in_docs_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["asyncapi", "--check", str(FILE)]) == 0
    assert main(["asyncapi"]) == 0
    assert capsys.readouterr().out == FILE.read_text(encoding="utf-8")


def test_a_file_that_is_not_current(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "asyncapi.json"
    other.write_text("{}")
    assert main(["asyncapi", "--check", str(other)]) == 1
    assert "is not current; write it anew with --output" in capsys.readouterr().err
    assert main(["asyncapi", "--output", str(other)]) == 0
    assert main(["asyncapi", "--check", str(other)]) == 0
    assert main(["asyncapi", "--check", str(tmp_path / "none")]) == 2


def test_every_message_is_in_it() -> None:
    found = document()
    kinds = {*get_args(wire.Request), *get_args(wire.Reply)}
    assert set(found["components"]["messages"]) == {kind.__struct_config__.tag for kind in kinds}
    assert set(REPLIES) == set(get_args(wire.Request))
    answers = {kind for kinds in REPLIES.values() for kind in kinds}
    assert {*answers, *PUSHED, wire.Error} == set(get_args(wire.Reply))
    assert found["info"]["version"] == str(wire.SCHEMA)


def test_every_reference_leads_somewhere() -> None:
    found = json.loads(json.dumps(document()))
    for reference in references(found):
        place = found
        for word in reference.removeprefix("#/").split("/"):
            place = place[word]


def test_every_request_has_its_reply_and_its_id() -> None:
    found = document()
    for kind in get_args(wire.Request):
        operation = found["operations"][kind.__struct_config__.tag]
        assert operation["action"] == "receive"
        assert {"$ref": "#/channels/venue/messages/error"} in operation["reply"]["messages"]
        message = found["components"]["messages"][kind.__struct_config__.tag]
        assert message["correlationId"] == {"location": "$message.payload#/id"}
        schema = found["components"]["schemas"][kind.__name__]
        assert {"type", "id"} <= set(schema["required"])
        assert schema["additionalProperties"] is False
