"""Public messages: as an application lists them, and packed (``docs/proof-format.md`` section 10)."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Final

from .errors import ProofRejected, Reason
from .field import P
from .reader import Reader
from .vk import VerificationKey, parse_verification_key

PublicMessage = tuple[int, Sequence[int]]
"""Bus id of the tape, fields. The verifier sends each once; the application's context must bind them all."""
RUN: Final = 255
"""What starts a run in the place of a bus: no tape has so many buses."""
_ELEMENT: Final = 8


def check_messages(vk: VerificationKey, messages: Sequence[PublicMessage]) -> tuple[PublicMessage, ...]:
    """The messages with plain integers; rejects with ``MESSAGE`` what is not well-formed for a used bus."""
    used = set(vk.bus_order)
    checked = []
    for number, (bus, raw_fields) in enumerate(messages):
        fields = tuple(map(index, raw_fields))  # fixed-width integers would overflow in the arithmetic
        if bus not in used:
            raise ProofRejected(Reason.MESSAGE, f"message {number}: no table uses bus {bus}")
        if len(fields) != vk.bus_widths[bus]:
            raise ProofRejected(
                Reason.MESSAGE, f"message {number}: {vk.bus_widths[bus]} fields expected, got {len(fields)}"
            )
        if not all(0 <= field < P for field in fields):
            raise ProofRejected(Reason.MESSAGE, f"message {number}: a field is not in [0, p)")
        checked.append((index(bus), fields))
    return tuple(checked)


def unpack_messages(vk: bytes, packed: bytes) -> tuple[PublicMessage, ...]:
    """Public messages from their packed form; rejects with ``MESSAGE``."""
    key = parse_verification_key(bytes(vk))
    reader = Reader(bytes(packed), Reason.MESSAGE, "packed messages")
    messages: list[PublicMessage] = []
    while reader.remaining:
        bus = reader.u8("bus")
        run = bus == RUN
        if run:
            bus = reader.u8("bus of the run")
        reader.require(bus < len(key.bus_widths), f"bus {bus} is not below {len(key.bus_widths)}")
        width = key.bus_widths[bus]
        if run:
            messages += _run(reader, bus, width)
        else:
            messages.append((bus, tuple(reader.u64("field", P) for _ in range(width))))
    return check_messages(key, messages)


def _run(reader: Reader, bus: int, width: int) -> list[PublicMessage]:
    """What follows a run's bus: their number, the bytes of each field, the fields."""
    count = reader.u32("count")
    sizes = [reader.u8("size of a field", _ELEMENT + 1) for _ in range(width)]
    reader.require(count > 0 and sum(sizes) > 0, "an empty run, or one of messages without bytes")
    reader.require(count * sum(sizes) <= reader.remaining, f"{count} messages do not fit the bytes that are left")
    return [(bus, tuple(int.from_bytes(reader.take(size), "big") for size in sizes)) for _ in range(count)]
