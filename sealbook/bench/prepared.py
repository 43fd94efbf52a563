"""A development chain that starts where a measurement wants it."""

from __future__ import annotations

from typing import Final

from contracts.chain.engine import DevelopmentChain

from ..errors import BenchError

__all__ = ["PreparedChain"]

SEARCHED_SLOTS: Final = 64


class PreparedChain(DevelopmentChain):
    """A development chain whose contracts' storage can be written without a transaction."""

    def write_storage(self, address: str, slot: int, value: int) -> None:
        """Takes effect with the next block."""
        with self._lock:
            chain = self._backend.chain
            state = chain.get_vm().state
            state.set_storage(bytes.fromhex(address[2:]), slot, value)
            state.persist()
            chain.header = chain.header.copy(state_root=state.state_root)
        self.mine()

    def find_storage(self, address: str, value: int) -> int:
        """The first slot that holds ``value``. Raises :class:`BenchError`."""
        with self._lock:
            state = self._backend.chain.get_vm().state
            for slot in range(SEARCHED_SLOTS):
                if state.get_storage(bytes.fromhex(address[2:]), slot) == value:
                    return slot
        raise BenchError("the contract's storage does not hold the empty state's root")
