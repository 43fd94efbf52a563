"""How long-running commands log."""

from __future__ import annotations

import json
import logging
import sys
import time

__all__ = ["set_up"]


class _Lines(logging.Formatter):
    """``12:00:00 message  key=value ...``."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f"  {key}={value}" for key, value in _extra(record).items() if key != "url")
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        text = f"{clock} {level}{record.getMessage()}{fields}"
        return text if record.exc_info is None else f"{text}\n{self.formatException(record.exc_info)}"


class _Objects(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {"time": record.created, "level": record.levelname.lower()}
        line |= {"logger": record.name, "message": record.getMessage(), **_extra(record)}
        if record.exc_info is not None:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "websocket"}


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def set_up(as_json: bool) -> None:
    """Send what the package logs to standard output: lines for people, or one JSON object per line."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Objects() if as_json else _Lines())
    root = logging.getLogger("sealbook")
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    root.propagate = False
    logging.getLogger("sealbook.websockets").setLevel(logging.WARNING)
