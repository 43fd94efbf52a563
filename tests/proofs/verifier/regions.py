"""Where each field of a proof lies, written from the tables of ``docs/proof-format.md`` section 4 alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from proofs.verifier.vk import VerificationKey


@dataclass(frozen=True)
class Region:
    """Bytes ``start .. start + size`` of the proof; ``kind`` is digest or element, ``name`` says whose,
    ``order`` is that of an element's bytes."""

    name: str
    kind: str
    start: int
    size: int
    order: Literal["little", "big"]


def regions(vk: VerificationKey) -> list[Region]:
    """Every field of the proof, in order and without gaps."""
    found: list[Region] = []
    position = 0
    for name, kind, size in _head_fields(vk):
        found.append(Region(name, kind, position, size, "little"))
        position += size
    for number in range(vk.num_queries):
        for name, kind, size in _query_fields(vk, number):
            found.append(Region(name, kind, position, size, "big"))
            position += size
    return found


def _head_fields(vk: VerificationKey) -> Iterator[tuple[str, str, int]]:
    cap = 32 * 2**vk.cap_height
    with_lookups = [t for t in vk.tables if t.lookups]
    yield "main cap", "digest", cap
    if vk.grinding.lookup:
        yield "lookup witness", "element", 8
    yield "permutation cap", "digest", cap
    for number in range(len(with_lookups)):
        yield f"terminal {number}", "element", 16
    yield "quotient cap", "digest", cap
    if vk.grinding.ood:
        yield "ood witness", "element", 8
    for t, shape in enumerate(vk.tables):
        for point in range(1 + shape.table.reads_next_row):
            yield f"opened main {t} at {point}", "element", 16 * shape.table.width
    for t, shape in enumerate(vk.tables):
        for chunk in range(2**shape.log_chunks):
            yield f"opened quotient {t} chunk {chunk}", "element", 16 * 2
    yield "opened mask", "element", 16 * 2
    for t, shape in enumerate(vk.tables):
        if shape.lookups:
            for point in range(2):
                yield f"opened permutation {t} at {point}", "element", 16 * (2 * len(shape.lookups) + 2)
    if vk.grinding.batch:
        yield "batch witness", "element", 8
    for r in range(len(vk.rounds)):
        yield f"round {r} cap", "digest", cap
        if vk.grinding.commit:
            yield f"round {r} witness", "element", 8
    yield "final poly", "element", 16 * _final_coefficients(vk)
    if vk.grinding.query:
        yield "query witness", "element", 8


def _final_coefficients(vk: VerificationKey) -> int:
    mask = 2 * (vk.num_queries + 4)
    return max(((2**t.log_height + mask - 2) >> (t.log_height - vk.log_final_poly)) + 1 for t in vk.tables)


def _query_fields(vk: VerificationKey, q: int) -> Iterator[tuple[str, str, int]]:
    widths: dict[str, list[tuple[int, int]]] = {"main": [], "quotient": [], "permutation": []}
    for shape in vk.tables:
        height = shape.log_height + vk.log_blowup
        widths["main"].append((height, shape.table.width))
        widths["quotient"].extend([(height, 2)] * 2**shape.log_chunks)
        if shape.lookups:
            widths["permutation"].append((height, 2 * len(shape.lookups) + 2))
    widths["quotient"].append((vk.log_domain, 2))
    for name, matrices in widths.items():
        for height in sorted({h for h, _ in matrices}, reverse=True):
            yield f"query {q} {name} rows {height}", "element", 8 * sum(w for h, w in matrices if h == height)
            yield f"query {q} {name} salt {height}", "element", 16
        for level in range(max(h for h, _ in matrices) - vk.cap_height):
            yield f"query {q} {name} sibling {level}", "digest", 32
    height = vk.log_domain
    for r, arity in enumerate(vk.rounds):
        height -= arity
        yield f"query {q} round {r} values", "element", 16 * (2**arity - 1)
        yield f"query {q} round {r} salt", "element", 16
        for level in range(height - vk.cap_height):
            yield f"query {q} round {r} sibling {level}", "digest", 32
