"""Lies that the production prover cannot tell, by one that can. Python and native verifier give the same verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import log2
from typing import Any

import pytest

from commitments import _native
from proofs.prover_api import verify_native
from proofs.verifier import ProofRejected, PublicMessage, Reason, verify
from proofs.verifier.domain import recompose_quotient, reverse_bits
from proofs.verifier.field import FAST, Extension, P, generator_of_order
from proofs.verifier.fri import batch_claims, check_query
from proofs.verifier.tape import Op
from proofs.verifier.verify import run_transcript
from proofs.verifier.vk import parse_verification_key
from proofs.verifier.wire import parse_head, parse_query, split_proof

from .plain_pieces import Polynomial
from .plain_prover import Drawn, Opened, PlainProver, Trace, Word
from .verifier.test_native import CONTEXT, PUBLIC, WIDTHS, Builder, _counter, _parameters, _statement

COUNTER, FIRST_SQUARES, SILENT, SECOND_SQUARES = range(4)
HEIGHTS = (6, 5, 6, 5)
"""Of the counter, the two tables of squares, the silent table."""


@dataclass(frozen=True, repr=False)
class Subject:
    vk: bytes
    traces: list[Trace]
    messages: list[PublicMessage]


@cache
def subject(*heights: int, **parameters: int) -> Subject:
    statement = _statement(*heights)
    vk = _native.setup(statement.tape, statement.log_heights, _parameters(**parameters))
    return Subject(vk, statement.traces, list(statement.messages))


def false_rows(honest: Subject, table: int) -> list[Trace]:
    """Rows that balance all buses and break a constraint of one table, in a row that sends nothing."""
    traces = [trace.copy() for trace in honest.traces]
    traces[table][-1, 1] = 7
    return traces


def _verdict(honest: Subject, messages: Sequence[PublicMessage], proof: bytes) -> str:
    """``accepted`` or reason and place, of both verifiers."""
    verdicts = []
    for verifier in (verify, verify_native):
        try:
            verifier(honest.vk, CONTEXT, messages, proof)
            verdicts.append("accepted")
        except ProofRejected as rejected:
            verdicts.append(rejected.reason.value)
    assert verdicts[0] == verdicts[1]
    return verdicts[0]


def _judged(prover: PlainProver, honest: Subject) -> str:
    return _verdict(honest, honest.messages, prover.prove())


@pytest.mark.parametrize("heights", [HEIGHTS, (5, 8, 5, 6)])
def test_an_honest_proof_of_the_plain_prover_is_accepted(heights: tuple[int, ...]) -> None:
    """The page is enough to write a prover, too: what the lies below fail on are the lies."""
    honest = subject(*heights)
    assert _judged(PlainProver(honest.vk, CONTEXT, honest.traces), honest) == "accepted"


@pytest.mark.parametrize("table", [SILENT, SECOND_SQUARES])
def test_false_rows_are_rejected(table: int) -> None:
    honest = subject(*HEIGHTS)
    assert _judged(PlainProver(honest.vk, CONTEXT, false_rows(honest, table)), honest) == Reason.CONSTRAINTS


# -- degrees


class LongMask(PlainProver):
    """Columns of the silent table have as many coefficients as the final polynomial admits, or some more.

    Those are C 2^(h - f) + 1: the quotient by an opening has one less.
    """

    def __init__(self, *args: Any, more: int = 0) -> None:
        super().__init__(*args)
        height = self.key.tables[SILENT].log_height
        most = (self.key.final_coefficients << height - self.key.log_final_poly) + 1
        self.length = most + more - (1 << height)

    def mask(self, table: int) -> Polynomial:
        return self.drawn(self.length) if table == SILENT else super().mask(table)


@pytest.mark.parametrize("heights", [HEIGHTS, (5, 5, 5, 6)], ids=["of a lower table", "of the tallest"])
def test_the_final_polynomial_bounds_the_degree_of_a_column_exactly(heights: tuple[int, ...]) -> None:
    honest = subject(*heights)
    longest = LongMask(honest.vk, CONTEXT, honest.traces)
    assert longest.length > longest.key.mask_length
    assert _judged(longest, honest) == "accepted"
    assert _judged(LongMask(honest.vk, CONTEXT, honest.traces, more=1), honest) == Reason.FINAL_POLY


# -- false openings


class FalseOpening(PlainProver):
    """Claims a value of the first quotient chunk that makes the constraints of ``table`` true at zeta."""

    table = SILENT

    def claims(self, opened: Opened, drawn: Drawn) -> None:
        shapes = self.key.tables
        shape, first = shapes[self.table], sum(1 << s.log_chunks for s in shapes[: self.table])
        count = 1 << shape.log_chunks
        chunks = [chunk[0] for chunk in opened[1][first : first + count]]
        unit = FAST.element(0, 1)
        values = [y0 + unit * y1 for y0, y1 in chunks]
        size = 1 << shape.log_height
        wanted = self.folded_at(self.table, opened, drawn) * FAST.inverse(drawn.zeta**size - FAST.one)
        weight = recompose_quotient(FAST, shape.log_height, [FAST.one, *[FAST.zero] * (count - 1)], drawn.zeta)
        missing = wanted - recompose_quotient(FAST, shape.log_height, values, drawn.zeta)
        chunks[0][0] = chunks[0][0] + missing * FAST.inverse(weight)


@pytest.mark.parametrize("table", [SILENT, SECOND_SQUARES], ids=["a table that joins later", "a tallest table"])
def test_openings_that_are_not_the_columns_are_no_low_degree(table: int) -> None:
    honest = subject(*HEIGHTS)
    prover = FalseOpening(honest.vk, CONTEXT, false_rows(honest, table))
    prover.table = table
    assert _judged(prover, honest) == Reason.FINAL_POLY


class OtherWord(FalseOpening):
    """Hides a false opening: commits, in one round, to a word of low degree instead of the folded one."""

    number = 0

    def committed_word(self, number: int, word: Word) -> Word:
        return [FAST.element(3, 4)] * len(word) if number == self.number else word


@pytest.mark.parametrize("number", [0, 1])
def test_a_word_that_is_not_the_folded_one_is_found(number: int) -> None:
    honest = subject(*HEIGHTS)
    prover = OtherWord(honest.vk, CONTEXT, false_rows(honest, SILENT))
    prover.number = number
    assert _judged(prover, honest) == Reason.FRI_MERKLE


class Guessed(FalseOpening):
    """The best that is known: the final polynomial goes through as many of the last word's values as it can."""

    def final_polynomial(self, word: Word) -> list[Extension]:
        log_size = len(word).bit_length() - 1
        count = self.key.final_coefficients
        points = [pow(generator_of_order(log_size), reverse_bits(i, log_size), P) for i in range(count)]
        return _through(points, word[:count])


