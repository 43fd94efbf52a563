"""Two-adic domains: points, row selectors, the quotient from its chunks.

A trace of ``2^n`` rows is interpolated over the subgroup of that order, row ``i`` at ``g^i``. Everything
committed is extended over cosets with shift 7 and stored in bit-reversed order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from .field import GENERATOR, E, FieldLayer, P, generator_of_order


def reverse_bits(index: int, width: int) -> int:
    """``index`` (below ``2^width``) with its ``width`` bits in reverse order."""
    return int(format(index, f"0{width}b")[::-1], 2) if width else 0


def committed_point(index: int, log_height: int) -> int:
    """The base field point of row ``index`` of a committed matrix of ``2^log_height`` rows."""
    return GENERATOR * pow(generator_of_order(log_height), reverse_bits(index, log_height), P) % P


@dataclass(frozen=True)
class Selectors(Generic[E]):
    """Plonky3's unnormalised row selectors of a trace domain at one point, and its vanishing polynomial."""

    first: E
    last: E
    transition: E
    vanishing: E


def selectors(layer: FieldLayer[E], log_size: int, point: E) -> Selectors[E]:
    """Selectors of the subgroup of order ``N = 2^log_size``; its vanishing polynomial is ``X^N - 1``.

    Raises :class:`ZeroDivisionError` if ``point`` lies in the subgroup.
    """
    vanishing = point ** (1 << log_size) - layer.one
    layer.inverse(vanishing)
    last_row = layer.lift(pow(generator_of_order(log_size), -1, P))
    return Selectors(
        first=vanishing * layer.inverse(point - layer.one),
        last=vanishing * layer.inverse(point - last_row),
        transition=point - last_row,
        vanishing=vanishing,
    )


def recompose_quotient(layer: FieldLayer[E], log_size: int, chunks: Sequence[E], point: E) -> E:
    """The quotient at ``point`` from its ``n`` chunks.

    Chunk ``i`` interpolates the quotient on the coset ``7 w^i`` of the subgroup of order ``N = 2^log_size``,
    with ``w`` of order ``n N``. Its weight, 1 there and 0 on the other cosets, is ``(u^n - 1) / (n (u w^(-i
    N) - 1))`` with ``u = (point / 7)^N``.

    Raises :class:`ZeroDivisionError` if ``point`` lies on one of the cosets.
    """
    count = len(chunks)
    step = pow(generator_of_order(count.bit_length() - 1), -1, P)
    u = point ** (1 << log_size) * layer.lift(pow(GENERATOR, -(1 << log_size), P))
    total = layer.zero
    for i, chunk in enumerate(chunks):
        total = total + chunk * layer.inverse(u * layer.lift(pow(step, i, P)) - layer.one)
    return total * (u**count - layer.one) * layer.lift(pow(count, -1, P))
