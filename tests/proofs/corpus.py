"""A seeded corpus of valid, forged, mutated and truncated proofs, and the verdicts of two verifiers on wire bytes.

The programs are small, so that thousands of verifications take seconds: one with every kind of grinding (the worked
example), one with a single query over 128 points, where a changed proof often keeps its query index and so reaches the
last checks, and one with four tables of different heights.
"""

from __future__ import annotations

import json
import random
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from pathlib import Path

from commitments import _native
from proofs.prover_api import verify_native
from proofs.verifier import RUN, ProofRejected, Reason, unpack_messages, verify
from proofs.verifier.field import P
from proofs.verifier.vk import parse_verification_key
from proofs.verifier.wire import head_length, query_length

from .verifier.regions import Region, regions
from .verifier.test_native import CONTEXT, _parameters, _statement

ACCEPTED = "accepted"
LONGEST_FITTED = 200_000
"""A proof is padded to a changed key's length if that is at most so many bytes."""


ILL_FORMED_RUNS = {
    name: bytes.fromhex(packed)
    for name, packed in {
        "run without a bus": "ff",
        "run without sizes": "ff00 00000001",
        "run without entries": "ff00 00000001 080808",
        "run cut short": "ff00 00000002 010101 010203 0102",
        "run of nothing": "ff00 00000000 010101",
        "run of the most messages": "ff00 ffffffff 010101 010203",
        "run of messages without bytes": "ff00 ffffffff 000000",
        "run with a field of nine bytes": "ff00 00000001 000009 000000000000000001",
        "run with a field above p": "ff00 00000001 000008 ffffffff00000001",
        "run on a bus that is none": "ff09 00000001 010101 010203",
        "run of runs": "ffff 00000001 010101 010203",
    }.items()
}
"""For a tape whose bus 0 has three fields, and less than nine buses."""


@dataclass(frozen=True, repr=False)
class Case:
    """What a verification is run on, as bytes; ``name`` says how it came about."""

    name: str
    vk: bytes
    context: bytes
    messages: bytes
    proof: bytes


def kept(case: Case) -> str:
    """Where the case was written, to be looked at: proofs are random, so a seed alone does not bring it back."""
    parts = {name: getattr(case, name).hex() for name in ("vk", "context", "messages", "proof")}
    with tempfile.NamedTemporaryFile("w", prefix="verdict-", suffix=".json", delete=False) as file:
        json.dump(parts, file)
    return f"{case.name}, written to {file.name}"


def in_python(case: Case) -> str:
    """The Python verifier's verdict: ``accepted`` or the reason.

    Its messages are parsed values; bytes that do not parse are a ``message`` rejection in that check's place.
    """
    try:
        try:
            messages = unpack_messages(case.vk, case.messages)
        except ProofRejected as rejected:
            if rejected.reason is not Reason.MESSAGE:
                raise
            unused_bus: list[tuple[int, Sequence[int]]] = [(256, ())]
            verify(case.vk, case.context, unused_bus, case.proof)
            raise AssertionError("a message on no bus was accepted") from None
        verify(case.vk, case.context, messages, case.proof)
    except ProofRejected as rejected:
        return rejected.reason.value
    return ACCEPTED


def natively(case: Case) -> str:
    """The native verifier's verdict."""
    try:
        verify_native(case.vk, case.context, case.messages, case.proof)
    except ProofRejected as rejected:
        return rejected.reason.value
    return ACCEPTED


def pack(messages: Sequence[tuple[int, Sequence[int]]]) -> bytes:
    """One by one."""
    return b"".join(struct.pack(f">B{len(fields)}Q", bus, *fields) for bus, fields in messages)


