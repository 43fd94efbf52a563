"""The tables of the solvency program: the walk over the state tree, and the sums of its leaves."""

from __future__ import annotations

from ..dsl import Row
from ..params import STATE_DEPTH
from ..statement.arithmetic import LIMB_BITS, compression
from ..statement.buses import RANGE, Bits
from ..statement.ledger import amount
from .buses import WALK, Tag


def walk(row: Row) -> None:
    """The state tree from the root down, with nothing left out: a row is a node, the hash of its two children.

    An *opened* row takes the request for its node and asks for both of its children: to be counted if the child is
    live, to be empty otherwise. An *empty* row says, as often as it is asked, that its digest is that of an empty
    subtree: its children are empty, one level further down. A zero leaf is empty, and no level below it ever is.
    """
    children, node = compression(row.beside("hash"))
    opened, empty = row.flag("opened"), row.flag("empty")
    level, index = row.columns("level", "index")

    row.receive(WALK, [int(Tag.SUBTREE), level, index, *node], opened, "this subtree")
    asked = row.column("asked")
    row.zero(asked * (1 - empty), "only empty rows answer that a subtree is empty")
    row.provide(WALK, [int(Tag.EMPTY), level, 0, *node], asked, "an empty subtree")
    row.provide(WALK, [int(Tag.EMPTY), STATE_DEPTH], row.column("zeros"), "a zero leaf")
    for bit, side in enumerate(("left", "right")):
        child = children[4 * bit : 4 * bit + 4]
        live = row.flag(f"{side}_live")
        row.zero(live * (1 - opened), "only opened rows have live children")
        row.send(WALK, [int(Tag.SUBTREE), level + 1, 2 * index + bit, *child], live, f"{side} child, counted")
        row.send(WALK, [int(Tag.EMPTY), level + 1, 0, *child], opened + empty - live, f"{side} child, empty")


def leaves(row: Row) -> None:
    """Every leaf that is not zero, once: a balance joins the sum of its asset, slots 0 and 1 are not money.

    The balances of an asset stand together, and the last of them *closes* their sum with the contract's claim. There is
    one claim for each asset, so there is one run, and its asset is one that the venue has. Balances and sums are in
    [0, 2^62): a sum of two is below the field's order, and the field's sum is that of the integers.
    """
    money, other = row.flag("money"), row.flag("other")
    real = money + other  # not 2: every leaf is found once
    low, high, asset = row.columns("low", "high", "asset")
    account = low + high * (1 << LIMB_BITS)
    leaf = row.digest("leaf")
    row.zero(other * asset * (asset - 1), "what is not money is in slot 0 or 1")
    row.receive(
        WALK, [int(Tag.SUBTREE), STATE_DEPTH, 16 * account + asset + 2 * money, *leaf], real, "a leaf of the state"
    )
    row.send(RANGE, [int(Bits.LIMB), low], real, "account number, low bits")
    row.send(RANGE, [int(Bits.LIMB), high], real, "account number, high bits")
    balance = leaf[0]
    for element in leaf[1:]:
        row.zero(money * element, "a balance is one number")
    amount(row, balance, money, "a balance has 62 bits")

    total = row.column("total")
    closes = row.flag("closes")
    open_ = money - closes
    row.on_first(money * (total - balance), "the first sum starts")
    row.step(money.next * (total.next - balance.next - open_ * total), "a balance joins the sum, or starts one")
    row.step(open_ * (1 - money.next), "a sum goes on until it is closed")
    row.step(open_ * (asset.next - asset), "a sum is of one asset")
    row.on_last(open_, "the last sum is closed")
    amount(row, total, money, "a sum has 62 bits")
    row.receive(WALK, [int(Tag.LIABILITY), asset, total], closes, "the sum is what the contract was told")
