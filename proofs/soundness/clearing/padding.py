"""A row that is no entry asks for range checks minus once, and so answers false ones of other rows."""

from __future__ import annotations

from typing import Final

from ...expression import MODULUS
from ...prover_api import messages
from ...statement.buses import RANGE, Bits
from ...statement.program import clearing_program
from ...statement.witness.execute import execute
from ...tape import Program
from ..forgery import Forgery
from ..world import World
from .core import Forged, Priced, Traces, attack, honest
from .scenario import MARKETS, public_messages

_MARKETS: Final = (*MARKETS, *(MARKETS[0] for _ in range(13)))
"""Fifteen: the last has number 14, which is no asset's number."""
_REFERENCES: Final = (100, 1010, *(100 for _ in range(13)))
_FALSE: Final = 4
"""Different false checks: three of the forged fill, and that the price 0 of the row itself is in the band."""
_TOP: Final = 1 << 24
"""What the third limb of a small value counts."""


def borrow(traces: Traces) -> None:
    """Answer small values from -2^24 to -1 by rows whose third limb is -1, which the rows of padding pay for."""
    program = clearing_program()
    ledger, limbs = program.matrix_of("entries"), program.matrix_of("limbs")
    names, trace = program.matrices[limbs].names, traces[limbs]
    parts = [names[f"limbs.limb{i}"] for i in range(6)]
    counts = names["limbs.counter.multiplicity"]
    asked = messages(program.tape, ledger, traces[ledger], program.bus_id(RANGE), 0).tolist()
    for value in {f[3] for f in asked if f[2] == Bits.SMALL and f[3] >= MODULUS - _TOP}:
        cut = [value >> (12 * i) & 4095 for i in range(3)]
        served = trace[:, [names["limbs.multiplicity"], *parts[:3]]].tolist()
        row = next(i for i, (count, *low) in enumerate(served) if count and low == cut)
        below = value + _TOP - MODULUS
        split = [below & 4095, below >> 12, MODULUS - 1, 0, 0, 0]
        for looked_up, change in ((trace[row, parts[:5]].tolist(), -1), (split[:5], 1)):
            for limb in looked_up:
                if limb < MODULUS - 1:
                    trace[limb, counts] = (int(trace[limb, counts]) + change) % MODULUS
        trace[row, parts] = split


@attack(5, tamper=borrow)
def checks_answered_by_padding() -> Forged:
    """One lot more is filled than there is; behind the entries, rows that buy once and withdraw minus once."""
    epoch = honest(markets=_MARKETS, references=_REFERENCES)
    forged = execute(epoch, Priced(lambda p: p, lambda fills: [fills[0] + 1, *fills[1:]]))
    rows = forged.draft.rows
    market = next(row for row in rows["markets"] if row["market"] == len(_MARKETS) - 1)
    shared = {name: market[name] for name in ("market", "base", "quote", "lower", "upper", "fee_ppm")}
    told = {"clearing_price": market["price"], "clearing_fee": market["fee"]}
    for number in range(len(rows["entries"]), len(rows["entries"]) + _FALSE):
        forged.draft.add("entries", withdraw=-1, buy=1, cover=1, number=number, batch=0, **shared, **told)
    market["asked"] = market.get("asked", 0) + _FALSE
    return forged, public_messages(epoch, forged, forged)


def _finish(_: World, __: Program, made: Traces) -> None:
    borrow(made)


PADDING: Final = (
    Forgery(
        "checks_answered_by_padding",
        "one lot more is filled than there is",
        ("entries: withdraw is a flag",),
        "checks_answered_by_padding",
        (),
        finish=_finish,
    ),
)
