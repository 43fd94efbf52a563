"""Commands of sealbook as processes of the demonstration."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["DemoError", "Service"]

START_SECONDS = 60
STOP_SECONDS = 20


class DemoError(Exception):
    """The demonstration cannot go on, and why."""


class Service:
    """A command of sealbook in a process of its own, with its output in a log file."""

    def __init__(self, name: str, arguments: list[str], log: Path) -> None:
        self.name = name
        self.log = log
        self._start = log.stat().st_size if log.exists() else 0
        self._file = log.open("ab")
        # A session of its own: Ctrl-C reaches the demonstration, which then ends its services in order.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sealbook.cli", *arguments],
            stdout=self._file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait_for(self, found: Callable[[dict[str, Any]], str | None]) -> str:
        """Wait for a line of JSON in the output from which ``found`` takes something."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with self.log.open("rb") as file:
                file.seek(self._start)
                for line in file.read().splitlines():
                    value = self._line(line, found)
                    if value is not None:
                        return value
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise DemoError(f"the {self.name} did not start; its log is {self.log}")

    @staticmethod
    def _line(line: bytes, found: Callable[[dict[str, Any]], str | None]) -> str | None:
        try:
            value = json.loads(line)
        except ValueError:
            return None
        return found(value) if isinstance(value, dict) else None

    def kill(self) -> None:
        """End it without any warning, as a power cut would."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._file.close()

    def stop(self) -> None:
        """Ask it to end; end it if it does not."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._file.close()
