"""What attacks show alone, forgeries against hashes and range checks, messages removed with their other side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from ...dsl import SEND
from ...expression import MODULUS
from ...prover_api import Trace
from ...solvency.buses import Tag
from ...solvency.program import solvency_program
from ...tape import Program
from ..forgery import Finish, Forgery
from ..registers import registers
from ..removal import Kind, constraints
from ..service import recount
from ..world import World
from .attacks import ATTACKS

_SHOWN: Final = {
    "walk: opened is a flag": "a_node_opened_minus_once",
    "walk: empty is a flag": "an_empty_row_that_asks_minus_once",
    "walk: only empty rows answer that a subtree is empty": "an_empty_row_that_asks_nothing",
    "walk: left_live is a flag": "a_left_child_counted_twice",
    "walk: only opened rows have live children": "a_left_child_from_nowhere",
    "walk: right_live is a flag": "a_right_child_counted_twice",
    "walk: only opened rows have live children (2)": "a_right_child_from_nowhere",
    "leaves: money is a flag": "a_balance_in_halves",
    "leaves: other is a flag": "an_account_that_is_a_fraction_twice",
    "leaves: what is not money is in slot 0 or 1": "a_balance_called_a_key",
    "leaves: a balance is one number": "a_balance_with_a_second_element",
    "leaves: a balance is one number (2)": "a_balance_with_a_third_element",
    "leaves: a balance is one number (3)": "a_balance_with_a_fourth_element",
    "leaves: closes is a flag": "a_sum_hidden_in_its_flags",
    "leaves: the first sum starts": "a_sum_that_starts_below",
    "leaves: a balance joins the sum, or starts one": "a_sum_that_starts_anew",
    "leaves: a sum goes on until it is closed": "a_sum_that_is_never_closed",
    "leaves: a sum is of one asset": "a_run_of_two_assets",
    "leaves: the last sum is closed": "a_sum_that_ends_with_the_table",
    "leaves: account number, low bits": "an_account_that_is_a_fraction",
    "leaves: account number, high bits": "an_account_that_is_a_high_fraction",
    "leaves: a balance has 62 bits": "a_negative_balance",
    "leaves: a sum has 62 bits": "a_wrapped_sum",
    "walk: left child, counted": "a_left_child_not_counted",
    "walk: right child, counted": "a_right_child_not_counted",
    "walk: left child, empty": "a_leaf_claimed_zero",
    "walk: right child, empty": "a_right_leaf_claimed_zero",
    "leaves: a leaf of the state": "balances_of_an_empty_state",
}
"""Constraints that one attack of the suite breaks and nothing else."""
_FALSE: Final = {attack.name: attack.false for attack in ATTACKS}


def shown() -> Iterator[Forgery]:
    for constraint, attack in _SHOWN.items():
        yield Forgery(attack, _FALSE[attack], (constraint,), attack, ())


REGISTERS: Final = tuple(
    registers(
        solvency_program(),
        "hash",
        {"walk.opened": 1, "walk.level": 0},
        "state",
        "liabilities under a root that is not the hash of its children",
    )
)


# -- messages that nothing can do without


def exchanges() -> Iterator[Forgery]:
    """Removed as a whole: a tuple that nobody takes, or that nobody sends, shows nothing."""
    messages = [c.name for c in constraints(solvency_program()) if c.kind is Kind.MESSAGE and not c.blinding]
    claim = "leaves: the sum is what the contract was told"
    yield _exchange(("walk: this subtree",), "nodes_under_no_root", silent=(int(Tag.SUBTREE),))
    empties = tuple(m for m in messages if (m.startswith("walk: ") and "empty" in m) or m == "walk: a zero leaf")
    yield _exchange(empties, "a_leaf_claimed_zero", against=("walk: an empty subtree", "walk: a zero leaf"))
    yield _exchange((claim,), "liabilities_one_too_low", silent=(int(Tag.LIABILITY),))
    amounts = ("leaves: a balance has 62 bits", "leaves: a sum has 62 bits", "limbs: value")
    yield _exchange(amounts, "a_negative_balance", against=("limbs: value",))
    limbs = tuple(m for m in messages if m.startswith(("limbs: limb", "leaves: account number")))
    number = "limbs: 12-bit number"
    yield _exchange((*limbs, number), "an_account_that_is_a_fraction", against=(number,))


def _exchange(
    messages: tuple[str, ...], attack: str, against: tuple[str, ...] | None = None, silent: tuple[int, ...] = ()
) -> Forgery:
    return Forgery(attack, _FALSE[attack], against or messages, attack, (), messages, silent)


# -- range checks

Change = Callable[[Trace, dict[str, int], int], None]
"""Changes the limbs table: its trace, its columns by name, and the row that serves the false value."""


def _finished(value: int, change: Change) -> Finish:
    """Change the row that serves ``value``, then count again what the rows look up."""

    def finish(world: World, weak: Program, made: list[Trace]) -> None:
        matrix = weak.matrix_of("limbs")
        prefix = "limbs."
        place = {n.removeprefix(prefix): i for n, i in world.sheets[matrix].names.items() if n.startswith(prefix)}
        trace = made[matrix]
        digits = [value >> (12 * i) & 4095 for i in range(3)]
        columns = [place[f"limb{i}"] for i in range(3)]
        row = next(r for r, own in enumerate(trace[:, columns].tolist()) if own == digits)
        change(trace, place, row)
        # The world counts the zeros of the table's own limbs as requests; they are counted with the limbs.
        own = sum(m.label.startswith("limbs: ") and m.sign == SEND for m in weak.matrices[matrix].messages)
        zero = ("range", (0, 0))
        recount(weak, trace, {**world.totals, zero: world.totals.get(zero, 0) - own * len(trace)})

    return finish


def _single(limb: int, value: int) -> Change:
    """All of the value in one limb."""

    def change(trace: Trace, place: dict[str, int], row: int) -> None:
        trace[row, [place[f"limb{i}"] for i in range(6)]] = 0
        trace[row, place[f"limb{limb}"]] = value * pow(1 << (12 * limb), -1, MODULUS) % MODULUS

    return change


def _from_minus_one(trace: Trace, place: dict[str, int], row: int) -> None:
    _single(0, MODULUS - 1)(trace, place, row)
    trace[:, place["counter"]] = [min(i - 1, 4095) % MODULUS for i in range(len(trace))]


def _jumping(trace: Trace, place: dict[str, int], row: int) -> None:
    _single(0, MODULUS - 1)(trace, place, row)
    trace[len(trace) - 2, place["counter"]] = MODULUS - 1


def _going_on(trace: Trace, place: dict[str, int], row: int) -> None:
    """The top limb holds two bits; the one below may hold more than twelve."""
    beyond = trace[:, place["limb5"]] == 4  # the balance, and the sum that it joins
    trace[beyond, place["limb5"]] -= 1
    trace[beyond, place["limb4"]] += 4096
    trace[:, place["counter"]] = range(len(trace))


def _as_it_is(trace: Trace, place: dict[str, int], row: int) -> None:
    """The limbs are those of the false value already."""


def range_checks() -> Iterator[Forgery]:
    negative, large = "a_balance_of_minus_one", "a_balance_of_63_bits"
    for limb in range(5):
        yield _checked(f"limbs: limb {limb}", negative, MODULUS - 1, _single(limb, MODULUS - 1))
    first = 20_079 + 2**62 - 1  # the first of the sums that are beyond the range
    yield _checked("limbs: an amount has 62 bits", "a_wrapped_sum", first, _as_it_is)
    yield _checked("limbs: the counter starts at 0", f"{negative}, high", MODULUS - 1, _from_minus_one)
    yield _checked("limbs: the counter stays or rises by 1", f"{negative}, high", MODULUS - 1, _jumping)
    yield _checked("limbs: the counter ends at 2^12 - 1", f"{large}, high", 1 << 62, _going_on)


def _checked(constraint: str, world: str, value: int, change: Change) -> Forgery:
    attack = world.partition(",")[0]
    return Forgery(attack, _FALSE[attack], (constraint,), world, (), finish=_finished(value, change))


FORGERIES: Final = (*shown(), *REGISTERS, *exchanges(), *range_checks())
