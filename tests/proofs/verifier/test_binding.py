"""All that a proof says is absorbed before the challenges that must not be foreseen, and none depends on more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from proofs.verifier.field import FAST
from proofs.verifier.transcript import Challenger
from proofs.verifier.verify import Challenges, run_transcript
from proofs.verifier.vk import VerificationKey, parse_verification_key
from proofs.verifier.wire import parse_head

from .conftest import Example
from .regions import regions

FIRST_TO_CHANGE = {
    "main": "lookup_alpha",
    "lookup": "lookup_alpha",
    "permutation": "alpha",
    "terminal": "alpha",
    "quotient": "zeta",
    "ood": "zeta",
    "opened": "batching",
    "batch": "batching",
    "round 0": "beta 0",
    "round 1": "beta 1",
    "final": "indices",
    "query": "indices",
}
"""By how a field's name begins, the first challenge that depends on it."""


@pytest.fixture
def any_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Witnesses are absorbed as always, and good for nothing."""
    check = Challenger.check_witness

    def absorbed(challenger: Challenger, bits: int, witness: int) -> bool:
        check(challenger, bits, witness)
        return True

    monkeypatch.setattr(Challenger, "check_witness", absorbed)


def _named(drawn: Challenges[Any]) -> dict[str, object]:
    """Challenges by name, in the order in which they are drawn."""
    points = (drawn.lookup_alpha, drawn.lookup_beta, drawn.alpha, drawn.zeta, drawn.batching)
    names = ("lookup_alpha", "lookup_beta", "alpha", "zeta", "batching")
    found: dict[str, object] = {name: FAST.coordinates(p) for name, p in zip(names, points, strict=True)}
    found |= {f"beta {number}": FAST.coordinates(beta) for number, beta in enumerate(drawn.betas)}
    return found | {"indices": drawn.indices}


def _changed(vk: VerificationKey, example: Example, proof: bytes, context: bytes) -> list[str]:
    """Names of the challenges that differ from the example's."""
    before = parse_head(FAST, vk, example.proof[: example.head_length])
    after = parse_head(FAST, vk, proof[: example.head_length])
    own = parse_verification_key(example.vk)
    old, new = (
        _named(run_transcript(FAST, own, example.context, before)),
        _named(run_transcript(FAST, vk, context, after)),
    )
    return [name for name in old if old[name] != new[name]]


@pytest.mark.usefixtures("any_witness")
def test_each_field_of_the_head_changes_all_challenges_from_its_own_on(tiny: Example) -> None:
    """The first and the last byte of each field, in its low bits, so that elements stay canonical."""
    vk = parse_verification_key(tiny.vk)
    names = list(_named(run_transcript(FAST, vk, tiny.context, parse_head(FAST, vk, tiny.proof[: tiny.head_length]))))
    fields = [region for region in regions(vk) if region.start < tiny.head_length]
    seen = set()
    for region in fields:
        (prefix,) = (p for p in FIRST_TO_CHANGE if region.name.startswith(p))
        expected = names[names.index(FIRST_TO_CHANGE[prefix]) :]
        width = 32 if region.kind == "digest" else 8
        for start in (region.start, region.start + region.size - width):
            proof = bytearray(tiny.proof)
            proof[start] ^= 1
            assert _changed(vk, tiny, bytes(proof), tiny.context) == expected, region.name
        seen.add(prefix)
    assert seen == set(FIRST_TO_CHANGE)


@pytest.mark.usefixtures("any_witness")
def test_context_heights_and_seeds_come_before_the_first_challenge(tiny: Example) -> None:
    vk = parse_verification_key(tiny.vk)
    everything = _changed(vk, tiny, tiny.proof, bytes(32))
    assert everything[0] == "lookup_alpha"
    assert everything[-1] == "indices"
    first, *others = vk.tables
    for other, changed in (
        (replace(vk, tables=(replace(first, log_height=first.log_height + 1), *others)), everything),
        (replace(vk, seeds=replace(vk.seeds, batch=bytes(8))), everything),
        (replace(vk, seeds=replace(vk.seeds, pcs=bytes(8))), everything[everything.index("batching") :]),
        (replace(vk, seeds=replace(vk.seeds, fri=bytes(8))), everything[everything.index("beta 0") :]),
    ):
        head = parse_head(FAST, vk, tiny.proof[: tiny.head_length])
        old, new = (_named(run_transcript(FAST, key, tiny.context, head)) for key in (vk, other))
        assert [name for name in old if old[name] != new[name]] == changed
