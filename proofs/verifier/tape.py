"""The tape (version 1): a program's tables as straight-line code over one row and its successor."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from .errors import Reason
from .field import P
from .reader import Reader

MAGIC: Final = b"SBT1"
OPERATION: Final = 5
"""Bytes of an operation."""


class Op(IntEnum):
    LOCAL = 0
    NEXT = 1
    CONST = 2
    FIRST = 3
    LAST = 4
    TRANSITION = 5
    ADD = 6
    SUB = 7
    MUL = 8


@dataclass(frozen=True)
class Message:
    """One bus message of every row: ``fields`` and ``count`` are nodes; a receive counts negatively."""

    bus: int
    receive: bool
    weight: int
    count: int
    fields: tuple[int, ...]


@dataclass(frozen=True)
class Table:
    """One table. Node ``i`` is the value of ``operations[i]``; asserted nodes are zero on every row."""

    width: int
    constants: tuple[int, ...]
    operations: tuple[tuple[Op, int, int], ...]
    asserts: tuple[int, ...]
    messages: tuple[Message, ...]

    @property
    def reads_next_row(self) -> bool:
        return any(op is Op.NEXT for op, _, _ in self.operations)


@dataclass(frozen=True)
class Tape:
    bus_widths: tuple[int, ...]
    tables: tuple[Table, ...]


def parse_tape(data: bytes) -> Tape:
    """Parse ``data`` strictly; rejects with ``VK``."""
    reader = Reader(data, Reason.VK, "tape")
    reader.require(reader.take(len(MAGIC)) == MAGIC, f"magic is not {MAGIC!r}")
    bus_widths = tuple(reader.u8("bus width") for _ in range(reader.u8("buses")))
    reader.require(all(bus_widths), "a bus has no fields")
    tables = tuple(_parse_table(reader, bus_widths) for _ in range(reader.u8("tables")))
    reader.require(len(tables) > 0, "no tables")
    reader.finish()
    return Tape(bus_widths, tables)


def _parse_table(reader: Reader, bus_widths: tuple[int, ...]) -> Table:
    width = reader.u16("columns")
    reader.require(width > 0, "a table has no columns")
    constants = tuple(reader.u64("constant", P) for _ in range(reader.u16("constants")))
    count = reader.u16("operations")
    packed = struct.iter_unpack(">BHH", reader.take(OPERATION * count))
    operations = tuple(
        _checked_operation(reader, node, width, len(constants), *fields) for node, fields in enumerate(packed)
    )
    asserts = tuple(reader.u16("asserted node", count) for _ in range(reader.u16("asserts")))
    messages = []
    for _ in range(reader.u16("messages")):
        bus = reader.u8("bus", len(bus_widths))
        receive = bool(reader.u8("sign", 2))
        weight = reader.u8("weight")
        amount = reader.u16("count node", count)
        fields = tuple(reader.u16("field node", count) for _ in range(bus_widths[bus]))
        messages.append(Message(bus, receive, weight, amount, fields))
    return Table(width, constants, operations, asserts, tuple(messages))


def _checked_operation(
    reader: Reader, node: int, width: int, constants: int, code: int, a: int, b: int
) -> tuple[Op, int, int]:
    """Operands in range: columns, constants or earlier nodes; what an operation does not use is 0."""
    reader.require(code < len(Op), f"operation {code} of node {node} is unknown")
    op = Op(code)
    if op >= Op.ADD:
        limits = (node, node)
    elif op is Op.CONST:
        limits = (constants, 1)
    else:
        limits = (width if op <= Op.NEXT else 1, 1)
    reader.require(a < limits[0] and b < limits[1], f"{op.name} of node {node} has an operand out of range")
    return op, a, b
