"""Typed binding of the Solvency contract: what a venue owes, proven, against what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from web3 import Web3

from .artifact import load_artifact
from .deploy import deploy_contract
from .errors import ContractsError
from .exchange import STEP_GAS
from .records import Digest
from .transactions import REVERTS, Mined, Sender, decoded
from .verifier import WireProof

OVERHEAD: Final = 2_048
"""Bytes of a transaction besides state, proof and queue entries: ABI words, liabilities, envelope, signature."""
CONCLUDE_GAS: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Position:
    """An asset of the venue in units. Sound if ``liabilities + pending <= custody <= held``.

    ``liabilities`` are the balances under the state root, proven; ``pending`` deposits that wait in the queue;
    ``custody`` is credited minus claimed by the Exchange's books; ``held`` what the Exchange really has of the token.
    """

    liabilities: int
    pending: int
    custody: int
    held: int

    @property
    def sound(self) -> bool:
        return self.liabilities + self.pending <= self.custody <= self.held

    @property
    def unclaimed(self) -> int:
        """What the books leave for withdrawals that nobody claimed yet; negative if they leave less than nothing."""
        return self.custody - self.pending - self.liabilities


@dataclass(frozen=True, slots=True)
class ProvenSolvency:
    """A concluded statement about the block in which its proof was opened. ``time`` is that block's, in seconds."""

    root: Digest
    epochs: int
    block: int
    time: int
    tier: int
    solvent: bool
    positions: tuple[Position, ...]


def deploy_solvency(
    sender: Sender, exchange: str, public_bus: int, tiers: Sequence[bytes]
) -> tuple[SolvencyContract, Mined]:
    """Deploy for an Exchange. ``tiers``: hashes of keys that are registered with the Exchange's verifier."""
    address, mined = deploy_contract(
        sender, "Solvency", Web3.to_checksum_address(exchange), public_bus, [bytes(vk) for vk in tiers]
    )
    return SolvencyContract(sender.w3, address), mined


class SolvencyContract:
    """The contract at ``address``. Reads and writes raise :class:`RevertedError` with the contract's custom error."""

    def __init__(self, w3: Web3, address: str) -> None:
        self.w3 = w3
        self.address = Web3.to_checksum_address(address)
        self.contract: Any = w3.eth.contract(self.address, abi=load_artifact("Solvency").abi)

    def exchange(self) -> str:
        return str(self._read("exchange"))

    def verifier(self) -> str:
        return str(self._read("verifier"))

    def tiers(self) -> tuple[bytes, ...]:
        """Hashes of the verification keys, smallest tier first."""
        return tuple(bytes(vk) for vk in self._read("tierList"))

    def count(self) -> int:
        """How many statements were concluded."""
        return int(self._read("count"))

    def latest(self) -> ProvenSolvency:
        """Raises :class:`RevertedError` ``NothingProven`` before the first."""
        return _proven(self._read("latest"))

    def submit(
        self,
        sender: Sender,
        tier: int,
        root: Digest,
        liabilities: Sequence[int],
        queue_entries: bytes,
        proof: WireProof,
    ) -> tuple[ProvenSolvency, list[Mined]]:
        """Send a whole proof: in one transaction if it fits, else as few as it takes.

        :param queue_entries: what waits in the Exchange's queue, 37 bytes each
        :return: what the contract recorded, and the transactions
        :raises RevertedError: the contract refused
        """
        room = sender.profile.max_transaction_bytes - OVERHEAD
        chunks = list(proof.chunks(room - len(proof.head) - len(queue_entries)))
        first = chunks[0][1] if chunks else b""
        mined = [self._write(sender, "open", tier, list(root), list(liabilities), queue_entries, proof.head, first)]
        concluded = self._concluded(mined[0])
        if concluded is not None:
            return concluded, mined
        opened = self.contract.events.Opened().get_logs(from_block=mined[0].block, to_block=mined[0].block)
        arguments = next(e["args"] for e in opened if bytes(e["transactionHash"]) == mined[0].hash)
        ticket, state, statement = bytes(arguments["id"]), bytes(arguments["state"]), arguments["statement"]
        checked = len(first) // proof.record_length
        rest = WireProof(proof.head, proof.queries[len(first) :], proof.record_length)
        for index, records in rest.chunks(room - len(state)):
            mined.append(self._write(sender, "checkQueries", ticket, state, checked + index, records))
        mined.append(self._write(sender, "conclude", ticket, statement, gas=CONCLUDE_GAS))
        concluded = self._concluded(mined[-1])
        if concluded is None:
            raise ContractsError("conclude left no event Concluded")
        return concluded, mined

    def _concluded(self, mined: Mined) -> ProvenSolvency | None:
        for event in self.contract.events.Concluded().get_logs(from_block=mined.block, to_block=mined.block):
            if bytes(event["transactionHash"]) == mined.hash:
                return _proven(event["args"]["statement"])
        return None

    def _read(self, name: str, *arguments: Any) -> Any:
        try:
            return self.contract.functions[name](*arguments).call()
        except REVERTS as error:
            raise decoded(error) from None

    def _write(self, sender: Sender, name: str, *arguments: Any, gas: int = STEP_GAS) -> Mined:
        data = bytes.fromhex(self.contract.encode_abi(name, args=list(arguments))[2:])
        return sender.execute(self.address, data, gas)


def _proven(raw: Any) -> ProvenSolvency:
    root, epochs, block, time, tier, solvent, positions = _values(raw)
    a, b, c, d = root
    return ProvenSolvency(
        (a, b, c, d), epochs, block, time, tier, solvent, tuple(Position(*_values(p)) for p in positions)
    )


def _values(raw: Any) -> Sequence[Any]:
    """A struct as web3 gives it: a tuple from calls, a mapping from events."""
    return raw if isinstance(raw, (tuple, list)) else list(raw.values())
