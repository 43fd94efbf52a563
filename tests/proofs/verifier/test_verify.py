"""The worked example on both field layers, its intermediate values, and each check with its exact reason."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from proofs.verifier import ProofRejected, Reason, Verified, unpack_messages, verify
from proofs.verifier import transcript as transcript_module
from proofs.verifier import verify as verify_function
from proofs.verifier.domain import committed_point
from proofs.verifier.field import FAST, GENERATOR, P, generator_of_order
from proofs.verifier.fri import batch_claims, check_query
from proofs.verifier.transcript import keccak256
from proofs.verifier.verify import Challenges, run_transcript, verify_on
from proofs.verifier.vk import parse_verification_key
from proofs.verifier.wire import head_length, parse_head, parse_query, query_length, split_proof

from ..corpus import ILL_FORMED_RUNS, pack_runs
from .conftest import Example
from .regions import Region, regions

MODULE = sys.modules[verify_function.__module__]
"""The module; the package exports its function under the same name."""


def _run(example: Example, layer: Any = FAST, **changes: Any) -> Verified:
    changed = replace(example, **changes)
    return verify_on(layer, changed.vk, changed.context, unpack_messages(example.vk, changed.messages), changed.proof)


def _reason(action: Callable[[], object]) -> Reason:
    with pytest.raises(ProofRejected) as rejected:
        action()
    assert rejected.value.code == f"proof_rejected.{rejected.value.reason.value}"
    assert not rejected.value.retryable
    assert str(rejected.value) == f"{rejected.value.reason.value}: {rejected.value.detail}"
    return rejected.value.reason


def test_the_example_is_accepted_on_both_layers(tiny: Example, layer: Any) -> None:
    verified = _run(tiny, layer)
    assert verified == Verified(
        vk_hash=keccak256(tiny.vk),
        context=tiny.context,
        messages=2,
        log_heights=(6, 4),
        base_columns=10,
        batched_columns=56,
        log_domain=9,
        log_blowup=3,
        num_queries=4,
        lookup_pow_bits=3,
        ood_pow_bits=2,
        batch_pow_bits=4,
        commit_pow_bits=2,
        query_pow_bits=5,
        proof_bytes=len(tiny.proof),
        head_bytes=tiny.head_length,
    )


def test_lengths_are_the_examples(tiny: Example) -> None:
    vk = parse_verification_key(tiny.vk)
    assert head_length(vk) == tiny.head_length
    assert query_length(vk) == tiny.record_length
    fields = regions(vk)
    assert fields[-1].start + fields[-1].size == len(tiny.proof)
    assert sum(f.size for f in fields if not f.name.startswith("query ") or f.name == "query witness") == (
        tiny.head_length
    )


def test_intermediate_values_are_the_examples(tiny: Example, layer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    digests: list[str] = []

    def recording(data: bytes) -> bytes:
        digest = keccak256(data)
        digests.append(digest.hex())
        return digest

    monkeypatch.setattr(transcript_module, "keccak256", recording)
    vk = parse_verification_key(tiny.vk)
    head = parse_head(layer, vk, tiny.proof[: tiny.head_length])
    drawn = run_transcript(layer, vk, tiny.context, head)
    trace = tiny.trace
    for value, name in [
        (drawn.lookup_alpha, "lookup_alpha"),
        (drawn.lookup_beta, "lookup_beta"),
        (drawn.alpha, "alpha"),
        (drawn.zeta, "zeta"),
        (drawn.batching, "lambda"),
    ]:
        assert list(layer.coordinates(value)) == trace[name], name
    assert [list(layer.coordinates(beta)) for beta in drawn.betas] == trace["betas"]
    assert list(drawn.indices) == trace["indices"]
    assert digests == trace["digests"]


def test_public_messages_are_what_the_proof_balances(tiny: Example) -> None:
    messages = unpack_messages(tiny.vk, tiny.messages)
    (bus, fields), second = messages
    # The order of the messages is free; which they are and how often is not.
    assert verify(tiny.vk, tiny.context, [second, (bus, fields)], tiny.proof).messages == 2
    for wrong in [
        [second],
        [],
        [*messages, second],
        [(bus, (fields[0], fields[1], fields[2] + 1)), second],
    ]:
        assert _reason(partial(verify, tiny.vk, tiny.context, wrong, tiny.proof)) is Reason.BUS


def test_fixed_width_integers_do_not_overflow(tiny: Example) -> None:
    messages: Any = [
        (np.uint8(bus), np.array(fields, np.uint64)) for bus, fields in unpack_messages(tiny.vk, tiny.messages)
    ]
    assert verify(tiny.vk, tiny.context, messages, tiny.proof).messages == 2


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ((2, (1, 2, 3)), "no table uses bus 2"),
        ((-1, (1, 2, 3)), "no table uses bus -1"),
        ((0, (1, 2)), "3 fields expected, got 2"),
        ((0, (1, 2, 3, 4)), "3 fields expected, got 4"),
        ((1, (1, 2, 3)), "2 fields expected, got 3"),
        ((0, (1, 2, P)), "a field is not in"),
        ((0, (1, -1, 3)), "a field is not in"),
    ],
)
def test_ill_formed_messages(tiny: Example, message: tuple[int, tuple[int, ...]], detail: str) -> None:
    with pytest.raises(ProofRejected, match=detail) as rejected:
        verify(tiny.vk, tiny.context, [message], tiny.proof)
    assert rejected.value.reason is Reason.MESSAGE


@pytest.mark.parametrize(
    "packed",
    [b"\x02" + bytes(24), b"\x00" + bytes(23), b"\x00" + bytes(25), b"\x00" + b"\xff" * 24, *ILL_FORMED_RUNS.values()],
)
def test_ill_formed_packed_messages(tiny: Example, packed: bytes) -> None:
    assert _reason(lambda: unpack_messages(tiny.vk, packed)) is Reason.MESSAGE


def test_runs_are_the_messages_that_they_stand_for(tiny: Example) -> None:
    messages = unpack_messages(tiny.vk, tiny.messages)
    assert unpack_messages(tiny.vk, pack_runs(messages)) == messages
    assert unpack_messages(tiny.vk, bytes.fromhex("ff00 00000002 000103 05000102 00fffffe")) == (
        (0, (0, 5, 0x102)),
        (0, (0, 0, 0xFFFFFE)),
    )


@pytest.mark.parametrize("context", [b"", bytes(31), bytes(33)])
def test_context_length(tiny: Example, context: bytes) -> None:
    assert _reason(lambda: _run(tiny, context=context)) is Reason.CONTEXT


def test_proof_length(tiny: Example) -> None:
    proof = tiny.proof
    for wrong in [
        b"",
        proof[:-1],
        proof + b"\0",
        proof[: tiny.head_length],
        proof + proof[-tiny.record_length :],
    ]:
        assert _reason(partial(_run, tiny, proof=wrong)) is Reason.LENGTH


def test_every_element_must_be_canonical(tiny: Example) -> None:
    """Each base element of the proof in turn is set to its value plus p, or to p: the same residue."""
    tried = 0
    for region in regions(parse_verification_key(tiny.vk)):
        if region.kind != "element":
            continue
        for start in range(region.start, region.start + region.size, 8):
            value = int.from_bytes(tiny.proof[start : start + 8], region.order)
            alias = value + P if value + P < 2**64 else P
            proof = tiny.proof[:start] + alias.to_bytes(8, region.order) + tiny.proof[start + 8 :]
            assert _reason(partial(_run, tiny, proof=proof)) is Reason.ELEMENT, region
            tried += 1
    assert tried > 400


def _find(vk: bytes, name: str) -> Region:
    return next(region for region in regions(parse_verification_key(vk)) if region.name == name)


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        ("lookup witness", Reason.LOOKUP_POW),
        ("ood witness", Reason.OOD_POW),
        ("batch witness", Reason.BATCH_POW),
        ("round 0 witness", Reason.COMMIT_POW),
        ("query witness", Reason.QUERY_POW),
    ],
)
def test_each_witness_is_checked(tiny: Example, region: str, reason: Reason) -> None:
    start = _find(tiny.vk, region).start
    reasons = set()
    for witness in range(1, 40):
        proof = tiny.proof[:start] + witness.to_bytes(8, "little") + tiny.proof[start + 8 :]
        if proof != tiny.proof:
            reasons.add(_reason(partial(_run, tiny, proof=proof)))
    assert reason in reasons
    order = list(Reason)
    assert all(order.index(other) >= order.index(reason) for other in reasons)


@pytest.fixture
def fixed_challenges(tiny: Example, monkeypatch: pytest.MonkeyPatch) -> Challenges[Any]:
    """Freeze the example's challenges, so that a changed proof reaches the checks behind the transcript."""
    vk = parse_verification_key(tiny.vk)
    drawn = run_transcript(FAST, vk, tiny.context, parse_head(FAST, vk, tiny.proof[: tiny.head_length]))
    monkeypatch.setattr(MODULE, "run_transcript", lambda *_: drawn)
    return drawn


