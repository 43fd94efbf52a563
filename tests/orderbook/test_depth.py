"""The operator's own ladders."""

from __future__ import annotations

from orderbook.depth import ladders
from orderbook.events import BatchClosed, BatchOpened, BatchSealed, CommitmentAccepted, OpenedEntry
from orderbook.openings import bundle_commitment, commitment_root
from orderbook.parameters import VenueParameters

from .flow import Flow


def test_ladders_hold_what_is_revealed(parameters: VenueParameters) -> None:
    flow = Flow(parameters)
    one, two = flow.register(0), flow.register(0)
    bundles = {
        one: [OpenedEntry(1, 0, 0, 5), OpenedEntry(2, 0, 20_000, 4), OpenedEntry(2, 0, 19_990, 6)],
        two: [OpenedEntry(3, 0, 20_010, 7)],
    }
    flow.do(BatchOpened(0, 0.0))
    reveals = [trader.bundle(0, entries) for trader, entries in bundles.items()]
    for reveal in reveals:
        commitment = bundle_commitment(parameters.venue, reveal)
        flow.do(CommitmentAccepted(0, reveal.account, 1, commitment, b"", b""))
    flow.do(BatchClosed(0))
    batch = flow.state.lifecycle.batch(0)
    flow.do(BatchSealed(0, commitment_root(parameters.venue, batch), 2, 2, 10, ""))
    books = ladders(parameters, flow.state.ledger, batch)
    assert (books[0].best_bid, books[1].best_bid) == (None, None)
    flow.do(*reveals)
    books = ladders(parameters, flow.state.ledger, batch)
    assert (books[0].best_bid, books[0].best_ask) == (20_000, 20_010)
    assert books[1].best_bid is None
