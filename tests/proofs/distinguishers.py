"""Attacks on the privacy of a proof: each tells from public bytes whether a guess of the private rows is right.

A distinguisher sees a proof and one hypothesis, and says whether they fit. Against proofs with all of their blinding
none of them fits any hypothesis; each works as soon as its part of the blinding is left out (``tests/proofs/
test_zero_knowledge.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from proofs.verifier.domain import committed_point
from proofs.verifier.field import FAST, Extension, P, generator_of_order
from proofs.verifier.lookups import BusChallenges
from proofs.verifier.transcript import keccak256
from proofs.verifier.verify import Challenges, run_transcript
from proofs.verifier.vk import VerificationKey, parse_verification_key
from proofs.verifier.wire import Head, Query, parse_head, parse_query, split_proof

Trace = npt.NDArray[np.uint64]
MAIN, QUOTIENT = range(2)
"""Numbers of trees."""


@dataclass(frozen=True)
class Seen:
    """All that a proof shows, parsed, with the challenges that anybody can recompute."""

    vk: VerificationKey
    head: Head[Extension]
    challenges: Challenges[Extension]
    queries: tuple[Query[Extension], ...]

    @property
    def zeta(self) -> Extension:
        return self.challenges.zeta


def see(vk: bytes, context: bytes, proof: bytes) -> Seen:
    key = parse_verification_key(vk)
    head_bytes, records = split_proof(key, proof)
    head = parse_head(FAST, key, head_bytes)
    queries = tuple(parse_query(FAST, key, record, number) for number, record in enumerate(records))
    return Seen(key, head, run_transcript(FAST, key, context, head), queries)


def _base(value: int) -> Extension:
    return FAST.lift(value % P)


def _quotient(a: Extension, b: Extension) -> Extension:
    return a * FAST.inverse(b)


class Lagrange:
    """Values at one point outside the trace domain of the polynomials through columns of ``2^log_height`` rows."""

    def __init__(self, log_height: int, point: Extension) -> None:
        root, x = generator_of_order(log_height), 1
        self.weights = []
        scale = (point ** (1 << log_height) - FAST.one) * _base(pow(1 << log_height, -1, P))
        for _ in range(1 << log_height):
            self.weights.append(scale * _base(x) * FAST.inverse(point - _base(x)))
            x = x * root % P
        self._apply = FAST.linear_form(self.weights)

    def value(self, column: Trace) -> Extension:
        return self._apply([int(v) for v in column])


def columns_fit(seen: Seen, table: int, trace: Trace, columns: Sequence[int]) -> bool:
    """The opened values of these columns at zeta are the guessed columns' own."""
    at_zeta = Lagrange(seen.vk.tables[table].log_height, seen.zeta)
    opened = seen.head.opened[MAIN][table][0]
    return all(at_zeta.value(trace[:, column]) == opened[column] for column in columns)


def terminal_fits(seen: Seen, number: int, sent: Sequence[tuple[int, int, Sequence[int]]]) -> bool:
    """A table's terminal is that of the guessed messages, given as (bus, signed count, fields)."""
    drawn = seen.challenges
    buses = BusChallenges.derive(drawn.lookup_alpha, drawn.lookup_beta, seen.vk.widest_message, seen.vk.bus_order)
    total = FAST.zero
    for bus, count, fields in sent:
        total = total + _quotient(_base(count), buses.denominator(FAST, bus, [_base(f) for f in fields]))
    return total == seen.head.terminals.values[number]


def siblings_fit(seen: Seen, trace: Trace) -> bool:
    """The first sibling in each main path is the hash, without salt, of the guessed row beside the queried one.

    The tallest table has one column, alone at its height.
    """
    vk = seen.vk
    log_height = vk.log_domain - vk.log_blowup
    for index, query in zip(seen.challenges.indices, seen.queries, strict=True):
        beside = _base(committed_point(index ^ 1, vk.log_domain))
        value = Lagrange(log_height, beside).value(trace[:, 0])
        leaf = value.a.to_bytes(8, "little") + bytes(16)
        if query.trees[MAIN].path[0] != keccak256(leaf):
            return False
    return True


