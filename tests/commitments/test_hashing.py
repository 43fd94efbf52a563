"""The native hashing against the plain reference, and its refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from Crypto.Hash import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from commitments import _native, hashing, poseidon2
from commitments.types import MODULUS, ZERO, Digest

EDGES = st.sampled_from([0, 1, 2**32 - 1, 2**32, 2**63, MODULUS - 2, MODULUS - 1])
ELEMENT = st.one_of(EDGES, st.integers(0, MODULUS - 1))
DIGEST = st.tuples(ELEMENT, ELEMENT, ELEMENT, ELEMENT)


def array(rows: list[Digest]) -> np.ndarray:
    return np.array(rows, dtype=np.uint64).reshape(-1, 4)


def test_constants_are_those_of_the_prover() -> None:
    first, internal, last, diagonal = _native.poseidon2_constants()
    assert [tuple(row) for row in first + last] == list(poseidon2.EXTERNAL_CONSTANTS)
    assert tuple(internal) == poseidon2.INTERNAL_CONSTANTS
    assert tuple(diagonal) == poseidon2.INTERNAL_DIAGONAL


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(ELEMENT, min_size=8, max_size=8), min_size=1, max_size=19))
def test_permute(states: list[list[int]]) -> None:
    native = _native.permute_many(np.array(states, dtype=np.uint64))
    assert native.tolist() == [poseidon2.permute(state) for state in states]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(DIGEST, DIGEST), max_size=19))
def test_compress(pairs: list[tuple[Digest, Digest]]) -> None:
    expected = [poseidon2.compress(left, right) for left, right in pairs]
    assert hashing.compress_all([left for left, _ in pairs], [right for _, right in pairs]) == expected
    assert [hashing.compress(left, right) for left, right in pairs] == expected


def test_chunks_of_the_threads_join() -> None:
    count = 2500  # more than two chunks, and no multiple of the vector width
    left = np.arange(4 * count, dtype=np.uint64).reshape(count, 4)
    whole = _native.compress_many(left, left[::-1].copy())
    for i in (0, 1023, 1024, 2047, 2048, count - 1):
        assert tuple(whole[i].tolist()) == hashing.compress(
            tuple(left[i].tolist()), tuple(left[count - 1 - i].tolist())
        )


def test_dense_levels() -> None:
    leaves: list[Digest] = [(i, 0, 0, i) for i in range(8)]
    level, expected = leaves, list(leaves)
    while len(level) > 1:
        level = [poseidon2.compress(level[i], level[i + 1]) for i in range(0, len(level), 2)]
        expected += level
    assert [tuple(row) for row in _native.merkle_levels(array(leaves)).tolist()] == expected


def test_empty_roots() -> None:
    roots = hashing.empty_roots(3)
    assert roots[0] == ZERO
    assert all(poseidon2.compress(below, below) == above for below, above in itertools.pairwise(roots))


def test_refusals_name_the_place() -> None:
    good = array([(1, 2, 3, 4)])
    with pytest.raises(ValueError, match=r"^left: element 2 of row 1 is not canonical$"):
        _native.compress_many(array([ZERO, (0, 0, MODULUS, 0)]), array([ZERO, ZERO]))
    with pytest.raises(ValueError, match=r"^right: 2 rows for 1 of left$"):
        _native.compress_many(good, array([ZERO, ZERO]))
    with pytest.raises(ValueError, match=r"^states: expected shape \(n, 8\), got \[1, 4\]$"):
        _native.permute_many(good)
    with pytest.raises(ValueError, match=r"^left: the array is not C-contiguous$"):
        _native.compress_many(np.asfortranarray(array([ZERO, ZERO])), array([ZERO, ZERO]))
    with pytest.raises(ValueError, match=r"^leaves: 3 is not a power of two$"):
        _native.merkle_levels(array([ZERO] * 3))
    with pytest.raises(ValueError, match=r"^digest: an element is not canonical$"):
        hashing.compress((MODULUS, 0, 0, 0), ZERO)
    with pytest.raises(ValueError, match=r"^log2_count: at most 32$"):
        _native.bench_permutations(33)


@settings(max_examples=30, deadline=None)
@given(DIGEST, st.integers(0, 2**64 - 1), st.lists(DIGEST, max_size=70))
def test_root_of_path(leaf: Digest, index: int, path: list[Digest]) -> None:
    node = leaf
    for height, sibling in enumerate(path):
        node = poseidon2.compress(*((sibling, node) if index >> height & 1 else (node, sibling)))
    assert _native.root_of_path(leaf, index, path) == node


def test_a_path_with_an_element_beyond_the_field_is_refused() -> None:
    for leaf, path in (((0, 0, 0, MODULUS), []), (ZERO, [ZERO, (MODULUS, 0, 0, 0)])):
        with pytest.raises(ValueError, match=r"^digest: an element is not canonical$"):
            _native.root_of_path(leaf, 0, path)
    with pytest.raises(OverflowError):
        _native.root_of_path(ZERO, -1, [])


@settings(max_examples=30, deadline=None)
@given(st.lists(DIGEST, max_size=5))
def test_digests_as_text(digests: list[Digest]) -> None:
    texts = ["0x" + b"".join(element.to_bytes(8, "big") for element in digest).hex() for digest in digests]
    assert [hashing.format_digest(digest) for digest in digests] == texts
    assert hashing.parse_digests(texts) == digests


@pytest.mark.parametrize(
    "text",
    ["", "0x", "00" * 33, "0x" + "0" * 63, "0x" + "0" * 65, "0x" + "+" + "0" * 63, "0x" + "é" * 32, "0x" + "f" * 64],
)
def test_text_that_is_no_digest(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not four canonical field elements$"):
        hashing.parse_digests(["0x" + "0" * 64, text])


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=400))
def test_keccak(data: bytes) -> None:
    assert _native.keccak256(data) == keccak.new(digest_bits=256, data=data).digest()
