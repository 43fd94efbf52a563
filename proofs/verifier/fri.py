"""Openings batched into one codeword for each height, and their folding (``docs/proof-format.md`` 5.4, 5.5).

For every opened column p, claimed value p(s) and query point x, the quotient ``(p(s) - p(x)) / (s - x)`` is
the value at x of a polynomial of degree below p's exactly if the claim is true. All quotients of one height
are summed with powers of lambda; folding then shows that the sums are of low degree.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat
from operator import mul
from typing import Generic

from .domain import committed_point, reverse_bits
from .errors import ProofRejected, Reason
from .field import E, FieldLayer, P, generator_of_order
from .merkle import opens
from .transcript import keccak256
from .vk import MOST_POINTS, VerificationKey
from .wire import EXTENSION, Cap, Head, Query, RoundOpening


@dataclass(frozen=True)
class Claim(Generic[E]):
    """All columns of one height that are opened at ``point``.

    ``claimed`` is the weighted sum of the claimed values. ``forms`` maps a tree's number to the weighted sum
    of the values in its row of that height.
    """

    point: E
    claimed: E
    forms: Mapping[int, Callable[[Sequence[int]], E]]


def batch_claims(
    layer: FieldLayer[E], vk: VerificationKey, head: Head[E], zeta: E, batching: E
) -> dict[int, tuple[Claim[E], ...]]:
    """Claims by log2 height.

    Column number i of a height, counted over trees, matrices and points, has the weight lambda^i. A row holds
    all matrices of its height, so a matrix that is not opened at a point has weights 0 there.
    """
    columns: Counter[int] = Counter()
    for tree in vk.trees:
        for matrix in tree.matrices:
            columns[matrix.log_height] += matrix.columns * matrix.points
    powers = list(accumulate(repeat(batching, max(columns.values()) - 1), mul, initial=layer.one))

    used: Counter[int] = Counter()
    claimed: dict[tuple[int, int], E] = {}
    weights: defaultdict[tuple[int, int, int], list[E]] = defaultdict(list)
    opened: set[tuple[int, int, int]] = set()
    for number, (tree, values) in enumerate(zip(vk.trees, head.opened, strict=True)):
        for matrix, points in zip(tree.matrices, values, strict=True):
            height = matrix.log_height
            for point in range(MOST_POINTS):
                row = weights[height, point, number]
                if point >= matrix.points:
                    row += [layer.zero] * matrix.columns
                    continue
                own = powers[used[height] : used[height] + matrix.columns]
                used[height] += matrix.columns
                row += own
                opened.add((height, point, number))
                total = claimed.get((height, point), layer.zero)
                for weight, value in zip(own, points[point], strict=True):
                    total = total + weight * value
                claimed[height, point] = total

    claims: dict[int, tuple[Claim[E], ...]] = {}
    for (height, point), total in claimed.items():
        forms = {
            tree: layer.linear_form(weights[height, point, tree])
            for tree in range(len(vk.trees))
            if (height, point, tree) in opened
        }
        step = generator_of_order(height - vk.log_blowup) if point else 1
        claims[height] = (*claims.get(height, ()), Claim(zeta * layer.lift(step), total, forms))
    return claims


def check_query(
    layer: FieldLayer[E],
    vk: VerificationKey,
    head: Head[E],
    claims: Mapping[int, Sequence[Claim[E]]],
    betas: Sequence[E],
    number: int,
    index: int,
    query: Query[E],
) -> None:
    """Check query ``number`` at ``index``: Merkle openings, then folding. Rejects with the failed check."""
    _check_trees(vk, (head.main, head.quotient, head.permutation), number, index, query)
    reduced = {
        height: _reduced_opening(layer, vk, height_claims, height, number, index, query)
        for height, height_claims in claims.items()
    }
    value = reduced[vk.log_domain]
    log_rows = vk.log_domain
    for round_number, (log_arity, beta, opening) in enumerate(zip(vk.rounds, betas, query.rounds, strict=True)):
        where = f"query {number}, round {round_number}"
        log_rows -= log_arity
        position = index & ((1 << log_arity) - 1)
        index >>= log_arity
        row = [*opening.others[:position], value, *opening.others[position:]]
        if not _row_opens(layer, head.rounds[round_number][0], log_rows, index, row, opening):
            raise ProofRejected(Reason.FRI_MERKLE, where)
        value = fold_row(layer, row, index, log_rows, log_arity, beta, where)
        if log_rows in reduced:
            value = value + beta ** (1 << log_arity) * reduced[log_rows]

    point = pow(generator_of_order(log_rows), reverse_bits(index, log_rows), P)
    if evaluate(layer, head.final_poly.values, layer.lift(point)) != value:
        raise ProofRejected(Reason.FINAL_POLY, f"query {number}")


def _check_trees(vk: VerificationKey, caps: Sequence[Cap], number: int, index: int, query: Query[E]) -> None:
    for tree, cap, opening in zip(vk.trees, caps, query.trees, strict=True):
        leaves = {height: keccak256(leaf.raw) for height, leaf in opening.leaves.items()}
        leaf_index = index >> (vk.log_domain - tree.log_height)
        if not opens(cap, tree.log_height, leaf_index, leaves, opening.path):
            raise ProofRejected(Reason.MERKLE, f"query {number}, {tree.name} tree")


def _reduced_opening(
    layer: FieldLayer[E],
    vk: VerificationKey,
    claims: Sequence[Claim[E]],
    height: int,
    number: int,
    index: int,
    query: Query[E],
) -> E:
    x = layer.lift(committed_point(index >> (vk.log_domain - height), height))
    total = layer.zero
    for claim in claims:
        difference = claim.claimed
        for tree, form in claim.forms.items():
            difference = difference - form(query.trees[tree].leaves[height].row)
        try:
            total = total + difference * layer.inverse(claim.point - x)
        except ZeroDivisionError:
            raise ProofRejected(Reason.QUERY_POINT, f"query {number}, height 2^{height}") from None
    return total


def _row_opens(
    layer: FieldLayer[E], cap: Cap, log_rows: int, index: int, row: Sequence[E], opening: RoundOpening[E]
) -> bool:
    encoded = bytearray()
    for value in row:
        c0, c1 = layer.coordinates(value)
        encoded += (c0 << 64 | c1).to_bytes(EXTENSION, "big")
    return opens(cap, log_rows, index, {log_rows: keccak256(encoded + opening.salt)}, opening.path)


def fold_row(
    layer: FieldLayer[E], row: Sequence[E], index: int, log_rows: int, log_arity: int, beta: E, where: str
) -> E:
    """Interpolate the ``n = 2^log_arity`` values of row ``index`` of ``2^log_rows`` and evaluate at ``beta``.

    The points are ``x_m = s w^rev(m)`` with ``w`` of order ``n``; the barycentric weights are
    ``x_m / (n s^n)``.
    """
    start = pow(generator_of_order(log_rows + log_arity), reverse_bits(index, log_rows), P)
    root = generator_of_order(log_arity)
    total = layer.zero
    for m, value in enumerate(row):
        x = layer.lift(start * pow(root, reverse_bits(m, log_arity), P) % P)
        try:
            total = total + value * x * layer.inverse(beta - x)
        except ZeroDivisionError:
            raise ProofRejected(Reason.FOLD_POINT, where) from None
    common = pow(start, 1 << log_arity, P)
    scale = layer.lift(pow(common << log_arity, -1, P))
    return total * (beta ** (1 << log_arity) - layer.lift(common)) * scale


def evaluate(layer: FieldLayer[E], coefficients: Sequence[E], point: E) -> E:
    """Horner's rule, constant coefficient first."""
    total = layer.zero
    for coefficient in reversed(coefficients):
        total = total * point + coefficient
    return total
