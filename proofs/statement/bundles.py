"""Clauses 2 and 3: every leaf of every batch, opened or missing."""

from __future__ import annotations

from ..dsl import Expr, Row
from ..params import COMMITMENT_DEPTH, FIRST_ACCOUNT, INSURANCE_ACCOUNT, KEY_DEPTH, MAX_ENTRIES
from .buses import HASH, LEVEL, PUBLIC, RANGE, Bits, Phase, Tag
from .ledger import access, amount, real_up_to, small, time


def bundles(row: Row) -> None:
    """One row for each leaf: real rows first, batch after batch, accounts rising within a batch."""
    real, (opened, last) = row.flag("real"), row.columns("opened", "last")
    number, position = row.columns("number", "position")
    batch, account = row.share("batch", "account")
    more = real - last
    row.zero(opened * (1 - real), "only real rows are opened")
    # `opened` is as many bundles of entries as start with this row's number: none, or one, for their numbers rise.
    missing = real - opened

    row.on_first(number, "rows are numbered from 0")
    row.step(number.next - number - 1, "rows are numbered")
    # `last` is a flag: before a row that is not real it is `real`, and before one that is, a row with another number
    # would have to be at position -1, but positions count from 0.
    real_up_to(row, real, last, "real rows up to the last batch's end")
    row.on_first(real * position, "a batch starts at leaf 0")
    row.step(more * (batch.next - batch), "a batch's rows stand together")
    row.step(more * (position.next - position - 1), "leaves in order")
    row.step(last * position.next, "a batch starts at leaf 0")
    small(row, account.next - account - 1, more, "accounts rise")
    small(row, account - FIRST_ACCOUNT, real, "accounts 0 and 1 do not trade")
    row.receive(PUBLIC, [int(Tag.BATCH_COUNT), batch, position + 1], last, "count of the batch")

    venue, first_batch, miss_fee, fee_asset = parameters(row)
    absolute = first_batch + batch

    (count,) = row.share("count")
    # At least one: entries count from 1 to the header's count, and a bundle without any never ends.
    row.send(RANGE, [int(Bits.LIMB), MAX_ENTRIES - count], opened, "at most 64 entries")
    salt = row.share_digest("salt", 3)
    header, body, secret = row.share_digest("header"), row.share_digest("body"), row.share_digest("secret")
    commitment, leaf = row.share_digest("commitment"), row.share_digest("leaf")
    key_leaf, key_root = row.share_digest("key_leaf"), row.share_digest("key_root")
    row.send(HASH, [2, venue, absolute, account, count, *salt, *header], opened, "header")
    row.send(HASH, [*body, *secret, *commitment], opened, "commitment")
    row.send(HASH, [*commitment, 3, venue, absolute, account, *leaf], real, "leaf")
    row.send(HASH, [*secret, 1, venue, absolute, 0, *key_leaf], opened, "key leaf")
    place = batch + (1 + COMMITMENT_DEPTH * LEVEL)
    row.receive(PUBLIC, [int(Tag.NODE), place, 0, position, 0, 0, 0, 0, *leaf], real, "leaf under its root")
    (key_position,) = row.share("key_position")
    end: list[Expr | int] = [int(Tag.KEY_NODE), KEY_DEPTH * LEVEL, 0, key_position, *key_root, *key_leaf]
    row.receive(PUBLIC, end, opened, "key leaf under its root")
    now = time(batch, Phase.BUNDLE, number)
    access(row, "key", account, row.nought, now, key_root, key_root, opened)

    cover = row.flag("cover")
    (funds,) = row.share("funds")
    gap = row.derive("gap", cover * (funds - miss_fee) + (1 - cover) * (miss_fee - funds - 1))
    amount(row, gap, real, "whether the miss fee is covered")
    row.send(PUBLIC, [int(Tag.BUNDLE_START), number, account, batch, count, cover, *header], opened, "entries start")
    row.receive(PUBLIC, [int(Tag.BUNDLE_END), number, *body], opened, "entries end")

    charged = row.column("charged")  # a charged row is missing, and the verifier lists nothing but 0 and 1
    row.zero(charged * (1 - missing), "only a missing reveal is charged")
    fee = row.derive("fee", charged * (cover * miss_fee + (1 - cover) * funds))
    row.receive(PUBLIC, [int(Tag.MISSING), batch, account, *commitment, charged], missing, "missing")
    access(row, "funds", account, fee_asset + 2, now, [funds], [funds - fee], real)
    (insurance,) = row.share("insurance")
    access(row, "insurance", INSURANCE_ACCOUNT, fee_asset + 2, now, [insurance], [insurance + fee], charged)


def parameters(row: Row) -> list[Expr]:
    """venue, first batch, miss fee, fee asset: equal on all rows and equal to what the verifier sends."""
    values = row.columns("venue", "first_batch", "miss_fee", "fee_asset")
    for value in values:
        row.step(value.next - value, "parameters are constant")
    row.receive(PUBLIC, [int(Tag.PARAMS), *values], row.end, "parameters")
    return values
