"""No changed proof is accepted, and none raises anything but a typed rejection."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.verifier import ProofRejected, Reason, unpack_messages, verify
from proofs.verifier.transcript import keccak256
from proofs.verifier.vk import parse_verification_key
from proofs.verifier.wire import head_length, query_length

from .conftest import Example
from .regions import regions


def _reject(example: Example, proof: bytes, vk: bytes | None = None) -> Reason:
    messages = unpack_messages(example.vk, example.messages)
    with pytest.raises(ProofRejected) as rejected:
        verify(vk or example.vk, example.context, messages, proof)
    return rejected.value.reason


def test_every_field_of_the_proof_is_bound(tiny: Example) -> None:
    """A bit of the first, a middle and the last byte of every field."""
    rng = random.Random(1)
    reasons: dict[str, set[Reason]] = {}
    for region in regions(parse_verification_key(tiny.vk)):
        for offset in (0, rng.randrange(region.size), region.size - 1):
            proof = bytearray(tiny.proof)
            proof[region.start + offset] ^= 1 << rng.randrange(8)
            where = "query" if region.start >= tiny.head_length else "head"
            reasons.setdefault(where, set()).add(_reject(tiny, bytes(proof)))
    assert reasons["query"] <= {Reason.ELEMENT, Reason.MERKLE, Reason.FRI_MERKLE}
    assert {Reason.MERKLE, Reason.FRI_MERKLE} <= reasons["query"]
    assert {
        Reason.LOOKUP_POW,
        Reason.OOD_POW,
        Reason.BATCH_POW,
        Reason.COMMIT_POW,
        Reason.QUERY_POW,
    } <= reasons["head"]


def test_every_digest_of_a_cap_is_bound_by_the_transcript(tiny: Example) -> None:
    for region in regions(parse_verification_key(tiny.vk)):
        if region.name.endswith("cap"):
            for start in range(region.start, region.start + region.size, 32):
                proof = bytearray(tiny.proof)
                proof[start] ^= 128
                _reject(tiny, bytes(proof))


def test_swapped_and_repeated_records(tiny: Example) -> None:
    size = tiny.record_length
    head = tiny.proof[: tiny.head_length]
    records = [tiny.proof[i : i + size] for i in range(tiny.head_length, len(tiny.proof), size)]
    for order in [(1, 0, 2, 3), (0, 0, 2, 3), (3, 2, 1, 0)]:
        assert _reject(tiny, head + b"".join(records[i] for i in order)) is Reason.MERKLE


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 2**32), st.integers(1, 255)), min_size=1, max_size=5), st.data())
def test_random_changes(tiny: Example, changes: list[tuple[int, int]], data: st.DataObject) -> None:
    proof = bytearray(tiny.proof)
    for position, value in changes:
        proof[position % len(proof)] ^= value
    if data.draw(st.booleans()):
        start = data.draw(st.integers(0, len(proof) - 64))
        proof[start : start + 64] = data.draw(st.binary(min_size=64, max_size=64))
    if bytes(proof) != tiny.proof:
        _reject(tiny, bytes(proof))


@settings(max_examples=200)
@given(st.integers(0, 2**32), st.binary(min_size=1, max_size=100))
def test_truncated_and_extended_proofs(tiny: Example, cut: int, tail: bytes) -> None:
    assert _reject(tiny, tiny.proof[: cut % len(tiny.proof)]) is Reason.LENGTH
    assert _reject(tiny, tiny.proof + tail) is Reason.LENGTH


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 2**32), st.integers(1, 255)), min_size=1, max_size=3))
def test_changed_keys_with_proofs_of_their_length(tiny: Example, changes: list[tuple[int, int]]) -> None:
    """Keys come from a trusted place, yet no key makes the verifier raise anything else."""
    vk = bytearray(tiny.vk)
    for position, value in changes:
        vk[position % len(vk)] ^= value
    try:
        parsed = parse_verification_key(bytes(vk))
    except ProofRejected:
        return
    length = head_length(parsed) + parsed.num_queries * query_length(parsed)
    if length > 10**6:
        _reject(tiny, tiny.proof, bytes(vk))
        return
    fitted = (tiny.proof + bytes(length))[:length]
    with suppress(ProofRejected):
        verified = verify(bytes(vk), tiny.context, unpack_messages(tiny.vk, tiny.messages), fitted)
        assert verified.vk_hash == keccak256(vk)


@given(st.binary(max_size=300), st.binary(max_size=64), st.binary(max_size=300))
def test_arbitrary_bytes(vk: bytes, context: bytes, proof: bytes) -> None:
    with pytest.raises(ProofRejected):
        verify(vk, context, [], proof)
