"""The SDK's client with the check of proofs plugged in: it is made of what `sealbook inspect` is made of."""

from __future__ import annotations

from pathlib import Path

import client.blocking
import client.client
from client.proofs import ProofChecker
from contracts.rpc import connect

from .checks import check_export
from .collect import collect
from .export import write_export

__all__ = ["Client", "SettlementChecker", "SyncClient"]


class SettlementChecker:
    """Verifies a settled epoch from L1 data: the proof with the Python verifier, key, public data, and outcome.

    A settlement that fails is kept in ``folder`` as a file for `sealbook verify`.
    """

    def __init__(self, rpc: str, contract: str, profile: str | None, folder: Path) -> None:
        self._endpoint = connect(rpc, profile=profile)
        self._contract = contract
        self._folder = folder

    def check(self, epoch: int) -> tuple[str, ...]:
        """The checks that failed. Raises InspectError or EndpointError while L1 cannot be read."""
        collected = collect(self._endpoint, self._contract, epoch)
        findings = check_export(collected.export)
        failed = [check for check in (*collected.checks, *findings.checks) if check.ok is False]
        faults = tuple(f"{check.name}: {check.detail}" for check in failed)
        if not faults and not findings.accepted:
            faults = ("proof: it was not checked",)
        if faults:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            write_export(collected.export, self._folder / f"settlement-{epoch}.json")
        return faults


class Client(client.client.Client):
    """One account at one venue; see :class:`client.client.Client`. Proofs are checked in the background."""

    @classmethod
    def _proof_checker(cls, rpc: str, contract: str, profile: str | None, folder: Path) -> ProofChecker | None:
        return SettlementChecker(rpc, contract, profile, folder)


class SyncClient(client.blocking.SyncClient):
    """The client without ``await``; see :class:`client.blocking.SyncClient`."""

    client_type = Client
