"""`sealbook agent`: where its options come from, and what it refuses before it starts. What it does:
tests/client/test_remote.py and tests/e2e/test_trader.py."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from client.errors import InputError
from client.keys import Keys
from sealbook.agent_options import Options, gather
from sealbook.cli import main

NEEDED = {"venue": "ws://v", "rpc": "http://r", "contract": "0x1", "keys": "k", "store": "s"}


def test_the_command_line_counts_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text('venue = "file"\nrpc = "file"\ncontract = "file"\nkeys = "file"\naccount-number = 7\n')
    environment = {"SEALBOOK_RPC": "environment", "SEALBOOK_CONTRACT": "environment", "SEALBOOK_STORE": "s", "PATH": ""}
    options = gather({"config": str(config), "contract": "line", "poll_seconds": "0.25", "register": None}, environment)
    assert options == Options(
        venue="file",
        rpc="environment",
        contract="line",
        keys=Path("file"),
        store=Path("s"),
        account_number=7,
        poll_seconds=0.25,
    )
    assert gather({}, {f"SEALBOOK_{k.upper()}": v for k, v in NEEDED.items()} | {"SEALBOOK_REGISTER": "1"}).register
    assert gather({}, {"SEALBOOK_CONFIG": str(config), "SEALBOOK_STORE": "s"}).account_number == 7


@pytest.mark.parametrize(
    ("text", "given", "code", "field"),
    [
        ("", {}, "option_missing", "venue"),
        ("colour = 1", {}, "option_unknown", "colour"),
        ("venue =", {}, "config_file", "config"),
        ("", {**NEEDED, "account_number": "seven"}, "option_value", "account_number"),
        ("", {**NEEDED, "poll_seconds": "0"}, "option_value", "poll_seconds"),
        ("", {**NEEDED, "keep_batches": "few"}, "option_value", "keep_batches"),
        ("", {**NEEDED, "register": "perhaps"}, "option_value", "register"),
    ],
)
def test_options_that_are_none(tmp_path: Path, text: str, given: dict[str, str], code: str, field: str) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(text)
    with pytest.raises(InputError) as wrong:
        gather({"config": str(config), **given}, {})
    assert (wrong.value.code, wrong.value.field) == (code, field)


DEAD_CHAIN = ("--rpc", "http://127.0.0.1:9", "--contract", "0x" + "11" * 20)
CERTIFICATE = Path(__file__).parents[1] / "orderbook" / "tls" / "test-only.crt"


def start(folder: Path, *more: str) -> int:
    options = {**NEEDED, "keys": str(folder / "keys"), "store": str(folder / "store")}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return main(["agent", *words, *more, "--json"])


def test_what_is_refused_before_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*more: str) -> tuple[str, str]:
        assert start(tmp_path, *more) == 2
        error = json.loads(capsys.readouterr().err)["error"]
        assert error["advice"]
        return error["code"], error["field"]

    assert refused() == ("key_file", "keys")
    Keys.create(tmp_path / "keys", "right")
    assert refused() == ("key_file_password", "password")
    monkeypatch.setenv("SEALBOOK_PASSWORD", "wrong")
    assert refused() == ("key_file_password", "password")
    password = tmp_path / "password"
    password.write_text("right\n")
    password.chmod(0o644)
    assert refused("--password-file", str(password)) == ("password_file", "password_file")
    password.chmod(0o600)
    right = ("--password-file", str(password))
    assert refused(*right, "--tls-certificate", "nowhere") == ("tls_certificate", "tls_certificate")
    assert refused(*right, "--venue-certificates", "nowhere") == ("venue_certificates", "venue_certificates")
    assert refused(*right, "--keep-batches", "5") == ("bad_input", "keep_batches")
    assert refused(*right, "--venue-certificates", str(CERTIFICATE)) == ("tls_unused", "url")
    token = tmp_path / "store.token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert len(token.read_text().strip()) > 30
    assert refused(*right, "--listen", "nowhere") == ("option_value", "listen")
    token.chmod(0o640)
    assert refused(*right) == ("token_file", "token_file")
    token.chmod(0o600)
    token.write_text("short")
    assert refused(*right) == ("token_file", "token_file")


def test_keys_are_made_if_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALBOOK_PASSWORD", "right")
    for _ in range(2):  # made once, loaded later
        assert start(tmp_path, "--create-keys", *DEAD_CHAIN) == 1  # the chain is down
    assert repr(Keys.at(tmp_path / "keys", "right")) == repr(Keys.load(tmp_path / "keys", "right"))


def test_a_chain_that_is_down_is_worth_another_try(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Keys.create(tmp_path / "keys")
    assert start(tmp_path, *DEAD_CHAIN) == 1
    assert json.loads(capsys.readouterr().err)["error"]["field"] == "rpc"
