"""Each measured job in a fresh process of its own, so that its peak memory is its own."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from ..errors import BenchError, CommandError

__all__ = ["Report", "peak_memory", "run_isolated"]

Report = Callable[[str, float | None], None]
"""Called with what is being done and, where it is known, the finished fraction."""
T = TypeVar("T")


def peak_memory() -> int:
    """Most bytes of memory that this process had resident so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # ru_maxrss would start at the parent's size: Linux hands it on through fork and exec.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def run_isolated(job: Callable[..., T], *arguments: Any, report: Report = lambda step, done: None) -> T:
    """``job(report, *arguments)`` in a new process; its reports are passed on.

    :raises BenchError: the job failed, with its message, or its process died
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_main, args=(sender, job, arguments), name="sealbook-bench", daemon=True)
    process.start()
    sender.close()
    done = False
    try:
        while True:
            try:
                kind, value = receiver.recv()
            except (EOFError, OSError):
                process.join(5)
                raise BenchError(f"the measured process ended with status {process.exitcode}") from None
            done = kind != "report"
            if kind == "result":
                result: T = value
                return result
            if kind == "error":
                raise BenchError(value)
            report(*value)
    finally:
        if not done:
            process.terminate()
        process.join()
        receiver.close()


def _main(sender: Connection, job: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    lock = threading.Lock()

    def send(kind: str, value: object) -> None:
        with lock:
            try:
                sender.send((kind, value))
            except BrokenPipeError:
                os._exit(1)  # the parent is gone: nobody wants the result

    try:
        result = job(lambda step, done: send("report", (step, done)), *arguments)
    except CommandError as error:
        send("error", str(error))
    except Exception as error:
        send("error", f"{type(error).__name__}: {error}"[:500])
    else:
        send("result", result)
    sender.close()
