"""A venue that lies is caught in each way."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from client.chain import SealedBatch
from client.checks import (
    LeafPlace,
    check_acknowledgement,
    check_balances,
    check_change,
    check_place,
    check_receipt,
    check_refusal,
    check_result,
    place_of,
)
from client.errors import BrokenPromiseError
from client.venue import Venue
from commitments.bundle import commitment_tree
from commitments.receipts import Domain, SigningKey
from commitments.state import StateTree, balance_leaf, leaf_index
from commitments.types import Digest
from orderbook.wire import (
    Acknowledgement,
    BalanceLeaf,
    Balances,
    Entry,
    Fill,
    Path,
    Receipt,
    Refusal,
    Result,
    hex_digest,
)
from tests.orderbook.simulated import OPERATOR

OTHER = SigningKey(b"\x09" * 32)
MINE: Digest = (1, 2, 3, 4)
THEIRS: Digest = (5, 6, 7, 8)


def sign(digest: bytes, key: SigningKey = OPERATOR) -> str:
    return "0x" + key.sign(digest).hex()


@pytest.fixture
def domain(venue: Venue) -> Domain:
    return Domain(venue.chain_id, venue.contract)


def test_receipts(venue: Venue, domain: Domain) -> None:
    digest = domain.receipt(7, 2, 1, MINE)
    good = Receipt(1, 7, 2, 1, hex_digest(MINE), sign(digest))
    check_receipt(domain, venue.operator, good, 7, 2, 1, MINE)
    lies: list[tuple[dict[str, Any], str]] = [
        ({"commitment": hex_digest(THEIRS)}, "receipt_contents"),
        ({"commitment": hex_digest(THEIRS), "signature": sign(domain.receipt(7, 2, 1, THEIRS))}, "receipt_contents"),
        ({"batch": 8}, "receipt_contents"),
        ({"account": 3}, "receipt_contents"),
        ({"sequence": 2}, "receipt_contents"),
        ({"signature": sign(digest, OTHER)}, "receipt_signature"),
        ({"signature": sign(domain.commitment(7, 2, 1, MINE))}, "receipt_signature"),
        ({"signature": "0x" + "00" * 65}, "receipt_signature"),
        ({"signature": sign(digest)[:-2] + "1d"}, "receipt_signature"),
    ]
    for change, code in lies:
        with pytest.raises(BrokenPromiseError) as caught:
            check_receipt(domain, venue.operator, msgspec.structs.replace(good, **change), 7, 2, 1, MINE)
        assert caught.value.code == code


def test_places(venue: Venue) -> None:
    tree = commitment_tree(venue.number, 7, [(2, MINE), (3, THEIRS)])
    seal = SealedBatch(7, tree.root, 2, 100, 5, None)
    good = LeafPlace(7, MINE, tree.root, 2, 0, tree.path(0))
    check_place(venue, 2, good, seal, [MINE])
    foreign = commitment_tree(venue.number, 8, [(2, MINE), (3, THEIRS)])
    lies = [
        (LeafPlace(7, MINE, foreign.root, 2, 0, foreign.path(0)), [MINE], "wrong_root"),
        (LeafPlace(7, MINE, tree.root, 3, 0, tree.path(0)), [MINE], "wrong_count"),
        (LeafPlace(7, MINE, tree.root, 2, 2, tree.path(2)), [MINE], "wrong_index"),
        (LeafPlace(7, MINE, tree.root, 2, -1, tree.path(0)), [MINE], "wrong_index"),
        (LeafPlace(7, MINE, tree.root, 2, 1, tree.path(0)), [MINE], "wrong_path"),
        (LeafPlace(7, MINE, tree.root, 2, 0, tree.path(1)), [MINE], "wrong_path"),
        (LeafPlace(7, MINE, tree.root, 2, 0, tree.path(0)[:-1]), [MINE], "wrong_path"),
        (LeafPlace(7, THEIRS, tree.root, 2, 1, tree.path(1)), [MINE], "wrong_commitment"),
        (LeafPlace(7, THEIRS, tree.root, 2, 1, tree.path(1)), [THEIRS], "wrong_path"),
        (good, [], "wrong_commitment"),
    ]
    for place, own, code in lies:
        with pytest.raises(BrokenPromiseError) as caught:
            check_place(venue, 2, place, seal, own)
        assert caught.value.code == code
    with pytest.raises(BrokenPromiseError) as caught:
        place_of(Path(1, 7, hex_digest(MINE), "0x" + "ff" * 32, 2, 0, (), "0x" + "00" * 65))
    assert (caught.value.code, caught.value.field) == ("wrong_path", "root")


def test_acknowledgements(venue: Venue, domain: Domain) -> None:
    digest = domain.acknowledgement(7, 2, MINE)
    good = Acknowledgement(1, 7, 2, hex_digest(MINE), sign(digest))
    check_acknowledgement(domain, venue.operator, good, 7, 2, MINE)
    lies: list[tuple[dict[str, Any], str]] = [
        ({"batch": 6}, "acknowledgement_contents"),
        ({"account": 3}, "acknowledgement_contents"),
        ({"commitment": hex_digest(THEIRS)}, "acknowledgement_contents"),
        ({"signature": "0x" + "00" * 65}, "acknowledgement_signature"),
        ({"signature": sign(digest, OTHER)}, "acknowledgement_signature"),
        ({"signature": sign(domain.receipt(7, 2, 1, MINE))}, "acknowledgement_signature"),
    ]
    for change, code in lies:
        with pytest.raises(BrokenPromiseError) as caught:
            check_acknowledgement(domain, venue.operator, msgspec.structs.replace(good, **change), 7, 2, MINE)
        assert caught.value.code == code


def test_refusals(venue: Venue, domain: Domain) -> None:
    good = Refusal(1, 7, 2, hex_digest(MINE), "late", "", sign(domain.refusal(7, 2, MINE, "late")))
    check_refusal(domain, venue.operator, good, 7, 2, MINE)
    none: Digest = (0, 0, 0, 0)
    no_leaf = Refusal(1, 7, 2, hex_digest(none), "no_leaf", "", sign(domain.refusal(7, 2, none, "no_leaf")))
    check_refusal(domain, venue.operator, no_leaf, 7, 2, MINE)
    lies: list[tuple[dict[str, Any], str]] = [
        ({"reason": "key_mismatch"}, "refusal_signature"),
        ({"commitment": hex_digest(THEIRS)}, "refusal_contents"),
        ({"signature": sign(domain.refusal(7, 2, MINE, "late"), OTHER)}, "refusal_signature"),
    ]
    for change, code in lies:
        with pytest.raises(BrokenPromiseError) as caught:
            check_refusal(domain, venue.operator, msgspec.structs.replace(good, **change), 7, 2, MINE)
        assert caught.value.code == code


ENTRIES = (Entry(1, 1, 0, 50), Entry(2, 0, 2_000, 10), Entry(3, 1, 3_000, 4))
FILLS = (
    Fill(0, 1, 1, 0, 50, True, 50, 0, 0),
    Fill(1, 2, 0, 2_000, 10, True, 6, 1_900, 6),
    Fill(2, 3, 1, 3_000, 4, False, 0, 3_100, 0),
)
RESULT = Result(None, 7, 2, "opened", True, True, 0, FILLS, ((0, 6), (1, -50 - 6 * 1_900 - 6)))


def test_results(venue: Venue) -> None:
    check_result(venue, 2, ENTRIES, RESULT)
    check_result(venue, 2, (), Result(None, 7, 2, "missing", True, True, 10, (), ((1, -10),)))
    fill = msgspec.structs.replace
    lies: list[tuple[Result, str]] = [
        (fill(RESULT, account=3), "result_contents"),
        (fill(RESULT, fills=FILLS[:2]), "result_contents"),
        (fill(RESULT, fills=(FILLS[0], fill(FILLS[1], quantity=11), FILLS[2])), "result_contents"),
        (fill(RESULT, fills=(FILLS[0], fill(FILLS[1], fill=11), FILLS[2])), "result_contents"),
        (fill(RESULT, fills=(fill(FILLS[0], fill=49), *FILLS[1:])), "result_contents"),
        (fill(RESULT, fills=(FILLS[0], fill(FILLS[1], clearing_price=2_001), FILLS[2])), "fill_beyond_limit"),
        (fill(RESULT, fills=(FILLS[0], fill(FILLS[1], fee=5), FILLS[2])), "result_contents"),
        (fill(RESULT, fills=(*FILLS[:2], fill(FILLS[2], fill=1))), "result_contents"),
        (fill(RESULT, changes=((0, 5), (1, -11_456))), "wrong_changes"),
        (fill(RESULT, changes=()), "wrong_changes"),
        (Result(None, 7, 2, "missing", True, True, 1_001, (), ((1, -1_001),)), "result_contents"),
        (Result(None, 7, 2, "missing", True, True, 10, (), ((1, -11),)), "result_contents"),
    ]
    for result, code in lies:
        with pytest.raises(BrokenPromiseError) as caught:
            check_result(venue, 2, ENTRIES, result)
        assert caught.value.code == code
    sold = (Entry(3, 0, 2_000, 5),)
    cheap = Result(None, 7, 2, "opened", True, True, 0, (Fill(0, 3, 0, 2_000, 5, True, 1, 1_999, 1),), ())
    with pytest.raises(BrokenPromiseError) as caught:
        check_result(venue, 2, sold, cheap)
    assert caught.value.code == "fill_beyond_limit"


def test_balances(venue: Venue) -> None:
    tree = StateTree()
    tree.set({leaf_index(2, 3): balance_leaf(77), leaf_index(3, 3): balance_leaf(78)})
    path = tuple(hex_digest(node) for node in tree.slot_path(2, 3))
    zero = tuple(hex_digest(node) for node in tree.slot_path(2, 2))
    root = hex_digest(tree.root)
    leaf = BalanceLeaf(1, 77, path)
    good = Balances(1, 2, 4, root, hex_digest(MINE), (BalanceLeaf(0, 0, zero), leaf), ())
    assert check_balances(venue, 2, good, tree.root) == {0: 0, 1: 77}
    change = msgspec.structs.replace
    lies = [
        (change(good, account=3), "balance_contents"),
        (change(good, root=hex_digest(THEIRS)), "balance_root"),
        (change(good, balances=(change(leaf, amount=78),)), "balance_path"),
        (change(good, balances=(change(leaf, siblings=path[:-1]),)), "balance_path"),
        (change(good, balances=(change(leaf, siblings=(*path[:-1], "0x" + "ff" * 32)),)), "balance_path"),
        (change(good, balances=(change(leaf, asset=0),)), "balance_path"),
        (change(good, balances=(change(leaf, asset=2),)), "balance_contents"),
        (change(good, balances=(leaf, leaf)), "balance_contents"),
        (change(good, balances=(BalanceLeaf(1, 78, tuple(map(hex_digest, tree.slot_path(3, 3)))),)), "balance_path"),
    ]
    for message, code in lies:
        with pytest.raises(BrokenPromiseError) as caught:
            check_balances(venue, 2, message, tree.root)
        assert caught.value.code == code


def test_proven_changes(venue: Venue) -> None:
    before = {1: 20_000}
    after = {0: 6, 1: 20_000 + 5 - 50 - 11_406}
    check_change(venue, before, [RESULT], [(1, 5)], after)
    for wrong in ({0: 6, 1: 8_548}, {0: 6}, {**after, 0: 5}):
        with pytest.raises(BrokenPromiseError) as caught:
            check_change(venue, before, [RESULT], [(1, 5)], wrong)
        assert (caught.value.code, caught.value.retryable) == ("balance_change", False)
