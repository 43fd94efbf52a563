"""Plonky3's own verifier judges proofs with public messages too: for it they become one more table that sends them.

The oracle is asked about the program with that table, our verifiers about the program itself and the messages. All must
accept the same and reject the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from commitments import _native
from proofs.params import PROOF
from proofs.statement.program import clearing_program
from proofs.statement.witness.execute import execute
from proofs.verifier.tape import Op, parse_tape

from .corpus import ACCEPTED, Case, in_python, natively, pack
from .distinguishers import Trace
from .statement.proving import CONTEXT, HEIGHTS
from .statement.scenario import public_messages, random_epoch
from .verifier.test_native import Builder, _parameters, _statement

Messages = Sequence[tuple[int, Sequence[int]]]


@dataclass(frozen=True, repr=False)
class Run:
    """A program in given heights, with rows and the messages that the verifier sends."""

    tape: bytes
    log_heights: list[int]
    parameters: dict[str, int]
    traces: list[Trace]
    messages: Messages

    def ours(self) -> str:
        """The one verdict of our verifiers."""
        vk = _native.setup(self.tape, self.log_heights, self.parameters)
        proof = _native.prove(vk, CONTEXT, self.traces)
        case = Case("", vk, CONTEXT, pack(self.messages), proof)
        verdict = in_python(case)
        assert natively(case) == verdict
        return verdict

    def oracle_accepts(self) -> bool:
        """Plonky3's verdict on the program with a table that sends the messages."""
        tape, buses = self.tape, sorted({bus for bus, _ in self.messages})
        widths = [parse_tape(tape).bus_widths[bus] for bus in buses]
        tables = 5 + tape[4]
        table = _public_table(buses, widths)
        extended = tape[:tables] + bytes([tape[tables] + 1]) + tape[tables + 1 :] + table
        log_height = max(min(self.log_heights), (len(self.messages) - 1).bit_length())
        sent = np.zeros((1 << log_height, len(buses) + max(widths)), dtype=np.uint64)
        for row, (bus, fields) in zip(sent, self.messages, strict=False):
            row[buses.index(bus)] = 1
            row[len(buses) : len(buses) + len(fields)] = fields
        vk = _native.setup(extended, [*self.log_heights, log_height], self.parameters)
        try:
            _native.prove_and_verify(vk, CONTEXT, [*self.traces, sent])
        except _native.ProofError as refused:
            if refused.args[0] != "oracle":
                raise
            return False
        return True


def _public_table(buses: list[int], widths: list[int]) -> bytes:
    """A flag for each bus, and the fields; a row with a flag of 1 sends its fields once."""
    table = Builder(len(buses) + max(widths))
    nodes = [table(Op.LOCAL, column) for column in range(len(buses) + max(widths))]
    fields = nodes[len(buses) :]
    table.messages += [
        (bus, 0, 1, flag, tuple(fields[:width])) for bus, width, flag in zip(buses, widths, nodes, strict=False)
    ]
    return table.encode()


def _small() -> Run:
    statement = _statement(6, 6, 5, 6)
    return Run(statement.tape, statement.log_heights, _parameters(), statement.traces, statement.messages)


def _real() -> Run:
    epoch = random_epoch(1)
    done = execute(epoch)
    traces = done.draft.traces(HEIGHTS)[1]
    parameters = {name: getattr(PROOF, name) for name in _parameters()}
    messages = public_messages(epoch, done, done)
    return Run(clearing_program().tape, list(HEIGHTS), parameters, traces, messages)


def _dropped(run: Run) -> Run:
    return replace(run, messages=run.messages[1:])


def _repeated(run: Run) -> Run:
    return replace(run, messages=[*run.messages, run.messages[0]])


def _changed(run: Run) -> Run:
    bus, fields = run.messages[0]
    return replace(run, messages=[(bus, (*fields[:-1], fields[-1] + 1)), *run.messages[1:]])


def _reordered(run: Run) -> Run:
    return replace(run, messages=list(reversed(run.messages)))


def _false_row(run: Run) -> Run:
    """One cell of the first table changed."""
    traces = [trace.copy() for trace in run.traces]
    traces[0][3, 1] += 1
    return replace(run, traces=traces)


CHANGES = [
    (lambda run: run, True),
    (_reordered, True),
    (_dropped, False),
    (_repeated, False),
    (_changed, False),
    (_false_row, False),
]


@pytest.mark.parametrize(("change", "accepted"), CHANGES)
def test_the_oracle_and_our_verifiers_agree_on_public_messages(change: Callable[[Run], Run], accepted: bool) -> None:
    run = change(_small())
    assert (run.ours() == ACCEPTED) is run.oracle_accepts() is accepted


@pytest.mark.slow
@pytest.mark.parametrize(("change", "accepted"), [CHANGES[0], CHANGES[4], CHANGES[5]])
def test_the_oracle_and_our_verifiers_agree_on_the_statement(change: Callable[[Run], Run], accepted: bool) -> None:
    run = change(_real())
    assert (run.ours() == ACCEPTED) is run.oracle_accepts() is accepted
