"""Attacks on the privacy of a proof: each tells from public bytes whether a guess of the private rows is right.

A distinguisher sees a proof and one hypothesis, and says whether they fit. Against proofs with all of their blinding
none of them fits any hypothesis; each works as soon as its part of the blinding is left out (``tests/proofs/
test_zero_knowledge.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from proofs.verifier.domain import committed_point, recompose_quotient, reverse_bits
from proofs.verifier.field import FAST, Extension, P, generator_of_order
from proofs.verifier.fri import _reduced_opening, batch_claims, fold_row
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
    return _rest_of_terminal(seen, number, sent) == FAST.zero


def pair_behind(seen: Seen, number: int, sent: Sequence[tuple[int, int, Sequence[int]]], bus: int) -> tuple[int, int]:
    """The blinding pair, sent on ``bus``, with which the guessed messages have the table's terminal."""
    drawn = seen.challenges
    prefix = _buses(seen).denominator(FAST, bus, [])
    fingerprint = prefix - FAST.inverse(_rest_of_terminal(seen, number, sent))
    first = fingerprint.b * pow(drawn.lookup_beta.b, -1, P) % P
    return first, (fingerprint.a - first * drawn.lookup_beta.a) % P


def _buses(seen: Seen) -> BusChallenges[Extension]:
    drawn = seen.challenges
    return BusChallenges.derive(drawn.lookup_alpha, drawn.lookup_beta, seen.vk.widest_message, seen.vk.bus_order)


def _rest_of_terminal(seen: Seen, number: int, sent: Sequence[tuple[int, int, Sequence[int]]]) -> Extension:
    rest, buses = seen.head.terminals.values[number], _buses(seen)
    for bus, count, fields in sent:
        rest = rest - _quotient(_base(count), buses.denominator(FAST, bus, [_base(f) for f in fields]))
    return rest


def siblings_fit(seen: Seen, trace: Trace) -> bool:
    """The first sibling in each main path is the hash, without salt, of the guessed row beside the queried one.

    The tallest table has one column, alone at its height.
    """
    vk = seen.vk
    log_height = vk.log_domain - vk.log_blowup
    for index, query in zip(seen.challenges.indices, seen.queries, strict=True):
        beside = _base(committed_point(index ^ 1, vk.log_domain))
        value = Lagrange(log_height, beside).value(trace[:, 0])
        leaf = value.a.to_bytes(8, "big") + bytes(16)
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


def steps_refute(seen: Seen, trace: Trace, mask_length: int) -> bool:
    """Whether no mask of this length makes the guess what is committed; table 0 is one column that counts up by 1.

    Rows do not show the column F one step w further. But the quotient there is TRANSITION (F(w x) - F(x) - 1) /
    (x^N - 1), and its chunks are shown: so each query shows F at two points. With F = f + (x^N - 1) r and f guessed,
    that and the openings make 2 q + 4 values of r: a mask of fewer coefficients fits them for the right guess alone.
    """
    shape = seen.vk.tables[0]
    size, log_rows = 1 << shape.log_height, shape.log_height + seen.vk.log_blowup
    step = _base(generator_of_order(shape.log_height))
    shown: dict[tuple[int, int], Extension] = {}

    def show(x: Extension, value: Extension) -> None:
        r = _quotient(value - Lagrange(shape.log_height, x).value(trace[:, 0]), x**size - FAST.one)
        shown[x.a, x.b] = r
        shown[x.a, -x.b % P] = FAST.element(r.a, -r.b % P)  # r has coefficients in F

    for x, (value,) in zip((seen.zeta, seen.zeta * step), seen.head.opened[MAIN][0], strict=True):
        show(x, value)
    for index, query in zip(seen.challenges.indices, seen.queries, strict=True):
        x = _base(committed_point(index >> seen.vk.log_domain - log_rows, log_rows))
        value = _base(query.trees[MAIN].leaves[log_rows].row[0])
        total = _recomposed(seen, x, query.trees[QUOTIENT].leaves[log_rows].row)
        show(x, value)
        show(x * step, value + FAST.one + _quotient(total * (x**size - FAST.one), x - FAST.inverse(step)))
    equations = [[*(FAST.element(*x) ** k for k in range(mask_length)), r] for x, r in shown.items()]
    return not _last_column_is_dependent(equations)


