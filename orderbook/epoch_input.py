"""From the venue's state to the input of the proof's witness builder."""

from __future__ import annotations

from collections.abc import Iterable

from commitments.bundle import Entry, Kind
from commitments.hashing import empty_roots
from commitments.state import StateTree
from commitments.types import COMMITMENT_DEPTH, SLOTS, STATE_DEPTH
from proofs.params import FEE_ACCOUNT, INSURANCE_ACCOUNT
from proofs.statement.kinds import QueueKind
from proofs.statement.public import BatchContext, EpochContext, MarketContext, draw
from proofs.statement.public import QueueEntry as PublicQueueEntry
from proofs.statement.witness.inputs import (
    BatchInput,
    EpochInput,
    Leaf,
    Market,
    MissingLeaf,
    OpenedLeaf,
    Parameters,
    QueueEntry,
)

from .batch import Batch, CommitmentLeaf
from .events import Digest, RevealAccepted
from .parameters import VenueParameters
from .state import VenueState


class TreePart:
    """Nodes of the state tree: those on the paths of some accounts, and their siblings."""

    def __init__(self, nodes: dict[tuple[int, int], Digest]) -> None:
        self._nodes = nodes

    @classmethod
    def of(cls, tree: StateTree, accounts: Iterable[int]) -> TreePart:
        """What proving changes of these accounts reads."""
        places: set[tuple[int, int]] = set()
        for account in accounts:
            for height in range(STATE_DEPTH + 1):
                first, count = (SLOTS * account) >> height, max(1, SLOTS >> height)
                places.update((STATE_DEPTH - height, index) for index in range(first, first + count))
                places.add((STATE_DEPTH - height, first ^ 1))
        return cls({place: tree.node(*place) for place in places})

    def node(self, level: int, index: int) -> Digest:
        """As of the whole tree; KeyError for a node that is not on the paths."""
        return self._nodes[(level, index)]


def epoch_input(state: VenueState, first: int, last: int) -> EpochInput:
    """The input for cleared, unsettled batches ``first`` .. ``last``; ``first`` must be the oldest unsettled one.

    It holds the bundles' secrets and the part of the state tree that the epoch touches, and no reference to ``state``.
    """
    batches = state.epoch(first, last)
    queues = [state.registry.entries(*state.lifecycle.queue_span(batch.number)) for batch in batches]
    accounts = {FEE_ACCOUNT, INSURANCE_ACCOUNT}
    accounts.update(leaf.account for batch in batches for leaf in batch.leaves or ())
    accounts.update(entry.account for queue in queues for entry in queue)
    return EpochInput(
        parameters=parameters_input(state.parameters),
        first_batch=first,
        references=state.settled_references,
        tree=TreePart.of(state.tree, accounts),
        batches=tuple(
            BatchInput(
                queue=tuple(QueueEntry(QueueKind(e.kind), e.account, e.asset, e.values) for e in queue),
                leaves=tuple(_leaf(batch, leaf) for leaf in batch.leaves or ()),
                draws=_draws(state.parameters, batch),
            )
            for batch, queue in zip(batches, queues, strict=True)
        ),
    )


def epoch_context(state: VenueState, first: int, last: int) -> EpochContext:
    """What L1 knows of the same batches."""
    parameters = state.parameters
    return EpochContext(
        venue=parameters.venue,
        miss_fee=parameters.miss_fee,
        fee_asset=parameters.fee_asset,
        assets=len(parameters.assets),
        empty_root=empty_roots(COMMITMENT_DEPTH)[COMMITMENT_DEPTH],
        old_root=state.tree.root,
        markets=tuple(
            MarketContext(m.base, m.quote, m.lower, m.upper, m.fee_ppm, reference)
            for m, reference in zip(parameters.markets, state.settled_references, strict=True)
        ),
        batches=tuple(_batch_context(state, batch) for batch in state.epoch(first, last)),
    )


def _batch_context(state: VenueState, batch: Batch) -> BatchContext:
    assert batch.seal is not None
    queue = state.registry.entries(*state.lifecycle.queue_span(batch.number))
    return BatchContext(
        root=batch.seal.root,
        count=batch.seal.count,
        queue=tuple(PublicQueueEntry(e.kind, e.account, e.asset, e.values) for e in queue),
        beacon=batch.beacon.beacon if batch.beacon is not None else bytes(32),
    )


def parameters_input(parameters: VenueParameters) -> Parameters:
    """The venue's parameters as the statement names them."""
    return Parameters(
        venue=parameters.venue,
        markets=tuple(Market(m.base, m.quote, m.lower, m.upper, m.fee_ppm) for m in parameters.markets),
        miss_fee=parameters.miss_fee,
        fee_asset=parameters.fee_asset,
    )


def _draws(parameters: VenueParameters, batch: Batch) -> tuple[int, ...]:
    beacon = batch.beacon
    return tuple(draw(beacon.beacon, m) if beacon is not None else 0 for m in range(len(parameters.markets)))


def _leaf(batch: Batch, leaf: CommitmentLeaf) -> Leaf:
    reveal = batch.reveals.get(leaf.account)
    if reveal is None:
        return MissingLeaf(leaf.account, leaf.commitment, charged=True)
    return _opened(reveal)


def _opened(reveal: RevealAccepted) -> OpenedLeaf:
    return OpenedLeaf(
        account=reveal.account,
        entries=tuple(Entry(Kind(e.kind), e.market, e.price, e.quantity) for e in reveal.entries),
        salt=reveal.salt,
        secret=reveal.secret,
        key_position=reveal.key_position,
        key_path=reveal.key_path,
    )
