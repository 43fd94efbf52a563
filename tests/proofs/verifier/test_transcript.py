"""The challenger against the word model of ``docs/proof-format.md`` section 3."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.verifier.field import FAST, P
from proofs.verifier.transcript import Challenger, keccak256


class WordModel:
    """The page's description, word for word."""

    def __init__(self, context: bytes) -> None:
        self.buf = context
        self.out: list[int] = []

    def absorb(self, data: bytes) -> None:
        if data:
            self.out = []
            self.buf += data

    def flush(self) -> None:
        self.buf = keccak256(self.buf)
        number = int.from_bytes(self.buf, "big")
        self.out = [number >> shift & (2**64 - 1) for shift in (0, 64, 128, 192)]

    def word(self) -> int:
        if not self.out:
            self.flush()
        return self.out.pop(0)

    def base(self) -> int:
        while True:
            value = self.word()
            if value < P:
                return value

    def bits(self, count: int) -> int:
        return self.word() & ((1 << count) - 1)

    def grind(self, bits: int, witness: int) -> bool:
        if not self.out:
            self.flush()
        self.absorb(witness.to_bytes(8, "little"))
        return self.bits(bits) == 0


def test_keccak_is_ethereums() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("absorb"), st.binary(max_size=40)),
            st.tuples(st.just("base"), st.none()),
            st.tuples(st.just("bits"), st.integers(1, 40)),
            st.tuples(st.just("grind"), st.integers(0, P - 1)),
        ),
        max_size=20,
    )
)
def test_challenger_equals_the_word_model(steps: list[tuple[str, object]]) -> None:
    challenger, model = Challenger(b"c" * 32), WordModel(b"c" * 32)
    for kind, argument in steps:
        if kind == "absorb":
            assert isinstance(argument, bytes)
            challenger.observe(argument)
            model.absorb(argument)
        elif kind == "base":
            assert challenger.sample_base() == model.base()
        elif kind == "bits":
            assert isinstance(argument, int)
            assert challenger.sample_bits(argument) == model.bits(argument)
        else:
            assert isinstance(argument, int)
            assert challenger.check_witness(2, argument) == model.grind(2, argument)
    assert FAST.coordinates(challenger.sample(FAST)) == (model.base(), model.base())


def test_words_at_or_above_p_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [7, P - 1, P, 2**64 - 1]  # the digest from its least significant word up is P, P - 1, 2^64 - 1, 7
    digest = b"".join(w.to_bytes(8, "big") for w in (7, 2**64 - 1, P - 1, P))
    monkeypatch.setattr("proofs.verifier.transcript.keccak256", lambda _: digest)
    challenger = Challenger(bytes(32))
    assert [challenger.sample_base(), challenger.sample_base()] == [P - 1, 7]
    assert len(words) == 4


def test_grinding() -> None:
    def passes(witness: int) -> bool:
        return Challenger(b"state").check_witness(8, witness)

    winners = [w for w in range(4000) if passes(w)]
    assert 3 <= len(winners) <= 40
    assert not passes(winners[0] + 1) or winners[0] + 1 in winners


def test_no_grinding_reads_nothing_and_pins_the_witness() -> None:
    challenger = Challenger(b"state")
    assert challenger.check_witness(0, 0)
    assert not challenger.check_witness(0, 1)
    assert challenger.sample_base() == Challenger(b"state").sample_base()


def test_absorbing_discards_unread_output() -> None:
    rng = random.Random(1)
    data = rng.randbytes(20)
    one, two = Challenger(b"x"), Challenger(b"x")
    one.sample_base()
    two.sample_base()
    two.sample_base()
    one.observe(data)
    two.observe(data)
    assert one.sample_base() == two.sample_base()
    one.observe(b"")
    assert one.sample_base() == two.sample_base()
