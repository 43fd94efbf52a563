"""Typed binding of the Exchange contract. Calls are synchronous; nothing is cached.

Reads take ``at``, a block number or tag. Writes take the :class:`Sender` that pays, wait for the transaction, and
raise :class:`RevertedError` with the name and the values of the contract's custom error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import Any, Final, TypeVar

from hexbytes import HexBytes
from web3 import Web3
from web3.types import EventData

from .artifact import load_artifact
from .errors import ContractsError
from .records import (
    AssetConfig,
    Batch,
    BeaconRecorded,
    Claimed,
    Digest,
    Effects,
    Epoch,
    HeadChecked,
    MarketConfig,
    OpenCall,
    Origin,
    Parameters,
    Progress,
    QueriesCall,
    QueriesChecked,
    Queued,
    Registered,
    Sealed,
    Settled,
    Ticket,
)
from .transactions import REVERTS, Mined, Sender, decoded

EMPTY_COMMITMENTS: Final = (0x9EDE67256EE36939, 0x5070044386DE8BB8, 0xA881951436772CE2, 0xDF99F91913736241)
"""Root of the empty commitment tree, that of a batch without leaves."""
EMPTY_STATE: Final = (0x641ED4458675FFD3, 0x969642B5E6959534, 0xE11215AB5980DEDE, 0xACA7BC76FF5C5E55)
"""State root at deployment."""
MAX_QUEUE: Final = 64
"""Queue entries that apply before one batch at most."""
FALLBACK_BEACON: Final = bytes(Web3.keccak(text="sealbook fallback beacon 1"))

SMALL_GAS: Final = 400_000
SEAL_GAS: Final = 600_000
STEP_GAS: Final = 1 << 24
SETTLE_GAS: Final = 2_000_000
NATIVE: Final = "0x" + "00" * 20
Tag = int | str
T = TypeVar("T")


class Exchange:
    """The contract at ``address``."""

    def __init__(self, w3: Web3, address: str) -> None:
        self.w3 = w3
        self.address = Web3.to_checksum_address(address)
        self.contract: Any = w3.eth.contract(self.address, abi=load_artifact("Exchange").abi)

    # ------------------------------------------------------------ reading

    def venue(self) -> int:
        return int(self._read("venue"))

    def verifier(self) -> str:
        return str(self._read("verifier"))

    def operator(self) -> str:
        return str(self._read("operator"))

    def parameters(self) -> Parameters:
        return Parameters(*self._read("parameters"))

    def assets(self) -> tuple[AssetConfig, ...]:
        rows = self._read("assetList")
        return tuple(AssetConfig(None if token == NATIVE else token, unit) for token, unit in rows)

    def markets(self) -> tuple[MarketConfig, ...]:
        return tuple(MarketConfig(*row) for row in self._read("marketList"))

    def tiers(self) -> tuple[bytes, ...]:
        """Hashes of the verification keys, smallest tier first."""
        return tuple(bytes(vk) for vk in self._read("tierList"))

    def references(self, at: Tag = "latest") -> tuple[int, ...]:
        """Price of every market after the last settled batch."""
        return tuple(self._read("references", at=at))

    def state_root(self, at: Tag = "latest") -> Digest:
        return _digest(self._read("stateRoot", at=at))

    def progress(self, at: Tag = "latest") -> Progress:
        return Progress(*self._read("progress", at=at))

    def batch(self, number: int, at: Tag = "latest") -> Batch:
        """Raises :class:`RevertedError` ``NotSealed`` if it is not there yet."""
        root, count, version, block, cut, settled, beacon = self._read("batch", number, at=at)
        known = bytes(beacon) if any(beacon) else None
        return Batch(number, _digest(root), count, version, block, cut, settled - 1 if settled else None, known)

    def epoch(self, number: int, at: Tag = "latest") -> Epoch:
        """Raises :class:`RevertedError` ``UnknownEpoch`` if it is not there yet."""
        first, batches, tier, block, root, withdrawals, data = self._read("epoch", number, at=at)
        return Epoch(number, first, batches, tier, block, _digest(root), bytes(withdrawals), bytes(data))

    def ticket(self, ticket_id: bytes) -> Ticket:
        state, effects, missing, bitmap, count, pending = self._read("ticket", ticket_id)
        return Ticket(bytes(state), bytes(effects), bytes(missing), bitmap, count, pending)

    def queue_hash(self, length: int) -> bytes:
        """Hash of the queue's first ``length`` entries."""
        return bytes(self._read("queueHash", length))

    def next_account(self) -> int:
        return int(self._read("nextAccount"))

    def account_of(self, owner: str) -> int | None:
        number = int(self._read("accountOf", Web3.to_checksum_address(owner)))
        return number or None

    def owner_of(self, account: int) -> str | None:
        owner = str(self._read("ownerOf", account))
        return None if owner == NATIVE else owner

    def commit_key_of(self, account: int) -> str | None:
        key = str(self._read("commitKeyOf", account))
        return None if key == NATIVE else key

    def custody(self, asset: int) -> int:
        """Units credited minus units claimed."""
        return int(self._read("custody", asset))

    def claimed(self, epoch: int, account: int, asset: int) -> bool:
        return bool(self._read("claimed", epoch, account, asset))

    def registration_fees(self) -> int:
        """Wei of registration fees that were not collected yet."""
        return int(self._read("registrationFees"))

    # ------------------------------------------------------------ writing

    def register(self, sender: Sender, key_root: Digest, commit_key: str, fee: int | None = None) -> Mined:
        """Open an account; its number is in the event ``Registered``."""
        value = self.parameters().registration_fee if fee is None else fee
        return self._write(sender, SMALL_GAS, "register", list(key_root), commit_key, value=value)

    def rekey(self, sender: Sender, key_root: Digest) -> Mined:
        return self._write(sender, SMALL_GAS, "rekey", list(key_root))

    def deposit(self, sender: Sender, asset: int, amount: int, value: int = 0) -> Mined:
        """Deposit ``amount`` base units; for the native coin ``value`` is the same. Tokens must be approved."""
        return self._write(sender, SMALL_GAS, "deposit", asset, amount, value=value)

    def seal(self, sender: Sender, batch: int, root: Digest, count: int) -> Mined:
        return self._write(sender, SEAL_GAS, "seal", batch, list(root), count)

    def record_beacon(self, sender: Sender, batch: int) -> Mined:
        return self._write(sender, SMALL_GAS, "recordBeacon", batch)

    def open_settlement(
        self,
        sender: Sender,
        public_data: bytes,
        queue_entries: bytes,
        signatures: bytes,
        head: bytes,
        queries: bytes = b"",
    ) -> tuple[HeadChecked, Mined]:
        """First step of a settlement, and the only one where ``queries`` are all records and no signature is pending.

        :return: the event, which carries what the other steps need
        """
        mined = self._write(sender, STEP_GAS, "openSettlement", public_data, queue_entries, signatures, head, queries)
        for event in self.heads_checked(mined.block, mined.block):
            if event.origin.transaction == mined.hash:
                return event, mined
        raise ContractsError("openSettlement left no event HeadChecked")

    def check_signatures(self, sender: Sender, ticket_id: bytes, missing: bytes, signatures: bytes) -> Mined:
        return self._write(sender, STEP_GAS, "checkSignatures", ticket_id, missing, signatures)

    def check_queries(self, sender: Sender, ticket_id: bytes, state: bytes, first: int, queries: bytes) -> Mined:
        return self._write(sender, STEP_GAS, "checkQueries", ticket_id, state, first, queries)

    def settle(self, sender: Sender, ticket_id: bytes, effects: Effects) -> Mined:
        return self._write(sender, SETTLE_GAS, "settle", ticket_id, astuple(effects))

    def check_queries_and_settle(
        self, sender: Sender, ticket_id: bytes, state: bytes, first: int, queries: bytes, effects: Effects
    ) -> Mined:
        """The records that are still pending, and the settlement."""
        arguments = ticket_id, state, first, queries, astuple(effects)
        return self._write(sender, STEP_GAS, "checkQueriesAndSettle", *arguments)

    def claim(self, sender: Sender, epoch: int, account: int, asset: int, amount: int, path: Sequence[bytes]) -> Mined:
        return self._write(sender, SMALL_GAS, "claim", epoch, account, asset, amount, list(path))

    def collect_registration_fees(self, sender: Sender) -> Mined:
        return self._write(sender, SMALL_GAS, "collectRegistrationFees")

    # ------------------------------------------------------------ events

    def registered(self, first: Tag, last: Tag = "latest") -> list[Registered]:
        return self._events("Registered", first, last, lambda o, a: Registered(o, a.account, a.owner, a.commitKey))

    def queued(self, first: Tag, last: Tag = "latest") -> list[Queued]:
        return self._events(
            "Queued",
            first,
            last,
            lambda o, a: Queued(o, a.position, a.kind, a.account, a.asset, _digest(a.value)),
        )

    def sealed(self, first: Tag, last: Tag = "latest", **filters: Any) -> list[Sealed]:
        return self._events(
            "Sealed",
            first,
            last,
            lambda o, a: Sealed(o, a.batch, _digest(a.root), a.count, a.cut, a.version),
            filters,
        )

    def beacons(self, first: Tag, last: Tag = "latest") -> list[BeaconRecorded]:
        return self._events("BeaconRecorded", first, last, lambda o, a: BeaconRecorded(o, a.batch, bytes(a.beacon)))

    def heads_checked(self, first: Tag, last: Tag = "latest", **filters: Any) -> list[HeadChecked]:
        """The openings, with what their transactions' inputs published. ``filters``: ``id``, ``firstBatch``.

        Nothing of the input is checked: ``effects.public_data_hash`` is of the public data, and the contract's
        ``queueHash`` of the queue entries.
        """
        return self._events("HeadChecked", first, last, self._head_checked, filters)

    def _head_checked(self, origin: Origin, a: Any) -> HeadChecked:
        call = self.decode_open(self.input(origin.transaction))
        published = call.public_data, call.queue_entries
        return HeadChecked(origin, bytes(a.id), a.firstBatch, *published, _effects(a.effects), bytes(a.state))

    def queries_checked(self, first: Tag, last: Tag = "latest", **filters: Any) -> list[QueriesChecked]:
        """``filters``: ``id``."""
        return self._events(
            "QueriesChecked",
            first,
            last,
            lambda o, a: QueriesChecked(o, bytes(a.id), a["first"], a["count"]),
            filters,
        )

    def settled(self, first: Tag, last: Tag = "latest", **filters: Any) -> list[Settled]:
        """``filters``: ``epoch``, ``id``, ``firstBatch``."""
        return self._events(
            "Settled",
            first,
            last,
            lambda o, a: Settled(o, a.epoch, bytes(a.id), a.firstBatch, _effects(a.effects)),
            filters,
        )

    def claims(self, first: Tag, last: Tag = "latest") -> list[Claimed]:
        return self._events(
            "Claimed", first, last, lambda o, a: Claimed(o, a.epoch, a.account, a.asset, a.amount, a.to)
        )

    # ------------------------------------------------------------ calldata

    def input(self, transaction: bytes) -> bytes:
        """The input of a transaction that calls the contract.

        :raises ContractsError: it calls another address
        """
        found: Any = self.w3.eth.get_transaction(HexBytes(transaction))
        if str(found["to"]).lower() != self.address.lower():
            raise ContractsError(f"transaction {transaction.hex()} calls {found['to']}, not the Exchange")
        return bytes(found["input"])

    def decode_open(self, data: bytes) -> OpenCall:
        """The arguments of an ``openSettlement`` transaction's input."""
        _, a = self._arguments(("openSettlement",), data)
        return OpenCall(*(bytes(a[k]) for k in ("publicData", "queueEntries", "signatures", "head", "queries")))

    def decode_queries(self, data: bytes) -> QueriesCall:
        """The query records in the input of a transaction that checks some."""
        name, a = self._arguments(("openSettlement", "checkQueries", "checkQueriesAndSettle"), data)
        if name == "openSettlement":
            return QueriesCall(None, 0, bytes(a["queries"]))
        return QueriesCall(bytes(a["id"]), a["first"], bytes(a["queries"]))

    def _arguments(self, names: Sequence[str], data: bytes) -> tuple[str, dict[str, Any]]:
        try:
            function, arguments = self.contract.decode_function_input(data)
        except Exception as error:
            raise ContractsError(f"input: no call of the Exchange ({type(error).__name__})") from None
        if function.fn_name not in names:
            raise ContractsError(f"input: a call of {function.fn_name}, not of {' or '.join(names)}")
        return function.fn_name, dict(arguments)

    def encode(self, name: str, *arguments: Any) -> bytes:
        """Calldata of a function."""
        return bytes.fromhex(self.contract.encode_abi(name, args=list(arguments))[2:])

    def _read(self, name: str, *arguments: Any, at: Tag = "latest") -> Any:
        try:
            return self.contract.functions[name](*arguments).call(block_identifier=at)
        except REVERTS as error:
            raise decoded(error) from None

    def _write(self, sender: Sender, gas: int, name: str, *arguments: Any, value: int = 0) -> Mined:
        return sender.execute(self.address, self.encode(name, *arguments), gas, value)

    def _events(
        self,
        name: str,
        first: Tag,
        last: Tag,
        build: Callable[[Origin, Any], T],
        filters: dict[str, Any] | None = None,
    ) -> list[T]:
        logs: Sequence[EventData] = self.contract.events[name]().get_logs(
            from_block=first, to_block=last, argument_filters=filters or None
        )
        return [build(Origin(bytes(e["transactionHash"]), e["blockNumber"], e["logIndex"]), e["args"]) for e in logs]


def _digest(values: Sequence[int]) -> Digest:
    a, b, c, d = values
    return (a, b, c, d)


def _effects(raw: Any) -> Effects:
    first, batches, tier, root, queue_end, references, withdrawals, data = (
        raw[k] if not isinstance(raw, tuple) else raw[i]
        for i, k in enumerate(
            (
                "firstBatch",
                "batches",
                "tier",
                "newRoot",
                "queueEnd",
                "references",
                "withdrawalsRoot",
                "publicDataHash",
            )
        )
    )
    return Effects(first, batches, tier, root, queue_end, tuple(references), bytes(withdrawals), bytes(data))
