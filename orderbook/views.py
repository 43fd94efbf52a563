"""What the venue tells about its state: batch status, results, balances, markets as wire messages."""

from __future__ import annotations

from typing import Literal

from commitments.state import balance_slot

from .batch import Batch
from .events import AccountOutcome, CommitmentAccepted, MarketOutcome
from .lifecycle import Lifecycle
from .state import VenueState
from .wire import (
    Asset,
    BalanceLeaf,
    Balances,
    BatchStatus,
    Fill,
    Market,
    MarketResult,
    Markets,
    MissingLeaf,
    Receipt,
    Result,
    Sealed,
    hex_digest,
)


def batch_status(
    lifecycle: Lifecycle,
    batch: Batch,
    closes_at: float | None = None,
    request: int | None = None,
    account: int | None = None,
) -> BatchStatus:
    """The public status of a batch. Nothing in it depends on a reveal before reveals have ended."""
    seal, cleared, proven, settled = batch.seal, batch.cleared, batch.proven, batch.settled
    delay = lifecycle.parameters.beacon_delay
    charged = {a.account for a in cleared.accounts if not a.opened} if cleared is not None else set()
    return BatchStatus(
        id=request,
        batch=batch.number,
        phase=batch.phase,
        closes_at=closes_at if batch.phase == "commit" else None,
        count=None if batch.leaves is None else len(batch.leaves),
        root=None if seal is None else hex_digest(seal.root),
        seal_block=None if seal is None else seal.block,
        seal_transaction=None if seal is None else seal.transaction,
        reveal_until=lifecycle.reveal_until(batch.number),
        beacon_block=None if seal is None or not batch.leaves else seal.block + delay,
        markets=tuple(_market(m) for m in cleared.markets) if cleared is not None else (),
        missing=tuple(
            MissingLeaf(leaf.account, hex_digest(leaf.commitment), leaf.account in charged)
            for leaf in (batch.missing if cleared is not None else ())
        ),
        epoch=batch.epoch,
        tier=None if proven is None else proven.tier,
        proof_seconds=None if proven is None else proven.seconds,
        proof_bytes=None if proven is None else proven.proof_bytes,
        settle_transactions=() if settled is None else settled.transactions,
        settle_gas=None if settled is None else settled.gas,
        client_sequence=None if account is None else _client_sequence(batch, account),
    )


def _client_sequence(batch: Batch, account: int) -> int:
    accepted = batch.commitments.get(account)
    return 0 if accepted is None else accepted.sequence


def sealed(lifecycle: Lifecycle, batch: Batch, index: int, siblings: tuple[str, ...], signature: str) -> Sealed:
    """The notice to the owner of leaf ``index``."""
    seal, until = batch.seal, lifecycle.reveal_until(batch.number)
    assert seal is not None
    assert batch.leaves is not None
    assert until is not None
    return Sealed(
        account=batch.leaves[index].account,
        batch=batch.number,
        commitment=hex_digest(batch.leaves[index].commitment),
        root=hex_digest(seal.root),
        count=seal.count,
        index=index,
        siblings=siblings,
        signature=signature,
        seal_block=seal.block,
        seal_transaction=seal.transaction,
        reveal_until=until,
    )


def receipt(accepted: CommitmentAccepted, request: int | None = None) -> Receipt:
    """The receipt of a message, with the commit key's signature."""
    return Receipt(
        id=request,
        batch=accepted.batch,
        account=accepted.account,
        sequence=accepted.sequence,
        commitment=hex_digest(accepted.commitment),
        signature="0x" + accepted.receipt.hex(),
        commit_signature="0x" + accepted.signature.hex(),
    )


def result(batch: Batch, account: AccountOutcome, request: int | None = None) -> Result:
    """An account's outcome of a cleared batch."""
    cleared = batch.cleared
    assert cleared is not None
    prices = {market.market: market.price for market in cleared.markets}
    outcome: Literal["opened", "missing"] = "opened" if account.opened else "missing"
    return Result(
        id=request,
        batch=batch.number,
        account=account.account,
        outcome=outcome,
        final=batch.settled is not None,
        covered=account.covered,
        charged=account.charged,
        fills=tuple(
            Fill(
                position=position,
                kind=entry.kind,
                market=entry.market,
                price=entry.price,
                quantity=entry.quantity,
                admitted=done.admitted,
                fill=done.fill,
                clearing_price=prices[entry.market] if entry.kind != 1 else 0,
                fee=done.fee,
            )
            for position, (entry, done) in enumerate(zip(account.entries, account.outcomes, strict=True))
        ),
        changes=account.changes,
    )


def balances(state: VenueState, account: int, request: int | None) -> Balances:
    """Settled balances with their paths, and the provisional ones."""
    tree = state.tree
    leaves = []
    for asset in range(len(state.parameters.assets)):
        path = tree.slot_path(account, balance_slot(asset))
        units = tree.balance(account, asset)
        leaves.append(BalanceLeaf(asset, units, tuple(hex_digest(node) for node in path)))
    return Balances(
        id=request,
        account=account,
        settled_batches=state.lifecycle.settled,
        root=hex_digest(tree.root),
        key_root=hex_digest(tree.key_root(account)),
        balances=tuple(leaves),
        pending=tuple(state.ledger.account(account).items()),
    )


def markets(state: VenueState, request: int | None) -> Markets:
    """Parameters of the venue, with the present reference prices."""
    parameters = state.parameters
    return Markets(
        id=request,
        version=parameters.version,
        markets=tuple(
            Market(i, m.base, m.quote, m.lower, m.upper, m.fee_ppm, state.ledger.references[i])
            for i, m in enumerate(parameters.markets)
        ),
        assets=tuple(Asset(i, a.token, str(a.unit)) for i, a in enumerate(parameters.assets)),
        max_count=parameters.max_count,
        miss_fee=parameters.miss_fee,
        fee_asset=parameters.fee_asset,
    )


def _market(outcome: MarketOutcome) -> MarketResult:
    return MarketResult(outcome.market, outcome.price, outcome.volume, outcome.draw)
