"""The verification key's parser: what it derives, and every inconsistency it refuses."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.verifier.errors import ProofRejected, Reason
from proofs.verifier.lookups import LookupColumn
from proofs.verifier.vk import NO_TABLE, Group, Matrix, parse_verification_key
from proofs.verifier.wire import head_length, query_length

Packing = tuple[tuple[int, tuple[int, ...]], ...]


def _table(width: int, reads_next: bool, messages: tuple[tuple[int, int, int], ...]) -> bytes:
    """A tape table; messages are (bus, weight, fields), every node is column 0."""
    out = struct.pack(">HHH", width, 0, 1) + struct.pack(">BHH", int(reads_next), 0, 0)
    out += struct.pack(">HHH", 1, 0, len(messages))
    for bus, weight, fields in messages:
        out += struct.pack(f">BBBH{fields}H", bus, 0, weight, 0, *[0] * fields)
    return out


@dataclass(frozen=True)
class Key:
    """A key to encode: three tables of heights 2^5, 2^7, 2^5, the last without messages; bus 1 is unused."""

    magic: bytes = b"SBV3"
    parameters: tuple[int, ...] = (3, 2, 1, 3, 2)
    grinding: tuple[int, ...] = (0, 1, 2, 3, 4)
    log_domain: int = 10
    rounds: tuple[int, ...] = (2, 2, 1)
    widest: int = 4
    prefixes: tuple[int, ...] = (1, 255, 0)
    heights: tuple[int, ...] = (5, 7, 5)
    chunks: tuple[int, ...] = (2, 3, 2)
    reads_next: tuple[int, ...] = (0, 1, 0)
    packing: tuple[Packing, ...] = (((2, (0, 2)), (0, (1,))), ((0, (0,)),), ())
    seeds: tuple[bytes, ...] = (b"batch", b"pcs", b"")
    bus_widths: tuple[int, ...] = (2, 9, 4)
    tables: tuple[bytes, ...] = field(
        default=(
            _table(3, False, ((2, 1, 4), (0, 1, 2), (2, 0, 4))),
            _table(5, True, ((0, 7, 2),)),
            _table(1, False, ()),
        )
    )

    def encode(self) -> bytes:
        tape = b"SBT1" + bytes([len(self.bus_widths), *self.bus_widths, len(self.tables)]) + b"".join(self.tables)
        out = self.magic + bytes([*self.parameters, *self.grinding, self.log_domain])
        out += bytes([len(self.rounds), *self.rounds, self.widest, len(self.prefixes), *self.prefixes])
        out += bytes([len(self.heights)])
        for height, chunks, reads_next, packing in zip(
            self.heights, self.chunks, self.reads_next, self.packing, strict=True
        ):
            out += bytes([height, chunks, reads_next, len(packing)])
            for bus, members in packing:
                out += struct.pack(f">BB{len(members)}H", bus, len(members), *members)
        for seed in self.seeds:
            out += struct.pack(">H", len(seed)) + seed
        return out + struct.pack(">I", len(tape)) + tape


def test_shape_and_lengths_follow() -> None:
    vk = parse_verification_key(Key().encode())
    assert vk.bus_order == (2, 0)
    assert [shape.lookups for shape in vk.tables] == [
        (LookupColumn(2, (0, 2)), LookupColumn(0, (1,))),
        (LookupColumn(0, (0,)),),
        (),
    ]
    assert [tree.name for tree in vk.trees] == ["main", "quotient", "permutation"]
    main, quotient, permutation = vk.trees
    assert main.matrices == (Matrix(0, 8, 3, 1), Matrix(1, 10, 5, 2), Matrix(2, 8, 1, 1))
    chunks = (Matrix(0, 8, 2, 1),) * 4 + (Matrix(1, 10, 2, 1),) * 8 + (Matrix(2, 8, 2, 1),) * 4
    assert quotient.matrices == (*chunks, Matrix(NO_TABLE, 10, 2, 1))
    assert permutation.matrices == (Matrix(0, 8, 6, 2), Matrix(1, 10, 4, 2))
    assert main.groups == (Group(10, (1,), 5), Group(8, (0, 2), 4))
    assert quotient.groups == (Group(10, (*range(4, 12), 16), 18), Group(8, (0, 1, 2, 3, 12, 13, 14, 15), 16))
    assert vk.mask_length == 2 * (2 + 2 * 2)
    assert vk.final_coefficients == (32 + 12 - 2) // 8 + 1

    opened = (3 + 5 * 2 + 1) + (16 * 2 + 2) + (6 + 4) * 2
    caps, witnesses = 3 + 3, 1 + 1 + 3 + 1  # no lookup witness, one commit witness for each round
    assert head_length(vk) == caps * 64 + witnesses * 8 + (opened + 2 + 6) * 16
    rows = (5 + 2 + 4 + 2) + (18 + 2 + 16 + 2) + (4 + 2 + 6 + 2)
    rounds = (3 * 16 + 16 + 7 * 32) + (3 * 16 + 16 + 5 * 32) + (1 * 16 + 16 + 4 * 32)
    assert query_length(vk) == rows * 8 + 3 * 9 * 32 + rounds


@pytest.mark.parametrize(
    ("key", "detail"),
    [
        (replace(Key(), magic=b"SBV1"), "magic"),
        (replace(Key(), parameters=(0, 2, 1, 3, 2)), "blowup 1 proves nothing"),
        (replace(Key(), parameters=(3, 0, 1, 3, 2)), "no queries"),
        (replace(Key(), parameters=(3, 2, 6, 3, 2)), "cap above a leaf layer"),
        (replace(Key(), parameters=(3, 2, 1, 1, 2)), "round arity 2 is not below 2"),
        (replace(Key(), parameters=(3, 13, 1, 3, 2)), "a table is too low for its masks"),
        (replace(Key(), parameters=(3, 2, 1, 3, 3)), "folding does not end at the final polynomial"),
        (replace(Key(), parameters=(4, 2, 1, 3, 1)), "domain differs from the tallest table's"),
        (replace(Key(), grinding=(64, 0, 0, 0, 0)), "grinding bits 64 is not below 64"),
        (replace(Key(), log_domain=33), "log domain 33 is not below 33"),
        (replace(Key(), log_domain=12, rounds=(3, 3, 1)), "domain differs from the tallest table's"),
        (replace(Key(), rounds=(3, 2)), "folding passes over a table's height"),
        (replace(Key(), rounds=(2, 0, 2, 1)), "a round folds nothing"),
        (replace(Key(), heights=(1, 7, 5)), "folding passes over a table's height"),
        (replace(Key(), widest=9), "widest message differs"),
        (replace(Key(), prefixes=(1, 2, 0)), "unused bus"),
        (replace(Key(), prefixes=(1, 255, 255)), "unused bus"),
        (replace(Key(), prefixes=(0, 255, 0)), "bus prefixes are not"),
        (replace(Key(), prefixes=(2, 255, 1)), "bus prefixes are not"),
        (replace(Key(), prefixes=(1, 255)), "bus count differs from the tape's"),
        (replace(Key(), tables=Key().tables[:2]), "table count differs from the tape's"),
        (replace(Key(), chunks=(2, 0, 2)), "a single quotient chunk hides nothing"),
        (replace(Key(), chunks=(2, 6, 2)), "log chunks 6 is not below 6"),
        (replace(Key(), heights=(5, 30, 5), log_domain=32), "quotient domain too large"),
        (replace(Key(), reads_next=(1, 1, 0)), "reads-next flag differs from the tape"),
        (replace(Key(), reads_next=(0, 0, 0)), "reads-next flag differs from the tape"),
        (replace(Key(), reads_next=(0, 2, 0)), "reads next 2 is not below 2"),
        (replace(Key(), packing=(((2, (0, 2)),), ((0, (0,)),), ())), "messages are not packed once each"),
        (
            replace(Key(), packing=(((2, (0, 2)), (0, (1,)), (0, (1,))), ((0, (0,)),), ())),
            "messages are not packed once each",
        ),
        (replace(Key(), packing=(((2, (0, 1, 2)),), ((0, (0,)),), ())), "lookup column mixes buses"),
        (replace(Key(), packing=(((0, (0, 2)), (0, (1,))), ((0, (0,)),), ())), "lookup column mixes buses"),
        (
            replace(Key(), packing=(((2, (0, 2)), (0, (1,)), (0, ())), ((0, (0,)),), ())),
            "empty lookup column",
        ),
        (
            replace(
                Key(),
                tables=(_table(1, False, ()),),
                heights=(7,),
                chunks=(2,),
                reads_next=(0,),
                packing=((),),
            ),
            "no table sends a message",
        ),
    ],
)
def test_inconsistent_keys_are_rejected(key: Key, detail: str) -> None:
    with pytest.raises(ProofRejected, match=detail) as rejected:
        parse_verification_key(key.encode())
    assert rejected.value.reason is Reason.VK


def test_counts_may_not_wrap_around_the_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of tolerable size reaches p, so the test lowers p."""
    weights = 2 * 2**5 + 7 * 2**7
    monkeypatch.setattr("proofs.verifier.vk.P", weights + 1)
    parse_verification_key.cache_clear()
    parse_verification_key(Key().encode())
    monkeypatch.setattr("proofs.verifier.vk.P", weights)
    parse_verification_key.cache_clear()
    with pytest.raises(ProofRejected, match="message counts can wrap around the field"):
        parse_verification_key(Key().encode())


def test_truncated_and_extended_keys_are_rejected() -> None:
    data = Key().encode()
    for length in range(len(data)):
        with pytest.raises(ProofRejected) as rejected:
            parse_verification_key(data[:length])
        assert rejected.value.reason is Reason.VK
    with pytest.raises(ProofRejected, match="1 bytes left over"):
        parse_verification_key(data + b"\0")


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: b"SBV3" + tail))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    with suppress(ProofRejected):
        parse_verification_key(data)


@given(st.lists(st.tuples(st.integers(0, len(Key().encode()) - 1), st.integers(0, 255)), max_size=4))
def test_changed_keys_raise_nothing_else(changes: list[tuple[int, int]]) -> None:
    data = bytearray(Key().encode())
    for position, value in changes:
        data[position] = value
    with suppress(ProofRejected):
        vk = parse_verification_key(bytes(data))
        assert head_length(vk) > 0
        assert query_length(vk) > 0
