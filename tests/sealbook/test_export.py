"""Exported settlements: round trip, and every way in which a file can be damaged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sealbook.cli import main
from sealbook.errors import ExportError
from sealbook.export import MAX_FILE_BYTES, decode_export, encode_export, read_export, write_export

Path_ = tuple[str | int, ...]


def fields(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Paths of all members of an object; of lists, the first element stands for all."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from fields(inner, (*path, name))
    elif isinstance(value, list) and value:
        yield from fields(value[0], (*path, 0))


def named(path: Path_) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def parent_of(data: Any, path: Path_) -> Any:
    for part in path[:-1]:
        data = data[part]
    return data


def test_an_export_reads_back_as_it_was(exported: bytes, tmp_path: Path) -> None:
    export = decode_export(exported)
    assert encode_export(export) == exported
    assert write_export(export, tmp_path / "again.json") == len(exported)
    assert read_export(tmp_path / "again.json") == export


def test_a_wrong_type_names_every_field(exported: bytes) -> None:
    paths = list(fields(json.loads(exported)))
    assert len(paths) > 50
    for path in paths:
        data = json.loads(exported)
        parent_of(data, path)[path[-1]] = 1.5
        with pytest.raises(ExportError) as caught:
            decode_export(json.dumps(data).encode())
        # msgspec names an element of a list by [...].
        assert caught.value.field.replace("[...]", "[0]") == named(path)


def test_a_missing_member_names_every_field(exported: bytes) -> None:
    for path in fields(json.loads(exported)):
        data = json.loads(exported)
        del parent_of(data, path)[path[-1]]
        with pytest.raises(ExportError, match=r"is missing$") as caught:
            decode_export(json.dumps(data).encode())
        assert caught.value.field.replace("[...]", "[0]") == named(path)


@pytest.mark.parametrize("where", [(), ("queue",), ("settled",), ("parameters",), ("batches", 0), ("markets", 0)])
def test_an_unknown_member_is_refused(exported: bytes, where: Path_) -> None:
    data = json.loads(exported)
    parent_of(data, (*where, "extra"))["extra"] = 1
    with pytest.raises(ExportError) as caught:
        decode_export(json.dumps(data).encode())
    assert caught.value.reason == "is not a field of this format"
    assert caught.value.field.replace("[...]", "[0]") == named((*where, "extra"))


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("format",), "sealbook", "Invalid enum value 'sealbook'"),
        (("version",), 2, "Invalid enum value 2"),
        (("proof",), "0xABCD", "is not lower-case hex of the right length"),
        (("proof",), "0xabc", "is not lower-case hex of the right length"),
        (("old_root",), "0x" + "00" * 31, "is not lower-case hex of the right length"),
        (("old_root",), "0x" + "ff" * 32, "an element is not below the field's order"),
        (("settled", "new_root"), "0x" + "ff" * 32, "an element is not below the field's order"),
        (("batches", 1, "root"), "0x" + "ff" * 32, "an element is not below the field's order"),
        (("contract",), "0x" + "00" * 21, "is not lower-case hex of the right length"),
        (("chain_id",), -1, "Expected `int` >= 0"),
        (("batches", 0, "count"), 257, "Expected `int` <= 256"),
        (("batches", 1, "number"), 2, "2 does not follow 0"),
        (("batches", 1, "cut"), 3, "3 is before 16"),
        (("batches", 0, "beacon"), None, "is there exactly for batches with leaves"),
        (("batches", 1, "beacon"), "0x" + "00" * 32, "is there exactly for batches with leaves"),
        (("queue", "entries"), "0x00", "1 bytes are not 16 entries"),
        (("queue", "start"), 1, "592 bytes are not 15 entries"),
        (("settled", "references"), [1], "1 for 2 markets"),
        (("markets",), [], "Expected `array` of length >= 1"),
    ],
)
def test_a_wrong_value_is_refused(exported: bytes, path: Path_, value: object, reason: str) -> None:
    data = json.loads(exported)
    parent_of(data, path)[path[-1]] = value
    with pytest.raises(ExportError) as caught:
        decode_export(json.dumps(data).encode())
    field = "queue.entries" if path == ("queue", "start") else named(path)
    assert (caught.value.field.replace("[...]", f"[{path[1] if len(path) > 1 else 0}]"), caught.value.reason) == (
        field,
        reason,
    )


def test_a_queue_entry_with_an_element_beyond_the_field_is_refused(exported: bytes) -> None:
    data = json.loads(exported)
    entries = bytearray.fromhex(data["queue"]["entries"][2:])
    entries[5:13] = b"\xff" * 8
    data["queue"]["entries"] = "0x" + entries.hex()
    with pytest.raises(ExportError, match=r"^queue.entries: queue_entries\[0\].value: an element is not canonical$"):
        decode_export(json.dumps(data).encode())


def test_a_member_given_twice_is_refused(exported: bytes) -> None:
    doubled = exported.replace(b'"epoch": 0', b'"epoch": 1, "epoch": 0')
    with pytest.raises(ExportError, match=r"^epoch: given twice$"):
        decode_export(doubled)


def test_truncated_and_oversized_files_are_refused(exported: bytes) -> None:
    with pytest.raises(ExportError, match=r"^file: not JSON: Input data was truncated$"):
        decode_export(exported[:-100])
    with pytest.raises(ExportError, match=rf"^file: longer than {MAX_FILE_BYTES} bytes$"):
        decode_export(b" " * (MAX_FILE_BYTES + 1))
    with pytest.raises(ExportError, match=r"^file: Expected `object`, got `array`$"):
        decode_export(b"[" * 100_000)
    with pytest.raises(ExportError, match=r"^file: not JSON: "):
        decode_export(b"\xff" + exported)


def test_the_command_says_it_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{"format": 1}')
    assert main(["verify", str(path)]) == 2
    assert capsys.readouterr().err == f"sealbook verify: {path}: format: Expected `str`, got `int`\n"
    assert main(["verify", str(path), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["field"] == "format"
    assert main(["verify", str(tmp_path / "absent.json")]) == 2
    assert "No such file or directory" in capsys.readouterr().err
