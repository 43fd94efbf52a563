"""`sealbook clear` and the clearing benchmark."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sealbook.commands import bench_clear, clear

HEAD = '{"lower":1,"upper":9,"reference":5'


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    clear.add_parser(parser.add_subparsers())
    return parser.parse_args(["clear", *arguments])


def test_lines_in_lines_out(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    source = tmp_path / "books"
    source.write_text(HEAD + ',"orders":[["buy",6,3],["sell",4,2]]}\n\n{\n' + HEAD + ',"orders":[["buy",6,3]]}')
    assert clear.run(parse(str(source), "--json")) == 1
    answers = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert answers[0] == {"price": 6, "volume": 2, "surplus": 1, "fills": [2, 2]}
    assert answers[1]["error"]["code"] == "malformed"
    assert answers[2] == {"price": None, "volume": 0, "surplus": 0, "fills": [0]}
    assert len(answers) == 3


def test_a_missing_file_is_status_2(tmp_path: Path) -> None:
    assert clear.run(parse(str(tmp_path / "none"))) == 2


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        (
            HEAD + ',"orders":[["buy",6,3],["buy",6.0,3]]}',
            "invalid",
            "orders[1].price: Expected `int`, got `float`",
        ),
        (HEAD + ',"orders":[["buy",1e0,3]]}', "invalid", "orders[0].price: Expected `int`, got `float`"),
        (HEAD + ',"orders":[["buy",6,true]]}', "invalid", "orders[0].quantity: Expected `int`, got `bool`"),
        (HEAD + ',"orders":[["bid",6,1]]}', "invalid", "orders[0].side: Invalid enum value 'bid'"),
        (HEAD + ',"orders":[["buy",6,0]]}', "invalid", "orders[0].quantity: Expected `int` >= 1"),
        (HEAD + ',"orders":[["buy",10,1]]}', "price_out_of_band", "orders[0].price: 10 is not in [1, 9]"),
        (HEAD + ',"lower":2,"orders":[]}', "invalid", "lower: given twice"),
        (HEAD + ',"x":2,"orders":[]}', "invalid", "Object contains unknown field `x`"),
        (HEAD + "}", "invalid", "Object missing required field `orders`"),
    ],
)
def test_bad_lines_name_field_and_reason(line: str, code: str, message: str) -> None:
    answer, failed = clear.clear_line(line.encode())
    assert failed
    assert json.loads(answer) == {"error": {"code": code, "message": message}}


def test_long_lines_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(clear, "MAX_LINE_BYTES", 60)
    source = tmp_path / "books"
    source.write_text(" " * 200 + "\n" + HEAD + ',"orders":[]}\n')
    assert clear.run(parse(str(source))) == 1
    answers = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert answers[0] == {"error": {"code": "too_large", "message": "the line is longer than 60 bytes"}}
    assert answers[1]["price"] is None


def test_bench_clears_a_crossed_book() -> None:
    figures = bench_clear.run(100)
    assert figures["orders"] == 100
    for key in ("volume", "seconds", "peak_memory_bytes"):
        assert (figures[key] or 0) > 0, key


def test_the_example_of_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "matching.md").read_text()
    command = next(line for line in page.splitlines() if line.startswith("$ echo"))
    answer, failed = clear.clear_line(command.split("'")[1].encode())
    assert not failed
    assert answer.decode() in page.splitlines()


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    program = (
        "import argparse, sys; from sealbook.commands import clear; p = argparse.ArgumentParser(); "
        "clear.add_parser(p.add_subparsers()); a = p.parse_args(); sys.exit(a.run(a))"
    )
    source = tmp_path / "books"
    source.write_text((HEAD + ',"orders":[]}\n') * 5_000)
    with source.open("rb") as lines:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "clear"],
            stdin=lines,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["price"] is None
        process.stdout.close()
        assert process.stderr.read() == b""
        process.stderr.close()
        assert process.wait() == 141
