"""Everything for a statement of your own, in one import: tables, witness, check, proof, verdict (``docs/tutorial.md``).

statement = Statement("name", [BUS], {"matrix": {"table": table}}, log_heights=[11])
witness = statement.witness(table=[{"column": 1}])
public = [(BUS, [1])]
statement.check(witness, public)
proof = statement.prove(witness, public)
statement.verify(proof, public)
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Final

from eth_abi.abi import encode as abi_encode
from eth_utils.crypto import keccak

from . import prover_api
from .dsl import RECEIVE, SEND, Bus, Expr, Row, Table, total
from .expression import MODULUS
from .filler import DoesNotFit, Filler
from .prover_api import BrokenConstraint, ProverError, Trace, Unbalanced
from .serving import blind_again
from .statement.arithmetic import limbs
from .statement.arithmetic import poseidon2 as _poseidon2
from .statement.buses import HASH, RANGE, Bits
from .statement.ledger import amount, below, small
from .tape import Program, assemble
from .verifier import ProofRejected, Verified, verify

__all__ = [
    "HASH",
    "HUNDRED_BITS",
    "LOWEST",
    "RANGE",
    "Bits",
    "Bus",
    "DoesNotFit",
    "Expr",
    "ProofRejected",
    "ProverError",
    "Row",
    "Statement",
    "Table",
    "Trace",
    "Unsatisfied",
    "Verified",
    "amount",
    "below",
    "limbs",
    "poseidon2",
    "small",
    "total",
]

LOWEST: Final = 6
"""Least log2 height with the default parameters: 2 * (27 queries + 4) = 62 rows hide what a proof opens."""
HUNDRED_BITS: Final = 11
"""Least log2 height at which they give 100 bits, conjectured. In lower tables the masks are a part of the degree that
counts: 99 bits at 10, 75 at :data:`LOWEST`."""

Public = Sequence[tuple[Bus, Sequence[int]]]
"""Public messages: the verifier sends each once, and the tables must take exactly these."""


def poseidon2(row: Row) -> None:
    """The table that answers compressions: put it beside yours and send ``[left, right, out]`` on :data:`HASH`."""
    _poseidon2(row)


class Unsatisfied(ValueError):
    """A witness does not satisfy its statement. ``complaints`` say what is wrong, one line each."""

    code = "unsatisfied"
    retryable = False

    def __init__(self, complaints: Sequence[str]) -> None:
        super().__init__("\n".join(complaints))
        self.complaints = tuple(complaints)


@dataclass(frozen=True)
class Statement:
    """A program in fixed heights, with its verification key.

    :param buses: all buses that its tables use
    :param layout: matrix name -> table name -> table; tables of one matrix stand side by side
    :param log_heights: log2 of the rows of each matrix, in order
    :param parameters: those of the proof system; the default gives 100 bits, conjectured, if every height is at least
        :data:`HUNDRED_BITS`
    """

    name: str
    buses: Sequence[Bus]
    layout: Mapping[str, Mapping[str, Table]]
    log_heights: Sequence[int]
    parameters: Mapping[str, int] = field(default_factory=lambda: MappingProxyType(dict(prover_api.DEFAULT_PARAMETERS)))

    @cached_property
    def program(self) -> Program:
        """The assembled program; its ``tape`` is what every verifier runs."""
        return assemble(self.name, list(self.buses), self.layout)

    @cached_property
    def key(self) -> bytes:
        """The verification key. Raises :class:`ProverError` for heights and parameters that do not fit."""
        return prover_api.setup(self.program.key_tape, self.log_heights, self.parameters)

    @cached_property
    def key_hash(self) -> bytes:
        """keccak256 of the key: the identity of the statement, on chain too."""
        return keccak(self.key)

    @cached_property
    def security(self) -> dict[str, dict[str, float]]:
        """Bits of security per error source: conjectured and proven."""
        return prover_api.security(self.key)

    def witness(self, **tables: Sequence[Mapping[str, int | Sequence[int]]]) -> list[Trace]:
        """Complete traces from the rows of your tables; derived columns and serving tables are filled.

        :raises KeyError: a table or a column that is not there
        :raises DoesNotFit: more rows than the heights have
        """
        filler = Filler(self.program)
        for table, rows in tables.items():
            for row in rows:
                filler.add(table, **row)
        return filler.traces(self.log_heights)

    def check(self, witness: Sequence[Trace], public: Public) -> None:
        """Check without proving. Raises :class:`Unsatisfied` with the labels and rows of what is wrong."""
        found = prover_api.check(self.program.tape, witness, self._numbered(public))
        if found:
            raise Unsatisfied([self._complaint(complaint, witness) for complaint in found])

    def prove(self, witness: Sequence[Trace], public: Public, purpose: bytes = b"") -> bytes:
        """The proof's bytes. Does not check: a false witness gives a proof that no verifier accepts.

        Draws the witness's blinding afresh, in place, so that a witness may be proven again.

        :param purpose: what else the proof is bound to, for instance a chain and a contract
        """
        blind_again(self.program, witness)
        return prover_api.prove(self.key, self.context(public, purpose), witness)

    def verify(self, proof: bytes, public: Public, purpose: bytes = b"") -> Verified:
        """Verify in Python. Raises :class:`ProofRejected` with the reason."""
        return verify(self.key, self.context(public, purpose), self._numbered(public), proof)

    def context(self, public: Public, purpose: bytes = b"") -> bytes:
        """The 32 bytes with which the transcript starts: key, public messages, purpose.

        The messages must be in it: nothing else absorbs them, and a prover could choose them after the challenges.
        """
        fields = [self.key_hash, keccak(self.packed(public)), keccak(purpose)]
        return keccak(abi_encode(["bytes32", "bytes32", "bytes32"], fields))

    def packed(self, public: Public) -> bytes:
        """The public messages as the contract takes them: one byte bus, then the fields, 8 bytes big-endian each."""
        return b"".join(struct.pack(f">B{len(fields)}Q", bus, *fields) for bus, fields in self._numbered(public))

    def _numbered(self, public: Public) -> list[tuple[int, tuple[int, ...]]]:
        out = []
        for bus, fields in public:
            if len(fields) > bus.width:
                raise ValueError(f"{len(fields)} fields on bus {bus.name} of width {bus.width}")
            padded = (*(int(f) % MODULUS for f in fields), *[0] * (bus.width - len(fields)))
            out.append((self.program.bus_id(bus), padded))
        return out

    def _complaint(self, found: BrokenConstraint | Unbalanced, witness: Sequence[Trace]) -> str:
        if isinstance(found, BrokenConstraint):
            label = self.program.matrices[found.table].asserts[found.index].label
            return f"{label}: not so in row {found.row}"
        bus = self.program.buses[found.bus]
        missing = found.count if found.count <= MODULUS // 2 else found.count - MODULUS
        sign, verb = (SEND, "sent") if missing > 0 else (RECEIVE, "received")
        opposite = "received" if missing > 0 else "sent"
        times = "once" if abs(missing) == 1 else f"{abs(missing)} times"
        fields = ", ".join(map(str, found.fields))
        complaint = f"bus {bus.name}: ({fields}) is {verb} {times} more than {opposite}"
        parties = self._parties(found, sign, witness)
        return f"{complaint}, by {parties}" if parties else complaint

    def _parties(self, found: Unbalanced, sign: int, witness: Sequence[Trace]) -> str:
        """Which messages of which rows these are; empty if it is the verifier alone."""
        parties, bus = [], self.program.buses[found.bus]
        for index, matrix in enumerate(self.program.matrices):
            rows = prover_api.messages(self.program.tape, index, witness[index], found.bus, sign)
            places = [int(row[0]) for row in rows if tuple(row[2:].tolist()) == found.fields]
            if places:
                labels = [m.label for m in matrix.messages if m.bus == bus and m.sign == sign]
                parties.append(f"{' or '.join(labels)} (row {places[0]})")
        return "; ".join(parties)
