"""What differs from chain to chain: finality, block time, limits of a transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from web3 import Web3

from .chain.engine import CHAIN_ID as DEVELOPMENT_CHAIN_ID
from .errors import ContractsError


class UnknownProfileError(ContractsError):
    """No profile has this name."""

    code = "unknown_profile"


class Finality(Enum):
    """When a block counts as final."""

    DEPTH = "depth"
    """``depth`` blocks, the block itself included."""
    FINALIZED = "finalized"
    """The chain's ``finalized`` tag."""


@dataclass(frozen=True)
class Profile:
    """A chain as node and clients must treat it. ``block_time`` in seconds; limits per transaction."""

    name: str
    finality: Finality
    block_time: float
    depth: int = 1
    max_transaction_bytes: int = 128 * 1024
    max_transaction_gas: int = 1 << 24
    mines_on_demand: bool = False
    """Whether ``evm_mine`` advances it: nobody else makes blocks."""

    def final_block(self, w3: Web3) -> int:
        """Number of the last block that cannot change any more; -1 if there is none."""
        if self.finality is Finality.FINALIZED:
            return int(w3.eth.get_block("finalized")["number"])
        return int(w3.eth.block_number) - self.depth + 1


DEVELOPMENT: Final = Profile("development", Finality.DEPTH, 1.0, mines_on_demand=True)
ANVIL: Final = Profile("anvil", Finality.DEPTH, 1.0, mines_on_demand=True)
"""Its ``finalized`` tag stays at 0, so depth decides."""
ETHEREUM: Final = Profile("ethereum", Finality.FINALIZED, 12.0)
ROLLUP: Final = Profile("rollup", Finality.FINALIZED, 2.0)
"""A rollup whose ``finalized`` tag means finalized on its own L1."""

PROFILES: Final = {p.name: p for p in (DEVELOPMENT, ANVIL, ETHEREUM, ROLLUP)}
_BY_CHAIN: Final = {
    DEVELOPMENT_CHAIN_ID: DEVELOPMENT,
    31337: ANVIL,
    1: ETHEREUM,
    11155111: replace(ETHEREUM, name="sepolia"),
    560048: replace(ETHEREUM, name="hoodi"),
}


def profile_for(chain_id: int, name: str | None = None) -> Profile:
    """The profile called ``name``, or that of the chain; an unknown chain is taken for a rollup (strict)."""
    if name is None:
        return _BY_CHAIN.get(chain_id, ROLLUP)
    if name not in PROFILES:
        raise UnknownProfileError(f"profile: {name!r} is not one of {', '.join(PROFILES)}")
    return PROFILES[name]
