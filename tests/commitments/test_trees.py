"""Merkle trees, the state, and commitment trees."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commitments import poseidon2
from commitments.bundle import commitment_leaf, commitment_tree
from commitments.errors import BundleError
from commitments.hashing import empty_roots
from commitments.merkle import MerkleTree, root_of_path, verify_path
from commitments.state import StateTree, balance_leaf, balance_slot, leaf_index
from commitments.types import COMMITMENT_DEPTH, KEY_DEPTH, MAX_COUNT, QUANTITY_CAP, STATE_DEPTH, ZERO, Digest
from proofs import params

DEPTH = 4
LEAVES = st.dictionaries(st.integers(0, 15), st.tuples(*[st.integers(0, 99)] * 4), max_size=16)


def dense_root(leaves: dict[int, Digest]) -> Digest:
    level = [leaves.get(i, ZERO) for i in range(1 << DEPTH)]
    while len(level) > 1:
        level = [poseidon2.compress(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


@settings(max_examples=40, deadline=None)
@given(LEAVES, LEAVES)
def test_updates_equal_the_dense_tree(first: dict[int, Digest], second: dict[int, Digest]) -> None:
    tree = MerkleTree(DEPTH)
    tree.set(first)
    snapshot = tree.copy()
    tree.set(second)
    assert snapshot.root == dense_root(first)
    assert tree.root == dense_root(first | second)
    for index in range(1 << DEPTH):
        assert verify_path(tree.root, tree.leaf(index), index, tree.path(index), DEPTH)


def test_a_path_proves_one_leaf_at_one_place() -> None:
    tree = MerkleTree(DEPTH)
    tree.set({3: (1, 2, 3, 4), 9: (5, 6, 7, 8)})
    path = tree.path(3)
    assert root_of_path((1, 2, 3, 4), 3, path) == tree.root
    assert not verify_path(tree.root, (1, 2, 3, 5), 3, path, DEPTH)
    assert not verify_path(tree.root, (1, 2, 3, 4), 2, path, DEPTH)
    assert not verify_path(tree.root, (1, 2, 3, 4), 3 + 16, path, DEPTH)
    assert not verify_path(tree.root, (1, 2, 3, 4), 3, path[:-1], DEPTH)
    assert not verify_path(tree.root, tree.node(3, 1), 1, path[1:], DEPTH)


@pytest.mark.parametrize("index", [-1, 16])
def test_leaves_stay_inside(index: int) -> None:
    with pytest.raises(IndexError, match=f"^leaf {index} of a tree of depth 4$"):
        MerkleTree(DEPTH).set({index: ZERO})


def test_setting_leaves_back_restores_the_empty_root() -> None:
    tree = StateTree()
    assert tree.root == empty_roots(STATE_DEPTH)[-1]
    tree.set({leaf_index(2, balance_slot(3)): balance_leaf(5)})
    assert (tree.balance(2, 3), tree.balance(2, 4), tree.key_root(2)) == (5, 0, ZERO)
    tree.set({leaf_index(2, balance_slot(3)): ZERO})
    assert tree.root == empty_roots(STATE_DEPTH)[-1]


def test_commitment_tree_holds_the_leaves_in_order() -> None:
    committed: list[tuple[int, Digest]] = [(2, (1, 1, 1, 1)), (7, (2, 2, 2, 2))]
    tree = commitment_tree(99, 5, committed)
    assert [tree.leaf(i) for i in range(3)] == [
        commitment_leaf(99, 5, 2, (1, 1, 1, 1)),
        commitment_leaf(99, 5, 7, (2, 2, 2, 2)),
        ZERO,
    ]
    assert commitment_tree(99, 5, []).root == empty_roots(COMMITMENT_DEPTH)[-1]


@pytest.mark.parametrize(
    ("accounts", "reason"),
    [
        ([1], "account: 1 does not rise above 1"),
        ([3, 3], "account: 3 does not rise above 3"),
        ([4, 3], "account: 3 does not rise above 4"),
        (range(2, 3 + MAX_COUNT), f"count: {MAX_COUNT + 1} commitments, at most {MAX_COUNT}"),
    ],
)
def test_commitment_tree_refuses(accounts: list[int], reason: str) -> None:
    with pytest.raises(BundleError) as caught:
        commitment_tree(99, 5, [(account, ZERO) for account in accounts])
    assert str(caught.value) == reason


def test_sizes_are_those_of_the_statement() -> None:
    assert (COMMITMENT_DEPTH, MAX_COUNT, QUANTITY_CAP) == (
        params.COMMITMENT_DEPTH,
        params.MAX_COUNT,
        params.QUANTITY_CAP,
    )
    assert (STATE_DEPTH, KEY_DEPTH) == (params.STATE_DEPTH, params.KEY_DEPTH)