@pytest.mark.usefixtures("fixed_challenges")
@pytest.mark.parametrize(
    ("region", "reason"),
    [
        ("main cap", Reason.MERKLE),
        ("permutation cap", Reason.MERKLE),
        ("quotient cap", Reason.MERKLE),
        ("terminal 0", Reason.BUS),
        ("terminal 1", Reason.BUS),
        ("opened mask", Reason.FRI_MERKLE),
        ("opened main 0 at 0", Reason.CONSTRAINTS),
        ("opened main 0 at 1", Reason.CONSTRAINTS),
        ("opened main 1 at 0", Reason.CONSTRAINTS),
        ("opened quotient 0 chunk 0", Reason.CONSTRAINTS),
        ("opened quotient 0 chunk 1", Reason.CONSTRAINTS),
        ("opened quotient 1 chunk 7", Reason.CONSTRAINTS),
        ("opened permutation 0 at 0", Reason.CONSTRAINTS),
        ("opened permutation 0 at 1", Reason.CONSTRAINTS),
        ("opened permutation 1 at 0", Reason.CONSTRAINTS),
        ("round 0 cap", Reason.FRI_MERKLE),
        ("round 1 cap", Reason.FRI_MERKLE),
        ("final poly", Reason.FINAL_POLY),
        ("query 1 main rows 7", Reason.MERKLE),
        ("query 1 main salt 9", Reason.MERKLE),
        ("query 1 main sibling 0", Reason.MERKLE),
        ("query 2 quotient rows 9", Reason.MERKLE),
        ("query 2 quotient sibling 6", Reason.MERKLE),
        ("query 3 permutation rows 7", Reason.MERKLE),
        ("query 3 permutation sibling 3", Reason.MERKLE),
        ("query 0 round 0 values", Reason.FRI_MERKLE),
        ("query 1 round 0 salt", Reason.FRI_MERKLE),
        ("query 3 round 0 sibling 0", Reason.FRI_MERKLE),
        ("query 2 round 1 values", Reason.FRI_MERKLE),
    ],
)
def test_with_frozen_challenges_each_field_has_its_check(tiny: Example, region: str, reason: Reason) -> None:
    found = _find(tiny.vk, region)
    proof = bytearray(tiny.proof)
    if region.endswith("cap"):
        # A cap's digest is read only by queries below it: change all of them.
        for position in range(found.start, found.start + found.size, 32):
            proof[position] ^= 1
    else:
        proof[found.start] ^= 1
    assert _reason(lambda: _run(tiny, proof=bytes(proof))) is reason


