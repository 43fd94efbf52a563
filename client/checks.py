"""Checks of what the venue says, against its own signature, L1 and arithmetic. Pure; none of them trusts the venue.

Each raises :class:`BrokenPromiseError` whose ``code`` names the promise: ``receipt_contents``,
``receipt_signature``, ``wrong_root``, ``wrong_count``, ``wrong_index``, ``wrong_path``, ``wrong_commitment``,
``path_signature``, ``acknowledgement_contents``, ``acknowledgement_signature``, ``refusal_contents``,
``refusal_signature``, ``result_contents``, ``fill_beyond_limit``, ``wrong_changes``, ``balance_root``,
``balance_path``, ``balance_contents``, ``balance_change``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from commitments.bundle import commitment_leaf
from commitments.merkle import verify_path
from commitments.receipts import Domain, recover
from commitments.state import balance_leaf, balance_slot, leaf_index
from commitments.types import COMMITMENT_DEPTH, STATE_DEPTH, Digest
from matching.admission import EntryKind
from matching.fees import trade_fee
from orderbook.errors import WireError
from orderbook.wire import (
    Acknowledgement,
    Balances,
    Entry,
    Fill,
    Path,
    Receipt,
    Refusal,
    Result,
    Sealed,
    digest_of,
    hex_digest,
)

from .chain import SealedBatch
from .errors import BrokenPromiseError
from .venue import Venue

__all__ = [
    "LeafPlace",
    "check_acknowledgement",
    "check_balances",
    "check_change",
    "check_place",
    "check_place_signature",
    "check_receipt",
    "check_refusal",
    "check_result",
    "place_of",
]


def check_receipt(
    domain: Domain,
    operator: str,
    receipt: Receipt,
    batch: int,
    account: int,
    sequence: int,
    commitment: Digest,
) -> None:
    """A receipt is for exactly what was sent, and signed by the operator that L1 names."""
    expected = (batch, account, sequence, hex_digest(commitment))
    if (receipt.batch, receipt.account, receipt.sequence, receipt.commitment) != expected:
        raise BrokenPromiseError("the receipt is for another commitment", code="receipt_contents", field="receipt")
    _demand(domain.receipt(batch, account, sequence, commitment), receipt.signature, operator, "receipt")


@dataclass(frozen=True, slots=True)
class LeafPlace:
    """Where the venue says the own leaf stands in a sealed batch."""

    batch: int
    commitment: Digest
    root: Digest
    count: int
    index: int
    siblings: tuple[Digest, ...]
    signature: bytes = b""
    """The operator's, over all this."""


def place_of(message: Path | Sealed) -> LeafPlace:
    """A place in parsed form."""
    try:
        return LeafPlace(
            message.batch,
            digest_of(message.commitment, "commitment"),
            digest_of(message.root, "root"),
            message.count,
            message.index,
            tuple(digest_of(node, "siblings") for node in message.siblings),
            bytes.fromhex(message.signature[2:]),
        )
    except WireError as error:
        raise BrokenPromiseError(f"the path is malformed: {error}", code="wrong_path", field=error.field) from None


def check_place(venue: Venue, account: int, place: LeafPlace, seal: SealedBatch, own: Sequence[Digest]) -> None:
    """The root is the one that L1 sealed, and one of the ``own`` commitments is in it at the place given."""
    if place.root != seal.root:
        raise BrokenPromiseError(
            f"batch {seal.number}: the venue's root is not the root that L1 sealed",
            code="wrong_root",
            field="root",
        )
    if place.count != seal.count:
        raise BrokenPromiseError(
            f"batch {seal.number}: the venue counts {place.count} leaves, L1 {seal.count}",
            code="wrong_count",
            field="count",
        )
    if not 0 <= place.index < seal.count:
        raise BrokenPromiseError(
            f"batch {seal.number}: leaf {place.index} of {seal.count}", code="wrong_index", field="index"
        )
    if place.commitment not in own:
        raise BrokenPromiseError(
            f"batch {seal.number}: the sealed commitment is not the last one that was confirmed",
            code="wrong_commitment",
            field="commitment",
        )
    leaf = commitment_leaf(venue.number, seal.number, account, place.commitment)
    if not verify_path(seal.root, leaf, place.index, place.siblings, COMMITMENT_DEPTH):
        raise BrokenPromiseError(
            f"batch {seal.number}: the path does not lead to the sealed root",
            code="wrong_path",
            field="siblings",
        )


