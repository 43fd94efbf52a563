"""Forgeries against the tables that serve the others: compressions and range checks."""

from __future__ import annotations

from collections.abc import Callable

from ...expression import MODULUS
from ...statement.program import clearing_program
from ...tape import Program
from ..forgery import Finish, Forgery, Trace
from ..registers import registers
from ..service import recount
from ..world import World

_MINUS_ONE = MODULUS - 1


REGISTERS = tuple(
    registers(
        clearing_program(),
        "poseidon2",
        {"nodes.state": 1, "nodes.place": 0},
        "book",
        "a new state root that is not the hash of its children",
    )
)


Limb = Callable[[Trace, dict[str, int], int], None]


def _served(change: Limb) -> Finish:
    """Change the row that serves the false value, then count again what the rows look up."""

    def finish(world: World, weak: Program, made: list[Trace]) -> None:
        matrix = weak.matrix_of("limbs")
        place = {n.removeprefix("limbs."): i for n, i in world.sheets[matrix].names.items()}
        false = next((f for (bus, f) in world.wrong if bus == "range"), None)
        trace = made[matrix]
        if false is not None:
            digits = [place[f"limb{i}"] for i in range(3)]
            low = [false[1] >> (12 * i) & 4095 for i in range(3)]
            row = next(
                r for r in range(len(trace)) if trace[r, place["multiplicity"]] and trace[r, digits].tolist() == low
            )
            change(trace, place, row)
        recount(weak, trace, world.totals)

    return finish


def _as_it_is(trace: Trace, place: dict[str, int], row: int) -> None:
    """All limbs of the false value are written down already."""


def _clear(trace: Trace, place: dict[str, int], row: int) -> None:
    trace[row, [place[f"limb{i}"] for i in range(6)]] = 0


def _one_limb(index: int, value: int) -> Limb:
    """One limb, which nothing looks up, holds all of the value."""

    def change(trace: Trace, place: dict[str, int], row: int) -> None:
        _clear(trace, place, row)
        trace[row, place[f"limb{index}"]] = value * pow(1 << (12 * index), MODULUS - 2, MODULUS) % MODULUS

    return change


def _looks_itself_up(trace: Trace, place: dict[str, int], row: int) -> None:
    """A row that is neither small nor wide serves its value as a 12-bit number: also to itself."""
    _clear(trace, place, row)
    trace[row, place["limb0"]] = _MINUS_ONE
    spare = len(trace) - 2
    _clear(trace, place, spare)
    trace[spare, place["limb0"]], trace[spare, place["wide"]] = _MINUS_ONE, _MINUS_ONE
    trace[spare, place["multiplicity"]] = 2


def _counter_from_minus_one(trace: Trace, place: dict[str, int], row: int) -> None:
    _clear(trace, place, row)
    trace[row, place["limb0"]] = _MINUS_ONE
    trace[:, place["counter"]] = [min(i - 1, 4095) % MODULUS for i in range(len(trace))]


def _counter_jumps(trace: Trace, place: dict[str, int], row: int) -> None:
    _clear(trace, place, row)
    trace[row, place["limb0"]] = _MINUS_ONE
    trace[len(trace) - 2, place["counter"]] = _MINUS_ONE


def _counter_goes_on(trace: Trace, place: dict[str, int], row: int) -> None:
    """A limb of 13 bits and a top limb of two: 2^62 and more."""
    trace[row, place["limb4"]] += 4096
    trace[row, place["limb5"]] -= 1
    trace[:, place["counter"]] = range(len(trace))


def _attacked(name: str, falsehood: str, epoch: str, against: str, change: Limb) -> Forgery:
    return Forgery(name, falsehood, (against,), epoch, (), finish=_served(change))


_LOW = "price_below_the_band"
_BELOW = "a bundle with a price below the band is admitted"
_SHORT = "admitted_though_one_unit_short"
_DEBT = "an order is admitted that its account cannot pay"

LIMBS = (
    _attacked("limb_that_serves_itself", _BELOW, _LOW, "limbs: wide is a flag", _looks_itself_up),
    _attacked(
        "fee_of_44_bits",
        "a fee wraps around the field: an order that fits is dropped",
        "wrapped fee, limb 3",
        "limbs: a small value has three limbs",
        _as_it_is,
    ),
    _attacked(
        "fee_of_48_bits",
        "a fee wraps around the field: an order that fits is dropped",
        "wrapped fee, limb 4",
        "limbs: a small value has three limbs (2)",
        _as_it_is,
    ),
    _attacked(
        "fee_of_60_bits",
        "a fee wraps around the field: an order that fits is dropped",
        "wrapped fee, limb 5",
        "limbs: a small value has three limbs (3)",
        _as_it_is,
    ),
    _attacked(
        "balance_of_63_bits", "a balance of 2^62 units", "balance_of_63_bits", "limbs: an amount has 62 bits", _as_it_is
    ),
    _attacked(
        "counter_from_minus_one", _BELOW, f"{_LOW}, high", "limbs: the counter starts at 0", _counter_from_minus_one
    ),
    _attacked(
        "minus_one_as_a_single_limb", _BELOW, f"{_LOW}, high", "limbs: the counter stays or rises by 1", _counter_jumps
    ),
    _attacked(
        "limb_of_13_bits",
        "a balance of 2^62 units",
        "balance_of_63_bits, high",
        "limbs: the counter ends at 2^12 - 1",
        _counter_goes_on,
    ),
    *(
        _attacked(f"limb_{i}_not_looked_up", _BELOW, _LOW, f"limbs: limb {i}", _one_limb(i, _MINUS_ONE))
        for i in range(3)
    ),
    *(
        _attacked(f"limb_{i}_not_looked_up", _DEBT, _SHORT, f"limbs: limb {i}", _one_limb(i, _MINUS_ONE))
        for i in range(3, 5)
    ),
)
