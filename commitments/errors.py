"""Errors of this package.

CommitmentError
├── FieldError          a number is not a canonical field element or out of its range
├── BundleError         a bundle breaks the rules of docs/protocol.md section 7
├── KeyCacheError       a key cache is missing, foreign, corrupt, or locked
├── KeyRangeError       a batch that the key tree does not cover
└── Cancelled           a long computation was cancelled by its caller
"""

from __future__ import annotations


class CommitmentError(Exception):
    """Root of the package's errors: what was wrong (``code``), with which ``field``, and the reason."""

    code = "commitment"
    retryable = False

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class FieldError(CommitmentError):
    code = "out_of_range"


class BundleError(CommitmentError):
    code = "malformed_bundle"


class KeyCacheError(CommitmentError):
    code = "key_cache"


class KeyRangeError(CommitmentError):
    code = "key_range"


class Cancelled(CommitmentError):
    code = "cancelled"
    retryable = True
