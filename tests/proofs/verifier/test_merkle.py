"""Openings of trees built here, from the description: every index, several heights, caps."""

from __future__ import annotations

import itertools

import pytest

from proofs.verifier.merkle import opens
from proofs.verifier.transcript import keccak256


def _build(leaves: dict[int, list[bytes]], log_height: int) -> list[list[bytes]]:
    levels = [leaves[log_height]]
    for height in range(log_height - 1, -1, -1):
        below = levels[-1]
        level = [keccak256(below[i] + below[i + 1]) for i in range(0, len(below), 2)]
        if height in leaves:
            level = [keccak256(node + leaf) for node, leaf in zip(level, leaves[height], strict=True)]
        levels.append(level)
    return levels


def _leaves(heights: tuple[int, ...]) -> dict[int, list[bytes]]:
    return {h: [keccak256(bytes([h, i])) for i in range(1 << h)] for h in heights}


@pytest.mark.parametrize(("heights", "cap_height"), [((4,), 0), ((4,), 2), ((4, 3, 1), 1), ((4, 2), 2), ((3,), 3)])
def test_every_honest_opening_is_accepted_and_every_change_rejected(heights: tuple[int, ...], cap_height: int) -> None:
    log_height = heights[0]
    leaves = _leaves(heights)
    levels = _build(leaves, log_height)
    cap = levels[log_height - cap_height]
    for index in range(1 << log_height):
        rows = {h: leaves[h][index >> (log_height - h)] for h in heights}
        path = [levels[k][index >> k ^ 1] for k in range(log_height - cap_height)]
        assert opens(cap, log_height, index, rows, path)
        assert not opens(cap, log_height, index ^ 1, rows, path)
        for height in heights:
            assert not opens(cap, log_height, index, {**rows, height: bytes(32)}, path)
        for level in range(len(path)):
            changed = [*path]
            changed[level] = bytes([path[level][0] ^ 1]) + path[level][1:]
            assert not opens(cap, log_height, index, rows, changed)


def test_a_leaf_is_bound_to_its_height() -> None:
    leaves = _leaves((3, 2))
    levels = _build(leaves, 3)
    path = [levels[k][1] for k in range(3)]
    honest = {3: leaves[3][0], 2: leaves[2][0]}
    assert opens(levels[3], 3, 0, honest, path)
    for first, second in itertools.permutations((leaves[3][0], leaves[2][0])):
        assert opens(levels[3], 3, 0, {3: first, 2: second}, path) == (first == leaves[3][0])
