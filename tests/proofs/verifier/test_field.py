"""The two field layers are one field, and it is the right one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.verifier.field import FAST, GENERATOR, ROOT_OF_UNITY, P, generator_of_order
from proofs.verifier.reference import REFERENCE

base = st.one_of(st.integers(0, P - 1), st.sampled_from([0, 1, 2, 7, 2**32 - 1, 2**32, P - 1, P - 2]))
pair = st.tuples(base, base)


@given(pair, pair, st.integers(0, 2**40))
def test_twins_agree(x: tuple[int, int], y: tuple[int, int], exponent: int) -> None:
    results = []
    for layer in (FAST, REFERENCE):
        a: Any = layer.element(*x)
        b: Any = layer.element(*y)
        values = [a + b, a - b, a * b, a**exponent]
        if y != (0, 0):
            values.append(a * layer.inverse(b))
        results.append([layer.coordinates(v) for v in values] + [a == b])
    assert results[0] == results[1]


@given(st.lists(st.tuples(pair, base), max_size=8))
def test_linear_forms_agree_with_their_definition(terms: list[tuple[tuple[int, int], int]]) -> None:
    results = []
    for layer in (FAST, REFERENCE):
        weights: Any = [layer.element(*weight) for weight, _ in terms]
        row = [value for _, value in terms]
        total: Any = layer.zero
        for weight, value in zip(weights, row, strict=True):
            total = total + weight * layer.lift(value)
        assert layer.linear_form(weights)(row) == total
        results.append(layer.coordinates(total))
    assert results[0] == results[1]


def test_x_squared_is_seven(layer: Any) -> None:
    unit = layer.element(0, 1)
    assert unit * unit == layer.lift(7)


def test_seven_is_no_square_so_the_extension_is_a_field() -> None:
    assert pow(7, (P - 1) // 2, P) == P - 1


def test_zero_has_no_inverse(layer: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        layer.inverse(layer.zero)


def test_two_adic_generators() -> None:
    assert generator_of_order(0) == 1
    assert generator_of_order(1) == P - 1
    assert generator_of_order(3) == 0xFFFFFFFEFF000001
    assert generator_of_order(32) == ROOT_OF_UNITY
    assert pow(ROOT_OF_UNITY, 2**31, P) == P - 1
    for prime in (2, 3, 5, 17, 257, 65537):
        assert pow(GENERATOR, (P - 1) // prime, P) != 1
