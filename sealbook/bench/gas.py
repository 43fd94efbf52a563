"""Where the gas of a settlement's transactions goes.

Each transaction is run on the chain's state before it is sent. What a called contract took is read off the calls.
Inside the check of a proof's head the parts follow each other in a fixed order, so that a proof that fails at the end
of a part shows what everything up to there takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from .prepared import PreparedChain

__all__ = ["GasProfile", "ProfiledChain"]

INTRINSIC: Final = 21_000
TOKEN: Final = 4
"""Gas of a token of input; a zero byte is one token, any other byte four (EIP-7623)."""
FLOOR_TOKEN: Final = 10
_HEAD: Final = ("bytes32", "bytes32", "bytes", "bytes")
_QUERIES: Final = ("bytes", "uint256", "bytes")


def _selector(signature: str) -> bytes:
    return bytes(keccak(text=signature)[:4])


_CHECK_HEAD: Final = _selector(f"checkHead({','.join(_HEAD)})")
_CHECK_QUERIES: Final = _selector(f"checkQueries({','.join(_QUERIES)})")


@dataclass(frozen=True)
class GasProfile:
    """One transaction of ``size`` bytes, ``zeros`` of them zero, whose calls took ``execution`` gas, by ``parts``."""

    size: int
    zeros: int
    execution: int
    parts: dict[str, int]

    @property
    def tokens(self) -> int:
        return 4 * self.size - 3 * self.zeros

    @property
    def floor(self) -> int:
        return INTRINSIC + FLOOR_TOKEN * self.tokens

    @property
    def gas(self) -> int:
        return max(INTRINSIC + TOKEN * self.tokens + self.execution, self.floor)

    def figures(self) -> dict[str, Any]:
        """As JSON. ``input``: what the input costs where execution, and not the floor, decides."""
        return {
            "gas": self.gas,
            "calldata_bytes": self.size,
            "floor": self.floor,
            "input": TOKEN * self.tokens,
            "execution": self.execution,
            "parts": self.parts,
        }


class ProfiledChain(PreparedChain):
    """A chain that takes apart what is sent to ``watched``, once it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.watched: bytes | None = None
        self.profiles: list[GasProfile] = []

    def send_raw(self, raw: bytes) -> str:
        transaction = self._backend.chain.get_transaction_builder().decode(raw)
        if self.watched is not None and transaction.to == self.watched:
            with self._lock:
                self.profiles.append(self._profile(transaction))
        return super().send_raw(raw)

    def _run(self, sender: bytes, to: bytes, data: bytes) -> Any:
        vm = self._backend.chain.get_vm()
        return vm.execute_bytecode(
            origin=sender, gas_price=0, gas=1 << 30, to=to, sender=sender, value=0, data=data,
            code=vm.state.get_code(to), code_address=to,
        )  # fmt: skip

    def _profile(self, transaction: Any) -> GasProfile:
        data = bytes(transaction.data)
        computation = self._run(transaction.sender, transaction.to, data)
        execution = computation.get_gas_used()
        parts: dict[str, int] = {}
        for child in computation.children:
            call = bytes(child.msg.data)
            if call[:4] == _CHECK_HEAD:
                parts |= self._head(child.msg.sender, child.msg.code_address, call, child.get_gas_used())
            elif call[:4] == _CHECK_QUERIES:
                parts |= self._queries(child.msg.sender, child.msg.code_address, call, child.get_gas_used())
        return GasProfile(len(data), data.count(0), execution, {"exchange": execution - sum(parts.values()), **parts})

    def _head(self, sender: bytes, verifier: bytes, call: bytes, whole: int) -> dict[str, int]:
        name, context, messages, head = decode(_HEAD, call[4:], strict=False)

        def spent(messages: bytes, head: bytes) -> int:
            data = _CHECK_HEAD + encode(_HEAD, (name, context, messages, head))
            return int(self._run(sender, verifier, data).get_gas_used())

        key = spent(b"", b"")
        elements = spent(b"", head[:-8] + b"\xff" * 8)
        transcript = spent(b"", head[:-8] + bytes([head[-8] ^ 1]) + head[-7:])
        buses = spent(b"", head)
        public = spent(messages[:-1] + bytes([messages[-1] ^ 1]), head)
        return {
            "head: key": key,
            "head: elements": elements - key,
            "head: transcript": transcript - elements,
            "head: buses": buses - transcript,
            "head: messages": public - buses,
            "head: constraints": whole - public,
        }

    def _queries(self, sender: bytes, verifier: bytes, call: bytes, whole: int) -> dict[str, int]:
        state, first, queries = decode(_QUERIES, call[4:], strict=False)
        size = int.from_bytes(state[12:16], "big")
        count = len(queries) // size

        def spent(records: int) -> int:
            data = _CHECK_QUERIES + encode(_QUERIES, (state, first, queries[: records * size]))
            return int(self._run(sender, verifier, data).get_gas_used())

        one = (spent(min(2, count)) - spent(1)) if count > 1 else 0
        return {"queries: call": whole - count * one, f"queries: {count} records": count * one}