@pytest.mark.usefixtures("fixed_challenges")
def test_the_masks_value_is_bound_by_the_openings(tiny: Example) -> None:
    """The folding's mask enters no constraint; the low-degree test must catch a change of either column."""
    region = _find(tiny.vk, "opened mask")
    for column in range(2):
        proof = bytearray(tiny.proof)
        proof[region.start + 16 * column] ^= 1
        assert _reason(partial(_run, tiny, proof=bytes(proof))) is Reason.FRI_MERKLE


@pytest.mark.usefixtures("fixed_challenges")
def test_balanced_but_wrong_terminals(tiny: Example) -> None:
    """Moving an amount from one terminal to the other keeps the sum; the last row's constraint does not."""
    first, second = _find(tiny.vk, "terminal 0").start, _find(tiny.vk, "terminal 1").start
    proof = bytearray(tiny.proof)
    for start, amount in ((first, 5), (second, P - 5)):
        value = (int.from_bytes(proof[start : start + 8], "little") + amount) % P
        proof[start : start + 8] = value.to_bytes(8, "little")
    with pytest.raises(ProofRejected, match="constraints: table 0"):
        _run(tiny, proof=bytes(proof))


@pytest.mark.parametrize("log_size", [4, 6])
def test_ood_point_on_a_trace_domain(
    tiny: Example, fixed_challenges: Challenges[Any], monkeypatch: pytest.MonkeyPatch, log_size: int
) -> None:
    point = FAST.lift(pow(generator_of_order(log_size), 3, P))
    drawn = replace(fixed_challenges, zeta=point)
    monkeypatch.setattr(MODULE, "run_transcript", lambda *_: drawn)
    assert _reason(lambda: _run(tiny)) is Reason.OOD_POINT


