"""Errors as replies: what a client is told of a request that failed."""

from __future__ import annotations

import logging
import traceback

from .errors import OrderbookError, RequestError, WireError
from .wire import Error

log = logging.getLogger("sealbook.server")


def refusal(request: int, error: Exception) -> Error:
    """The reply to request ``request`` that failed. Faults of the venue are logged, without what the client sent."""
    if isinstance(error, RequestError | WireError):
        code, text, field = error.code, str(error)[:400], error.field[:100]
        return Error(request, code, text, field, error.retryable)  # type: ignore[arg-type]
    if isinstance(error, OrderbookError):
        log.error("request failed: %s", error, extra={"code": error.code})
        return Error(request, "unavailable", "the venue cannot serve this now", retryable=True)
    # Its message might hold what a client sent.
    stack = "".join(traceback.format_tb(error.__traceback__))
    log.error("request failed: %s", type(error).__name__, extra={"stack": stack})
    return Error(request, "internal", "a fault of the venue; it is logged there")
