"""Errors of the clearing rule.

::

    MatchingError
    ├── LimitError         a number outside the range that keeps all sums and products exact
    │   ├── PriceError     a limit outside the band of the market
    │   ├── QuantityError  a quantity that is zero, negative or too large
    │   └── TotalError     the quantities of one side sum to 2^31 lots or more
    ├── CertificateError   a certificate that does not prove its outcome
    └── LadderError        a bundle added twice, or removed without having been added

Each has a stable ``code``, the ``field`` that is wrong, and ``retryable`` (always false: the rule is pure).
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "CertificateError",
    "LadderError",
    "LimitError",
    "MatchingError",
    "PriceError",
    "QuantityError",
    "TotalError",
]


class MatchingError(Exception):
    """Root of the package's errors. ``str()`` is ``field: reason``."""

    code: ClassVar[str] = "matching"
    retryable: ClassVar[bool] = False

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class LimitError(MatchingError):
    """A number is outside its range."""

    code = "out_of_range"


class PriceError(LimitError):
    """A limit price is outside [lower, upper]."""

    code = "price_out_of_band"


class QuantityError(LimitError):
    """A quantity is not in [1, 2^31)."""

    code = "quantity_out_of_range"


class TotalError(LimitError):
    """The quantities of one side sum to 2^31 lots or more."""

    code = "total_too_large"


class CertificateError(MatchingError):
    """The certificate does not hold; ``field`` names the clause."""

    code = "certificate_rejected"


class LadderError(MatchingError):
    """The ladder was asked for something that contradicts its content."""

    code = "ladder_conflict"
