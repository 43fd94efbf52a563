"""The proof's bytes (``docs/proof-format.md`` 4), parsed strictly into what the algorithm reads.

All lengths follow from the verification key. Elements must be canonical; those of the head are little-endian, as the
transcript absorbs them, those of the query records big-endian, as rows are hashed. What enters the transcript or a hash
is kept as bytes beside its values.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic

from .errors import ProofRejected, Reason
from .field import DIMENSION, E, FieldLayer, P
from .vk import SALT, Tree, VerificationKey

BASE: Final = 8
EXTENSION: Final = BASE * DIMENSION
DIGEST: Final = 32


@dataclass(frozen=True)
class Cap:
    """A commitment: the ``2^cap_height`` nodes of one tree level, in order."""

    raw: bytes

    def __getitem__(self, index: int) -> bytes:
        return self.raw[DIGEST * index : DIGEST * (index + 1)]


@dataclass(frozen=True)
class Elements(Generic[E]):
    """Extension elements and their bytes."""

    raw: bytes
    values: tuple[E, ...]


@dataclass(frozen=True)
class Head(Generic[E]):
    """The proof but for the queries. ``opened[tree][matrix][point]`` are the columns' values at that point.

    Absent witnesses are 0.
    """

    main: Cap
    lookup_witness: int
    permutation: Cap
    terminals: Elements[E]
    quotient: Cap
    ood_witness: int
    opened_raw: bytes
    opened: tuple[tuple[tuple[tuple[E, ...], ...], ...], ...]
    batch_witness: int
    rounds: tuple[tuple[Cap, int], ...]
    final_poly: Elements[E]
    query_witness: int


@dataclass(frozen=True)
class Leaf:
    """What a leaf hash covers: ``row`` are the base values of the group's matrices, without the salt."""

    raw: bytes
    row: tuple[int, ...]


@dataclass(frozen=True)
class TreeOpening:
    """The leaves of one tree at one index, by log2 height, and the siblings upwards."""

    leaves: Mapping[int, Leaf]
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class RoundOpening(Generic[E]):
    """The other values of a folding row, the salt bytes and the siblings upwards."""

    others: tuple[E, ...]
    salt: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Query(Generic[E]):
    trees: tuple[TreeOpening, ...]
    rounds: tuple[RoundOpening[E], ...]


def head_length(vk: VerificationKey) -> int:
    """Bytes of the head."""
    caps = 3 + len(vk.rounds)
    grinding = vk.grinding
    witnesses = sum(bits > 0 for bits in (grinding.lookup, grinding.ood, grinding.batch, grinding.query))
    witnesses += len(vk.rounds) * (grinding.commit > 0)
    opened = sum(matrix.columns * matrix.points for tree in vk.trees for matrix in tree.matrices)
    terminals = sum(bool(shape.lookups) for shape in vk.tables)
    return (
        caps * (DIGEST << vk.cap_height) + witnesses * BASE + (opened + terminals + vk.final_coefficients) * EXTENSION
    )


def query_length(vk: VerificationKey) -> int:
    """Bytes of one query record."""
    size = 0
    for tree in vk.trees:
        size += sum(BASE * (group.columns + SALT) for group in tree.groups)
        size += DIGEST * (tree.log_height - vk.cap_height)
    log_rows = vk.log_domain
    for log_arity in vk.rounds:
        log_rows -= log_arity
        size += EXTENSION * ((1 << log_arity) - 1) + BASE * SALT + DIGEST * (log_rows - vk.cap_height)
    return size


