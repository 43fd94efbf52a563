"""Goldilocks and its quadratic extension, on plain integers.

``p = 2^64 - 2^32 + 1``; challenges live in ``F_p[X] / (X^2 - 7)``. Base field elements are canonical ``int``
in the whole verifier; extension elements are objects with operators, so that the algorithm reads like its
formulas. The algorithm never names a class: it takes a :class:`FieldLayer`, of which there are two, this
module's :data:`FAST` and the readable twin on ``py_ecc`` in :mod:`proofs.verifier.reference`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import mul
from typing import Final, Protocol, Self, TypeVar

P: Final = 2**64 - 2**32 + 1
NON_RESIDUE: Final = 7
"""W in X^2 = W."""
GENERATOR: Final = 7
"""Generator of the multiplicative group; also the shift of every committed low-degree extension."""
TWO_ADICITY: Final = 32
ROOT_OF_UNITY: Final = 0x185629DCDA58878C
"""Element of order 2^32 whose powers are the generators of all two-adic subgroups."""
DIMENSION: Final = 2
"""Base field coordinates of an extension element."""


def generator_of_order(log_size: int) -> int:
    """The canonical generator of the subgroup of order ``2^log_size`` (``0 <= log_size <= 32``)."""
    return pow(ROOT_OF_UNITY, 1 << (TWO_ADICITY - log_size), P)


class Element(Protocol):
    """An extension field element. Operators only combine elements of one layer."""

    def __add__(self, other: Self, /) -> Self: ...
    def __sub__(self, other: Self, /) -> Self: ...
    def __mul__(self, other: Self, /) -> Self: ...
    def __pow__(self, exponent: int, /) -> Self: ...


E = TypeVar("E", bound=Element)


class FieldLayer(Protocol[E]):
    """What the verifier needs of the extension field beyond ``+ - * ** ==``."""

    zero: E
    one: E

    def element(self, c0: int, c1: int, /) -> E:
        """``c0 + c1 X`` for canonical coordinates."""

    def lift(self, value: int, /) -> E:
        """The base field element ``value`` (canonical) as an extension element."""

    def coordinates(self, element: E, /) -> tuple[int, int]:
        """Canonical coordinates of ``element``."""

    def inverse(self, element: E, /) -> E:
        """Multiplicative inverse; raises :class:`ZeroDivisionError` for zero."""

    def linear_form(self, weights: Sequence[E], /) -> Callable[[Sequence[int]], E]:
        """The map ``row -> sum(weights[i] * row[i])`` over base field rows, as long as ``weights``."""


class Extension:
    """``a + b X`` on two Python integers below ``p``. Treat as immutable."""

    __slots__ = ("a", "b")

    def __init__(self, a: int, b: int) -> None:
        self.a = a
        self.b = b

    def __add__(self, other: Extension) -> Extension:
        return Extension((self.a + other.a) % P, (self.b + other.b) % P)

    def __sub__(self, other: Extension) -> Extension:
        return Extension((self.a - other.a) % P, (self.b - other.b) % P)

    def __mul__(self, other: Extension) -> Extension:
        a, b, c, d = self.a, self.b, other.a, other.b
        return Extension((a * c + NON_RESIDUE * b * d) % P, (a * d + b * c) % P)

    def __pow__(self, exponent: int) -> Extension:
        result, base = Extension(1, 0), self
        while exponent:
            if exponent & 1:
                result = result * base
            base = base * base
            exponent >>= 1
        return result

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Extension) and self.a == other.a and self.b == other.b

    def __hash__(self) -> int:
        return hash((self.a, self.b))

    def __repr__(self) -> str:
        return f"Extension({self.a}, {self.b})"


class FastLayer:
    """:class:`FieldLayer` over :class:`Extension`."""

    zero = Extension(0, 0)
    one = Extension(1, 0)

    def element(self, c0: int, c1: int, /) -> Extension:
        return Extension(c0, c1)

    def lift(self, value: int, /) -> Extension:
        return Extension(value, 0)

    def coordinates(self, element: Extension, /) -> tuple[int, int]:
        return element.a, element.b

    def inverse(self, element: Extension, /) -> Extension:
        """The conjugate over the norm: ``(a - bX) / (a^2 - 7 b^2)``."""
        a, b = element.a, element.b
        norm = (a * a - NON_RESIDUE * b * b) % P
        if norm == 0:
            raise ZeroDivisionError("zero has no inverse")
        scale = pow(norm, -1, P)
        return Extension(a * scale % P, -b * scale % P)

    def linear_form(self, weights: Sequence[Extension], /) -> Callable[[Sequence[int]], Extension]:
        first = [w.a for w in weights]
        second = [w.b for w in weights]

        def apply(row: Sequence[int]) -> Extension:
            # One reduction per coordinate: the sums stay below 2^128 * len(row).
            return Extension(sum(map(mul, first, row)) % P, sum(map(mul, second, row)) % P)

        return apply


FAST: Final[FieldLayer[Extension]] = FastLayer()