def check_place_signature(domain: Domain, operator: str, account: int, place: LeafPlace) -> None:
    """The operator signed what it says of the own leaf: a path that leads elsewhere is then evidence against it."""
    digest = domain.path(place.batch, account, place.commitment, place.root, place.count, place.index, place.siblings)
    _demand(digest, "0x" + place.signature.hex(), operator, "path")


def check_acknowledgement(
    domain: Domain, operator: str, message: Acknowledgement, batch: int, account: int, commitment: Digest
) -> None:
    """An acknowledgement is for the own reveal, and signed by the operator."""
    if (message.batch, message.account, message.commitment) != (batch, account, hex_digest(commitment)):
        raise BrokenPromiseError(
            "the acknowledgement is for another reveal",
            code="acknowledgement_contents",
            field="acknowledgement",
        )
    _demand(domain.acknowledgement(batch, account, commitment), message.signature, operator, "acknowledgement")


def check_refusal(
    domain: Domain, operator: str, message: Refusal, batch: int, account: int, commitment: Digest
) -> None:
    """A refusal is for the own reveal (or says that there is no leaf), and signed by the operator."""
    named = (0, 0, 0, 0) if message.reason == "no_leaf" else commitment
    if (message.batch, message.account, message.commitment) != (batch, account, hex_digest(named)):
        raise BrokenPromiseError("the refusal is for another reveal", code="refusal_contents", field="refusal")
    _demand(domain.refusal(batch, account, named, message.reason), message.signature, operator, "refusal")


def _demand(digest: bytes, signature: str, operator: str, what: str) -> None:
    signer = recover(digest, bytes.fromhex(signature[2:]))
    if signer is None or signer.lower() != operator.lower():
        raise BrokenPromiseError(
            f"the {what} is not signed by the operator {operator}",
            code=f"{what}_signature",
            field="signature",
        )


def check_result(venue: Venue, account: int, entries: Sequence[Entry], result: Result) -> None:
    """Fills belong to the own entries, respect their limits, and add up to the changes that the venue names."""
    if result.account != account:
        raise BrokenPromiseError("the result is another account's", code="result_contents", field="account")
    if result.outcome == "missing":
        if result.fills or dict(result.changes) != ({venue.fee_asset: -result.charged} if result.charged else {}):
            raise BrokenPromiseError("a missing bundle with fills", code="result_contents", field="fills")
        if result.charged > venue.miss_fee:
            raise BrokenPromiseError("charged above the miss fee", code="result_contents", field="charged")
        return
    if [(f.position, f.kind, f.market, f.price, f.quantity) for f in result.fills] != [
        (i, e.kind, e.market, e.price, e.quantity) for i, e in enumerate(entries)
    ]:
        raise BrokenPromiseError("the result is for other entries", code="result_contents", field="fills")
    changes: dict[int, int] = {}
    prices: dict[int, int] = {}
    for fill in result.fills:
        _check_fill(venue, fill, prices)
        for asset, units in _effects(venue, fill):
            changes[asset] = changes.get(asset, 0) + units
    if {a: c for a, c in changes.items() if c} != dict(result.changes):
        raise BrokenPromiseError("the changes are not those of the fills", code="wrong_changes", field="changes")


