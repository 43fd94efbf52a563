"""The on-chain verifier on an EVM in this process: for trying a statement without a chain.

A development chain's limits are those of a real one: 128 KiB and 16.78M gas per transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_tester import EthereumTester, PyEVMBackend
from hexbytes import HexBytes
from web3 import EthereumTesterProvider, Web3

from commitments import _native

from .verifier import CALLDATA_LIMIT, GAS_LIMIT, StarkVerifier, WireProof

ENVELOPE = 2_048
"""Bytes of a transaction besides state and records."""


@dataclass(frozen=True)
class OnChain:
    """A proof that the contracts accepted: gas and calldata of the transactions in which it was checked."""

    gas: int
    calldata_bytes: int
    transactions: int


class LocalVerifier:
    """StarkVerifier, deployed on an EVM of its own."""

    def __init__(self) -> None:
        genesis = PyEVMBackend.generate_genesis_params({"gas_limit": 2 * GAS_LIMIT})
        self.w3 = Web3(EthereumTesterProvider(EthereumTester(PyEVMBackend(genesis_parameters=genesis))))
        self.account = self.w3.eth.accounts[0]
        self.verifier = StarkVerifier.deploy(self.w3, self.account)

    def register(self, key: bytes) -> bytes:
        """Register a verification key; gives its hash, its name on chain."""
        return self.verifier.register_key(key, self.account)

    def verify(self, key: bytes, context: bytes, messages: bytes, proof: bytes) -> OnChain:
        """Check a proof in transactions, as few as the limits allow.

        :param messages: packed public messages
        :raises ProofRejectedOnChainError: with the contract's reason
        :raises ProofLengthError: the proof does not have the length that the key fixes
        """
        wire = WireProof.split(proof, *_native.proof_lengths(key))
        name = bytes(Web3.keccak(key))
        state = self.verifier.check_head(name, context, messages, wire.head)
        sent = [self._send("checkHead", name, context, messages, wire.head)]
        for first, records in wire.chunks(CALLDATA_LIMIT - ENVELOPE - len(state)):
            self.verifier.check_queries(state, first, records)
            sent.append(self._send("checkQueries", state, first, records))
        return OnChain(sum(gas for gas, _ in sent), sum(size for _, size in sent), len(sent))

    def _send(self, name: str, *arguments: Any) -> tuple[int, int]:
        """Send a call that is known to succeed as a transaction; gives gas and bytes."""
        data = HexBytes(self.verifier.contract.encode_abi(name, list(arguments)))
        options: Any = {"from": self.account, "to": self.verifier.address, "data": data, "gas": GAS_LIMIT}
        receipt = self.w3.eth.wait_for_transaction_receipt(self.w3.eth.send_transaction(options))
        return int(receipt["gasUsed"]), len(data)
