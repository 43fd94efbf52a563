"""The garbage collector of a process that must not pause: a full collection looks at every object there is.

With thousands of connections and accounts it takes long enough for clients to notice, and it finds next to nothing:
reference counts free nearly everything.
"""

from __future__ import annotations

import gc
from typing import Final

__all__ = ["settle_in"]

_THRESHOLDS: Final = (10_000, 20, 100)
"""New objects before a young collection; young ones before a middle one; middle ones before a full one."""


def settle_in() -> None:
    """What is there now stays: leave it out of every collection from now on, and have full collections seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
