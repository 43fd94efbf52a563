"""Exceptions of the command line: all that it raises on purpose are :class:`CommandError`.

CommandError
  ExportError    an exported settlement is damaged or not one; ``field`` names the place
  InspectError   the settlement that was asked for is not there, or L1 does not hold what it should
  BenchError     a benchmark cannot run as asked
  SolvencyError  there is no proof of solvency to be made: ``field`` says of what
"""

from __future__ import annotations

from typing import ClassVar


class CommandError(Exception):
    """Root. ``code`` is meant for programs; ``retryable``: whether the same call may succeed later."""

    code: str = "sealbook"
    retryable: ClassVar[bool] = False


class ExportError(CommandError):
    """An exported settlement cannot be read: ``field`` is the path of what is wrong, ``reason`` why."""

    code = "export"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class InspectError(CommandError):
    """There is nothing to inspect; ``field`` names the argument or the fact of L1."""

    code = "inspect"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class BenchError(CommandError):
    """A benchmark cannot run as asked, or its process failed."""

    code = "bench"


class SolvencyError(CommandError):
    """The state, the contract or an argument does not allow a proof of solvency; ``field`` names it."""

    code = "solvency"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
