"""Heights of an endpoint that several threads ask at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from contracts.errors import InconsistentEndpointError
from contracts.rpc import Endpoint


def endpoint(finals: list[int], meanwhile: list[int]) -> Endpoint:
    """Answers with these final blocks; while the first answer is on its way, another thread asks."""
    eth = SimpleNamespace(chain_id=1337, block_number=1_000)
    eth.get_block = lambda number: {"number": number, "hash": number.to_bytes(32, "big")}
    profile = SimpleNamespace()
    made = Endpoint("http://127.0.0.1:1", SimpleNamespace(eth=eth), 1337, profile)  # type: ignore[arg-type]

    def final_block(_: Any) -> int:
        final = finals.pop(0)
        if meanwhile:
            finals.insert(0, meanwhile.pop())
            assert made.heights()[1] > final
        return final

    profile.final_block = final_block
    return made


def test_an_older_answer_that_comes_later_is_no_contradiction() -> None:
    made = endpoint([124, 126], [125])
    assert made.heights() == (1_000, 125)
    assert made.heights() == (1_000, 126)


def test_a_final_block_that_goes_back_is() -> None:
    made = endpoint([125, 124], [])
    assert made.heights() == (1_000, 125)
    with pytest.raises(InconsistentEndpointError, match="block 124 is final, but block 125 was"):
        made.heights()
