"""The verification key: what is proven, at which sizes, with which parameters (``docs/proof-format.md`` 2).

The parser accepts only keys that are consistent in themselves: every length of a proof follows from the
result, and nothing that a proof or a later module reads can be out of range.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from .errors import Reason
from .field import DIMENSION, TWO_ADICITY, P
from .lookups import LookupColumn
from .reader import Reader
from .tape import Table, Tape, parse_tape

MAGIC: Final = b"SBV3"
MASK_WIDTH: Final = DIMENSION
"""Base columns of the matrix that masks the low-degree test."""
NO_TABLE: Final = -1
"""The table of that matrix."""
MOST_POINTS: Final = 2
"""A matrix is opened at zeta, and perhaps at zeta's successor on its trace domain."""
SALT: Final = 2
"""Salt elements of a leaf group."""
UNUSED_BUS: Final = 255
MAX_LOG_CHUNKS: Final = 5
"""Sanity bound on quotient chunks; constraints of degree 4 need 3."""
MAX_GRINDING_BITS: Final = 63


@dataclass(frozen=True)
class TableShape:
    """One table: its code, ``2^log_height`` rows, ``2^log_chunks`` quotient chunks and its lookup columns."""

    table: Table
    log_height: int
    log_chunks: int
    lookups: tuple[LookupColumn, ...]


@dataclass(frozen=True)
class Matrix:
    """One committed matrix: ``columns`` base columns opened at one or two points.

    The first point is zeta, the second its successor on the table's trace domain.
    """

    table: int
    log_height: int
    columns: int
    points: int


@dataclass(frozen=True)
class Group:
    """The matrices of one height in one tree: they share a leaf and its salt."""

    log_height: int
    matrices: tuple[int, ...]
    columns: int


@dataclass(frozen=True)
class Tree:
    """One commitment: its matrices in commitment order and its leaf groups, tallest first."""

    name: str
    matrices: tuple[Matrix, ...]
    groups: tuple[Group, ...]

    @property
    def log_height(self) -> int:
        return self.groups[0].log_height


@dataclass(frozen=True)
class Grinding:
    """Bits of work before each challenge; 0 means no witness."""

    lookup: int
    ood: int
    batch: int
    commit: int
    query: int


@dataclass(frozen=True)
class Seeds:
    """Domain separators of the three typed transcripts, as the bytes to absorb."""

    batch: bytes
    pcs: bytes
    fri: bytes


@dataclass(frozen=True)
class VerificationKey:
    """A parsed key.

    ``rounds`` are the log2 folding arities; ``prefixes[bus]`` is a tape bus's prefix index.
    """

    log_blowup: int
    num_queries: int
    cap_height: int
    log_final_poly: int
    grinding: Grinding
    log_domain: int
    rounds: tuple[int, ...]
    widest_message: int
    prefixes: tuple[int, ...]
    bus_widths: tuple[int, ...]
    tables: tuple[TableShape, ...]
    seeds: Seeds

    @cached_property
    def bus_order(self) -> tuple[int, ...]:
        """The tape's bus ids by increasing prefix index; buses that no table uses are not in it."""
        used = [bus for bus, prefix in enumerate(self.prefixes) if prefix != UNUSED_BUS]
        return tuple(sorted(used, key=self.prefixes.__getitem__))

    @property
    def mask_length(self) -> int:
        """Random coefficients that mask a column; its degree is below the height plus this."""
        return 2 * (self.num_queries + DIMENSION * MOST_POINTS)

    @cached_property
    def final_coefficients(self) -> int:
        """Coefficients of the final polynomial, as many as the masked columns' degrees leave after folding."""
        degrees = [(shape.log_height, (1 << shape.log_height) + self.mask_length - 2) for shape in self.tables]
        return max(degree >> (log_height - self.log_final_poly) for log_height, degree in degrees) + 1

    @cached_property
    def trees(self) -> tuple[Tree, ...]:
        """Main, quotient and permutation tree, in the order of the opened values."""
        plans: list[tuple[str, list[Matrix]]] = [("main", []), ("quotient", []), ("permutation", [])]
        for index, shape in enumerate(self.tables):
            height = shape.log_height + self.log_blowup
            main_points = 2 if shape.table.reads_next_row else 1
            plans[0][1].append(Matrix(index, height, shape.table.width, main_points))
            plans[1][1].extend([Matrix(index, height, DIMENSION, 1)] * (1 << shape.log_chunks))
            if shape.lookups:
                width = DIMENSION * (len(shape.lookups) + 1)
                plans[2][1].append(Matrix(index, height, width, 2))
        plans[1][1].append(Matrix(NO_TABLE, self.log_domain, MASK_WIDTH, 1))
        return tuple(Tree(name, tuple(matrices), _groups(matrices)) for name, matrices in plans)


def _groups(matrices: list[Matrix]) -> tuple[Group, ...]:
    groups = []
    for height in sorted({m.log_height for m in matrices}, reverse=True):
        members = tuple(i for i, m in enumerate(matrices) if m.log_height == height)
        groups.append(Group(height, members, sum(matrices[i].columns for i in members)))
    return tuple(groups)


