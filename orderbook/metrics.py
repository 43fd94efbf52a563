"""Figures of a running venue, in the Prometheus text format (version 0.0.4). No account, key or order is in them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SLOW: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


class Counter:
    """A number that only grows, for each value of one label (or of none)."""

    kind = "counter"

    def __init__(self, name: str, text: str, label: str = "") -> None:
        self.name, self.text, self._label = name, text, label
        self._values: dict[str, float] = {} if label else {"": 0.0}

    def inc(self, value: str = "", by: float = 1.0) -> None:
        self._values[value] = self._values.get(value, 0.0) + by

    def value(self, label: str = "") -> float:
        """The present number."""
        return self._values.get(label, 0.0)

    def lines(self) -> Iterator[str]:
        for value, number in sorted(self._values.items()):
            yield f"{self.name}{_labels(self._label, value)} {number:g}"


class Gauge(Counter):
    """A number that may fall."""

    kind = "gauge"

    def set(self, number: float, value: str = "") -> None:
        self._values[value] = float(number)


class Histogram:
    """How often a measure was at most each of some bounds, for each value of one label (or of none)."""

    kind = "histogram"

    def __init__(self, name: str, text: str, bounds: Sequence[float], label: str = "") -> None:
        self.name, self.text, self._bounds, self._label = name, text, tuple(bounds), label
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, measure: float, value: str = "") -> None:
        counts = self._counts.get(value)
        if counts is None:
            counts = self._counts[value] = [0] * (len(self._bounds) + 1)
            self._sums[value] = 0.0
        counts[bisect_left(self._bounds, measure)] += 1
        self._sums[value] += measure

    def count(self, value: str = "") -> int:
        """Measures so far."""
        return sum(self._counts.get(value, ()))

    def lines(self) -> Iterator[str]:
        for value, counts in sorted(self._counts.items()):
            total = 0
            for bound, count in zip((*self._bounds, float("inf")), counts, strict=True):
                total += count
                edge = "+Inf" if bound == float("inf") else f"{bound:g}"
                yield f"{self.name}_bucket{_labels(self._label, value, edge)} {total}"
            yield f"{self.name}_sum{_labels(self._label, value)} {self._sums[value]:g}"
            yield f"{self.name}_count{_labels(self._label, value)} {total}"


class Metrics:
    """All figures of one node. Each part of the node sets its own."""

    def __init__(self) -> None:
        self.requests = Counter("sealbook_requests_total", "Requests served, by type.", "type")
        self.request_seconds = Histogram(
            "sealbook_request_seconds", "From a request's arrival to its reply, by type.", _FAST, "type"
        )
        self.refused = Counter("sealbook_refused_total", "Requests refused, by error code.", "code")
        self.connections = Gauge("sealbook_connections", "Open WebSocket connections.")
        self.handshakes = Gauge("sealbook_handshakes", "TCP connections that are no WebSocket yet.")
        self.cut = Counter("sealbook_connections_cut_total", "Connections that the venue closed, by reason.", "reason")
        self.outgoing_waiting = Gauge("sealbook_outgoing_messages", "Messages that wait for clients to read.")
        self.outgoing_longest = Gauge("sealbook_outgoing_longest", "Longest queue of one client, in messages.")
        self.requests_pending = Gauge("sealbook_requests_pending", "Requests without their reply.")
        self.journal_waiting = Gauge("sealbook_journal_waiting", "Events that wait to be written.")
        self.journal_seconds = Histogram("sealbook_journal_seconds", "Seconds of one journal write.", _FAST)
        self.journal_events = Counter("sealbook_journal_events_total", "Events written to the journal.")
        self.journal_bytes = Gauge("sealbook_journal_bytes", "Size of the journal's file.")
        self.phase_seconds = Histogram(
            "sealbook_phase_seconds", "How long batches stayed in each phase of their life.", _SLOW, "phase"
        )
        self.batches = Gauge("sealbook_batches", "Batches in each phase; settled: all so far.", "phase")
        self.l1_queue = Gauge("sealbook_l1_queue_entries", "L1 queue entries that no sealed batch applies yet.")
        self.l1_head = Gauge("sealbook_l1_head", "Newest L1 block seen.")
        self.l1_final = Gauge("sealbook_l1_final", "Newest final L1 block taken over.")
        self.l1_errors = Counter("sealbook_l1_errors_total", "Calls to L1 that failed, by error code.", "code")
        self.commitments = Counter("sealbook_commitments_total", "Commitments accepted, replacements and cancels too.")
        self.reveals = Counter("sealbook_reveals_total", "Reveals accepted.")
        self.missed_reveals = Counter("sealbook_missed_reveals_total", "Leaves of cleared batches without a reveal.")
        self.proof_seconds = Histogram("sealbook_proof_seconds", "Seconds of one epoch's proof.", _SLOW)
        self.proof_bytes = Gauge("sealbook_proof_bytes", "Size of the last proof.")
        self.proof_progress = Gauge("sealbook_proof_progress", "Finished part of the proof in hand, 0 to 1.")
        self.proof_failures = Counter("sealbook_proof_failures_total", "Proofs that failed, by error code.", "code")
        self.settlement_gas = Counter("sealbook_settlement_gas_total", "L1 gas used by settlements.")
        self.epoch_gas = Gauge("sealbook_settlement_gas_last", "L1 gas of the last settlement.")

    def text(self) -> str:
        """All families with their help and type."""
        lines: list[str] = []
        for family in vars(self).values():
            lines += [f"# HELP {family.name} {family.text}", f"# TYPE {family.name} {family.kind}", *family.lines()]
        return "\n".join(lines) + "\n"


def _labels(label: str, value: str, bound: str | None = None) -> str:
    pairs = [f'{label}="{value}"'] if label else []
    if bound is not None:
        pairs.append(f'le="{bound}"')
    return "{" + ",".join(pairs) + "}" if pairs else ""
