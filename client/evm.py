"""L1 over JSON-RPC: :class:`client.chain.Chain` on the typed bindings of the exchange contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from web3 import Web3

from commitments.types import Digest
from commitments.venue import venue_id
from contracts.deploy import Token
from contracts.errors import ContractsError, EndpointError, RevertedError, TransactionFailedError
from contracts.exchange import Exchange
from contracts.rpc import connect, guarded
from contracts.transactions import Sender, Signed
from proofs.statement.public import Holding, PublicDataError, decode, withdrawal_path, withdrawals_root

from .chain import Progress, Published, QueueEntry, SealedBatch, Settlement, WithdrawalLine
from .errors import (
    ChainError,
    ChainUnreachableError,
    InputError,
    StateError,
    TransactionPendingError,
    TransactionRevertedError,
)
from .signers import Signer
from .venue import Asset, Market, Venue

__all__ = ["EvmChain"]

T = TypeVar("T")
_NATIVE = ("ETH", 18)
_ZERO_ADDRESS = "0x" + "00" * 20
_STEP_BLOCKS = 5_000
"""Blocks of one search for events."""


class _Wallet:
    """A signer in the form in which the bindings sign transactions."""

    def __init__(self, signer: Signer) -> None:
        self.address = signer.address
        self._signer = signer

    def sign_transaction(self, transaction_dict: dict[str, Any]) -> Signed:
        return Signed(self._signer.sign_transaction(transaction_dict))


class EvmChain:
    """The exchange at ``contract`` behind the endpoint ``rpc``. Blocking; may be used from several threads."""

    def __init__(
        self,
        rpc: str,
        contract: str,
        signer: Signer | None = None,
        profile: str | None = None,
        first_block: int = 0,
    ) -> None:
        if not Web3.is_address(contract):
            raise InputError(f"contract: {contract!r} is no address", code="bad_address", field="contract")
        self._signer = signer
        self._first_block = first_block
        self._endpoint = _translated(lambda: connect(rpc, profile=profile))
        _translated(lambda: self._endpoint.demand_code(contract))
        self._exchange = Exchange(self._endpoint.w3, contract)
        wallet = None if signer is None else _Wallet(signer)
        self._sender = None if wallet is None else Sender(self._endpoint.w3, wallet, self._endpoint.profile)
        self._queue: dict[int, tuple[int, QueueEntry]] = {}
        self._queue_read = first_block
        self._settlements: dict[int, Settlement] = {}

    def __repr__(self) -> str:
        return f"EvmChain({self._endpoint.url}, {self._exchange.address})"

    @property
    def address(self) -> str | None:
        return None if self._signer is None else self._signer.address

    # ------------------------------------------------------------------------------------------ reading

    def venue(self) -> Venue:
        return _read(self._venue)

    def _venue(self) -> Venue:
        exchange, parameters = self._exchange, self._exchange.parameters()
        assets = tuple(self._asset(i, a.token, a.unit) for i, a in enumerate(exchange.assets()))
        references = exchange.references()
        return Venue(
            chain_id=self._endpoint.chain_id,
            contract=exchange.address,
            number=venue_id(self._endpoint.chain_id, exchange.address),
            operator=exchange.operator(),
            assets=assets,
            markets=tuple(
                Market(i, assets[m.base], assets[m.quote], m.lower, m.upper, m.fee_ppm, references[i])
                for i, m in enumerate(exchange.markets())
            ),
            max_count=parameters.max_count,
            miss_fee=parameters.miss_fee,
            fee_asset=parameters.fee_asset,
            registration_fee=parameters.registration_fee,
            reveal_window=parameters.reveal_window,
        )

    def _asset(self, index: int, token: str | None, unit: int) -> Asset:
        if token is None:
            return Asset(index, _NATIVE[0], _ZERO_ADDRESS, unit, _NATIVE[1])
        functions = Token(self._endpoint.w3, token).contract.functions
        return Asset(index, str(functions.symbol().call()), token, unit, int(functions.decimals().call()))

    def head(self) -> int:
        return _read(lambda: self._endpoint.heights()[0])

    def final(self) -> int:
        return _read(lambda: self._endpoint.heights()[1])

    def progress(self) -> Progress:
        p = _read(self._exchange.progress)
        return Progress(p.sealed_batches, p.settled_batches, p.epochs, p.queue_length, p.queue_cut, p.queue_settled)

    def batch(self, number: int) -> SealedBatch | None:
        return self._batch_at(number, "latest")

    def final_batch(self, number: int) -> SealedBatch | None:
        final = self.final()
        return None if final < 0 else self._batch_at(number, final)

    def _batch_at(self, number: int, block: int | str) -> SealedBatch | None:
        try:
            b = _read(lambda: self._exchange.batch(number, block))
        except TransactionRevertedError as error:
            if error.reason == "NotSealed":
                return None
            raise
        return SealedBatch(b.number, b.root, b.count, b.seal_block, b.cut, b.epoch)

    def state_root(self) -> Digest:
        return _read(self._exchange.state_root)

    def account_of(self, address: str) -> int:
        return _read(lambda: self._exchange.account_of(address)) or 0

    def commit_key_of(self, account: int) -> str:
        return _read(lambda: self._exchange.commit_key_of(account)) or _ZERO_ADDRESS

    def queue(self, account: int) -> Sequence[QueueEntry]:
        self._read_queue()
        return [entry for _, (owner, entry) in sorted(self._queue.items()) if owner == account]

    def _read_queue(self) -> None:
        """Read new queue events; those in blocks that are not final are read again the next time."""
        head, final = _read(self._endpoint.heights)
        first = self._queue_read
        while first <= head:
            last = min(first + _STEP_BLOCKS, head)
            for e in _read(lambda first=first, last=last: self._exchange.queued(first, last)):  # type: ignore[misc]
                self._queue[e.position] = (e.account, QueueEntry(e.position, e.kind, e.asset, e.value))
            first = last + 1
        self._queue_read = max(self._queue_read, final + 1)

    def settlement(self, epoch: int) -> Settlement:
        if epoch not in self._settlements:
            self._settlements[epoch] = _read(lambda: self._settlement(epoch))
        return self._settlements[epoch]

    def published(self, epoch: int) -> Published:
        return _read(lambda: self._published(epoch))

    def _published(self, number: int) -> Published:
        exchange, epoch = self._exchange, self._exchange.epoch(number)
        (settled,) = exchange.settled(epoch.settled_block, epoch.settled_block, epoch=number)
        seals = [exchange.batch(epoch.first_batch + i) for i in range(epoch.batches)]
        heads = exchange.heads_checked(seals[-1].seal_block, epoch.settled_block, id=settled.id)
        data = heads[-1].public_data if heads else b""
        if bytes(Web3.keccak(data)) != epoch.public_data_hash:
            raise ChainError(f"epoch {number}: the public data are not those that L1 accepted", code="public_data")
        transaction = "0x" + settled.origin.transaction.hex()
        counts = tuple(seal.count for seal in seals)
        return Published(data, "0x" + epoch.public_data_hash.hex(), counts, transaction)

    def _settlement(self, number: int) -> Settlement:
        exchange, epoch = self._exchange, self._exchange.epoch(number)
        published = self._published(number)
        markets, assets = len(exchange.markets()), len(exchange.assets())
        try:
            public = decode(published.data, counts=published.counts, markets=markets, assets=assets)
        except PublicDataError as error:
            raise ChainError(f"epoch {number}: {error}", code="public_data", field="public_data") from None
        if withdrawals_root(public.withdrawals) != epoch.withdrawals_root:
            raise ChainError(f"epoch {number}: the withdrawals do not give L1's root", code="public_data")
        lines = tuple(WithdrawalLine(w.account, w.asset, w.value) for w in public.withdrawals)
        return Settlement(number, epoch.first_batch, epoch.batches, epoch.settled_block, published.transaction, lines)

    def claimed(self, epoch: int, account: int, asset: int) -> bool:
        return _read(lambda: self._exchange.claimed(epoch, account, asset))

    # ------------------------------------------------------------------------------------------ transactions

    def register(self, key_root: Digest, commit_key: str) -> str:
        return self._write(lambda sender: self._exchange.register(sender, key_root, commit_key).hash)

    def rekey(self, key_root: Digest) -> str:
        return self._write(lambda sender: self._exchange.rekey(sender, key_root).hash)

    def deposit(self, asset: int, units: int) -> str:
        config = _read(self._exchange.assets)[asset]
        amount = units * config.unit
        if config.token is None:
            return self._write(lambda sender: self._exchange.deposit(sender, asset, amount, amount).hash)
        token = Token(self._endpoint.w3, config.token)
        self._write(lambda sender: token.approve(sender, self._exchange.address, amount).hash)
        return self._write(lambda sender: self._exchange.deposit(sender, asset, amount).hash)

    def claim(self, settlement: Settlement, line: WithdrawalLine) -> str:
        holdings = [Holding(w.account, w.asset, w.units) for w in settlement.withdrawals]
        path = withdrawal_path(holdings, settlement.withdrawals.index(line))
        return self._write(
            lambda sender: (
                self._exchange.claim(sender, settlement.epoch, line.account, line.asset, line.units, path).hash
            )
        )

    def _write(self, call: Callable[[Sender], bytes]) -> str:
        if self._sender is None:
            raise StateError(
                "this needs the L1 key", code="no_l1_key", field="account", advice="connect with account=..."
            )
        sender = self._sender
        return "0x" + _translated(lambda: guarded(lambda: call(sender))).hex()


def _read(call: Callable[[], T]) -> T:
    return _translated(lambda: guarded(call))


def _translated(call: Callable[[], T]) -> T:
    """Errors of the bindings as errors of the SDK."""
    try:
        return call()
    except RevertedError as error:
        raise TransactionRevertedError(str(error), reason=error.error) from None
    except TransactionFailedError as error:
        raise TransactionPendingError(str(error)) from None
    except EndpointError as error:
        kind = ChainUnreachableError if error.retryable else ChainError
        raise kind(str(error), code=error.code.replace(".", "_"), field="rpc") from None
    except ContractsError as error:
        raise ChainError(str(error), code=error.code, retryable=error.retryable) from None