@lru_cache(maxsize=8)
def parse_verification_key(data: bytes) -> VerificationKey:
    """Parse a key strictly; rejects with ``VK``."""
    reader = Reader(data, Reason.VK, "verification key")
    reader.require(reader.take(len(MAGIC)) == MAGIC, f"magic is not {MAGIC!r}")
    log_blowup = reader.u8("log blowup", TWO_ADICITY)
    num_queries = reader.u8("queries")
    cap_height = reader.u8("cap height", TWO_ADICITY)
    max_log_arity = reader.u8("max log arity")
    log_final_poly = reader.u8("log final polynomial", TWO_ADICITY)
    grinding = Grinding(*(reader.u8("grinding bits", MAX_GRINDING_BITS + 1) for _ in range(5)))
    log_domain = reader.u8("log domain", TWO_ADICITY + 1)
    rounds = tuple(reader.u8("round arity", max_log_arity + 1) for _ in range(reader.u8("rounds")))
    widest_message = reader.u8("max message width")
    prefixes = tuple(reader.u8("bus prefix") for _ in range(reader.u8("buses")))
    sections = [_parse_table(reader) for _ in range(reader.u8("tables"))]
    seeds = Seeds(*(reader.take(reader.u16("seed length")) for _ in range(3)))
    tape = parse_tape(reader.take(reader.u32("tape length")))
    reader.finish()

    reader.require(log_blowup > 0, "blowup 1 proves nothing")
    reader.require(num_queries > 0, "no queries")
    reader.require(len(sections) == len(tape.tables), "table count differs from the tape's")
    reader.require(len(prefixes) == len(tape.bus_widths), "bus count differs from the tape's")
    tables = tuple(_check_table(reader, table, *section) for table, section in zip(tape.tables, sections, strict=True))
    _check_buses(reader, tape, prefixes, widest_message)
    _check_heights(reader, tables, log_blowup, cap_height, log_final_poly, log_domain, rounds)
    key = VerificationKey(
        log_blowup=log_blowup,
        num_queries=num_queries,
        cap_height=cap_height,
        log_final_poly=log_final_poly,
        grinding=grinding,
        log_domain=log_domain,
        rounds=rounds,
        widest_message=widest_message,
        prefixes=prefixes,
        bus_widths=tape.bus_widths,
        tables=tables,
        seeds=seeds,
    )
    lowest = min(shape.log_height for shape in tables)
    reader.require(1 << lowest >= key.mask_length, "a table is too low for its masks")
    return key


def _parse_table(reader: Reader) -> tuple[int, int, bool, tuple[tuple[int, tuple[int, ...]], ...]]:
    log_height = reader.u8("log height", TWO_ADICITY)
    log_chunks = reader.u8("log chunks", MAX_LOG_CHUNKS + 1)
    reads_next = bool(reader.u8("reads next", 2))
    columns = []
    for _ in range(reader.u8("lookup columns")):
        bus = reader.u8("lookup bus")
        columns.append((bus, tuple(reader.u16("message index") for _ in range(reader.u8("packed messages")))))
    return log_height, log_chunks, reads_next, tuple(columns)


def _check_table(
    reader: Reader,
    table: Table,
    log_height: int,
    log_chunks: int,
    reads_next: bool,
    packing: tuple[tuple[int, tuple[int, ...]], ...],
) -> TableShape:
    """Every message of the table must stand in exactly one lookup column, which must be of its bus."""
    reader.require(log_chunks > 0, "a single quotient chunk hides nothing")
    reader.require(log_height + log_chunks <= TWO_ADICITY, "quotient domain too large")
    reader.require(reads_next == table.reads_next_row, "reads-next flag differs from the tape")
    packed = [message for _, members in packing for message in members]
    reader.require(sorted(packed) == list(range(len(table.messages))), "messages are not packed once each")
    for bus, members in packing:
        reader.require(len(members) > 0, "empty lookup column")
        reader.require(all(table.messages[m].bus == bus for m in members), "lookup column mixes buses")
    return TableShape(table, log_height, log_chunks, tuple(LookupColumn(b, m) for b, m in packing))


def _check_buses(reader: Reader, tape: Tape, prefixes: tuple[int, ...], widest_message: int) -> None:
    """Used buses must have the prefixes 0, 1, ... once each; the widest of them sets the prefix spacing."""
    used = {message.bus for table in tape.tables for message in table.messages}
    reader.require(len(used) > 0, "no table sends a message")
    reader.require(all((prefixes[b] != UNUSED_BUS) == (b in used) for b in range(len(prefixes))), "unused bus")
    reader.require(sorted(prefixes[b] for b in used) == list(range(len(used))), "bus prefixes are not 0, 1, ...")
    reader.require(widest_message == max(tape.bus_widths[b] for b in used), "widest message differs")


def _check_heights(
    reader: Reader,
    tables: tuple[TableShape, ...],
    log_blowup: int,
    cap_height: int,
    log_final_poly: int,
    log_domain: int,
    rounds: tuple[int, ...],
) -> None:
    """Folding must pass every committed height, and no count on a bus may wrap around p."""
    last = log_blowup + log_final_poly
    heights = {shape.log_height + log_blowup for shape in tables}
    reached = [log_domain - sum(rounds[:i]) for i in range(len(rounds) + 1)]
    reader.require(log_domain == max(heights), "domain differs from the tallest table's")
    reader.require(all(arity > 0 for arity in rounds), "a round folds nothing")
    reader.require(reached[-1] == last, "folding does not end at the final polynomial")
    reader.require(heights <= set(reached[:-1]), "folding passes over a table's height")
    reader.require(cap_height <= last, "cap above a leaf layer")
    counts = sum(sum(m.weight for m in shape.table.messages) << shape.log_height for shape in tables)
    reader.require(counts < P, "message counts can wrap around the field")
