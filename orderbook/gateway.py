"""The node's access to L1: reads the exchange's events in final blocks, sends seals, beacons and settlements.

Every call first reads what the chain already holds, so that repeating one, after an outage or a restart, does nothing
twice. Failures are typed: those that a repetition may cure are ``retryable``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import requests
from eth_account import Account
from hexbytes import HexBytes
from web3.exceptions import Web3Exception

from commitments.receipts import SigningKey
from commitments.venue import venue_id
from contracts import errors as contract_errors
from contracts import settlement
from contracts.exchange import NATIVE, Exchange
from contracts.records import Effects, HeadChecked, unpack_digest
from contracts.rpc import Endpoint, connect
from contracts.settlement import Material
from contracts.transactions import Sender
from contracts.verifier import WireProof

from .errors import (
    ChainMismatchError,
    ConfigurationError,
    EndpointDownError,
    GatewayError,
    TransactionTooLargeError,
)
from .events import (
    AccountRegistered,
    BatchSealed,
    BeaconRecorded,
    ChainFollowed,
    Digest,
    EpochSettled,
    Event,
    QueueAppended,
)
from .l1 import SettlementPackage
from .parameters import AssetParameters, MarketParameters, VenueParameters

FOLLOW_BLOCKS: Final = 2_000
"""Blocks that are read at once."""
_TOO_EARLY: Final = ("SealTooEarly", "BeaconTooEarly", "DeadlineNotPassed", "BeaconMissing")


class Gateway:
    """Implements :class:`orderbook.l1.L1` over JSON-RPC. May be used from several threads.

    :raises EndpointDownError: nobody answers at ``url``.
    :raises ChainMismatchError: another chain, or no exchange at ``contract``.
    """

    def __init__(
        self,
        url: str,
        contract: str,
        operator: SigningKey,
        chain_id: int | None = None,
        profile: str | None = None,
    ) -> None:
        with _translated():
            self._endpoint: Endpoint = connect(url, chain_id, profile)
            self._endpoint.demand_code(contract)
            self._exchange = Exchange(self._endpoint.w3, contract)
            account = Account.from_key(operator.reveal())
            self._sender = Sender(self._endpoint.w3, account, self._endpoint.profile)

    def parameters(self) -> VenueParameters:
        """What the contract was deployed with.

        :raises ConfigurationError: ``operator_key``: the key is not the contract's operator.
        """
        with _translated():
            exchange, chain_id = self._exchange, self._endpoint.chain_id
            fixed, operator, venue = exchange.parameters(), exchange.operator(), exchange.venue()
            assets, markets = exchange.assets(), exchange.markets()
        if venue != venue_id(chain_id, exchange.address):
            raise ChainMismatchError(f"{exchange.address} is no exchange of this protocol", field="contract")
        if operator != self._sender.address:
            raise ConfigurationError(
                f"the exchange's operator is {operator}, the key is that of {self._sender.address}",
                code="operator_key",
            )
        return VenueParameters(
            venue=venue,
            chain_id=chain_id,
            contract=exchange.address,
            operator=operator,
            version=fixed.version,
            assets=tuple(AssetParameters(a.token or NATIVE, a.unit) for a in assets),
            markets=tuple(
                MarketParameters(m.base, m.quote, m.lower, m.upper, m.fee_ppm, m.initial_reference) for m in markets
            ),
            max_count=fixed.max_count,
            miss_fee=fixed.miss_fee,
            fee_asset=fixed.fee_asset,
            reveal_window=fixed.reveal_window,
            beacon_delay=fixed.beacon_delay,
            min_seal_interval=fixed.min_seal_interval,
        )

    @property
    def development(self) -> bool:
        """Whether nobody but this node's side makes blocks: bytes are free there, and waiting is not."""
        return self._endpoint.profile.mines_on_demand

    def tiers(self) -> tuple[bytes, ...]:
        """Hashes of the contract's verification keys."""
        with _translated():
            return self._exchange.tiers()

    def head(self) -> int:
        """Number of the newest block."""
        with _translated():
            return self._endpoint.heights()[0]

    def advance(self) -> None:
        """Have a development chain make a block."""
        with _translated():
            self._endpoint.w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]

    # ------------------------------------------------------------------------------------------ reading

    def follow(self, after: int, block_hash: str) -> list[Event]:
        """See :meth:`orderbook.l1.L1.follow`."""
        with _translated():
            _, final = self._endpoint.heights()
            if after > final:
                raise ChainMismatchError(
                    f"block {after} was final, the endpoint knows final blocks up to {final}",
                    field="finalized",
                )
            if after >= 0 and self._hash(after) != block_hash:
                raise ChainMismatchError(f"block {after} was final and has another hash now", field="finalized")
            if after == final:
                return []
            first, last = after + 1, min(final, after + FOLLOW_BLOCKS)
            cursor = ChainFollowed(last, self._hash(last))
            return [*self._events(first, last), cursor]

    def _hash(self, block: int) -> str:
        return "0x" + bytes(self._endpoint.w3.eth.get_block(block)["hash"]).hex()

    def _events(self, first: int, last: int) -> list[Event]:
        """The contract's events of some blocks, in the order in which they happened."""
        exchange = self._exchange
        found: list[tuple[int, int, Event]] = []
        for r in exchange.registered(first, last):
            event: Event = AccountRegistered(r.account, r.owner, r.commit_key, r.origin.block)
            found.append((r.origin.block, r.origin.log_index, event))
        for q in exchange.queued(first, last):
            event = QueueAppended(q.position, q.kind, q.account, q.asset, q.value, q.origin.block)
            found.append((q.origin.block, q.origin.log_index, event))
        for s in exchange.sealed(first, last):
            transaction = "0x" + s.origin.transaction.hex()
            event = BatchSealed(s.batch, s.root, s.count, s.cut, s.origin.block, transaction)
            found.append((s.origin.block, s.origin.log_index, event))
        for b in exchange.beacons(first, last):
            event = BeaconRecorded(b.batch, b.beacon, b.origin.block)
            found.append((b.origin.block, b.origin.log_index, event))
        for t in exchange.settled(first, last):
            found.append((t.origin.block, t.origin.log_index, self._settled(t.id, t.effects, t.origin.block)))
        return [event for _, _, event in sorted(found, key=lambda item: item[:2])]

    def _settled(self, ticket: bytes, effects: Effects, block: int) -> EpochSettled:
        """A settlement with all its transactions and their gas."""
        exchange, first = self._exchange, effects.first_batch
        start = exchange.batch(first).seal_block
        hashes = [h.origin.transaction for h in exchange.heads_checked(start, block, id=ticket)]
        hashes += [q.origin.transaction for q in exchange.queries_checked(start, block, id=ticket)]
        hashes += [s.origin.transaction for s in exchange.settled(block, block, id=ticket)]
        unique = list(dict.fromkeys(hashes))
        eth = self._endpoint.w3.eth
        return EpochSettled(
            first=first,
            last=first + effects.batches - 1,
            root=unpack_digest(effects.new_root),
            block=block,
            transactions=tuple("0x" + h.hex() for h in unique),
            gas=sum(int(eth.get_transaction_receipt(HexBytes(h))["gasUsed"]) for h in unique),
        )

    # ------------------------------------------------------------------------------------------ writing

    def seal(self, batch: int, root: Digest, count: int) -> None:
        """Seal a batch, unless L1 holds its seal."""
        with _translated():
            sealed = self._exchange.progress().sealed_batches
            if sealed > batch:
                return
            if sealed < batch:
                raise ChainMismatchError(f"L1 expects batch {sealed}, the journal seals batch {batch}", field="batch")
            if batch:
                earliest = self._exchange.batch(batch - 1).seal_block + self._exchange.parameters().min_seal_interval
                if self._endpoint.heights()[0] + 1 < earliest:
                    raise GatewayError(
                        f"batch {batch} can be sealed from block {earliest} on",
                        code="seal_too_early",
                        retryable=True,
                    )
            try:
                self._exchange.seal(self._sender, batch, root, count)
            except contract_errors.RevertedError as error:
                if error.error != "WrongBatch" or self._exchange.progress().sealed_batches <= batch:
                    raise

    def record_beacon(self, batch: int) -> None:
        """Record a batch's beacon, unless L1 holds it."""
        with _translated():
            if self._exchange.batch(batch).beacon is not None:
                return
            try:
                self._exchange.record_beacon(self._sender, batch)
            except contract_errors.RevertedError as error:
                if error.error != "BeaconAlreadyRecorded":
                    raise

    def settle(self, package: SettlementPackage) -> None:
        """Open the settlement, check queries and signatures, settle: whatever of it is not done yet."""
        with _translated():
            settled = self._exchange.progress().settled_batches
            if settled > package.last:
                return
            if settled != package.first:
                raise ChainMismatchError(
                    f"L1 settles from batch {settled} on, the journal from batch {package.first}",
                    field="first",
                )
            material = Material(
                package.public_data,
                package.queue_entries,
                package.missing,
                package.signatures,
                WireProof(package.head, package.queries, len(package.queries) // package.query_count),
            )
            try:
                settlement.settle(self._exchange, self._sender, material, self._opened(package))
            except contract_errors.RevertedError as error:
                # An earlier attempt that was given up was mined after all.
                found = self._opened(package) if error.error == "TicketExists" else None
                if found is None:
                    raise
                settlement.settle(self._exchange, self._sender, material, found)

    def _opened(self, package: SettlementPackage) -> HeadChecked | None:
        """The settlement's opening, if it is on the chain already."""
        start = self._exchange.batch(package.first).seal_block
        for opened in self._exchange.heads_checked(start, firstBatch=package.first):
            if opened.public_data != package.public_data:
                continue
            transaction = self._endpoint.w3.eth.get_transaction(HexBytes(opened.origin.transaction))
            if self._exchange.decode_open(bytes(transaction["input"])).head == package.head:
                return opened
        return None


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn exceptions of the contract bindings and of the transport into the node's."""
    try:
        yield
    except contract_errors.EndpointDownError as error:
        raise EndpointDownError(str(error)) from None
    except (contract_errors.WrongChainError, contract_errors.WrongContractError) as error:
        raise ChainMismatchError(str(error), code=error.code) from None
    except contract_errors.TransactionTooLargeError as error:
        raise TransactionTooLargeError(str(error)) from None
    except contract_errors.RevertedError as error:
        raise GatewayError(str(error), code=error.code, retryable=error.error in _TOO_EARLY) from None
    except (contract_errors.TransactionFailedError, contract_errors.InconsistentEndpointError) as error:
        raise GatewayError(str(error), code=error.code, retryable=True) from None
    except contract_errors.ContractsError as error:
        raise GatewayError(str(error), code=error.code, retryable=error.retryable) from None
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        raise EndpointDownError(f"the L1 endpoint does not answer ({type(error).__name__})") from None
    except Web3Exception as error:
        raise GatewayError(
            f"the L1 endpoint: {type(error).__name__}: {error}"[:300], code="endpoint.answer", retryable=True
        ) from None