def _check_fill(venue: Venue, fill: Fill, prices: dict[int, int]) -> None:
    where = f"fills[{fill.position}]"
    if not 0 <= fill.fill <= fill.quantity or (fill.fill and not fill.admitted):
        raise BrokenPromiseError(f"{where}: {fill.fill} of {fill.quantity}", code="result_contents", field=where)
    if fill.kind == EntryKind.WITHDRAWAL:
        if fill.fill != (fill.quantity if fill.admitted else 0) or fill.fee:
            raise BrokenPromiseError(f"{where}: a withdrawal in part", code="result_contents", field=where)
        return
    if prices.setdefault(fill.market, fill.clearing_price) != fill.clearing_price:
        raise BrokenPromiseError(f"{where}: two clearing prices in one market", code="result_contents", field=where)
    if not fill.fill:
        if fill.fee:
            raise BrokenPromiseError(f"{where}: a fee without a fill", code="result_contents", field=where)
        return
    buying = fill.kind == EntryKind.BUY
    if fill.clearing_price > fill.price if buying else fill.clearing_price < fill.price:
        raise BrokenPromiseError(
            f"{where}: filled at {fill.clearing_price}, the limit is {fill.price}",
            code="fill_beyond_limit",
            field=where,
        )
    market = venue.markets[fill.market]
    if not market.lower <= fill.clearing_price <= market.upper:
        raise BrokenPromiseError(f"{where}: a price outside the band", code="result_contents", field=where)
    if fill.fee != trade_fee(fill.fill, fill.clearing_price, market.fee_ppm):
        raise BrokenPromiseError(f"{where}: a wrong fee", code="result_contents", field=where)


def _effects(venue: Venue, fill: Fill) -> tuple[tuple[int, int], ...]:
    if fill.kind == EntryKind.WITHDRAWAL:
        return ((fill.market, -fill.fill),)
    market, sign = venue.markets[fill.market], 1 if fill.kind == EntryKind.BUY else -1
    return (
        (market.base.index, sign * fill.fill),
        (market.quote.index, -sign * fill.fill * fill.clearing_price - fill.fee),
    )


def check_balances(venue: Venue, account: int, message: Balances, root: Digest) -> dict[int, int]:
    """Balances proven under the state root that L1 holds: units by asset, only of assets with a proof.

    An asset without a proof is not proven to be zero.
    """
    if message.account != account:
        raise BrokenPromiseError("the balances are another account's", code="balance_contents", field="account")
    if message.root != hex_digest(root):
        raise BrokenPromiseError("the balances' root is not the root that L1 holds", code="balance_root", field="root")
    proven: dict[int, int] = {}
    for leaf in message.balances:
        where = f"balances[{leaf.asset}]"
        if not 0 <= leaf.asset < len(venue.assets) or leaf.asset in proven:
            raise BrokenPromiseError(f"{where}: no such asset, or twice", code="balance_contents", field=where)
        try:
            siblings = tuple(digest_of(node, where) for node in leaf.siblings)
        except WireError as error:
            raise BrokenPromiseError(f"{where}: {error}", code="balance_path", field=where) from None
        index = leaf_index(account, balance_slot(leaf.asset))
        if not verify_path(root, balance_leaf(leaf.amount), index, siblings, STATE_DEPTH):
            raise BrokenPromiseError(
                f"{where}: the path does not lead to L1's state root", code="balance_path", field=where
            )
        proven[leaf.asset] = leaf.amount
    return proven


def check_change(
    venue: Venue,
    before: Mapping[int, int],
    results: Sequence[Result],
    deposits: Sequence[tuple[int, int]],
    after: Mapping[int, int],
) -> None:
    """Proven balances changed by exactly the own results and the deposits (asset, units) that were applied
    between.
    """
    expected = dict(before)
    for number, units in (*deposits, *(change for result in results for change in result.changes)):
        expected[number] = expected.get(number, 0) + units
    for asset in venue.assets:
        want, have = expected.get(asset.index, 0), after.get(asset.index, 0)
        if want != have:
            raise BrokenPromiseError(
                f"the proven balance of {asset.symbol} is {asset.tokens(have)}; by the own fills it should be "
                f"{asset.tokens(want)}",
                code="balance_change",
                field=asset.symbol,
            )
