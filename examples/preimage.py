"""Prove knowledge of an opening of a hash; verify the proof in Python and on an EVM (docs/tutorial.md)."""

from __future__ import annotations

import secrets

from commitments.hashing import compress
from commitments.types import MODULUS, Digest
from contracts.local import LocalVerifier
from proofs.kit import HASH, Bus, Row, Statement, poseidon2

CLAIM = Bus("claim", 4)


def opening(row: Row) -> None:
    """One row: an opening of the claim. All other rows are padding, with `real` 0."""
    real = row.flag("real")
    left, right, image = row.digest("left"), row.digest("right"), row.digest("image")
    row.send(HASH, [*left, *right, *image], real, "the image is the hash of both")
    row.receive(CLAIM, image, real, "the image is what was claimed")


STATEMENT = Statement(
    "preimage",
    buses=[HASH, CLAIM],
    layout={"main": {"opening": opening, "poseidon2": poseidon2}},
    log_heights=[11],
)


def random_digest() -> Digest:
    a, b, c, d = (secrets.randbelow(MODULUS) for _ in range(4))
    return (a, b, c, d)


def main() -> None:
    left, right = random_digest(), random_digest()
    image = compress(left, right)
    public = [(CLAIM, image)]
    witness = STATEMENT.witness(opening=[{"real": 1, "left": left, "right": right, "image": image}])
    STATEMENT.check(witness, public)
    proof = STATEMENT.prove(witness, public)
    verified = STATEMENT.verify(proof, public)
    print(f"statement 0x{STATEMENT.key_hash.hex()}")
    print(f"{verified.proof_bytes:,} bytes, accepted by the Python verifier")
    evm = LocalVerifier()
    evm.register(STATEMENT.key)
    accepted = evm.verify(STATEMENT.key, STATEMENT.context(public), STATEMENT.packed(public), proof)
    print(f"accepted on the EVM: {accepted.gas:,} gas in {accepted.transactions} transactions")


if __name__ == "__main__":
    main()