def test_ood_point_on_a_quotient_chunk(
    tiny: Example, fixed_challenges: Challenges[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    point = FAST.lift(GENERATOR * pow(generator_of_order(7), 5, P) % P)
    drawn = replace(fixed_challenges, zeta=point)
    monkeypatch.setattr(MODULE, "run_transcript", lambda *_: drawn)
    assert _reason(lambda: _run(tiny)) is Reason.OOD_POINT


def test_zero_denominator_of_a_public_message(
    tiny: Example, fixed_challenges: Challenges[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = replace(fixed_challenges, lookup_alpha=FAST.lift(41), lookup_beta=FAST.one)
    vk = parse_verification_key(tiny.vk)
    prefix = FAST.coordinates(drawn.lookup_alpha)[0] + vk.prefixes[0] + 1
    monkeypatch.setattr(MODULE, "run_transcript", lambda *_: drawn)
    with pytest.raises(ProofRejected, match="public message 0 has a zero denominator") as rejected:
        verify(tiny.vk, tiny.context, [(0, (prefix % P, 0, 0))], tiny.proof)
    assert rejected.value.reason is Reason.BUS


def test_query_point_and_fold_point(tiny: Example, fixed_challenges: Challenges[Any]) -> None:
    vk = parse_verification_key(tiny.vk)
    drawn = fixed_challenges
    head_bytes, records = split_proof(vk, tiny.proof)
    head, query, index = (
        parse_head(FAST, vk, head_bytes),
        parse_query(FAST, vk, records[0], 0),
        drawn.indices[0],
    )

    claims = batch_claims(FAST, vk, head, drawn.zeta, drawn.batching)
    check_query(FAST, vk, head, claims, drawn.betas, 0, index, query)
    point = FAST.lift(committed_point(index >> 2, 7))
    hit = {**claims, 7: tuple(replace(claim, point=point) for claim in claims[7])}
    assert _reason(lambda: check_query(FAST, vk, head, hit, drawn.betas, 0, index, query)) is Reason.QUERY_POINT

    on_row = FAST.lift(committed_point(index, 9) * pow(GENERATOR, -1, P) % P)
    betas = (on_row, *drawn.betas[1:])
    assert _reason(lambda: check_query(FAST, vk, head, claims, betas, 0, index, query)) is Reason.FOLD_POINT


def test_a_query_is_checked_at_its_own_index(tiny: Example, fixed_challenges: Challenges[Any]) -> None:
    vk = parse_verification_key(tiny.vk)
    drawn = fixed_challenges
    head_bytes, records = split_proof(vk, tiny.proof)
    head = parse_head(FAST, vk, head_bytes)
    claims = batch_claims(FAST, vk, head, drawn.zeta, drawn.batching)
    query = parse_query(FAST, vk, records[0], 0)
    for bit in range(vk.log_domain):
        index = drawn.indices[0] ^ 1 << bit
        reason = _reason(partial(check_query, FAST, vk, head, claims, drawn.betas, 0, index, query))
        assert reason is Reason.MERKLE


def test_equal_indices_need_equal_records(
    tiny: Example, fixed_challenges: Challenges[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repeated index is fine with the same record twice; any other record fails on its own."""
    drawn = fixed_challenges
    repeated = replace(drawn, indices=(drawn.indices[0], *drawn.indices[:3]))
    monkeypatch.setattr(MODULE, "run_transcript", lambda *_: repeated)
    head, size = tiny.proof[: tiny.head_length], tiny.record_length
    records = [tiny.proof[i : i + size] for i in range(tiny.head_length, len(tiny.proof), size)]
    assert _run(tiny, proof=head + b"".join([records[0], *records[:3]])).num_queries == 4
    assert _reason(lambda: _run(tiny)) is Reason.MERKLE


def test_another_context_is_another_transcript(tiny: Example) -> None:
    assert _reason(lambda: _run(tiny, context=bytes(32))) in (Reason.LOOKUP_POW, Reason.OOD_POW, Reason.BUS)


def test_another_key_is_another_statement(tiny: Example) -> None:
    """A changed key is refused by its parser, by the lengths, by the transcript or by the constraints.

    Not so the five grinding difficulties, which a witness may exceed, the largest arity, which is a bound, and the
    weights of the tape's messages, which are read only when the key is parsed.
    """
    bounds = {7, *range(9, 14)}
    accepted = []
    for position in set(range(len(tiny.vk))) - bounds:
        vk = bytearray(tiny.vk)
        vk[position] ^= 1
        try:
            _run(tiny, vk=bytes(vk))
        except ProofRejected as rejected:
            assert rejected.reason not in (Reason.CONTEXT, Reason.MESSAGE)  # noqa: PT017
        else:
            accepted.append(position)
    messages = [m for shape in parse_verification_key(tiny.vk).tables for m in shape.table.messages]
    assert len(accepted) == len(messages)
