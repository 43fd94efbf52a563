"""The logarithmic-derivative bus argument, with the verifier as one more party.

A message contributes ``count / (prefix[bus] - fingerprint)`` to its table's terminal. Buses balance when all
terminals and the public messages, each sent once by the verifier, sum to zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from .domain import Selectors
from .errors import ProofRejected, Reason
from .field import E, FieldLayer
from .tape import Message


@dataclass(frozen=True)
class BusChallenges(Generic[E]):
    """``prefixes[bus] = alpha + (i + 1) * beta^W``: i is the bus's prefix index, W the widest message."""

    prefixes: Mapping[int, E]
    beta: E

    @staticmethod
    def derive(alpha: E, beta: E, widest: int, order: Sequence[int]) -> BusChallenges[E]:
        """``order`` holds the tape's bus ids by increasing prefix index."""
        step = beta**widest
        prefixes = {}
        prefix = alpha
        for bus in order:
            prefix = prefix + step
            prefixes[bus] = prefix
        return BusChallenges(prefixes, beta)

    def denominator(self, layer: FieldLayer[E], bus: int, fields: Sequence[E]) -> E:
        """``prefix[bus] - sum(beta^(k - 1 - i) * fields[i])`` for the ``k`` fields of a message."""
        fingerprint = layer.zero
        for field in fields:
            fingerprint = fingerprint * self.beta + field
        return self.prefixes[bus] - fingerprint


@dataclass(frozen=True)
class LookupColumn:
    """One fraction column: the messages (all of one bus) whose fractions it sums."""

    bus: int
    messages: tuple[int, ...]


def permutation_constraints(
    layer: FieldLayer[E],
    challenges: BusChallenges[E],
    columns: Sequence[LookupColumn],
    messages: Sequence[Message],
    nodes: Sequence[E],
    row: Selectors[E],
    local: Sequence[E],
    following: Sequence[E],
    terminal: E,
) -> Iterator[E]:
    """Constraints of a table's permutation trace: column 0 accumulates, column ``i + 1`` is ``columns[i]``.

    Order: one pin for each fraction column, then first row, transition, last row of the accumulator.
    """
    for index, column in enumerate(columns):
        numerator, denominator = layer.zero, layer.one
        for message in (messages[m] for m in column.messages):
            count = nodes[message.count]
            signed = layer.zero - count if message.receive else count
            term = challenges.denominator(layer, column.bus, [nodes[f] for f in message.fields])
            numerator = numerator * term + signed * denominator
            denominator = denominator * term
        yield denominator * local[index + 1] - numerator
    row_sum = layer.zero
    for fraction in local[1:]:
        row_sum = row_sum + fraction
    yield row.first * local[0]
    yield row.transition * (following[0] - local[0] - row_sum)
    yield row.last * (terminal - local[0] - row_sum)


def public_sum(layer: FieldLayer[E], challenges: BusChallenges[E], messages: Sequence[tuple[int, Sequence[int]]]) -> E:
    """``sum(1 / (prefix[bus] - fingerprint))`` over messages given as (bus of the tape, base fields)."""
    total = layer.zero
    for index, (bus, fields) in enumerate(messages):
        denominator = challenges.denominator(layer, bus, [layer.lift(field) for field in fields])
        try:
            total = total + layer.inverse(denominator)
        except ZeroDivisionError:
            raise ProofRejected(Reason.BUS, f"public message {index} has a zero denominator") from None
    return total
