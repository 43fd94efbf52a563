"""The published vectors are what the code computes."""

from __future__ import annotations

import pytest

from commitments import vectors
from commitments.bundle import check_entries
from tests.commitments.test_bundle import MARKETS, Market


@pytest.mark.parametrize("name", ["poseidon2", "keys", "bundle", "state", "signatures"])
def test_up_to_date(name: str) -> None:
    assert vectors.read(name) == vectors.build()[name], "run `python -m commitments.vectors`"


def test_every_topic_is_published() -> None:
    assert set(vectors.build()) == {"poseidon2", "keys", "bundle", "state", "signatures"}


def test_the_bundle_of_the_vectors_is_valid() -> None:
    check_entries(vectors.ENTRIES, (Market(0, 1, 1, 100_000), *MARKETS[1:]))


def test_the_permutation_of_the_reference() -> None:
    """Plonky3's own published vector: the state 0..7."""
    first = vectors.read("poseidon2")["permute"][1]
    assert first["state"] == [str(i) for i in range(8)]
    assert [int(word) for word in first["result"]] == [
        0x020CF04A1B214D14,
        0x84E14AAAEACAED25,
        0x1AE0F640E81C7457,
        0xA4D204CBAEB0D8A5,
        0x0CF637B627B3A7FF,
        0x788D304D948B486B,
        0x7327133EA1949AF4,
        0xF415ABB924DA395B,
    ]
