"""Proving with the native prover: typed errors, defaults and shapes around ``commitments._native``.

Nothing here checks a trace against its constraints before proving: :func:`prove` also proves false traces,
and a verifier must reject the result. Use :func:`check` first where a clear message is worth the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import index
from types import MappingProxyType
from typing import ClassVar, Final, SupportsIndex

import numpy as np
import numpy.typing as npt

from commitments import _native

from .layout import derived_columns
from .params import PROOF
from .tape import DerivedColumn
from .verifier import ProofRejected, PublicMessage, Reason

Trace = npt.NDArray[np.uint64]
"""A table's rows: shape (height, width), canonical field elements."""

DEFAULT_PARAMETERS: Final[Mapping[str, int]] = MappingProxyType(asdict(PROOF))
"""The statement's parameters; :func:`security` says what they give for a key."""
_LARGEST_WORD: Final = 2**64 - 1


class ProverError(Exception):
    """Root of this module's errors. ``code`` names the check; a retry with the same input fails again."""

    retryable: ClassVar[bool] = False

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class BrokenConstraint:
    """Assert ``index`` of ``table`` is not zero on ``row``."""

    table: int
    index: int
    row: int


@dataclass(frozen=True)
class Unbalanced:
    """The signed counts of this message sum to ``count`` (mod p) instead of 0; public messages count +1."""

    bus: int
    fields: tuple[int, ...]
    count: int


def _typed(error: _native.ProofError) -> ProverError:
    code, detail = error.args
    return ProverError(code, detail)


def setup(tape: bytes, log_heights: Sequence[int], parameters: Mapping[str, int] = DEFAULT_PARAMETERS) -> bytes:
    """The verification key (``docs/proof-format.md`` section 2).

    ``parameters``: the keys of :data:`DEFAULT_PARAMETERS`; grinding bits that are left out are 0.
    """
    try:
        return _native.setup(tape, list(log_heights), dict(parameters))
    except _native.ProofError as error:
        raise _typed(error) from None


def prove(vk: bytes, context: bytes, traces: Sequence[Trace]) -> bytes:
    """The wire proof (``docs/proof-format.md`` section 4). ``context``: 32 bytes. Releases the GIL.

    Masks and salts are fresh from the operating system for every call. The random pairs that hide the terminals are in
    the traces: whoever proves traces again draws them again (:func:`proofs.serving.blind_again`).
    """
    if len(context) != 32:
        raise ProverError("argument", f"the context has {len(context)} bytes, not 32")
    try:
        return _native.prove(vk, context, list(traces))
    except _native.ProofError as error:
        raise _typed(error) from None


def verify_native(vk: bytes, context: bytes, messages: Sequence[PublicMessage] | bytes, proof: bytes) -> None:
    """Verify with the native verifier, which shares no code with the Python one. Releases the GIL.

    Takes what :func:`proofs.verifier.verify` takes, or the messages packed (for each, u8 bus, then its fields as
    big-endian u64), and gives its verdicts: raises :class:`~proofs.verifier.ProofRejected` with the same reason.
    """
    try:
        if isinstance(messages, bytes):
            _native.verify_packed(bytes(vk), bytes(context), messages, bytes(proof))
            return
        words = [(_word(bus), [_word(field) for field in fields]) for bus, fields in messages]
        _native.verify(bytes(vk), bytes(context), words, bytes(proof))
    except _native.ProofError as error:
        reason, detail = error.args
        raise ProofRejected(Reason(reason), detail) from None


def _word(value: SupportsIndex) -> int:
    """``value`` if it fits 64 bits, else the largest such number, which neither a bus nor a field can be."""
    number = index(value)
    return number if 0 <= number <= _LARGEST_WORD else _LARGEST_WORD


def progress() -> float:
    """Fraction of this process's running (or last) proof that is done, for polling from another thread."""
    return _native.prove_progress()


def profile() -> dict[str, float]:
    """Seconds per phase of this process's last proof. Phases nest and overlap: they do not add up to the whole."""
    return dict(_native.prove_profile())


def proof_lengths(vk: bytes) -> tuple[int, int]:
    """Bytes of a proof's head and of one of its query records."""
    try:
        return _native.proof_lengths(vk)
    except _native.ProofError as error:
        raise _typed(error) from None


def security(vk: bytes) -> dict[str, dict[str, float]]:
    """Bits of security per error source and in total, by p3-security on the key's shape.

    Regimes: ``conjectured`` (random words), ``proven_unique_decoding``, ``proven_list_decoding``; the proven
    security is the better of the two.
    """
    try:
        return _native.security_report(vk)
    except _native.ProofError as error:
        raise _typed(error) from None


def fill(tape: bytes, derived: Sequence[DerivedColumn], table: int, inputs: Trace) -> Trace:
    """A copy of ``inputs`` (full width) with the table's derived columns computed."""
    parts = [(0, 0, np.ascontiguousarray(inputs))]
    try:
        return _native.lay_out(tape, derived_columns(derived), table, (parts, len(inputs), len(inputs)))
    except _native.ProofError as error:
        raise _typed(error) from None


def messages(tape: bytes, table: int, trace: Trace, bus: int, sign: int) -> Trace:
    """Messages with non-zero count on a bus (sign 0 send, 1 receive): rows of (row, count, fields...)."""
    try:
        return _native.messages(tape, table, trace, bus, sign)
    except _native.ProofError as error:
        raise _typed(error) from None


def check(
    tape: bytes, traces: Sequence[Trace], public: Sequence[tuple[int, Sequence[int]]], limit: int = 20
) -> list[BrokenConstraint | Unbalanced]:
    """Every broken constraint and unbalanced message, at most ``limit`` of each kind."""
    width = max((len(fields) for _, fields in public), default=0)
    rows = np.zeros((len(public), 1 + width), dtype=np.uint64)
    for row, (bus, fields) in zip(rows, public, strict=True):
        row[0], row[1 : 1 + len(fields)] = bus, fields
    try:
        constraints, buses = _native.check(tape, list(traces), rows, limit)
    except _native.ProofError as error:
        raise _typed(error) from None
    return [
        *(BrokenConstraint(table, index, row) for table, index, row in constraints),
        *(Unbalanced(bus, tuple(fields), count) for bus, fields, count in buses),
    ]