def _through(points: Sequence[int], values: Sequence[Extension]) -> list[Extension]:
    """Newton's interpolation; coefficients, the constant one first."""
    differences = list(values)
    for level in range(1, len(points)):
        for i in range(len(points) - 1, level - 1, -1):
            step = pow(points[i] - points[i - level], -1, P)
            differences[i] = (differences[i] - differences[i - 1]) * FAST.lift(step)
    out = [FAST.zero] * len(points)
    for difference, point in zip(reversed(differences), reversed(points), strict=True):
        out = [low - FAST.lift(point) * high for low, high in zip([FAST.zero, *out[:-1]], out, strict=True)]
        out[0] = out[0] + difference
    return out


def _verdicts_by_index(prover: PlainProver, proof: bytes) -> list[str]:
    """What a query at each index would say, were it drawn."""
    key = prover.key
    head = parse_head(FAST, key, split_proof(key, proof)[0])
    drawn = run_transcript(FAST, key, CONTEXT, head)
    claims = batch_claims(FAST, key, head, drawn.zeta, drawn.batching)

    def verdict(index: int) -> str:
        query = parse_query(FAST, key, prover.record(index), 0)
        try:
            check_query(FAST, key, head, claims, drawn.betas, 0, index, query)
        except ProofRejected as rejected:
            return rejected.reason.value
        return "accepted"

    return [verdict(index) for index in range(1 << key.log_domain)]


@pytest.mark.parametrize("table", [SILENT, SECOND_SQUARES], ids=["a table that joins later", "a tallest table"])
def test_a_lie_passes_a_query_with_the_chance_that_the_report_counts(table: int) -> None:
    """The rate is that of the final polynomial's true length. With one query and no grinding a lie is soon accepted."""
    honest = subject(*HEIGHTS, num_queries=1)
    key = parse_verification_key(honest.vk)
    for seed in range(100):
        prover = Guessed(honest.vk, CONTEXT, false_rows(honest, table), seed)
        prover.table = table
        proof = prover.prove()
        if _verdict(honest, honest.messages, proof) == "accepted":
            break
    else:
        pytest.fail("not once among 100")
    verdicts = _verdicts_by_index(prover, proof)
    assert set(verdicts) == {"accepted", Reason.FINAL_POLY}
    accepted = [index for index, verdict in enumerate(verdicts) if verdict == "accepted"]
    last = key.log_blowup + key.log_final_poly
    assert key.final_coefficients > 1 << key.log_final_poly  # the masks make the rate more than the blowup's
    rate = key.final_coefficients / (1 << last)
    assert len(accepted) / (1 << key.log_domain) == rate
    assert {index >> key.log_domain - last for index in accepted} == set(range(key.final_coefficients))
    report = _native.security_report(honest.vk)["conjectured"]
    assert -log2(rate) - 0.2 < report["ldt-query-phase"] <= -log2(rate)


# -- what the context must bind


def test_messages_that_no_context_binds_could_be_chosen_after_the_challenges() -> None:
    """Why applications put the public messages into the context: else any terminals can be balanced by one message.

    The fraction that is missing is 1 / D; D gives two linear equations over F for the three fields of a message.
    """
    code, rows = _counter(64, 0)
    taker = Builder(1)
    # Nobody takes what the counter sends: no balance without another message.
    taker.messages.append((PUBLIC, 1, 1, taker.const(0), (taker(Op.LOCAL, 0),) * 3))
    tape = b"SBT1" + bytes([3]) + WIDTHS + bytes([2]) + code + taker.encode()
    vk = _native.setup(tape, [6, 6], _parameters())
    traces = [rows, rows[:, :1] * 0]
    prover = PlainProver(vk, CONTEXT, traces)
    proof = prover.prove()
    key = parse_verification_key(vk)
    head = parse_head(FAST, key, split_proof(key, proof)[0])
    drawn = run_transcript(FAST, key, CONTEXT, head)
    missing = FAST.zero
    for terminal in head.terminals.values:
        missing = missing - terminal
    beta = drawn.lookup_beta
    prefix = drawn.lookup_alpha
    for _ in range(key.prefixes[PUBLIC] + 1):
        prefix = prefix + beta**key.widest_message
    fingerprint = prefix - FAST.inverse(missing)
    # fingerprint = m1 B + m2 with m0 = 0
    second = fingerprint.b * pow(beta.b, -1, P) % P
    third = (fingerprint.a - second * beta.a) % P
    honest = Subject(vk, traces, [(PUBLIC, (0, second, third))])
    assert _verdict(honest, honest.messages, proof) == "accepted"
    assert _verdict(honest, [], proof) == Reason.BUS
