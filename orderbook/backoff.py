"""How long to wait before something that failed is tried again."""

from __future__ import annotations

from typing import Final

__all__ = ["back_off"]

_SECONDS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


def back_off(failures: int) -> float:
    """Seconds after so many failures in a row, from 1 on."""
    return _SECONDS[min(failures, len(_SECONDS)) - 1]
