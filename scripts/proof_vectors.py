"""Write ``tests/proofs/vectors/tiny.json``: the worked example of docs/proof-format.md section 8.

The transcript is replayed here from the page, with its own few lines of Keccak chaining; a wrong rule shows
at once, because every grinding witness of the example is checked.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from eth_hash.auto import keccak

from commitments import _native

TARGET = Path(__file__).parent.parent / "tests" / "proofs" / "vectors" / "tiny.json"
ORDER = 2**64 - 2**32 + 1
PARAMETERS = {
    "log_blowup": 3,
    "num_queries": 4,
    "cap_height": 2,
    "max_log_arity": 3,
    "log_final_poly_len": 2,
    "lookup_pow_bits": 3,
    "ood_pow_bits": 2,
    "batch_pow_bits": 4,
    "commit_pow_bits": 2,
    "query_pow_bits": 5,
}
LOG_HEIGHTS = [6, 4]
PUBLIC, SQUARES = 0, 1
LOCAL, NEXT, CONST, FIRST, LAST, TRANSITION, ADD, SUB, MUL = range(9)
SEND, RECEIVE = 0, 1
Matrix = npt.NDArray[np.uint64]


def _table(
    width: int,
    constants: list[int],
    ops: list[tuple[int, int, int]],
    asserts: list[int],
    messages: list[tuple[int, int, int, int, list[int]]],
) -> bytes:
    out = struct.pack(">HH", width, len(constants)) + b"".join(struct.pack(">Q", c) for c in constants)
    out += struct.pack(">H", len(ops)) + b"".join(struct.pack(">BHH", *op) for op in ops)
    out += struct.pack(">H", len(asserts)) + b"".join(struct.pack(">H", a) for a in asserts)
    out += struct.pack(">H", len(messages))
    for bus, sign, weight, count, fields in messages:
        out += struct.pack(">BBBH", bus, sign, weight, count)
        out += b"".join(struct.pack(">H", f) for f in fields)
    return out


def tape() -> bytes:
    """Two tables of different heights, degrees (2 and 4) and packing.

    Table 0 counts x = 0..63 and squares it; sends (x, x^2) where f = 1, takes public (1, x, x^2) where g = 1.
    Table 1 takes pairs (a, b) m times and (c, d) n times, where b = a^2, d = c^2 and m^2 n (m + n - 2) = 0.
    """
    count = _table(
        4,
        [1, 63],
        [
            (LOCAL, 0, 0),  # 0  x
            (LOCAL, 1, 0),  # 1  y
            (LOCAL, 2, 0),  # 2  f
            (LOCAL, 3, 0),  # 3  g
            (NEXT, 0, 0),  # 4  x'
            (CONST, 0, 0),  # 5  1
            (CONST, 1, 0),  # 6  63
            (FIRST, 0, 0),  # 7
            (LAST, 0, 0),  # 8
            (TRANSITION, 0, 0),  # 9
            (MUL, 7, 0),  # 10 first: x = 0
            (ADD, 0, 5),  # 11
            (SUB, 4, 11),  # 12
            (MUL, 9, 12),  # 13 transition: x' = x + 1
            (SUB, 0, 6),  # 14
            (MUL, 8, 14),  # 15 last: x = 63
            (MUL, 0, 0),  # 16
            (SUB, 1, 16),  # 17 y = x^2
            (SUB, 2, 5),  # 18
            (MUL, 2, 18),  # 19 f boolean
            (SUB, 3, 5),  # 20
            (MUL, 3, 20),  # 21 g boolean
        ],
        [10, 13, 15, 17, 19, 21],
        [(SQUARES, SEND, 1, 2, [0, 1]), (PUBLIC, RECEIVE, 1, 3, [5, 0, 1])],
    )
    pairs = _table(
        6,
        [2],
        [
            *((LOCAL, c, 0) for c in range(6)),  # 0..5  a b m c d n
            (CONST, 0, 0),  # 6  2
            (MUL, 0, 0),  # 7
            (SUB, 1, 7),  # 8  b = a^2
            (MUL, 3, 3),  # 9
            (SUB, 4, 9),  # 10 d = c^2
            (ADD, 2, 5),  # 11
            (SUB, 11, 6),  # 12 m + n - 2
            (MUL, 2, 5),  # 13
            (MUL, 13, 12),  # 14
            (MUL, 14, 2),  # 15 m^2 n (m + n - 2) = 0
        ],
        [8, 10, 15],
        [(SQUARES, RECEIVE, 0, 2, [0, 1]), (SQUARES, RECEIVE, 0, 5, [3, 4])],
    )
    return b"SBT1" + bytes([2, 3, 2, 2]) + count + pairs


def traces() -> list[Matrix]:
    count = np.array([[x, x * x, int(x < 24), int(x in (5, 7))] for x in range(64)], dtype=np.uint64)
    rows = []
    for i in range(16):
        a, c = i % 12, 12 + i % 12
        one = int(i < 12)
        rows.append([a, a * a, one, c, c * c, one])
    return [count, np.array(rows, dtype=np.uint64)]


MESSAGES = [(PUBLIC, [1, 5, 25]), (PUBLIC, [1, 7, 49])]


def pack(messages: list[tuple[int, list[int]]]) -> bytes:
    return b"".join(bytes([bus]) + b"".join(struct.pack(">Q", f) for f in fields) for bus, fields in messages)


@dataclass
class Transcript:
    """Section 3 of the page."""

    buffer: bytes
    words: list[int] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)

    def absorb(self, data: bytes) -> None:
        if data:
            self.words = []
            self.buffer += data

    def flush(self) -> None:
        self.buffer = keccak(self.buffer)
        self.digests.append(self.buffer)
        number = int.from_bytes(self.buffer, "big")
        self.words = [number >> (64 * i) & 2**64 - 1 for i in range(4)]

    def word(self) -> int:
        if not self.words:
            self.flush()
        return self.words.pop(0)

    def base(self) -> int:
        while (word := self.word()) >= ORDER:
            pass
        return word

    def ext(self) -> list[int]:
        return [self.base(), self.base()]

    def bits(self, count: int) -> int:
        return self.word() & (1 << count) - 1

    def grind(self, count: int, take: Reader) -> None:
        if count:
            if not self.words:
                self.flush()
            self.absorb(take(8))
            assert self.bits(count) == 0, "grinding"


@dataclass
class Reader:
    data: bytes
    at: int = 0

    def __call__(self, size: int) -> bytes:
        out = self.data[self.at : self.at + size]
        assert len(out) == size
        self.at += size
        return out


def replay(vk: bytes, context: bytes, head: bytes) -> dict[str, object]:
    """Run the transcript of one proof of this example."""
    read, parse = Reader(head), Reader(vk)
    assert parse(4) == b"SBV3"
    _, queries, cap_height, _, final, lookup, ood, batch, commit, query = parse(10)
    log_max = parse(1)[0]
    rounds = parse(parse(1)[0])
    parse(1)
    parse(parse(1)[0])
    heights, columns, terminals = [], 2, 0  # two columns: the folding's mask
    widths = iter([4, 6])
    for _ in range(parse(1)[0]):
        height, log_chunks, reads_next, lookups = parse(4)
        heights.append(height)
        terminals += bool(lookups)
        columns += next(widths) * (1 + reads_next) + 2 * (1 << log_chunks)
        columns += 2 * 2 * (lookups + 1) if lookups else 0
        for _ in range(lookups):
            parse(2 * parse(2)[1])
    seeds = [parse(int.from_bytes(parse(2), "big")) for _ in range(3)]
    cap = 32 << cap_height
    t = Transcript(context)
    out: dict[str, object] = {}
    t.absorb(seeds[0])
    for height in heights:
        t.absorb(struct.pack("<QQ", height, 0))
    t.absorb(read(cap))
    t.grind(lookup, read)
    out["lookup_alpha"], out["lookup_beta"] = t.ext(), t.ext()
    t.absorb(read(cap))
    t.absorb(read(16 * terminals))
    out["alpha"] = t.ext()
    t.absorb(read(cap))
    t.absorb(bytes(32))
    t.grind(ood, read)
    out["zeta"] = t.ext()
    t.absorb(seeds[1])
    t.absorb(read(16 * columns))
    t.grind(batch, read)
    out["lambda"] = t.ext()
    t.absorb(seeds[2])
    betas = []
    for _ in rounds:
        t.absorb(read(cap))
        t.grind(commit, read)
        betas.append(t.ext())
    out["betas"] = betas
    mask = 2 * (queries + 4)
    coefficients = max((2**h + mask - 2 >> h - final) + 1 for h in heights)
    t.absorb(read(16 * coefficients))
    t.absorb(bytes(16 * ((2 << final) - coefficients)))
    t.grind(query, read)
    out["indices"] = [t.bits(log_max) for _ in range(queries)]
    out["digests"] = [d.hex() for d in t.digests]
    assert read.at == len(head), "head has another length"
    return out


def main() -> None:
    vk = _native.setup(tape(), LOG_HEIGHTS, PARAMETERS)
    context = keccak(b"sealbook tiny example")
    public = np.array([[bus, *fields] for bus, fields in MESSAGES], dtype=np.uint64)
    assert _native.check(tape(), traces(), public) == ([], [])
    proof = _native.prove(vk, context, traces())
    head, record = _native.proof_lengths(vk)
    assert len(proof) == head + PARAMETERS["num_queries"] * record
    vector = {
        "tape": tape().hex(),
        "vk": vk.hex(),
        "context": context.hex(),
        "messages": pack(MESSAGES).hex(),
        "proof": proof.hex(),
        "head_length": head,
        "record_length": record,
        "trace": replay(vk, context, proof[:head]),
    }
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(vector, indent=1) + "\n")


if __name__ == "__main__":
    main()
