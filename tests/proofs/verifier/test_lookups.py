"""Bus fingerprints and the constraints of the permutation trace."""

from __future__ import annotations

import random
from typing import Any

import pytest

from proofs.verifier.constraints import fold_constraints, from_basis
from proofs.verifier.domain import Selectors
from proofs.verifier.errors import ProofRejected, Reason
from proofs.verifier.field import P
from proofs.verifier.lookups import BusChallenges, LookupColumn, permutation_constraints, public_sum
from proofs.verifier.tape import Message


def _random(layer: Any, rng: random.Random) -> Any:
    return layer.element(rng.randrange(P), rng.randrange(P))


def test_prefixes_and_fingerprints(layer: Any) -> None:
    rng = random.Random(1)
    alpha, beta = _random(layer, rng), _random(layer, rng)
    buses = BusChallenges.derive(alpha, beta, 3, [5, 2])
    gamma = beta * beta * beta
    assert buses.prefixes == {5: alpha + gamma, 2: alpha + gamma + gamma}
    fields = [layer.lift(value) for value in (10, 11, 12)]
    expected = alpha + gamma - (fields[0] * beta * beta + fields[1] * beta + fields[2])
    assert buses.denominator(layer, 5, fields) == expected


def test_public_sum_and_its_zero_denominator(layer: Any) -> None:
    # alpha = 0 and beta = 1 make the denominator of bus 0 equal to 1 - (first + second).
    buses = BusChallenges.derive(layer.zero, layer.one, 2, [0])
    assert public_sum(layer, buses, []) == layer.zero
    assert public_sum(layer, buses, [(0, (0, 0)), (0, (1, 1))]) == layer.zero
    with pytest.raises(ProofRejected, match="public message 1 has a zero denominator") as rejected:
        public_sum(layer, buses, [(0, (0, 0)), (0, (1, 0))])
    assert rejected.value.reason is Reason.BUS


def test_constraints_vanish_on_an_honest_row_and_only_there(layer: Any) -> None:
    rng = random.Random(2)
    buses = BusChallenges.derive(_random(layer, rng), _random(layer, rng), 2, [1, 0])
    nodes = [_random(layer, rng) for _ in range(8)]
    messages = (
        Message(0, False, 1, 0, (1,)),
        Message(1, True, 0, 2, (3, 4)),
        Message(0, True, 1, 5, (6,)),
        Message(1, False, 1, 7, (0, 1)),
    )
    columns = (LookupColumn(1, (1, 3)), LookupColumn(0, (0,)), LookupColumn(0, (2,)))

    def fraction(number: int) -> Any:
        message = messages[number]
        count = layer.zero - nodes[message.count] if message.receive else nodes[message.count]
        return count * layer.inverse(buses.denominator(layer, message.bus, [nodes[f] for f in message.fields]))

    fractions = [fraction(1) + fraction(3), fraction(0), fraction(2)]
    accumulator = _random(layer, rng)
    following = accumulator + fractions[0] + fractions[1] + fractions[2]
    row = Selectors(*(_random(layer, rng) for _ in range(4)))

    def constraints(local: list[Any], after: Any, terminal: Any) -> list[Any]:
        return list(permutation_constraints(layer, buses, columns, messages, nodes, row, local, [after], terminal))

    honest = constraints([accumulator, *fractions], following, following)
    assert honest == [layer.zero] * 3 + [row.first * accumulator, layer.zero, layer.zero]
    for column in range(3):
        changed = [*fractions]
        changed[column] = changed[column] + layer.one
        assert constraints([accumulator, *changed], following, following)[column] != layer.zero
    assert constraints([accumulator, *fractions], following + layer.one, following)[4] == row.transition
    assert constraints([accumulator, *fractions], following, following + layer.one)[5] == row.last


def test_folding_gives_the_first_constraint_the_highest_power(layer: Any) -> None:
    alpha = layer.element(3, 5)
    values = [layer.lift(v) for v in (1, 2, 3)]
    assert fold_constraints(layer, alpha, values) == values[0] * alpha**2 + values[1] * alpha + values[2]


def test_extension_columns_from_base_columns(layer: Any) -> None:
    low, high = layer.element(1, 2), layer.element(3, 4)
    assert from_basis(layer, [low, high]) == [layer.element(1 + 7 * 4, 2 + 3)]
