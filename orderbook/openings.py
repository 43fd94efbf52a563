"""Commitments, their tree, and what opens them (``docs/protocol.md`` sections 4 and 6)."""

from __future__ import annotations

from functools import lru_cache

from commitments import _native
from proofs.params import COMMITMENT_DEPTH

from .batch import Batch
from .events import ZERO, Digest, RevealAccepted
from .parameters import VenueParameters
from .reveals import RevealError, check_entries, check_key_path

compress = _native.compress


def bundle_commitment(venue: int, reveal: RevealAccepted) -> Digest:
    """The commitment that a reveal opens."""
    header = (2, venue, reveal.batch, reveal.account)
    running = compress(header, (len(reveal.entries), *reveal.salt))
    codes = [(e.kind + (e.market << 8) + (e.price << 16), e.quantity) for e in reveal.entries]
    for position in range(0, len(codes), 2):
        second = codes[position + 1] if position + 1 < len(codes) else (0, 0)
        running = compress(running, (*codes[position], *second))
    return compress(running, reveal.secret)


def key_root(venue: int, reveal: RevealAccepted) -> Digest:
    """Root of the key tree in which the reveal's secret lies at its position."""
    node, index = compress(reveal.secret, (1, venue, reveal.batch, 0)), reveal.key_position
    for sibling in reveal.key_path:
        node = compress(sibling, node) if index & 1 else compress(node, sibling)
        index >>= 1
    return node


def check_opening(
    parameters: VenueParameters, reveal: RevealAccepted, commitment: Digest, root: Digest
) -> None:
    """Demand that a reveal opens a sealed commitment, with a secret of the account's key tree and a valid bundle.

    ``root``: the account's key root immediately before the batch.

    :raises RevealError: for the first reason found.
    """
    check_key_path(reveal.key_position, reveal.key_path)
    if bundle_commitment(parameters.venue, reveal) != commitment:
        raise RevealError(
            "commitment_mismatch", "entries, salt and secret do not give the sealed commitment"
        )
    if key_root(parameters.venue, reveal) != root:
        raise RevealError(
            "key_mismatch", "the secret is not under the account's key root before this batch", "key_path"
        )
    check_entries(parameters, reveal.entries)


@lru_cache(maxsize=32)
def _levels(venue: int, batch: int, leaves: tuple[tuple[int, Digest], ...]) -> tuple[tuple[Digest, ...], ...]:
    """Nodes of the commitment tree that are not of empty subtrees, leaves first, root last."""
    level = tuple(compress(commitment, (3, venue, batch, account)) for account, commitment in leaves)
    levels = [level]
    for empty in _empty()[:COMMITMENT_DEPTH]:
        if len(level) % 2 or not level:
            level = (*level, empty) if level else (empty, empty)
        level = tuple(compress(level[i], level[i + 1]) for i in range(0, len(level), 2))
        levels.append(level)
    return tuple(levels)


@lru_cache(maxsize=1)
def _empty() -> tuple[Digest, ...]:
    """Roots of empty subtrees by height."""
    nodes = [ZERO]
    for _ in range(COMMITMENT_DEPTH):
        nodes.append(compress(nodes[-1], nodes[-1]))
    return tuple(nodes)


def _tree(venue: int, batch: Batch) -> tuple[tuple[Digest, ...], ...]:
    assert batch.leaves is not None
    return _levels(venue, batch.number, tuple((leaf.account, leaf.commitment) for leaf in batch.leaves))


def commitment_root(venue: int, batch: Batch) -> Digest:
    """Root over the leaves of a closed batch."""
    return _tree(venue, batch)[-1][0]


def commitment_path(venue: int, batch: Batch, index: int) -> tuple[Digest, ...]:
    """Siblings of leaf ``index``, from the leaf upwards."""
    siblings = []
    for height, level in enumerate(_tree(venue, batch)[:-1]):
        place = (index >> height) ^ 1
        siblings.append(level[place] if place < len(level) else _empty()[height])
    return tuple(siblings)
