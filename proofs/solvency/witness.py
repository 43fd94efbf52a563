"""From the leaves of a state to the rows that count them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from commitments.hashing import compress_all, empty_roots, is_canonical
from commitments.types import AMOUNT_LIMIT, BALANCE_SLOT, SLOTS, STATE_DEPTH, ZERO, Digest

from ..filler import Filler
from ..params import ASSETS
from ..statement.arithmetic import LIMB_BITS
from .program import solvency_program
from .public import Claim


class StateError(ValueError):
    """Leaves that are no state of a venue: ``field`` names the place, ``reason`` what is wrong."""

    code = "state"
    retryable = False

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def check_leaves(leaves: Mapping[int, Digest], assets: int = ASSETS) -> None:
    """Raise :class:`StateError` unless every leaf (by index) is one that a settled state may have.

    :param assets: how many assets the venue has
    """
    for index, leaf in leaves.items():
        if not 0 <= index < 1 << STATE_DEPTH:
            raise StateError(f"leaves[{index}]", f"the state has 2^{STATE_DEPTH} leaves")
        slot = index % SLOTS
        place = f"account {index // SLOTS}, slot {slot}"
        if not is_canonical(leaf):
            raise StateError(place, "an element is not canonical")
        if slot == 1 and leaf != ZERO:
            raise StateError(place, "the slot is reserved and must be zero")
        if slot >= BALANCE_SLOT + assets and leaf != ZERO:
            raise StateError(place, f"a balance of asset {slot - BALANCE_SLOT}; there are {assets} assets")
        if slot >= BALANCE_SLOT and (leaf[1:] != ZERO[1:] or leaf[0] >= AMOUNT_LIMIT):
            raise StateError(place, "a balance is one number below 2^62")


def liabilities(leaves: Mapping[int, Digest], assets: int) -> tuple[int, ...]:
    """Sum of the balances of each asset, in units. Raises :class:`StateError` where one reaches 2^62."""
    sums = [0] * assets
    for index, leaf in leaves.items():
        if index % SLOTS >= BALANCE_SLOT:
            sums[index % SLOTS - BALANCE_SLOT] += leaf[0]
    for asset, units in enumerate(sums):
        if units >= AMOUNT_LIMIT:
            raise StateError(f"asset {asset}", f"{units} units in all; custody is below 2^62")
    return tuple(sums)


def draft(leaves: Mapping[int, Digest], assets: int) -> tuple[Claim, Filler]:
    """The claim about a state and the rows that prove it. ``leaves`` by index; zero leaves may be left out.

    :raises StateError: the leaves are no state of a venue with so many assets
    """
    check_leaves(leaves, assets)
    present = {index: leaf for index, leaf in leaves.items() if leaf != ZERO}
    owed = liabilities(present, assets)
    rows = Filler(solvency_program())
    root = add_walk(rows, present)
    add_leaves(rows, present)
    return Claim(root, owed), rows


def add_walk(rows: Filler, leaves: Mapping[int, Digest]) -> Digest:
    """Rows of the walk over the tree of ``leaves``; gives its root."""
    empty = empty_roots(STATE_DEPTH)
    below: dict[int, Digest] = dict(leaves)
    empty_children = [0] * (STATE_DEPTH + 1)
    for level in range(STATE_DEPTH - 1, -1, -1):
        still = empty[STATE_DEPTH - level - 1]
        parents = sorted({index >> 1 for index in below}) if level else [0]
        children = [[below.get(2 * parent + side, still) for side in (0, 1)] for parent in parents]
        nodes = compress_all([left for left, _ in children], [right for _, right in children])
        for parent, (left, right) in zip(parents, children, strict=True):
            live = [int(2 * parent + side in below) for side in (0, 1)]
            empty_children[level + 1] += 2 - sum(live)
            rows.add("walk", opened=1, level=level, index=parent, left_live=live[0], right_live=live[1])
            rows.add("hash", **{"in": (*left, *right)})
        below = dict(zip(parents, nodes, strict=True))
    for level in range(1, STATE_DEPTH):
        if not empty_children[level]:
            continue
        child = empty[STATE_DEPTH - level - 1]
        rows.add("walk", empty=1, level=level, asked=empty_children[level])
        rows.add("hash", **{"in": (*child, *child)})
        empty_children[level + 1] += 2
    rows.rows["walk"][0]["zeros"] = empty_children[STATE_DEPTH]
    return below[0]


def add_leaves(rows: Filler, leaves: Mapping[int, Digest]) -> None:
    """Rows of the leaves: balances by asset with their running sums, then what is not money."""
    slots = [(*divmod(index, SLOTS), leaf) for index, leaf in sorted(leaves.items())]
    money = sorted((slot - BALANCE_SLOT, account, leaf) for account, slot, leaf in slots if slot >= BALANCE_SLOT)
    for asset, group in groupby(money, key=lambda row: row[0]):
        total = 0
        for _, account, leaf in group:
            total += leaf[0]
            last = rows.add("leaves", money=1, **number(account), asset=asset, leaf=leaf, total=total)
        last["closes"] = 1
    for account, slot, leaf in slots:
        if slot < BALANCE_SLOT:
            rows.add("leaves", other=1, **number(account), asset=slot, leaf=leaf)


def number(account: int) -> dict[str, int]:
    """An account's number in the columns of `leaves`."""
    return {"low": account % (1 << LIMB_BITS), "high": account >> LIMB_BITS}
