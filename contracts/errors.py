"""Exceptions of the contracts package: all that it raises on purpose are :class:`ContractsError`.

ContractsError
  ArtifactError         a compiled contract is not there, or is not for deployment
  TransactionTooLarge   beyond the chain's limit of bytes
  Reverted              a contract refused; ``error`` is the name of its custom error, ``arguments`` its values
  OutOfGas              a transaction failed without a reason
  EndpointError         the JSON-RPC endpoint is down or answers nonsense
    EndpointDown, WrongChain, WrongContract, InconsistentEndpoint
"""

from __future__ import annotations

from typing import Any, ClassVar


class ContractsError(Exception):
    """Root. ``code`` is meant for programs; ``retryable``: whether the same call may succeed later."""

    code: str = "contracts"
    retryable: ClassVar[bool] = False


class ArtifactError(ContractsError):
    """A compiled contract is missing, or it is test material that must not be deployed."""

    code = "artifact"


class TransactionTooLargeError(ContractsError):
    """The transaction has more bytes than the chain passes on."""

    code = "transaction_too_large"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"transaction of {size} bytes, the limit is {limit}")
        self.size = size
        self.limit = limit


class RevertedError(ContractsError):
    """A contract refused. ``error`` is its custom error's name, ``arguments`` are that error's values."""

    def __init__(self, error: str, arguments: dict[str, Any] | None = None) -> None:
        self.error = error
        self.arguments = arguments or {}
        details = ", ".join(f"{k}={v.hex() if isinstance(v, bytes) else v}" for k, v in self.arguments.items())
        super().__init__(f"reverted: {error}({details})")
        snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in error).lstrip("_")
        self.code = f"reverted.{snake}"


class TransactionFailedError(ContractsError):
    """The transaction was mined and failed, and calling it again gives no reason (out of gas, for one)."""

    code = "transaction_failed"


class EndpointError(ContractsError):
    """The JSON-RPC endpoint cannot be used."""

    code = "endpoint"


class EndpointDownError(EndpointError):
    """Nobody answers, or not in time."""

    code = "endpoint.down"
    retryable = True


class WrongChainError(EndpointError):
    """The endpoint serves another chain than the one configured."""

    code = "endpoint.wrong_chain"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"chain_id: the endpoint serves chain {actual}, expected {expected}")


class WrongContractError(EndpointError):
    """There is no contract, or another one, at the configured address."""

    code = "endpoint.wrong_contract"


class InconsistentEndpointError(EndpointError):
    """The endpoint contradicts itself: ``field`` names the answer that cannot be true."""

    code = "endpoint.inconsistent"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
