"""Tables that serve all others: Poseidon2 compressions and range checks."""

from __future__ import annotations

from collections.abc import Callable

from commitments.poseidon2 import EXTERNAL_CONSTANTS, INTERNAL_CONSTANTS, INTERNAL_DIAGONAL

from ..dsl import Expr, Row, total
from .buses import HASH, RANGE, Bits

HALF_ROUNDS = 4
LIMB_BITS = 12


def poseidon2(row: Row) -> tuple[list[Expr], list[Expr]]:
    """One row is one compression: permute(left || right)[0:4] + left, as often as it is asked for.

    Gives the inputs (8) and the output (4) for what else stands on the row.
    """
    inputs, out = compression(row)
    row.provide(HASH, [*inputs, *out], row.column("multiplicity"), "compression")
    return inputs, out


def compression(row: Row) -> tuple[list[Expr], list[Expr]]:
    """The columns of a compression, for a table that makes its own: inputs (8) and output (4), of degree 1."""
    inputs = row.digest("in", 8)
    state = _external(inputs)
    for index in range(HALF_ROUNDS):
        state = _full_round(row, f"first{index}", state, index, keep=8)
    for index, constant in enumerate(INTERNAL_CONSTANTS):
        state[0] = row.derive(f"partial{index}", _sbox(row, f"partial{index}.cube", state[0] + constant))
        whole = total(state)
        state = [whole + d * s for d, s in zip(INTERNAL_DIAGONAL, state, strict=True)]
    for index in range(HALF_ROUNDS):
        keep = 8 if index < HALF_ROUNDS - 1 else 4
        state = _full_round(row, f"second{index}", state, HALF_ROUNDS + index, keep)
    return inputs, [s + i for s, i in zip(state[:4], inputs[:4], strict=True)]


def _full_round(row: Row, name: str, state: list[Expr], index: int, keep: int) -> list[Expr]:
    powers = [
        _sbox(row, f"{name}.cube{i}", s + c)
        for i, (s, c) in enumerate(zip(state, EXTERNAL_CONSTANTS[index], strict=True))
    ]
    return [row.derive(f"{name}.out{i}", e) for i, e in enumerate(_external(powers)[:keep])]


def _sbox(row: Row, name: str, value: Expr) -> Expr:
    """x^7 = (x^3)^2 x, with the cube in a column so that the degree stays 3."""
    cube = row.derive(name, value * value * value)
    return cube * cube * value


def _external(state: list[Expr]) -> list[Expr]:
    """The external matrix: circ(2, 3, 1, 1) on each half, then each half plus the sum of both."""
    halves = [_circulant(state[:4]), _circulant(state[4:])]
    sums = [a + b for a, b in zip(*halves, strict=True)]
    return [x + s for half in halves for x, s in zip(half, sums, strict=True)]


def _circulant(x: list[Expr]) -> list[Expr]:
    whole = total(x)
    return [whole + x[i] + 2 * x[(i + 1) % 4] for i in range(4)]


def limbs(row: Row) -> None:
    """Range checks: a value is the sum of 12-bit limbs, and the limbs are looked up in a counter of this table.

    The sixth limb has two bits, and a value that is not wide has three limbs.
    """
    wide = row.flag("wide")
    _split(row, wide + int(Bits.SMALL), lambda part: row.zero((1 - wide) * part, "a small value has three limbs"))


def amounts(row: Row) -> None:
    """The same for a program whose values are all amounts."""
    _split(row, int(Bits.AMOUNT), lambda part: None)


def _split(row: Row, kind: Expr | int, upper: Callable[[Expr], None]) -> None:
    """A value of a class, its limbs, and the counter; ``upper`` is told the upper three limbs."""
    parts = row.digest("limb", 6)
    top = parts[5]
    value = total([part * (1 << (LIMB_BITS * i)) for i, part in enumerate(parts)])
    for part in parts[3:]:
        upper(part)
    row.zero(top * (top - 1) * (top - 2) * (top - 3), "an amount has 62 bits")
    row.provide(RANGE, [kind, value], row.column("multiplicity"), "value")
    for i, part in enumerate(parts[:5]):
        row.send(RANGE, [int(Bits.LIMB), part], row.one, f"limb {i}")

    counter = row.column("counter")
    step = counter.next - counter
    row.on_first(counter, "the counter starts at 0")
    row.step(step * (step - 1), "the counter stays or rises by 1")
    row.on_last(counter - ((1 << LIMB_BITS) - 1), "the counter ends at 2^12 - 1")
    row.provide(RANGE, [int(Bits.LIMB), counter], row.column("counter.multiplicity"), "12-bit number")