def chunks_fit(seen: Seen, trace: Trace) -> bool:
    """The quotient chunks of table 0, whose one constraint is FIRST (f - 1), are those of the guessed column f.

    With f masked to f + (x^N - 1) r, the quotient on the coset where x^N - 1 = z is (f - 1 + z r) / (x - 1), and its
    chunk is A + r(1) E + z r_1, with A = (f - 1) / (x - 1), E = (x^N - 1) / (x - 1), r_1 = (r - r(1)) / (x - 1). Two
    chunks give A + r(1) E without r_1; with A guessed right, r(1) comes out as the same base field element everywhere.
    """
    shape = seen.vk.tables[0]
    size = 1 << shape.log_height
    z = [
        (pow(7, size, P) * pow(generator_of_order(shape.log_chunks), i, P) - 1) % P
        for i in range(1 << shape.log_chunks)
    ]
    found = set()
    openings = [(seen.zeta, [chunk[0][0] for chunk in seen.head.opened[QUOTIENT][: len(z)]])]
    for index, query in zip(seen.challenges.indices, seen.queries, strict=True):
        row = query.trees[QUOTIENT].leaves[seen.vk.log_domain].row
        point = committed_point(index, seen.vk.log_domain)
        openings.append((_base(point), [_base(row[2 * i]) for i in range(len(z))]))
    for point, chunks in openings:
        without = (chunks[0] * _base(z[1]) - chunks[1] * _base(z[0])) * _base(pow(z[1] - z[0], -1, P))
        before = point - FAST.one
        guessed = _quotient(Lagrange(shape.log_height, point).value(trace[:, 0]) - FAST.one, before)
        found.add(_quotient((without - guessed) * before, point**size - FAST.one))
    return len(found) == 1 and found.pop().b == 0


def folding_fits(seen: Seen, trace: Trace) -> bool:
    """The first folding rows are those of the guessed column of table 0 (see :func:`chunks_fit`), up to its masks.

    They show the batch F = sum of lambda^i column_i at more points than the masks of its columns have coefficients. So
    F minus the guessed part must lie in the span of what masks can add: x^k and x^(N + k) for k below the masks'
    length, and E.
    """
    vk, shape = seen.vk, seen.vk.tables[0]
    size, arity = 1 << shape.log_height, 1 << vk.rounds[0]
    power, batched = FAST.one, FAST.zero
    parts = FAST.zero
    opened = [seen.head.opened[MAIN][0][0]]
    opened += [chunk[0] for chunk in seen.head.opened[QUOTIENT][: 1 << shape.log_chunks]]
    for number, columns in enumerate(opened):
        for column, value in enumerate(columns):
            if number and column == 0:
                parts = parts + power
            batched = batched + power * value
            power = power * seen.challenges.batching
    mask = seen.head.opened[QUOTIENT][-1][0]
    batched = batched + power * mask[0] + power * seen.challenges.batching * mask[1]

    rows: dict[int, list[Extension]] = {}
    for index, query in zip(seen.challenges.indices, seen.queries, strict=True):
        own = index % arity
        others = [m for m in range(arity) if m != own]
        for m, value in zip(others, query.rounds[0].others, strict=True):
            x = _base(committed_point(index - own + m, vk.log_domain))
            guessed = Lagrange(shape.log_height, x).value(trace[:, 0])
            column = batched - (seen.zeta - x) * value
            rest = column - guessed - parts * _quotient(guessed - FAST.one, x - FAST.one)
            powers = [x**k for k in range(vk.mask_length)]
            high = x**size
            shown = [*powers, *(high * p for p in powers), _quotient(high - FAST.one, x - FAST.one)]
            rows[index - own + m] = [*shown, rest]
    assert len(rows) > 2 * vk.mask_length + 2, "too few points for the test to say anything"
    return _last_column_is_dependent(list(rows.values()))


def _last_column_is_dependent(rows: list[list[Extension]]) -> bool:
    """Whether the last column is a combination of the others, by elimination."""
    width = len(rows[0]) - 1
    rank = 0
    for column in range(width):
        pivot = next((r for r in range(rank, len(rows)) if rows[r][column] != FAST.zero), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        scale = FAST.inverse(rows[rank][column])
        leading = [value * scale for value in rows[rank]]
        for r in range(rank + 1, len(rows)):
            factor = rows[r][column]
            rows[r] = [a - factor * b for a, b in zip(rows[r], leading, strict=True)]
        rank += 1
    return all(row[width] == FAST.zero for row in rows[rank:])
