"""What opens a sealed commitment, and the tree that holds it (``docs/protocol.md`` sections 4, 6, 7)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from commitments.bundle import Bundle, Entry, Kind, check_entries, commitment, commitment_tree
from commitments.errors import BundleError
from commitments.hashing import compress
from commitments.merkle import MerkleTree, root_of_path
from commitments.types import KEY_DEPTH

from .batch import Batch, CommitmentLeaf
from .errors import OrderbookError
from .events import Digest, RevealAccepted
from .parameters import VenueParameters
from .wire import RefusalReason

_KINDS: Final = {int(kind): kind for kind in Kind}


class RevealError(OrderbookError):
    """The reveal does not open the leaf; ``reason`` is what the operator signs."""

    default_code = "reveal_refused"

    def __init__(self, reason: RefusalReason, message: str, field: str = "") -> None:
        super().__init__(message, field=field)
        self.reason = reason


def bundle_of(reveal: RevealAccepted) -> Bundle:
    """The bundle that a reveal shows."""
    entries = tuple(Entry(_KINDS[e.kind], e.market, e.price, e.quantity) for e in reveal.entries)
    return Bundle(entries, reveal.salt)


def bundle_commitment(venue: int, reveal: RevealAccepted) -> Digest:
    """The commitment that a reveal opens."""
    return commitment(venue, reveal.batch, reveal.account, bundle_of(reveal), reveal.secret)


def key_root(venue: int, reveal: RevealAccepted) -> Digest:
    """Root of the key tree in which the reveal's secret lies at its position."""
    leaf = compress(reveal.secret, (1, venue, reveal.batch, 0))
    return root_of_path(leaf, reveal.key_position, reveal.key_path)


def check_opening(parameters: VenueParameters, reveal: RevealAccepted, sealed: Digest, root: Digest) -> None:
    """Demand that a reveal opens a sealed commitment, with a secret of the account's key tree and a valid bundle.

    ``root``: the account's key root immediately before the batch.

    :raises RevealError: for the first reason found.
    """
    if len(reveal.key_path) != KEY_DEPTH:
        raise RevealError("key_mismatch", f"a key path has {KEY_DEPTH} siblings", "key_path")
    bundle = bundle_of(reveal)
    if commitment(parameters.venue, reveal.batch, reveal.account, bundle, reveal.secret) != sealed:
        raise RevealError("commitment_mismatch", "entries, salt and secret do not give the sealed commitment")
    if key_root(parameters.venue, reveal) != root:
        reason = "the secret is not under the account's key root before this batch"
        raise RevealError("key_mismatch", reason, "key_path")
    try:
        check_entries(bundle.entries, parameters.markets, len(parameters.assets))
    except BundleError as error:
        raise RevealError("malformed_bundle", str(error), error.field) from None


_trees: OrderedDict[tuple[int, int], tuple[tuple[CommitmentLeaf, ...], MerkleTree]] = OrderedDict()
"""Trees of the batches that were asked for last, with the leaves that they are over."""
_TREES: Final = 32


def _tree_of(venue: int, batch: Batch) -> MerkleTree:
    assert batch.leaves is not None
    place = (venue, batch.number)
    held = _trees.get(place)
    if held is not None and held[0] is batch.leaves:
        return held[1]
    tree = commitment_tree(venue, batch.number, [(leaf.account, leaf.commitment) for leaf in batch.leaves])
    _trees[place] = (batch.leaves, tree)
    if len(_trees) > _TREES:
        _trees.popitem(last=False)
    return tree


def commitment_root(venue: int, batch: Batch) -> Digest:
    """Root over the leaves of a closed batch."""
    return _tree_of(venue, batch).root


def commitment_path(venue: int, batch: Batch, index: int) -> tuple[Digest, ...]:
    """Siblings of leaf ``index``, from the leaf upwards."""
    return _tree_of(venue, batch).path(index)
