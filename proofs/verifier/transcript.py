"""The Fiat-Shamir transcript: Plonky3's ``SerializingChallenger64`` over a keccak256 ``HashChallenger``.

State: bytes absorbed since the last hash (which start with that hash), and bytes of the last hash not yet
handed out. A sample takes bytes from the END of the hash; eight of them, in the order taken, are a
little-endian word.
"""

from __future__ import annotations

from typing import Final

from Crypto.Hash import keccak

from .field import E, FieldLayer, P

WORD: Final = 8


def keccak256(data: bytes | bytearray | memoryview) -> bytes:
    """Ethereum's keccak-256 (32 bytes). pycryptodome directly: about 5 microseconds for a Merkle node."""
    return keccak.new(data=data, digest_bits=256).digest()


class Challenger:
    """Absorbs bytes, hands out challenges. Absorbing discards what was not yet handed out."""

    def __init__(self, initial_state: bytes) -> None:
        self._input = bytearray(initial_state)
        self._output = bytearray()

    def observe(self, data: bytes | memoryview) -> None:
        """Absorb ``data``; an empty string changes nothing."""
        if data:
            self._output.clear()
            self._input += data

    def observe_base(self, value: int) -> None:
        """Absorb one canonical base field element."""
        self.observe(value.to_bytes(WORD, "little"))

    def _byte(self) -> int:
        if not self._output:
            digest = keccak256(self._input)
            self._input[:] = digest
            self._output[:] = digest
        return self._output.pop()

    def _word(self) -> int:
        return int.from_bytes(bytes(self._byte() for _ in range(WORD)), "little")

    def sample_base(self) -> int:
        """A uniform base field element: words at or above ``p`` are skipped (chance 2^-32 each)."""
        while (word := self._word()) >= P:
            pass
        return word

    def sample(self, layer: FieldLayer[E]) -> E:
        """A uniform extension element, first coordinate first."""
        first = self.sample_base()
        return layer.element(first, self.sample_base())

    def sample_bits(self, bits: int) -> int:
        """The low ``bits`` bits of one word."""
        return self._word() & ((1 << bits) - 1)

    def check_witness(self, bits: int, witness: int) -> bool:
        """Absorb a grinding witness of ``bits > 0`` bits; true if it earns that many zero bits.

        One byte is drawn first, so that the state is hashed before the witness enters and a search costs one
        short hash for each candidate. At zero bits nothing is absorbed and the witness must be zero, so that
        a proof has one encoding.
        """
        if bits == 0:
            return witness == 0
        self._byte()
        self.observe_base(witness)
        return self.sample_bits(bits) == 0
