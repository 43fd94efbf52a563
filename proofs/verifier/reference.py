"""The readable twin of the field layer, on the generic field classes of ``py_ecc``.

Slower by two orders of magnitude than :data:`proofs.verifier.field.FAST` and free of its shortcuts:
schoolbook polynomial arithmetic modulo ``X^2 - 7`` and inversion by the extended Euclidean algorithm. Tests
run the same proofs on both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final

from py_ecc.fields.field_elements import FQ, FQ2

from .field import NON_RESIDUE, FieldLayer, P


class Goldilocks(FQ):
    """The prime field of order ``2^64 - 2^32 + 1``."""

    field_modulus = P


class GoldilocksExtension(FQ2):
    """``F_p[X] / (X^2 - 7)``."""

    field_modulus = P
    FQ2_MODULUS_COEFFS = (P - NON_RESIDUE, 0)

    def __init__(self, coeffs: Sequence[int | FQ]) -> None:
        # As the base class, but without creating a class of coefficients for every element.
        self.FQP_corresponding_FQ_class = Goldilocks
        self.coeffs = tuple(Goldilocks(c) for c in coeffs)
        self.modulus_coeffs = self.FQ2_MODULUS_COEFFS


class ReferenceLayer:
    """:class:`~proofs.verifier.field.FieldLayer` over :class:`GoldilocksExtension`."""

    def __init__(self) -> None:
        self.zero = GoldilocksExtension([0, 0])
        self.one = GoldilocksExtension([1, 0])

    def element(self, c0: int, c1: int, /) -> GoldilocksExtension:
        return GoldilocksExtension([c0, c1])

    def lift(self, value: int, /) -> GoldilocksExtension:
        return GoldilocksExtension([value, 0])

    def coordinates(self, element: GoldilocksExtension, /) -> tuple[int, int]:
        return int(element.coeffs[0]), int(element.coeffs[1])

    def inverse(self, element: GoldilocksExtension, /) -> GoldilocksExtension:
        if element == self.zero:
            raise ZeroDivisionError("zero has no inverse")
        return element.inv()

    def linear_form(self, weights: Sequence[GoldilocksExtension], /) -> Callable[[Sequence[int]], GoldilocksExtension]:
        def apply(row: Sequence[int]) -> GoldilocksExtension:
            terms = (weight * value for weight, value in zip(weights, row, strict=True))
            return reduce(GoldilocksExtension.__add__, terms, self.zero)

        return apply


REFERENCE: Final[FieldLayer[GoldilocksExtension]] = ReferenceLayer()