def _recomposed(seen: Seen, x: Extension, row: Sequence[int]) -> Extension:
    """The quotient of table 0 from a row; on a chunk's own coset it is that chunk."""
    shape, cosets = seen.vk.tables[0], [_base(power) for power in _coset_powers(seen)]
    chunks = [FAST.element(*row[2 * i : 2 * i + 2]) for i in range(len(cosets))]
    power = x ** (1 << shape.log_height)
    if power in cosets:
        return chunks[cosets.index(power)]
    return recompose_quotient(FAST, shape.log_height, chunks, x)


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


def lower_folding_fits(seen: Seen, trace: Trace) -> bool:
    """As :func:`folding_fits`, where table 0 is lower than another and joins the folding after its first round.

    The second folding rows show the whole sum V there, of degree below N + m - 1 for masks of length m. A mask of the
    folding that is made for the tallest table has too low a degree by then: V's upper coefficients would be those of
    the batch F of table 0 alone, and give all but a few of F's coefficients B_k of x^(N + k). They come from the
    columns' masks. The guess gives the masks' values at every opened point, and fits if B takes them.
    """
    vk, shape = seen.vk, seen.vk.tables[0]
    size, joined = 1 << shape.log_height, shape.log_height + vk.log_blowup
    arity = 1 << vk.rounds[0]
    assert vk.log_domain - vk.rounds[0] == joined
    total = _interpolated(_sums_after_first_round(seen), size + vk.mask_length - 1)
    bare = (((1 << vk.log_domain - vk.log_blowup) + vk.mask_length - 2) >> vk.rounds[0]) + 1
    scale = FAST.inverse(seen.challenges.betas[0] ** arity)
    quotient = {k: total[k] * scale * _base(pow(7, -k, P)) for k in range(bare, len(total))}
    upper = {k + 1 - size: v - seen.zeta * quotient.get(k + 1, FAST.zero) for k, v in quotient.items()}
    lowest = min(upper)

    equations = []
    for x, column, chunks in _opened_at(seen, joined):
        known, of_r1 = _mask_sum(seen, trace, x, column, chunks)
        for k, value in upper.items():
            known = known - value * x**k
        equations.append([*(x**k for k in range(lowest)), of_r1, known])
    assert len(equations) > lowest + 2, "too few points for the test to say anything"
    return _last_column_is_dependent(equations)


def _sums_after_first_round(seen: Seen) -> dict[int, Extension]:
    """Values, by point of the folding domain, of the folded tallest batch plus what joins it after the first round."""
    vk, challenges = seen.vk, seen.challenges
    claims = batch_claims(FAST, vk, seen.head, seen.zeta, challenges.batching)
    found = {}
    for number, (index, query) in enumerate(zip(challenges.indices, seen.queries, strict=True)):
        values = [
            _reduced_opening(FAST, vk, claims[height], height, number, index, query)
            for height in (vk.log_domain, vk.log_domain - vk.rounds[0])
        ]
        position, row_index = index % (1 << vk.rounds[0]), index >> vk.rounds[0]
        log_rows, beta = vk.log_domain - vk.rounds[0], challenges.betas[0]
        others = query.rounds[0].others
        row = [*others[:position], values[0], *others[position:]]
        own = fold_row(FAST, row, row_index, log_rows, vk.rounds[0], beta, "") + beta ** (1 << vk.rounds[0]) * values[1]
        position, first = row_index % (1 << vk.rounds[1]), row_index >> vk.rounds[1] << vk.rounds[1]
        others = query.rounds[1].others
        for m, value in enumerate([*others[:position], own, *others[position:]]):
            found[pow(generator_of_order(log_rows), reverse_bits(first + m, log_rows), P)] = value
    return found


