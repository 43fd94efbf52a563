"""Forgeries against messages that are removed with their other side.

Every tuple has to be taken as often as it is sent. Where one side of an exchange cannot be left out, because its
count is a flag and nothing else sends or takes such a tuple, a program that lacks only the other side refuses every
witness in which the exchange happens. That shows nothing; so the exchange is removed as a whole, for public messages on
the side of the verifier too, and a forged witness is shown for what it carried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ...statement.buses import HASH, MEMORY, PUBLIC, RANGE, Bits, Tag
from ...statement.program import clearing_program
from ..forgery import Forgery, Told
from ..removal import Constraint, Kind, constraints


def exchanges() -> Iterator[Forgery]:
    """One forgery for each exchange, against each of its messages."""
    every = [c for c in constraints(clearing_program()) if c.kind is Kind.MESSAGE and not c.blinding]
    tagged = {tag: [c.name for c in every if _tag(c) == tag] for tag in Tag}
    memory = [c.name for c in every if _bus(c) == MEMORY.name]
    names = [c.name for c in every]
    for name, falsehood, epoch, told in _MEMORY:
        pair = [m for m in memory if m in (f"{name}: take", f"{name}: leave")]
        yield _exchange(pair, falsehood, epoch, told)
    yield _exchange(memory, "a balance changes without an access", "book", _CELL)
    for tags, falsehood, epoch, told in _TAGGED:
        messages = [m for tag in tags for m in tagged[tag]]
        if Tag.NODE in tags:
            messages += [m for m in names if m.startswith("nodes: ") and m != "nodes: hash before"]
        yield _exchange(messages, falsehood, epoch, told, tuple(int(tag) for tag in tags if tag < Tag.BUNDLE_START))
    hashes = [c.name for c in every if _bus(c) == HASH.name]
    yield _exchange(
        hashes,
        "a bundle is opened by a secret that is not its account's",
        "book",
        _SECRET,
        against=("poseidon2: compression",),
    )
    ranges = [c for c in every if _bus(c) == RANGE.name]
    limbs = [c.name for c in ranges if _range(c) == Bits.LIMB]
    values = [c.name for c in ranges if _range(c) != Bits.LIMB]
    yield _exchange(values, "a price below the band is admitted", "price_below_the_band", (), against=("limbs: value",))
    yield _exchange(
        limbs, "a bundle of 65 entries is opened", "sixty_five_entries", (), against=("limbs: 12-bit number",)
    )


def _exchange(
    messages: list[str],
    falsehood: str,
    epoch: str,
    told: tuple[Told, ...],
    silent: tuple[int, ...] = (),
    against: tuple[str, ...] | None = None,
) -> Forgery:
    name = ", ".join(map(str, told)) or epoch
    return Forgery(name, falsehood, against or tuple(messages), epoch, told, tuple(messages), silent)


def _bus(constraint: Constraint) -> str:
    return clearing_program().matrices[constraint.matrix].messages[constraint.index].bus.name


def _tag(constraint: Constraint) -> int | None:
    message = clearing_program().matrices[constraint.matrix].messages[constraint.index]
    return message.fields[0].value if message.bus == PUBLIC else None


def _range(constraint: Constraint) -> int | None:
    """The class of a range check, or None where it is not constant."""
    return clearing_program().matrices[constraint.matrix].messages[constraint.index].fields[0].value


def _more(column: str, row: int | Mapping[str, int]) -> tuple[Told, ...]:
    return (Told(column, row, 1, added=True),)


_CELL: Final = _more("cells.new0", {"balance": 1})
_SECRET: Final = _more("bundles.secret0", {"opened": 1})
_MEMORY: Final = (
    ("bundles: key", "a key root that is not the account's", "key_root_of_another_account", ()),
    ("bundles: funds", "a cover that is not the account's balance", "book", _more("bundles.funds", {"real": 1})),
    ("bundles: insurance", "the fund had another balance", "two batches", _more("bundles.insurance", {"charged": 1})),
    ("entries: group", "a balance that the account does not have", "book", _more("entries.rest", {"group_start": 1})),
    ("entries: target", "proceeds join another balance", "book", _more("entries.funds", {"credited": 1})),
    ("markets: fees", "fees join another balance", "book", _more("markets.funds", {"trade": 1})),
    ("queue: slot", "a deposit joins another balance", "two batches", _more("queue.old0", {"deposit": 1})),
)
_TAGGED: Final = (
    ((Tag.PARAMS,), "another miss fee", "book", _more("bundles.miss_fee", 0)),
    ((Tag.NODE, Tag.KEY_NODE), "an old root that L1 does not know", "stale_root", ()),
    ((Tag.BATCH_COUNT,), "a leaf beyond the sealed count", "count_of_the_batch_one_less", ()),
    ((Tag.MARKET,), "another draw", "rationing_with_another_draw", ()),
    ((Tag.QUEUE,), "a deposit that is not in the queue", "two batches", _more("queue.value0", {"deposit": 1})),
    (
        (Tag.BUNDLE_START,),
        "entries under a header that is not their bundle's",
        "book",
        _more("entries.before0", {"first": 1}),
    ),
    ((Tag.BUNDLE_END,), "entries that the bundle did not commit to", "book", _more("bundles.body0", {"opened": 1})),
    ((Tag.MARKET_INFO,), "a buyer pays another fee", "book", _more("entries.clearing_fee", {"buy": 1})),
    ((Tag.ORDER,), "a fill that no auction gave", "book", _more("entries.fill", {"buy": 1})),
    ((Tag.AUCTION,), "sums that no orders have", "book", _more("markets.beyond", {"trade": 1})),
)
