"""`sealbook clear`: the published clearing rule on JSON lines."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO, Literal

import msgspec
import numpy as np

from matching.errors import MatchingError
from matching.fast import clear_arrays
from matching.types import Market, Side

__all__ = ["MAX_LINE_BYTES", "add_parser", "clear_line", "run"]

MAX_LINE_BYTES = 64 * 2**20
"""A longer line is refused without being read into memory."""

Positive = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]

_DESCRIPTION = """\
Clear books by the published rule (docs/matching.md). Every input line is one JSON object
  {"lower": L, "upper": U, "reference": R, "orders": [["buy"|"sell", price, quantity], ...]}
and every output line
  {"price": p or null, "volume": v, "surplus": D - S (0 without trade), "fills": [...]}
with one fill per order in the order given; that is also the order of rationing, with draw u = 0.
A line that cannot be cleared gives {"error": {"code": ..., "message": ...}}, and the next line is read.
Numbers are integers in [1, 2^31). Lines of white space only are skipped and give no output.
A line may have up to 64 MiB. Exit status: 0, 1 if any line failed, 2 if the file cannot be read."""

_PATH = re.compile(r" - at `(?:key in )?\$(?:\.)?([^`]*)`$")
_ORDER_PART = re.compile(r"(orders\[\d+\])\[(\d)\]")
_PARTS = ("side", "price", "quantity")


class BookLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input line: prices in ticks, quantities in lots."""

    lower: Positive
    upper: Positive
    reference: Positive
    orders: list[tuple[Literal["buy", "sell"], Positive, Positive]]


_DECODER = msgspec.json.Decoder(BookLine)


class _LineError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Register `clear` with the subparsers of the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "clear",
        help="clear books by the published rule, one JSON object per line",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help="input; standard input if absent or -")
    parser.add_argument("--json", action="store_true", help="accepted for uniformity: the output is always JSON")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Clear every line of `args.file` to standard output; 0, or 1 if any line failed, or 2 without input."""
    try:
        if args.file == "-":
            return _clear_stream(sys.stdin.buffer, sys.stdout.buffer)
        with open(args.file, "rb") as source:
            return _clear_stream(source, sys.stdout.buffer)
    except BrokenPipeError:
        # The reader has gone: leave without a message, also when the interpreter flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        print(f"sealbook clear: {args.file}: {error.strerror or error}", file=sys.stderr)
        return 2


def _clear_stream(source: BinaryIO, sink: BinaryIO) -> int:
    status = 0
    for line in _lines(source):
        if line is not None and not line.strip():
            continue
        answer, failed = clear_line(line)
        status |= failed
        sink.write(answer + b"\n")
        sink.flush()
    return status


def _lines(source: BinaryIO) -> Iterator[bytes | None]:
    """The lines of a stream; None for one that is too long, which is skipped piece by piece."""
    while line := source.readline(MAX_LINE_BYTES + 1):
        if len(line) <= MAX_LINE_BYTES:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = source.readline(MAX_LINE_BYTES)
        yield None


def clear_line(line: bytes | None) -> tuple[bytes, bool]:
    """The output line for one input line (None: too long), and whether it is an error."""
    try:
        if line is None:
            raise _LineError("too_large", f"the line is longer than {MAX_LINE_BYTES} bytes")
        return _clear_book(_parse(line)), False
    except (_LineError, MatchingError) as error:
        return msgspec.json.encode({"error": {"code": error.code, "message": str(error)}}), True


def _parse(line: bytes) -> BookLine:
    try:
        book = _DECODER.decode(line)
    except msgspec.ValidationError as error:
        raise _LineError("invalid", _named(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _LineError("malformed", f"not JSON: {error}") from None
    # msgspec takes the last of duplicate keys; by now the line is known to be flat and of integers only.
    json.loads(line, object_pairs_hook=_without_duplicates)
    return book


def _named(message: str) -> str:
    """`orders[3].price: reason` for msgspec's "reason - at `$.orders[3][1]`"."""
    found = _PATH.search(message)
    if found is None:
        return message
    field = _ORDER_PART.sub(lambda part: f"{part[1]}.{_PARTS[int(part[2])]}", found[1])
    return f"{field}: {message[: found.start()]}" if field else message[: found.start()]


def _without_duplicates(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for name, _ in pairs:
        if name in seen:
            raise _LineError("invalid", f"{name}: given twice")
        seen.add(name)


def _clear_book(book: BookLine) -> bytes:
    market = Market(book.lower, book.upper, book.reference)
    count = len(book.orders)
    sides = np.fromiter((Side.BUY if order[0] == "buy" else Side.SELL for order in book.orders), np.int64, count)
    prices = np.fromiter((order[1] for order in book.orders), np.int64, count)
    quantities = np.fromiter((order[2] for order in book.orders), np.int64, count)
    result = clear_arrays(market, sides, prices, quantities)
    return msgspec.json.encode(
        {
            "price": result.price,
            "volume": result.volume,
            "surplus": result.surplus,
            "fills": result.fills.tolist(),
        }
    )