def _opened_at(seen: Seen, log_height: int) -> list[tuple[Extension, Extension, list[tuple[Extension, Extension]]]]:
    """Points with the values of column and chunks. On the chunks' own cosets a chunk is bare and says nothing new."""
    shape = seen.vk.tables[0]
    count = 1 << shape.log_chunks
    chunks = [(chunk[0][0], chunk[0][1]) for chunk in seen.head.opened[QUOTIENT][:count]]
    found = {seen.zeta: (seen.head.opened[MAIN][0][0][0], chunks)}
    for index, query in zip(seen.challenges.indices, seen.queries, strict=True):
        x = _base(committed_point(index >> (seen.vk.log_domain - log_height), log_height))
        if x ** (1 << shape.log_height) in [_base(s) for s in _coset_powers(seen)]:
            continue
        row = query.trees[QUOTIENT].leaves[log_height].row
        pairs = [(_base(row[2 * i]), _base(row[2 * i + 1])) for i in range(count)]
        found[x] = (_base(query.trees[MAIN].leaves[log_height].row[0]), pairs)
    return [(x, column, pairs) for x, (column, pairs) in found.items()]


def _coset_powers(seen: Seen) -> list[int]:
    """x^N on each chunk's coset."""
    shape = seen.vk.tables[0]
    start, step = pow(7, 1 << shape.log_height, P), generator_of_order(shape.log_chunks)
    return [start * pow(step, i, P) % P for i in range(1 << shape.log_chunks)]


def _mask_sum(
    seen: Seen, trace: Trace, x: Extension, column: Extension, chunks: Sequence[tuple[Extension, Extension]]
) -> tuple[Extension, Extension]:
    """B(x) if the guess is right, as (constant, minus the factor of the unknown r(1)): see :func:`chunks_fit`."""
    log_height, batching = seen.vk.tables[0].log_height, seen.challenges.batching
    power, before = x ** (1 << log_height), x - FAST.one
    guessed = Lagrange(log_height, x).value(trace[:, 0])
    r = _quotient(column - guessed, power - FAST.one)
    a, e = _quotient(guessed - FAST.one, before), _quotient(power - FAST.one, before)
    total, of_r1, weight = r, FAST.zero, batching
    for coset, (first, second) in zip(_coset_powers(seen), chunks, strict=True):
        # The mask of a chunk is a multiple of x^N / s - 1, with s the coset's x^N: t's part of B is t / s.
        scale = FAST.inverse(power - _base(coset))
        z = _base(coset - 1)
        total = total + weight * scale * (first - a - z * _quotient(r, before))
        of_r1 = of_r1 + weight * scale * (e - _quotient(z, before))
        weight = weight * batching
        total = total + weight * scale * second
        weight = weight * batching
    return total, of_r1


def _interpolated(values: Mapping[int, Extension], length: int) -> list[Extension]:
    """Coefficients of the polynomial of ``length`` coefficients through the points, which must be more."""
    assert len(values) > length, "too few points to interpolate"
    rows = [[*(_base(pow(x, k, P)) for k in range(length)), value] for x, value in values.items()]
    rank = _eliminate(rows)
    assert rank == length
    coefficients = [FAST.zero] * length
    for k in reversed(range(length)):
        rest = rows[k][length]
        for other in range(k + 1, length):
            rest = rest - rows[k][other] * coefficients[other]
        coefficients[k] = _quotient(rest, rows[k][k])
    return coefficients


def _last_column_is_dependent(rows: list[list[Extension]]) -> bool:
    """Whether the last column is a combination of the others."""
    rank = _eliminate(rows)
    return all(row[-1] == FAST.zero for row in rows[rank:])


def _eliminate(rows: list[list[Extension]]) -> int:
    """Bring all columns but the last to echelon form; the rank."""
    rank = 0
    for column in range(len(rows[0]) - 1):
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
    return rank
