"""The checks of a settlement that need no chain: from an export to verdicts.

Each check stands for one sentence that an outsider wants to know. ``ok`` is None where a check could not be made,
because an earlier one failed or because only the chain can answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from eth_utils.crypto import keccak

from commitments.receipts import Domain, recover
from proofs import prover_api
from proofs.params import TIERS, VERSION
from proofs.statement.public import (
    PUBLIC_BUS,
    SIGNATURE_SIZE,
    Message,
    PublicData,
    PublicDataError,
    decode,
    header,
    pack,
    proof_context,
    public_messages,
    queue_hash,
    withdrawals_root,
)
from proofs.statement.settlement import verification_key_hash
from proofs.verifier import ProofRejected, Reason, Verified, verify

from .export import SettlementExport, digest_hex, digest_of, epoch_context, hexed, queue_entries, raw

__all__ = ["MINIMUM_BITS", "Check", "Findings", "check_export"]

MINIMUM_BITS: Final = 100.0
"""Conjectured security that every tier must have."""

Progress = Callable[[str], None]

_SECOND: Final = "the native verifier gives the same verdict"
_HINTS: Final = {
    Reason.LOOKUP_POW: "the proof was made for other public data, or its beginning is damaged",
    Reason.LENGTH: "the proof is not of this key",
}


@dataclass(frozen=True)
class Check:
    """A verdict: ``name`` is stable and meant for programs, ``title`` and ``detail`` are for people."""

    name: str
    title: str
    ok: bool | None
    detail: str


@dataclass
class Findings:
    """Verdicts in order, and what could be read on the way."""

    checks: list[Check] = field(default_factory=list)
    data: PublicData | None = None
    messages: tuple[Message, ...] = ()
    verified: Verified | None = None
    program_hash: bytes = b""
    security: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether no check failed and the proof was accepted."""
        return self.verified is not None and not self.failed

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.checks if check.ok is False]

    def add(self, name: str, title: str, ok: bool | None, detail: str) -> None:
        self.checks.append(Check(name, title, ok, detail))


def check_export(export: SettlementExport, progress: Progress = lambda _: None, native: bool = False) -> Findings:
    """All checks that the file allows. Raises nothing for any file that :func:`decode_export` accepts.

    ``native``: a second verifier judges the proof too.
    """
    findings = Findings()
    progress("reading the public data")
    _public_data(export, findings)
    _queue(export, findings)
    _parameters(export, findings)
    progress("building the program's key from source")
    _key(export, findings)
    progress("verifying the proof")
    _proof(export, findings, native)
    _outcome(export, findings)
    _missing(export, findings)
    _security(export, findings)
    return findings


def _public_data(export: SettlementExport, findings: Findings) -> None:
    title = "public data are well formed, and those that L1 recorded"
    data = raw(export.public_data)
    try:
        first, batches, _ = header(data)
        if (first, batches) != (export.batches[0].number, len(export.batches)):
            last = export.batches[-1].number
            raise PublicDataError(
                "batches", f"{batches} from {first} on, the epoch has {export.batches[0].number} to {last}"
            )
        counts = [batch.count for batch in export.batches]
        findings.data = decode(data, counts=counts, markets=len(export.markets), assets=export.parameters.assets)
    except PublicDataError as error:
        findings.add("public_data", title, False, str(error))
        return
    same = keccak(data) == raw(export.settled.public_data_hash)
    detail = f"{len(data)} bytes, hash {export.settled.public_data_hash}"
    findings.add("public_data", title, same, detail if same else "public_data: the hash is not the one on L1")


def _queue(export: SettlementExport, findings: Findings) -> None:
    title = "queue entries are those of the contract, in order"
    running = raw(export.queue.hash_before)
    entries = queue_entries(export)
    for position, entry in enumerate(entries, export.queue.start):
        running = queue_hash(running, position, entry)
    same = running == raw(export.queue.hash_after)
    detail = f"{len(entries)} entries from number {export.queue.start}"
    findings.add("queue", title, same, detail if same else "queue.entries: they do not lead to the contract's hash")


def _parameters(export: SettlementExport, findings: Findings) -> None:
    title = "contract and program speak the same version"
    parameters = export.parameters
    wrong = ""
    if parameters.version != VERSION:
        wrong = f"parameters.version: {parameters.version}, this program is version {VERSION}"
    elif parameters.public_bus != PUBLIC_BUS:
        wrong = f"parameters.public_bus: {parameters.public_bus}, the program's is {PUBLIC_BUS}"
    findings.add("parameters", title, not wrong, wrong or f"version {VERSION}, {len(export.markets)} markets")


def _key(export: SettlementExport, findings: Findings) -> None:
    own = keccak(raw(export.verification_key))
    expected = raw(export.tier_key_hash)
    findings.program_hash = own
    findings.add(
        "key",
        "the verification key is the one that the contract names",
        own == expected,
        hexed(own) if own == expected else f"tier_key_hash: {export.tier_key_hash}, the key has {hexed(own)}",
    )
    title = "the key is this program, built from its source"
    if findings.data is None:
        findings.add("program", title, None, "the public data do not say which tier")
        return
    tier = findings.data.tier
    if tier >= len(TIERS):
        findings.add("program", title, False, f"tier {tier} is not in the program's table")
        return
    rebuilt = verification_key_hash(tier)
    detail = f"tier {tier} ({TIERS[tier].name})" if rebuilt == own else f"the source gives {hexed(rebuilt)}"
    findings.add("program", title, rebuilt == own, detail)