def pack_runs(messages: Sequence[tuple[int, Sequence[int]]]) -> bytes:
    """Neighbours of one bus as a run, whose fields have the bytes that they need."""
    out = b""
    for bus, group in groupby(messages, lambda message: message[0]):
        rows = [fields for _, fields in group]
        sizes = [max((value.bit_length() + 7) // 8 for value in column) for column in zip(*rows, strict=True)]
        out += struct.pack(f">BBI{len(sizes)}B", RUN, bus, len(rows), *sizes)
        out += b"".join(value.to_bytes(size, "big") for row in rows for value, size in zip(row, sizes, strict=True))
    return out


@cache
def worked_example() -> tuple[Case, ...]:
    data = json.loads((Path(__file__).parent / "vectors" / "tiny.json").read_text())
    return (Case("worked example", *(bytes.fromhex(data[part]) for part in ("vk", "context", "messages", "proof"))),)


@cache
def _proven(name: str, heights: tuple[int, int, int, int], public: int, **parameters: int) -> tuple[Case, ...]:
    """Two honest proofs of one statement, and forged ones that only a constraint or a bus gives away."""
    statement = _statement(*heights, public=public)
    vk = _native.setup(statement.tape, statement.log_heights, _parameters(**parameters))
    cases = []
    for forgery, (table, row, column, value) in {
        "": (0, 0, 0, 0),
        " again": (0, 0, 0, 0),
        " with a false square": (1, 15, 1, 7),
        " with a message too many": (0, 9, 3, 1),
    }.items():
        traces = [trace.copy() for trace in statement.traces]
        traces[table][row][column] = value
        proof = _native.prove(vk, CONTEXT, traces)
        packed = pack_runs(statement.messages) if forgery == " again" else pack(statement.messages)
        cases.append(Case(name + forgery, vk, CONTEXT, packed, proof))
    return tuple(cases)


def one_query() -> tuple[Case, ...]:
    return _proven("one query", (4, 4, 4, 4), 2, num_queries=1, log_final_poly_len=1, cap_height=1)


def four_heights() -> tuple[Case, ...]:
    return _proven("four heights", (6, 5, 8, 6), 3, num_queries=2, log_final_poly_len=1, cap_height=2)


def cases(seed: int, count: int, originals: Sequence[Case], keys: bool = True) -> Iterator[Case]:
    """The originals, then mutations of them, ``count`` in all. ``keys``: whether keys and contexts change too."""
    rng = random.Random(seed)
    yield from originals
    makers = [*_PROOF_MUTATIONS, *_MESSAGE_MUTATIONS, *(_KEY_MUTATIONS if keys else ())]
    weights = [weight for weight, _ in makers]
    for _ in range(count - len(originals)):
        case = rng.choice(originals)
        (_, mutate), *_ = rng.choices(makers, weights)
        changed = mutate(rng, case)
        yield replace(changed, name=f"{case.name}: {mutate.__name__.lstrip('_')}")


@cache
def _map(vk: bytes) -> tuple[list[Region], int, int]:
    key = parse_verification_key(vk)
    return regions(key), head_length(key), query_length(key)


def _region(rng: random.Random, case: Case, kind: str = "") -> Region:
    """A field of the proof; the head's and the queries' fields are as likely as each other."""
    found, head, _ = _map(case.vk)
    in_head = rng.random() < 0.5
    return rng.choice([r for r in found if (r.start < head) == in_head and kind in r.kind])


def _put(data: bytes, position: int, value: bytes) -> bytes:
    return data[:position] + value + data[position + len(value) :]


def _flipped(rng: random.Random, data: bytes) -> bytes:
    position = rng.randrange(len(data))
    return _put(data, position, bytes([data[position] ^ 1 << rng.randrange(8)]))


def _bit(rng: random.Random, case: Case) -> Case:
    region = _region(rng, case)
    field = case.proof[region.start : region.start + region.size]
    return replace(case, proof=_put(case.proof, region.start, _flipped(rng, field)))


def _not_canonical(rng: random.Random, case: Case) -> Case:
    """The same element with p added, or where that does not fit 64 bits, another one beyond p."""
    region = _region(rng, case, "element")
    position = region.start + 8 * rng.randrange(region.size // 8)
    value = int.from_bytes(case.proof[position : position + 8], region.order)
    return replace(case, proof=_put(case.proof, position, (P + value % (2**64 - P)).to_bytes(8, region.order)))


def _zeros(rng: random.Random, case: Case) -> Case:
    region = _region(rng, case)
    return replace(case, proof=_put(case.proof, region.start, bytes(region.size)))


def _random_bytes(rng: random.Random, case: Case) -> Case:
    start = rng.randrange(len(case.proof) - 100)
    return replace(case, proof=_put(case.proof, start, rng.randbytes(rng.randrange(1, 100))))


def _index_kept(rng: random.Random, case: Case) -> Case:
    """The end of the head changed so that the first query's index stays, if that can be had: later checks judge."""
    last = [r for r in _map(case.vk)[0] if r.name.startswith(("round", "final")) and r.start < _map(case.vk)[1]]
    region = rng.choice(last)
    changed = case
    flips = random.Random(rng.random())  # how many it takes depends on the proof; what comes after must not
    for _ in range(200):
        field = case.proof[region.start : region.start + region.size]
        changed = replace(case, proof=_put(case.proof, region.start, _flipped(flips, field)))
        if natively(changed) not in (Reason.MERKLE, Reason.QUERY_POW, Reason.COMMIT_POW):
            break
    return changed


def _truncated(rng: random.Random, case: Case) -> Case:
    return replace(case, proof=case.proof[: rng.randrange(len(case.proof))])


def _extended(rng: random.Random, case: Case) -> Case:
    return replace(case, proof=case.proof + rng.randbytes(rng.randrange(1, 64)))


def _records_swapped(rng: random.Random, case: Case) -> Case:
    _, head, size = _map(case.vk)
    records = [case.proof[i : i + size] for i in range(head, len(case.proof), size)]
    one, other = rng.choice(range(len(records))), rng.choice(range(len(records)))
    records[one] = records[other]
    rng.shuffle(records)
    return replace(case, proof=case.proof[:head] + b"".join(records))


def _fields_swapped(rng: random.Random, case: Case) -> Case:
    one = _region(rng, case)
    other = rng.choice([r for r in _map(case.vk)[0] if r.size == one.size])
    first, second = (case.proof[r.start : r.start + r.size] for r in (one, other))
    return replace(case, proof=_put(_put(case.proof, one.start, second), other.start, first))


def _message_bit(rng: random.Random, case: Case) -> Case:
    return replace(case, messages=_flipped(rng, case.messages))


def _message_not_canonical(rng: random.Random, case: Case) -> Case:
    """The last eight bytes are a field; its low half stays."""
    low = int.from_bytes(case.messages[-4:], "big")
    return replace(case, messages=case.messages[:-8] + (min(P + low, 2**64 - 1)).to_bytes(8, "big"))


def _messages_cut(rng: random.Random, case: Case) -> Case:
    return replace(case, messages=case.messages[: rng.randrange(len(case.messages))])


def _messages_more(rng: random.Random, case: Case) -> Case:
    more = rng.choice([case.messages, rng.randbytes(rng.randrange(1, 60)), bytes(25), b"\xff"])
    return replace(case, messages=case.messages + more)


def _context_bit(rng: random.Random, case: Case) -> Case:
    return replace(case, context=_flipped(rng, case.context))


def _context_length(rng: random.Random, case: Case) -> Case:
    return replace(case, context=rng.choice([b"", case.context[:-1], case.context + b"\0", case.context * 2]))


def _key_changed(rng: random.Random, case: Case) -> Case:
    vk = _flipped(rng, case.vk)
    return replace(case, vk=vk if rng.random() < 0.7 else _put(vk, rng.randrange(len(vk)), rng.randbytes(1)))


def _key_cut(rng: random.Random, case: Case) -> Case:
    return replace(case, vk=rng.choice([case.vk[: rng.randrange(len(case.vk))], case.vk + rng.randbytes(3)]))


def _key_parameters(rng: random.Random, case: Case) -> Case:
    """Parameters of the first block, a height or a schedule changed, with a proof of the length that they imply."""
    vk = case.vk
    for _ in range(rng.choice([1, 1, 2])):
        position = rng.choice([*range(4, 24), rng.randrange(24, 60)])
        vk = _put(vk, position, bytes([max(0, min(255, vk[position] + rng.choice([-2, -1, 1, 2])))]))
    return _fitted(replace(case, vk=vk))


def _key_tape(rng: random.Random, case: Case) -> Case:
    """A small number somewhere in the tape changed, with a proof of the length that it implies."""
    position = rng.randrange(case.vk.index(b"SBT1"), len(case.vk))
    return _fitted(replace(case, vk=_put(case.vk, position, bytes([rng.randrange(12)]))))


def _fitted(case: Case) -> Case:
    try:
        key = parse_verification_key(case.vk)
    except ProofRejected:
        return case
    length = head_length(key) + key.num_queries * query_length(key)
    if length > LONGEST_FITTED:
        return case
    return replace(case, proof=(case.proof + bytes(length))[:length])


_Mutation = Callable[[random.Random, Case], Case]
_PROOF_MUTATIONS: list[tuple[int, _Mutation]] = [
    (30, _bit),
    (8, _not_canonical),
    (6, _zeros),
    (8, _random_bytes),
    (1, _index_kept),
    (4, _truncated),
    (2, _extended),
    (6, _records_swapped),
    (6, _fields_swapped),
]
_MESSAGE_MUTATIONS: list[tuple[int, _Mutation]] = [
    (4, _message_bit),
    (2, _message_not_canonical),
    (2, _messages_cut),
    (2, _messages_more),
]
_KEY_MUTATIONS: list[tuple[int, _Mutation]] = [
    (3, _context_bit),
    (1, _context_length),
    (4, _key_changed),
    (2, _key_cut),
    (6, _key_parameters),
    (4, _key_tape),
]
