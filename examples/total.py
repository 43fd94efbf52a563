"""Prove that the hidden amounts of a chain of hashes sum to a public total, as integers (docs/tutorial.md)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from commitments.hashing import compress
from commitments.types import MODULUS, Digest
from proofs.kit import HASH, RANGE, Bus, Row, Statement, amount, limbs, poseidon2

TOLD = Bus("told", 5)  # the end of the chain, and the total


def ledger(row: Row) -> None:
    """A row is an amount: the chain of hashes up to it, and the sum up to it. One row is told."""
    real, told = row.flag("real"), row.flag("told")
    before, after = row.digest("before"), row.digest("after")
    value, total = row.columns("value", "total")
    row.send(HASH, [*before, value, 0, 0, 0, *after], real, "the chain goes on with the value")
    row.on_first(real * (total - value), "the first total is the first value")
    row.step(real.next * (1 - real), "values stand together, from the first row on")
    row.step(real.next * (total.next - total - value.next), "a value is added")
    for link, end in zip(before, after, strict=True):
        row.step(real.next * (link.next - end), "the chain is not broken")
    amount(row, value, real, "a value has 62 bits")
    amount(row, total, real, "a total has 62 bits")
    row.zero(told * (1 - real), "only real rows are told")
    row.receive(TOLD, [*after, total], told, "chain and total are what was claimed")


STATEMENT = Statement(
    "total",
    buses=[HASH, RANGE, TOLD],
    layout={"main": {"ledger": ledger, "poseidon2": poseidon2, "limbs": limbs}},
    log_heights=[12],
)


def chained(salt: Digest, values: Sequence[int]) -> list[dict[str, int | Digest]]:
    """The rows of `ledger`; the last one is told."""
    rows: list[dict[str, int | Digest]] = []
    link, total = salt, 0
    for value in values:
        before, link, total = link, compress(link, (value, 0, 0, 0)), total + value
        rows.append({"real": 1, "before": before, "after": link, "value": value, "total": total})
    rows[-1]["told"] = 1
    return rows


def main() -> None:
    a, b, c, d = (secrets.randbelow(MODULUS) for _ in range(4))
    values = [5, 10**12, 7]
    rows = chained((a, b, c, d), values)
    end = rows[-1]["after"]
    assert not isinstance(end, int)
    claim = [(TOLD, [*end, sum(values)])]
    witness = STATEMENT.witness(ledger=rows)
    STATEMENT.check(witness, claim)
    proof = STATEMENT.prove(witness, claim)
    STATEMENT.verify(proof, claim)
    print(f"the amounts sum to {sum(values):,}: proven in {len(proof):,} bytes")


if __name__ == "__main__":
    main()