def split_proof(vk: VerificationKey, proof: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Head and query records; rejects with ``LENGTH``."""
    head, record = head_length(vk), query_length(vk)
    expected = head + vk.num_queries * record
    if len(proof) != expected:
        raise ProofRejected(Reason.LENGTH, f"{expected} bytes expected, got {len(proof)}")
    return proof[:head], tuple(proof[i : i + record] for i in range(head, expected, record))


class _Cursor:
    """Takes fields from bytes whose length is already known to be right."""

    def __init__(self, data: bytes, what: str, order: str) -> None:
        """``order``: of the bytes of an element, as :mod:`struct` writes it."""
        self._data = data
        self._order = order
        self._what = what
        self._position = 0

    def take(self, size: int) -> bytes:
        self._position += size
        return self._data[self._position - size : self._position]

    def base(self, count: int) -> tuple[bytes, tuple[int, ...]]:
        start = self._position
        raw = self.take(BASE * count)
        values: tuple[int, ...] = struct.unpack(f"{self._order}{count}Q", raw)
        if values and max(values) >= P:
            place = start + BASE * next(i for i, value in enumerate(values) if value >= P)
            raise ProofRejected(Reason.ELEMENT, f"{self._what}: element at byte {place} is not below p")
        return raw, values

    def extension(self, layer: FieldLayer[E], count: int) -> Elements[E]:
        raw, values = self.base(DIMENSION * count)
        return Elements(raw, tuple(map(layer.element, values[::2], values[1::2])))

    def witness(self, bits: int) -> int:
        return self.base(1)[1][0] if bits else 0

    def cap(self, vk: VerificationKey) -> Cap:
        return Cap(self.take(DIGEST << vk.cap_height))

    def path(self, vk: VerificationKey, log_height: int) -> tuple[bytes, ...]:
        return tuple(self.take(DIGEST) for _ in range(log_height - vk.cap_height))


def parse_head(layer: FieldLayer[E], vk: VerificationKey, data: bytes) -> Head[E]:
    """Parse a head of :func:`head_length` bytes; rejects with ``ELEMENT``."""
    cursor = _Cursor(data, "head", "<")
    main = cursor.cap(vk)
    lookup_witness = cursor.witness(vk.grinding.lookup)
    permutation = cursor.cap(vk)
    terminals = cursor.extension(layer, sum(bool(shape.lookups) for shape in vk.tables))
    quotient = cursor.cap(vk)
    ood_witness = cursor.witness(vk.grinding.ood)
    opened_raw, opened = _parse_opened(cursor, layer, vk.trees)
    batch_witness = cursor.witness(vk.grinding.batch)
    rounds = tuple((cursor.cap(vk), cursor.witness(vk.grinding.commit)) for _ in vk.rounds)
    return Head(
        main=main,
        lookup_witness=lookup_witness,
        permutation=permutation,
        terminals=terminals,
        quotient=quotient,
        ood_witness=ood_witness,
        opened_raw=opened_raw,
        opened=opened,
        batch_witness=batch_witness,
        rounds=rounds,
        final_poly=cursor.extension(layer, vk.final_coefficients),
        query_witness=cursor.witness(vk.grinding.query),
    )


def _parse_opened(
    cursor: _Cursor, layer: FieldLayer[E], trees: Iterable[Tree]
) -> tuple[bytes, tuple[tuple[tuple[tuple[E, ...], ...], ...], ...]]:
    raw = bytearray()
    opened = []
    for tree in trees:
        matrices = []
        for matrix in tree.matrices:
            points = [cursor.extension(layer, matrix.columns) for _ in range(matrix.points)]
            raw += b"".join(point.raw for point in points)
            matrices.append(tuple(point.values for point in points))
        opened.append(tuple(matrices))
    return bytes(raw), tuple(opened)


def parse_query(layer: FieldLayer[E], vk: VerificationKey, data: bytes, number: int) -> Query[E]:
    """Parse query record ``number`` of :func:`query_length` bytes; rejects with ``ELEMENT``."""
    cursor = _Cursor(data, f"query {number}", ">")
    trees = []
    for tree in vk.trees:
        leaves = {}
        for group in tree.groups:
            raw, values = cursor.base(group.columns + SALT)
            leaves[group.log_height] = Leaf(raw, values[: group.columns])
        trees.append(TreeOpening(leaves, cursor.path(vk, tree.log_height)))
    rounds = []
    log_rows = vk.log_domain
    for log_arity in vk.rounds:
        log_rows -= log_arity
        others = cursor.extension(layer, (1 << log_arity) - 1)
        salt, _ = cursor.base(SALT)
        rounds.append(RoundOpening(others.values, salt, cursor.path(vk, log_rows)))
    return Query(tuple(trees), tuple(rounds))
