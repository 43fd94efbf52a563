"""``sealbook node`` whose prover stops in the middle of a proof, for good: ``python -m tests.orderbook.held_node FILE
node ...``. Its process writes its number to FILE when the witness is built and the proof is to begin."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from orderbook import proving
from orderbook.prover_runner import ProcessProver, work
from orderbook.proving import Job
from proofs.statement.settlement import Witness
from sealbook.cli import main
from sealbook.commands import node


def held(file: Path, sender: Connection, job: Job) -> None:
    """The prover process's work, but for the proof."""

    def prove(witness: Witness) -> bytes:
        draft = file.with_suffix(".part")
        draft.write_text(str(os.getpid()))
        draft.rename(file)
        while True:
            signal.pause()

    proving.prove = prove  # type: ignore[assignment]
    work(sender, job)


if __name__ == "__main__":
    node.ProcessProver = partial(ProcessProver, process=partial(held, Path(sys.argv[1])))  # type: ignore[assignment,misc]
    sys.exit(main(sys.argv[2:]))
