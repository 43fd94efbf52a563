"""Selectors and the quotient's recomposition against their definitions on small domains."""

from __future__ import annotations

import random
from typing import Any

import pytest

from proofs.verifier.domain import committed_point, recompose_quotient, reverse_bits, selectors
from proofs.verifier.field import GENERATOR, P, generator_of_order

LOG_SIZE = 3


def _evaluate(layer: Any, coefficients: list[int], point: Any) -> Any:
    total = layer.zero
    for coefficient in reversed(coefficients):
        total = total * point + layer.lift(coefficient)
    return total


def _interpolate_at(layer: Any, points: list[int], values: list[int], point: Any) -> Any:
    """Lagrange, quadratic and obvious."""
    total = layer.zero
    for i, (x, y) in enumerate(zip(points, values, strict=True)):
        term = layer.lift(y)
        for j, other in enumerate(points):
            if j != i:
                term = term * (point - layer.lift(other)) * layer.lift(pow(x - other, -1, P))
        total = total + term
    return total


def test_selectors_are_multiples_of_their_indicator(layer: Any) -> None:
    point = layer.element(123456789, 987654321)
    row = selectors(layer, LOG_SIZE, point)
    generator = generator_of_order(LOG_SIZE)
    points = [pow(generator, i, P) for i in range(1 << LOG_SIZE)]
    # z(X) / (X - x_i) takes the value z'(x_i) = n / x_i at x_i and 0 elsewhere.
    first = [8] + [0] * 7
    last = [0] * 7 + [8 * generator % P]
    transition = [(x - points[-1]) % P for x in points]
    assert row.first == _interpolate_at(layer, points, first, point)
    assert row.last == _interpolate_at(layer, points, last, point)
    assert row.transition == _interpolate_at(layer, points, transition, point)
    assert row.vanishing == point**8 - layer.one


def test_selectors_refuse_a_point_of_the_domain(layer: Any) -> None:
    for exponent in (0, 5, 7):
        with pytest.raises(ZeroDivisionError):
            selectors(layer, LOG_SIZE, layer.lift(pow(generator_of_order(LOG_SIZE), exponent, P)))


@pytest.mark.parametrize("log_chunks", [1, 2, 3])
def test_quotient_is_recomposed_from_its_chunks(layer: Any, log_chunks: int) -> None:
    rng = random.Random(log_chunks)
    size, count = 1 << LOG_SIZE, 1 << log_chunks
    coefficients = [rng.randrange(P) for _ in range(size * count)]
    point = layer.element(rng.randrange(P), rng.randrange(P))
    generator = generator_of_order(LOG_SIZE + log_chunks)
    chunks = []
    for i in range(count):
        coset = [GENERATOR * pow(generator, i, P) * pow(generator_of_order(LOG_SIZE), k, P) % P for k in range(size)]
        values = [sum(c * pow(x, e, P) for e, c in enumerate(coefficients)) % P for x in coset]
        chunks.append(_interpolate_at(layer, coset, values, point))
    assert recompose_quotient(layer, LOG_SIZE, chunks, point) == _evaluate(layer, coefficients, point)


def test_recomposition_refuses_a_point_of_a_chunk(layer: Any) -> None:
    generator = generator_of_order(LOG_SIZE + 2)
    for i in range(4):
        point = layer.lift(GENERATOR * pow(generator, i + 8, P) % P)
        with pytest.raises(ZeroDivisionError):
            recompose_quotient(layer, LOG_SIZE, [layer.one] * 4, point)


def test_bit_reversal_and_committed_points() -> None:
    assert [reverse_bits(i, 3) for i in range(8)] == [0, 4, 2, 6, 1, 5, 3, 7]
    assert reverse_bits(0, 0) == 0
    assert committed_point(0, 5) == GENERATOR
    assert committed_point(1, 5) == P - GENERATOR
    assert committed_point(16, 5) == GENERATOR * generator_of_order(5) % P
