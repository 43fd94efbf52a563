"""Values of the command line: what each kind of word means, and what is said of one that is none."""

from __future__ import annotations

from argparse import ArgumentTypeError

from proofs.params import MAX_BATCHES

__all__ = ["address", "batches", "count", "interval", "number", "port", "seconds"]


def seconds(text: str) -> float:
    """A number of seconds, 0 included."""
    return _float(text, 0, 1e9, f"{text!r} is not a number of seconds")


def interval(text: str) -> float:
    """Seconds between two of something."""
    return _float(text, 0.01, 3600, f"{text!r} is not a number of seconds from 0.01 to 3600")


def number(text: str) -> int:
    """The number of something, from 0 on."""
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise ArgumentTypeError(f"{text!r} is no number")
    return int(text)


def count(text: str) -> int:
    """A number of things, at least one."""
    value = number(text)
    if value < 1:
        raise ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return value


def batches(text: str) -> int:
    """Batches of one epoch."""
    value = count(text)
    if value > MAX_BATCHES:
        raise ArgumentTypeError(f"{text} is more than {MAX_BATCHES}")
    return value


def port(text: str) -> int:
    """A port; 0 for a free one."""
    if not text.isdecimal() or int(text) > 65535:
        raise ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def address(text: str) -> tuple[str, int]:
    """HOST:PORT; an IPv6 address in brackets."""
    host, colon, digits = text.rpartition(":")
    if not colon or not digits.isdecimal() or int(digits) > 65535:
        raise ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return (host.strip("[]"), int(digits))


def _float(text: str, least: float, most: float, complaint: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ArgumentTypeError(complaint) from None
    if not least <= value <= most:
        raise ArgumentTypeError(complaint)
    return value
