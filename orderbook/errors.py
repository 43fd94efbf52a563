"""Errors of the venue.

::

    OrderbookError
    ├── WireError            a message that is not part of the protocol
    ├── RequestError         a request that the venue refuses (the client may learn why)
    ├── JournalError         the journal is corrupt, foreign or of another schema
    ├── GatewayError         L1: endpoint down, transaction rejected, chain contradicts the journal
    │   ├── EndpointDownError
    │   ├── TransactionTooLargeError
    │   └── ChainMismatchError
    ├── ProverError          the prover process failed, was ended, or gave a wrong proof
    └── ConfigurationError   what the operator asked for cannot start

Each has a ``code`` (stable, for machines), a message that names the field and the reason, and ``retryable``.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ChainMismatchError",
    "ConfigurationError",
    "EndpointDownError",
    "GatewayError",
    "JournalError",
    "OrderbookError",
    "ProverError",
    "RequestError",
    "TransactionTooLargeError",
    "WireError",
]


class OrderbookError(Exception):
    """Root of the package's errors."""

    default_code: ClassVar[str] = "orderbook"
    default_retryable: ClassVar[bool] = False

    def __init__(
        self, message: str, *, code: str | None = None, field: str = "", retryable: bool | None = None
    ) -> None:
        super().__init__(message)
        self.code = self.default_code if code is None else code
        self.field = field
        self.retryable = self.default_retryable if retryable is None else retryable


class WireError(OrderbookError):
    """The bytes are not a message of the protocol: ``malformed``, ``too_large``, ``unsupported_schema``."""

    default_code = "malformed"


class RequestError(OrderbookError):
    """A well-formed request that is refused; ``code`` is one of :data:`orderbook.wire.ErrorCode`."""

    default_code = "refused"


class JournalError(OrderbookError):
    """The journal cannot be trusted or used: ``journal_corrupt``, ``journal_schema``, ``journal_foreign``,
    ``journal_locked``, ``journal_key``, ``journal_write``."""

    default_code = "journal_corrupt"


class GatewayError(OrderbookError):
    """L1 did not do what was asked."""

    default_code = "gateway"


class EndpointDownError(GatewayError):
    """The endpoint does not answer; the call may be repeated."""

    default_code = "endpoint_down"
    default_retryable = True


class TransactionTooLargeError(GatewayError):
    """A transaction would exceed the chain's limit on bytes or gas, and was not sent."""

    default_code = "transaction_too_large"


class ChainMismatchError(GatewayError):
    """The endpoint's chain contradicts what the node knows: another chain, contract, or history."""

    default_code = "chain_mismatch"


class ProverError(OrderbookError):
    """No proof: ``prover_failed``, ``prover_cancelled``."""

    default_code = "prover_failed"


class ConfigurationError(OrderbookError):
    """The node cannot start as asked."""

    default_code = "configuration"
