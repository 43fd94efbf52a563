"""States that can be counted, and leaves that are no state."""

from __future__ import annotations

import random

import pytest

from commitments.state import StateTree, balance_leaf, balance_slot, leaf_index
from commitments.types import MODULUS, STATE_DEPTH, Digest
from proofs import prover_api
from proofs.filler import DoesNotFit
from proofs.prover_api import Trace
from proofs.solvency.buses import WALK_BUS
from proofs.solvency.program import TIERS, solvency_program
from proofs.solvency.public import Claim, pack, public_messages
from proofs.solvency.settlement import build_witness, smallest
from proofs.solvency.witness import StateError, draft, liabilities
from proofs.soundness.solvency.scenario import HEIGHTS


def holds(claim: Claim, traces: list[Trace]) -> bool:
    messages = [(WALK_BUS, message) for message in public_messages(claim)]
    return not prover_api.check(solvency_program().tape, traces, messages)


def random_state(seed: int) -> dict[int, Digest]:
    """Accounts near each other and far apart, some without any balance, and zero leaves that stand there."""
    source = random.Random(seed)
    leaves: dict[int, Digest] = {}
    for account in {source.choice((source.randrange(12), source.randrange(1 << 20))) for _ in range(40)}:
        if source.random() < 0.8:
            leaves[leaf_index(account, 0)] = (source.randrange(MODULUS), 0, 1, MODULUS - 1)
        for asset in range(14):
            if source.random() < 0.3:
                leaves[leaf_index(account, balance_slot(asset))] = balance_leaf(source.choice((0, 1, 2**56)))
    return leaves


@pytest.mark.parametrize("seed", range(6))
def test_any_state_can_be_counted(seed: int) -> None:
    leaves = random_state(seed)
    claim, rows = draft(leaves, 14)
    tree = StateTree()
    tree.set(leaves)
    assert claim == Claim(tree.root, liabilities(leaves, 14))
    assert holds(claim, rows.traces(HEIGHTS))


@pytest.mark.parametrize("leaves", [{}, {0: (1, 2, 3, 4)}, {(1 << STATE_DEPTH) - 1: (2**62 - 1, 0, 0, 0)}])
def test_so_can_the_smallest(leaves: dict[int, Digest]) -> None:
    claim, rows = draft(leaves, 14)
    assert holds(claim, rows.traces(HEIGHTS))


def test_an_asset_that_nobody_holds_has_no_message() -> None:
    claim, _ = draft({leaf_index(5, balance_slot(1)): balance_leaf(3)}, 3)
    assert claim.liabilities == (0, 3, 0)
    assert public_messages(claim) == [(1, 0, 0, *claim.root), (3, 1, 3, 0, 0, 0, 0)]
    assert pack(public_messages(claim))[57:] == bytes([1]) + b"".join(
        n.to_bytes(8, "big") for n in (3, 1, 3, 0, 0, 0, 0)
    )


@pytest.mark.parametrize(
    ("index", "leaf", "message"),
    [
        (leaf_index(2, 1), (1, 0, 0, 0), "account 2, slot 1: the slot is reserved and must be zero"),
        (leaf_index(2, 5), (1, 0, 0, 0), "account 2, slot 5: a balance of asset 3; there are 3 assets"),
        (leaf_index(2, 2), (1, 1, 0, 0), "account 2, slot 2: a balance is one number below 2^62"),
        (leaf_index(2, 2), (2**62, 0, 0, 0), "account 2, slot 2: a balance is one number below 2^62"),
        (leaf_index(2, 0), (0, 0, 0, MODULUS), "account 2, slot 0: an element is not canonical"),
        (1 << STATE_DEPTH, (1, 0, 0, 0), "leaves[16777216]: the state has 2^24 leaves"),
        (-1, (1, 0, 0, 0), "leaves[-1]: the state has 2^24 leaves"),
    ],
)
def test_what_is_no_state_is_refused(index: int, leaf: Digest, message: str) -> None:
    with pytest.raises(StateError) as refused:
        draft({index: leaf}, 3)
    assert str(refused.value) == message


def test_sums_beyond_custody_are_refused() -> None:
    half = balance_leaf(2**61)
    with pytest.raises(StateError, match=r"^asset 0: 4611686018427387904 units in all; custody is below 2\^62$"):
        draft({leaf_index(2, 2): half, leaf_index(3, 2): half}, 1)


def test_a_larger_state_takes_a_larger_tier() -> None:
    leaves = {leaf_index(a, balance_slot(0)): balance_leaf(1) for a in range(0, 16_000, 16)}
    claim, rows = draft(leaves, 1)
    with pytest.raises(DoesNotFit, match=r"^tree: 9030 rows do not fit a height of 4096$"):
        rows.traces(HEIGHTS)
    tier, traces = smallest(rows)
    assert tier == TIERS[1]
    assert holds(claim, traces)


def test_a_proof_says_nothing_about_the_number_of_accounts_but_the_tier() -> None:
    """Same heights, same messages: two accounts with one unit each, or one with two."""
    slot = balance_slot(0)
    one = build_witness({leaf_index(2, slot): balance_leaf(2)}, 1, 1, "0x" + "11" * 20)
    two = build_witness(
        {leaf_index(2, slot): balance_leaf(1), leaf_index(3, slot): balance_leaf(1)}, 1, 1, "0x" + "11" * 20
    )
    assert [trace.shape for trace in one.traces] == [trace.shape for trace in two.traces]
    assert one.statement.claim.liabilities == two.statement.claim.liabilities
    assert [m[0] for m in one.statement.messages] == [m[0] for m in two.statement.messages]
