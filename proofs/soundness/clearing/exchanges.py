"""Forgeries against messages, on one side where there is one, else with the other side.

Every tuple has to be taken as often as it is sent. Some messages can be left out alone: what they took is taken by
another row, or what they asked for is answered by none. Where one side of an exchange cannot be left out, because its
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
    for name, falsehood, epoch in _ALONE:
        yield Forgery(epoch, falsehood, (name,), epoch, ())
    for access, falsehood, epoch, told in _MEMORY:
        pair = [c.name for c in every if _bus(c) == MEMORY.name and c.name.startswith(access)]
        yield _exchange(pair, falsehood, epoch, told)
    for tag, falsehood, epoch, told in _TAGGED:
        yield _exchange(tagged[tag], falsehood, epoch, told, (int(tag),) if tag < Tag.BUNDLE_START else ())
    yield _exchange(["nodes: this node"], "a state under no root", "nodes under no root", (), (int(Tag.NODE),))
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


_SECRET: Final = _more("bundles.secret0", {"opened": 1})
_ALONE: Final = (
    ("entries: group: take", "an order that no balance pays for", "order without an access"),
    ("entries: target: take", "a million joins what is paid", "proceeds beside the balance"),
    ("bundles: funds: take", "an order that is not debited", "order that keeps the balance"),
    ("queue: slot: take", "a million joins a deposit", "deposit beside the balance"),
    ("nodes: left child", "a state of the liar's choice", "left child of the liar's choice"),
    ("nodes: right child", "a state of the liar's choice", "right child of the liar's choice"),
    ("cells: leaf of the state tree", "balances change and the state does not", "state that stays"),
    ("bundles: leaf under its root", "bundles that were not sealed", "leaves that were not sealed"),
    ("orders: the auction's sums", "sellers are paid and nobody buys", "auction that nobody asks for"),
)
"""Messages that can be left out alone."""
_MEMORY: Final = (
    ("bundles: key: ", "a key root that is not the account's", "key_root_of_another_account", ()),
    ("bundles: funds: ", "a cover that is not the account's balance", "book", _more("bundles.funds", {"real": 1})),
    ("bundles: insurance: ", "a fee for a missing reveal that nobody gets", "miss fee that nobody gets", ()),
    ("entries: group: ", "a withdrawal for nothing", "withdrawal without an access", ()),
    ("entries: target: ", "a withdrawal that nobody gets", "debit that goes nowhere", ()),
    ("markets: fees: ", "fees that nobody gets", "fees that nobody gets", ()),
    ("queue: slot: ", "a deposit that nobody gets", "deposit that nobody gets", ()),
    ("cells: ", "a balance changes without an access", "no access", ()),
)
"""Accesses, and what a slot is before and after the epoch."""
_TAGGED: Final = (
    (Tag.PARAMS, "another miss fee", "book", _more("bundles.miss_fee", 0)),
    (Tag.BATCH_COUNT, "a leaf beyond the sealed count", "count_of_the_batch_one_less", ()),
    (Tag.MARKET, "another draw", "rationing_with_another_draw", ()),
    (Tag.QUEUE, "a deposit that is not in the queue", "deposit_repeated", ()),
    (
        Tag.BUNDLE_START,
        "entries under a header that is not their bundle's",
        "book",
        _more("entries.before0", {"first": 1}),
    ),
    (Tag.BUNDLE_END, "entries that the bundle did not commit to", "book", _more("bundles.body0", {"opened": 1})),
    (Tag.MARKET_INFO, "a buyer pays another fee", "book", _more("entries.clearing_fee", {"buy": 1})),
    (Tag.ORDER, "admitted orders take part in no auction", "auction_said_to_have_no_orders", ()),
    (Tag.AUCTION, "sums that no orders have", "book", _more("markets.beyond", {"trade": 1})),
)
