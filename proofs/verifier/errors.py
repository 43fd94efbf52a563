"""Why a proof is rejected: one :class:`Reason` for each check of ``docs/proof-format.md`` section 5.

====================  =============================================================================
reason                check that failed
====================  =============================================================================
``VK``                the verification key parses, leaves no bytes over and is consistent in itself
``CONTEXT``           the context is 32 bytes
``LENGTH``            the proof has exactly the length that the verification key fixes
``MESSAGE``           a public message names a bus that some table uses, has exactly its number of
                      fields, all canonical; packed messages parse and leave no bytes over
``ELEMENT``           every field element of the proof (witnesses and salts included) is below p
``LOOKUP_POW``        grinding before the lookup challenges
``OOD_POW``           grinding before the out-of-domain point
``BATCH_POW``         grinding before the opening batching challenge
``COMMIT_POW``        grinding before each folding challenge
``QUERY_POW``         grinding before the query indices
``BUS``               no public message has a zero denominator (an inverse by exponentiation would
                      count it as nothing); terminals and public messages sum to zero
``OOD_POINT``         the out-of-domain point lies on no trace domain and on no quotient chunk's
``CONSTRAINTS``       each table's folded constraints are its quotient times the vanishing polynomial
``MERKLE``            the rows opened by a query lead to the cap of their commitment
``QUERY_POINT``       no query point equals an opening point
``FRI_MERKLE``        each folding round's row leads to the cap of its commitment
``FOLD_POINT``        no folding challenge is a point of the row that it folds
``FINAL_POLY``        each query's last fold is the final polynomial's value
====================  =============================================================================

Query indices may repeat. Each query record carries its own rows, salts and full paths and is checked alone,
so collision resistance forces equal rows at equal indices; nothing needs to be compared.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """The check that rejected a proof; the values are the names in ``docs/proof-format.md`` section 7."""

    VK = "vk"
    CONTEXT = "context"
    LENGTH = "length"
    MESSAGE = "message"
    ELEMENT = "element"
    LOOKUP_POW = "lookup_pow"
    OOD_POW = "ood_pow"
    BATCH_POW = "batch_pow"
    COMMIT_POW = "commit_pow"
    QUERY_POW = "query_pow"
    BUS = "bus"
    OOD_POINT = "ood_point"
    CONSTRAINTS = "constraints"
    MERKLE = "merkle"
    QUERY_POINT = "query_point"
    FRI_MERKLE = "fri_merkle"
    FOLD_POINT = "fold_point"
    FINAL_POLY = "final_poly"


class ProofRejected(Exception):
    """The proof, its public messages or its verification key are not acceptable.

    ``reason`` is the failed check, ``detail`` says where. The verifier raises nothing else on any bytes.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail

    @property
    def code(self) -> str:
        return f"proof_rejected.{self.reason.value}"
