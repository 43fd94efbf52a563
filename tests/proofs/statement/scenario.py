"""The small venue of the forged witnesses, for tests of everything that is made of epochs."""

from proofs.soundness.clearing.scenario import (
    FIRST_BATCH,
    MARKETS,
    PUBLIC_BUS,
    Messages,
    Tree,
    Venue,
    public_messages,
    random_epoch,
    rebuild_state,
)

__all__ = [
    "FIRST_BATCH", "MARKETS", "PUBLIC_BUS", "Messages", "Tree", "Venue", "public_messages", "random_epoch",
    "rebuild_state",
]  # fmt: skip
