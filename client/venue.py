"""What L1 says of the venue: assets, markets, parameters; and the conversion between decimals and integers.

Amounts are units of an asset, quantities lots (units of the base asset), prices ticks (quote units per lot):
``docs/protocol.md`` section 3. An ``int`` always means those; a ``str`` or ``Decimal`` means tokens, and for
prices quote tokens per base token. Conversions are exact or refused; floats are refused always.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TypeAlias, TypeVar

from .errors import FloatRefusedError, InputError, NotOnGridError, OutOfBandError

__all__ = ["Asset", "Market", "Number", "Venue"]

Number: TypeAlias = int | str | Decimal
"""An integer of steps (ticks, lots, units), or a decimal in tokens."""
_MAX_DIGITS = 60


def number(value: object, field: str) -> int | Decimal:
    """An int or Decimal from what the caller wrote.

    :raises FloatRefusedError: a float.
    :raises InputError: ``bad_number``: not a finite number.
    """
    if isinstance(value, float):
        raise FloatRefusedError(f"{field} is a float", field=field)
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise InputError(f"{field} is a {type(value).__name__}, not a number", code="bad_number", field=field)
    if isinstance(value, int):
        return value
    try:
        decimal = Decimal(value)
    except InvalidOperation:
        raise InputError(f"{field}: {value!r} is not a decimal number", code="bad_number", field=field) from None
    if not decimal.is_finite() or abs(decimal.adjusted()) > _MAX_DIGITS or len(decimal.as_tuple().digits) > _MAX_DIGITS:
        raise InputError(f"{field}: {value!r} is not a usable number", code="bad_number", field=field)
    return decimal


def plain(value: Fraction) -> Decimal:
    """A fraction whose denominator is a power of ten, as a decimal without exponent."""
    digits = 0
    while value.denominator != 1 and (value * 10**digits).denominator != 1:
        digits += 1
    return Decimal(int(value * 10**digits)).scaleb(-digits) if digits else Decimal(int(value))


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset. ``unit`` base units of the token (zero address: the native coin) are one unit; a token has
    ``10^decimals`` base units."""

    index: int
    symbol: str
    token: str
    unit: int
    decimals: int

    @property
    def step(self) -> Fraction:
        """Tokens per unit."""
        return Fraction(self.unit, 10**self.decimals)

    def units(self, amount: Number, field: str = "amount") -> int:
        """Units of an amount.

        :raises NotOnGridError: no whole number of units.
        """
        return _steps(number(amount, field), self.step, field, self.symbol)

    def tokens(self, units: int) -> Decimal:
        """Tokens of an amount in units, exactly."""
        return plain(units * self.step)


@dataclass(frozen=True, slots=True)
class Market:
    """One market. ``lower`` and ``upper`` bound prices, in ticks; ``reference`` is the last settled clearing
    price.
    """

    index: int
    base: Asset
    quote: Asset
    lower: int
    upper: int
    fee_ppm: int
    reference: int

    @property
    def symbol(self) -> str:
        return f"{self.base.symbol}/{self.quote.symbol}"

    @property
    def tick(self) -> Fraction:
        """Quote tokens per base token of one tick."""
        return self.quote.step / self.base.step

    def ticks(self, price: Number, field: str = "price") -> int:
        """A limit price in ticks.

        :raises NotOnGridError: between two ticks.
        :raises OutOfBandError: outside the band.
        """
        ticks = _steps(number(price, field), self.tick, field, f"{self.symbol} price")
        if not self.lower <= ticks <= self.upper:
            band = f"{self.price(self.lower)} to {self.price(self.upper)} ({self.lower} to {self.upper} ticks)"
            raise OutOfBandError(f"{field} {price} is outside the band of {self.symbol}: {band}", field=field)
        return ticks

    def lots(self, quantity: Number, field: str = "quantity") -> int:
        """A quantity in lots.

        :raises NotOnGridError: between two lots.
        """
        return _steps(number(quantity, field), self.base.step, field, self.base.symbol)

    def price(self, ticks: int) -> Decimal:
        """A price in quote tokens per base token, exactly."""
        return plain(ticks * self.tick)

    def quantity(self, lots: int) -> Decimal:
        """A quantity in base tokens, exactly."""
        return self.base.tokens(lots)


def _steps(value: int | Decimal, step: Fraction, field: str, what: str) -> int:
    if isinstance(value, int):
        return value
    steps = Fraction(value) / step
    if steps.denominator != 1:
        below = steps.__floor__()
        near = f"{plain(below * step)} and {plain((below + 1) * step)}"
        raise NotOnGridError(
            f"{field}: {value} is not a multiple of {plain(step)} {what}",
            field=field,
            advice=f"nearest are {near}",
        )
    return steps.numerator


T = TypeVar("T", Asset, Market)


@dataclass(frozen=True, slots=True)
class Venue:
    """Identity and parameters of the exchange contract, read from L1. Windows are in blocks."""

    chain_id: int
    contract: str
    number: int
    """The venue number in all hashes."""
    operator: str
    assets: tuple[Asset, ...]
    markets: tuple[Market, ...]
    max_count: int
    miss_fee: int
    fee_asset: int
    registration_fee: int
    """In wei."""
    reveal_window: int

    def asset(self, which: int | str, field: str = "asset") -> Asset:
        """An asset by number or symbol.

        :raises InputError: ``unknown_asset``.
        """
        return _find(self.assets, which, "asset", field)

    def market(self, which: int | str, field: str = "market") -> Market:
        """A market by number or symbol such as ``"ETH/USD"``.

        :raises InputError: ``unknown_market``.
        """
        return _find(self.markets, which, "market", field)


def _find(items: Sequence[T], which: int | str, kind: str, field: str) -> T:
    found = [i for i in items if (i.index == which if isinstance(which, int) else i.symbol == which)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{item.index} {item.symbol}" for item in items)
    reason = "is ambiguous, give its number" if found else "does not exist"
    raise InputError(f"{kind} {which!r} {reason}; there are: {known}", code=f"unknown_{kind}", field=field)
