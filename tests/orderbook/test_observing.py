"""Figures, health and readiness, and logs that tell everything but secrets."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from pathlib import Path

import pytest

from orderbook import wire
from orderbook.errors import ConfigurationError, EndpointDownError
from orderbook.metrics import Counter, Gauge, Histogram, Metrics
from orderbook.status import StatusServer
from sealbook.logs import _Lines, _Objects

from .simulated import OPERATOR, SimulatedL1, Trader, connected, running

LINE = re.compile(r'^[a-z0-9_]+(\{[a-z]+="[^"]*"(,le="[^"]+")?\}|\{le="[^"]+"\})? [-+0-9.e]+$')


async def get(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body


def figures(text: str) -> dict[str, float]:
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        assert LINE.match(line), line
        name, _, number = line.rpartition(" ")
        found[name] = float(number)
    return found


async def test_figures_of_a_whole_batch(tmp_path: Path, l1: SimulatedL1) -> None:
    trader, absent = Trader(l1, 1), Trader(l1, 2)
    l1.deposit(trader.account, 1, 10**9)
    l1.deposit(absent.account, 1, 10**9)
    parameters = l1.parameters()
    async with (
        running(tmp_path, l1, status=("127.0.0.1", 0)) as node,
        connected(node, parameters) as client,
        connected(node, parameters) as other,
    ):
        await client.login(trader.key, trader.account)
        await other.login(absent.key, absent.account)
        await client.ask(trader.commit(client), wire.Receipt)
        await other.ask(absent.commit(other), wire.Receipt)
        await other.ask(wire.GetResult(99, 0), wire.Error)
        node.seal_now()
        await client.push(wire.Sealed)
        await client.ask(trader.reveal(client), wire.Acknowledgement)
        l1.mine(8)
        await client.push(wire.Result, lambda r: r.final)
        assert await get(node.status.port, "/health") == (200, '{"healthy": true}\n')
        assert await get(node.status.port, "/ready") == (200, '{"ready": true, "problems": []}\n')
        status, text = await get(node.status.port, "/metrics")
    assert status == 200
    found = figures(text)
    assert found["sealbook_commitments_total"] == 2
    assert found["sealbook_reveals_total"] == 1
    assert found["sealbook_missed_reveals_total"] == 1
    assert found["sealbook_settlement_gas_total"] == 5
    assert found["sealbook_proof_seconds_count"] == 1
    assert found["sealbook_proof_seconds_sum"] == 0.25
    for phase in ("commit", "seal", "reveal", "beacon", "clear", "prove", "settle"):
        if phase not in ("beacon", "clear"):  # may be over at once, when the beacon came first
            assert found[f'sealbook_phase_seconds_count{{phase="{phase}"}}'] == 1
    assert found['sealbook_batches{phase="settled"}'] == 1
    assert found['sealbook_batches{phase="commit"}'] == 1
    assert found["sealbook_connections"] == 2
    assert found['sealbook_requests_total{type="Commit"}'] == 2
    assert found['sealbook_refused_total{code="too_early"}'] == 1
    assert found['sealbook_request_seconds_bucket{type="Commit",le="+Inf"}'] == 2
    assert found["sealbook_journal_events_total"] > 10
    assert found["sealbook_journal_waiting"] == 0
    assert found["sealbook_l1_final"] == found["sealbook_l1_head"]


async def test_ready_says_what_is_wrong(tmp_path: Path, l1: SimulatedL1) -> None:
    async with running(tmp_path, l1, status=("127.0.0.1", 0)) as node:
        l1.down = True
        while not node.problems():
            await node.record([])
        assert await get(node.status.port, "/ready") == (503, '{"ready": false, "problems": ["l1_down"]}\n')
        assert await get(node.status.port, "/health") == (200, '{"healthy": true}\n')
        l1.down = False
        while node.problems():
            await node.record([])
        node._draining = True
        assert await get(node.status.port, "/ready") == (503, '{"ready": false, "problems": ["draining"]}\n')
        node._draining = False


async def test_other_paths_methods_and_silent_clients() -> None:
    server = StatusServer(lambda: "a 1\n", list)
    await server.start("127.0.0.1", 0)
    with pytest.raises(ConfigurationError) as busy:
        await StatusServer(str, list).start("127.0.0.1", server.port)
    assert busy.value.code == "port_busy"
    silent, writer = await asyncio.open_connection("127.0.0.1", server.port)
    assert await get(server.port, "/metrics") == (200, "a 1\n")
    assert (await get(server.port, "/secret"))[0] == 404
    assert (await get(server.port, "/metrics", "POST"))[0] == 405
    writer.close()
    assert await silent.read() == b""
    await server.close()


def test_the_text_format() -> None:
    counter, gauge = Counter("a_total", "A.", "kind"), Gauge("b", "B.")
    histogram = Histogram("c_seconds", "C.", (0.5, 1))
    counter.inc("x")
    counter.inc("x", by=2)
    gauge.set(1.5)
    for measure in (0.5, 0.6, 7):
        histogram.observe(measure)
    assert list(counter.lines()) == ['a_total{kind="x"} 3']
    assert list(gauge.lines()) == ["b 1.5"]
    assert list(histogram.lines()) == [
        'c_seconds_bucket{le="0.5"} 1',
        'c_seconds_bucket{le="1"} 2',
        'c_seconds_bucket{le="+Inf"} 3',
        "c_seconds_sum 8.1",
        "c_seconds_count 3",
    ]
    text = Metrics().text()
    assert "# HELP sealbook_missed_reveals_total " in text
    assert "# TYPE sealbook_phase_seconds histogram\n" in text
    figures(text)


async def test_logs_are_structured_and_hold_no_secrets(
    tmp_path: Path, l1: SimulatedL1, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sealbook")
    trader = Trader(l1, 1)
    l1.deposit(trader.account, 1, 10**9)
    opening = trader.opening()

    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        await client.login(trader.key, trader.account)
        await client.ask(trader.commit(client), wire.Receipt)
        node.seal_now()
        await client.push(wire.Sealed)
        bad = trader.reveal(client)
        bad = wire.Reveal(bad.id, 0, bad.entries, bad.salt, bad.secret, bad.key_position + 1, bad.key_path)
        await client.ask(bad, wire.Refusal)
        l1.down = True
        while "l1_down" not in node.problems():
            await node.record([])
        await client.ask(trader.reveal(client), wire.Acknowledgement)
        node.server._handler.handle = broken  # type: ignore[method-assign]
        assert (await client.ask(trader.reveal(client), wire.Error)).code == "internal"
        del node.server._handler.handle
        l1.down = False
        l1.mine(4)
        await client.push(wire.Result, lambda r: r.final)
    lines = [json.loads(_Objects().format(record)) for record in caplog.records]
    text = "\n".join([json.dumps(line) for line in lines] + [_Lines().format(record) for record in caplog.records])
    assert {"BatchSealed", "EpochSettled", "request failed: RuntimeError"} <= {line["message"] for line in lines}
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert any(line.get("code") == EndpointDownError.default_code for line in lines)
    secrets = [
        wire.hex_digest(opening.secret),
        wire.hex_digest((*opening.salt, 0)),
        repr(opening.secret),
        repr(opening.salt),
        trader.key.reveal().hex(),
        OPERATOR.reveal().hex(),
        "20000",  # the limit price
    ]
    assert [secret for secret in secrets if secret in text] == []


def broken(session: object, request: wire.Reveal) -> wire.Message:
    raise RuntimeError(f"a fault with {request.secret} in its message")