def _proof(export: SettlementExport, findings: Findings, native: bool) -> None:
    title = "the proof holds for these public data"
    if findings.data is None:
        findings.add("proof", title, None, "there are no public data to prove")
        if native:
            findings.add("native", _SECOND, None, "there are no public data to prove")
        return
    public, key = raw(export.public_data), raw(export.verification_key)
    try:
        findings.messages = tuple(public_messages(findings.data, epoch_context(export)))
        packed = pack(findings.messages)
        context = proof_context(export.chain_id, export.contract, keccak(key), public, packed)
    except PublicDataError as error:
        findings.add("proof", title, False, str(error))
        if native:
            findings.add("native", _SECOND, None, "there are no public messages to prove")
        return
    messages, proof = findings.messages, raw(export.proof)
    reason = None
    try:
        verified = findings.verified = verify(key, context, messages, proof)
    except ProofRejected as error:
        reason = error.reason
        hint = _HINTS.get(reason)
        findings.add("proof", title, False, f"{error} ({hint})" if hint else str(error))
    else:
        shown = f"{verified.proof_bytes} bytes, {verified.messages} public messages, Python verifier"
        findings.add("proof", title, True, shown)
    if native:
        _second_opinion(findings, reason, lambda: prover_api.verify_native(key, context, messages, proof))


def _second_opinion(findings: Findings, first: Reason | None, judge: Callable[[], None]) -> None:
    """``first`` is the Python verifier's reason, None if it accepted."""
    second = None
    try:
        judge()
    except ProofRejected as error:
        second = error.reason
    verdicts = [reason.value if reason else "accepted" for reason in (first, second)]
    detail = verdicts[0] if first is second else f"Python: {verdicts[0]}, native: {verdicts[1]}"
    findings.add("native", _SECOND, first is second, detail)


def _outcome(export: SettlementExport, findings: Findings) -> None:
    title = "L1 took over exactly what was proven"
    data, settled = findings.data, export.settled
    if data is None:
        findings.add("outcome", title, None, "there are no public data")
        return
    references = [market.reference for market in export.markets]
    for row in data.results:
        references = [result.price for result in row]
    wrong = ""
    if data.new_root != digest_of(settled.new_root):
        wrong = f"settled.new_root: {settled.new_root}, proven was {digest_hex(data.new_root)}"
    elif withdrawals_root(data.withdrawals) != raw(settled.withdrawals_root):
        wrong = "settled.withdrawals_root: not the root of the proven withdrawals"
    elif references != settled.references:
        wrong = f"settled.references: {settled.references}, proven were {references}"
    findings.add("outcome", title, not wrong, wrong or f"new state root {settled.new_root}")


def _missing(export: SettlementExport, findings: Findings) -> None:
    data = findings.data
    deadline, signed = "nobody was called missing before the deadline", "who paid for a missing reveal had committed"
    if data is None:
        findings.add("deadline", deadline, None, "there are no public data")
        findings.add("signatures", signed, None, "there are no public data")
        return
    late = [export.batches[m.batch] for m in data.missing]
    due = max((batch.seal_block + export.parameters.reveal_window for batch in late), default=-1)
    opened = export.settled.open_block
    detail = f"{len(data.missing)} missing" + (f", deadline block {due}, opened in {opened}" if late else "")
    findings.add("deadline", deadline, opened > due, detail)
    wrong = _wrong_signature(export, data)
    charged = sum(m.charged for m in data.missing)
    findings.add("signatures", signed, not wrong, wrong or f"{charged} charged, each signed by its commit key")


def _wrong_signature(export: SettlementExport, data: PublicData) -> str:
    charged = [m for m in data.missing if m.charged]
    signatures = raw(export.signatures)
    if len(signatures) != SIGNATURE_SIZE * len(charged):
        return f"signatures: {len(signatures)} bytes for {len(charged)} charged leaves"
    keys = {key.account: key.address for key in export.commit_keys}
    domain = Domain(export.chain_id, export.contract)
    for i, leaf in enumerate(charged):
        part = signatures[SIGNATURE_SIZE * i : SIGNATURE_SIZE * (i + 1)]
        sequence = int.from_bytes(part[:8], "big")
        digest = domain.commitment(data.first_batch + leaf.batch, leaf.account, sequence, leaf.commitment)
        signer = recover(digest, part[8:])
        if signer is None or signer.lower() != keys.get(leaf.account):
            return f"signatures[{i}]: not signed by the commit key of account {leaf.account}"
    return ""


def _security(export: SettlementExport, findings: Findings) -> None:
    title = f"at least {MINIMUM_BITS:.0f} bits of conjectured security"
    try:
        findings.security = prover_api.security(raw(export.verification_key))
    except prover_api.ProverError as error:
        findings.add("security", title, False, f"verification_key: {error}")
        return
    bits = findings.security["conjectured"]["total"]
    proven = max(r["total"] for name, r in findings.security.items() if name != "conjectured")
    findings.add("security", title, bits >= MINIMUM_BITS, f"{bits:.1f} bits conjectured, {proven:.1f} proven")
