"""Folding against its meaning on polynomials."""

from __future__ import annotations

import random
from typing import Any

import pytest

from proofs.verifier.domain import reverse_bits
from proofs.verifier.errors import ProofRejected, Reason
from proofs.verifier.field import P, generator_of_order
from proofs.verifier.fri import evaluate, fold_row


@pytest.mark.parametrize("log_arity", [1, 2, 3, 4])
def test_folding_evaluates_the_slices_at_beta(layer: Any, log_arity: int) -> None:
    """f(X) = sum X^j f_j(X^n) folds to sum beta^j f_j, a polynomial on the n-th powers."""
    rng = random.Random(log_arity)
    log_rows, arity = 2, 1 << log_arity
    log_height = log_rows + log_arity
    coefficients = [layer.element(rng.randrange(P), rng.randrange(P)) for _ in range(1 << log_height)]
    beta = layer.element(rng.randrange(P), rng.randrange(P))
    folded = [evaluate(layer, coefficients[i : i + arity], beta) for i in range(0, 1 << log_height, arity)]
    generator = generator_of_order(log_height)
    for index in range(1 << log_rows):
        points = [pow(generator, reverse_bits(index * arity + m, log_height), P) for m in range(arity)]
        row = [evaluate(layer, coefficients, layer.lift(x)) for x in points]
        target = layer.lift(pow(generator_of_order(log_rows), reverse_bits(index, log_rows), P))
        assert fold_row(layer, row, index, log_rows, log_arity, beta, "") == evaluate(layer, folded, target)


def test_a_challenge_among_the_points_is_refused(layer: Any) -> None:
    for m in range(8):
        beta = layer.lift(pow(generator_of_order(5), reverse_bits(3 * 8 + m, 5), P))
        with pytest.raises(ProofRejected, match="here") as rejected:
            fold_row(layer, [layer.one] * 8, 3, 2, 3, beta, "here")
        assert rejected.value.reason is Reason.FOLD_POINT
