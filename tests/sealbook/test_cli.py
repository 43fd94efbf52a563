"""The command line's surface: help, JSON and exit statuses of each word."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sealbook.cli import COMMANDS, main


@pytest.mark.parametrize("word", COMMANDS)
def test_every_command_has_help(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([word, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: sealbook {word}")
    if word != "bench":
        assert "--json" in out


@pytest.mark.parametrize("job", ["clear", "prove", "verify", "settle"])
def test_every_benchmark_has_its_options(job: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", job, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(option in out for option in ("--bundles", "--orders", "--batches", "--json"))


def test_the_general_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(word in out for word in COMMANDS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["inspect", "batch", "1"], "the following arguments are required: --rpc, --contract"),
        (
            ["inspect", "block", "1", "--rpc", "x", "--contract", "y"],
            "'block' is none of batch, epoch, latest, key, nor a batch's number",
        ),
        (["inspect", "batch", "-1", "--rpc", "x", "--contract", "y"], "'-1' is no number"),
        (["inspect", "batch", "1e3", "--rpc", "x", "--contract", "y"], "'1e3' is no number"),
        (["chain", "--accounts", "0"], "'0' is not a number from 1 on"),
        (["prove"], "the following arguments are required: solvency"),
        (["verify"], "the following arguments are required: FILE"),
        (["bench"], "the following arguments are required: JOB"),
        (["bench", "clear", "--orders", "many"], "invalid int value: 'many'"),
    ],
)
def test_wrong_words_are_exit_status_2(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_no_word_at_all_shows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Start with `sealbook demo`" in capsys.readouterr().err


def test_a_folder_that_the_demonstration_cannot_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "notes"
    taken.touch()
    for folder, reason in ((taken, "is a file"), (taken / "below", "cannot write into")):
        assert main(["demo", "--folder", str(folder)]) == 2
        assert reason in capsys.readouterr().err


def test_a_constraint_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soundness", "--only", "nonsense"]) == 2
    assert capsys.readouterr().err == "sealbook soundness: no constraint has 'nonsense' in its name\n"


def test_it_runs_as_a_process() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sealbook.cli", "verify", "/nonexistent/file.json"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("sealbook verify: /nonexistent/file.json: cannot be read: No such")
