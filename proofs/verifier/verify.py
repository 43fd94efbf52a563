"""The verifier: ``docs/proof-format.md`` section 5, in its order.

The algorithm is written once and runs on either field layer. It depends on no Rust code and on nothing that
the prover derives but the verification key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from .constraints import evaluate_tape, fold_constraints, from_basis
from .domain import recompose_quotient, selectors
from .errors import ProofRejected, Reason
from .field import FAST, E, FieldLayer
from .fri import batch_claims, check_query
from .lookups import BusChallenges, permutation_constraints, public_sum
from .messages import PublicMessage, check_messages
from .transcript import Challenger, keccak256
from .vk import VerificationKey, parse_verification_key
from .wire import DIGEST, EXTENSION, Head, parse_head, parse_query, split_proof

CONTEXT_LENGTH = 32
NO_RANDOMIZATION = bytes(DIGEST)
"""Plonky3 absorbs a commitment to its randomization here; ours is in the quotient tree."""


@dataclass(frozen=True)
class Verified:
    """What an accepted proof showed, and the numbers on which its security rests.

    ``vk_hash`` is the program's identity. The soundness of the queries is at most ``num_queries * log_blowup
    + query_pow_bits`` bits; ``log_domain`` and ``batched_columns`` bound the algebraic terms
    (``docs/proofs.md``).
    """

    vk_hash: bytes
    context: bytes
    messages: int
    log_heights: tuple[int, ...]
    base_columns: int
    batched_columns: int
    log_domain: int
    log_blowup: int
    num_queries: int
    lookup_pow_bits: int
    ood_pow_bits: int
    batch_pow_bits: int
    commit_pow_bits: int
    query_pow_bits: int
    proof_bytes: int
    head_bytes: int


@dataclass(frozen=True)
class Challenges(Generic[E]):
    """Everything drawn from the transcript."""

    lookup_alpha: E
    lookup_beta: E
    alpha: E
    zeta: E
    batching: E
    betas: tuple[E, ...]
    indices: tuple[int, ...]


def verify(vk: bytes, context: bytes, messages: Sequence[PublicMessage], proof: bytes) -> Verified:
    """Verify ``proof`` on the fast field layer.

    ``vk``: verification key from a trusted place. ``context``: 32 bytes that bind everything outside the
    proof, public messages included. Raises :class:`ProofRejected` and nothing else, in time linear in the
    bytes of the key, the messages and the proof.
    """
    return verify_on(FAST, vk, context, messages, proof)


def verify_on(
    layer: FieldLayer[E], vk_bytes: bytes, context: bytes, messages: Sequence[PublicMessage], proof: bytes
) -> Verified:
    """:func:`verify` on a field layer of choice."""
    vk_bytes, context, proof = bytes(vk_bytes), bytes(context), bytes(proof)
    vk = parse_verification_key(vk_bytes)
    if len(context) != CONTEXT_LENGTH:
        raise ProofRejected(Reason.CONTEXT, f"{CONTEXT_LENGTH} bytes expected, got {len(context)}")
    head_bytes, records = split_proof(vk, proof)
    messages = check_messages(vk, messages)
    head = parse_head(layer, vk, head_bytes)

    challenges = run_transcript(layer, vk, context, head)
    buses = BusChallenges.derive(challenges.lookup_alpha, challenges.lookup_beta, vk.widest_message, vk.bus_order)
    check_buses(layer, buses, head, messages)
    terminals = iter(head.terminals.values)
    for number, shape in enumerate(vk.tables):
        terminal = next(terminals) if shape.lookups else layer.zero
        check_table(layer, vk, head, buses, challenges, number, terminal)

    claims = batch_claims(layer, vk, head, challenges.zeta, challenges.batching)
    for number, (position, record) in enumerate(zip(challenges.indices, records, strict=True)):
        query = parse_query(layer, vk, record, number)
        check_query(layer, vk, head, claims, challenges.betas, number, position, query)
    return _verified(vk, vk_bytes, context, len(messages), len(proof), len(head_bytes))


def run_transcript(layer: FieldLayer[E], vk: VerificationKey, context: bytes, head: Head[E]) -> Challenges[E]:
    """Replay the transcript; rejects with the reason of the first grind that fails."""
    challenger = Challenger(context)

    def grind(bits: int, witness: int, reason: Reason) -> None:
        if not challenger.check_witness(bits, witness):
            raise ProofRejected(reason, f"witness {witness} does not earn {bits} bits")

    challenger.observe(vk.seeds.batch)
    for shape in vk.tables:
        challenger.observe_base(shape.log_height)
        challenger.observe_base(0)
    challenger.observe(head.main.raw)
    grind(vk.grinding.lookup, head.lookup_witness, Reason.LOOKUP_POW)
    lookup_alpha = challenger.sample(layer)
    lookup_beta = challenger.sample(layer)
    challenger.observe(head.permutation.raw)
    challenger.observe(head.terminals.raw)
    alpha = challenger.sample(layer)
    challenger.observe(head.quotient.raw)
    challenger.observe(NO_RANDOMIZATION)
    grind(vk.grinding.ood, head.ood_witness, Reason.OOD_POW)
    zeta = challenger.sample(layer)

    challenger.observe(vk.seeds.pcs)
    challenger.observe(head.opened_raw)
    grind(vk.grinding.batch, head.batch_witness, Reason.BATCH_POW)
    batching = challenger.sample(layer)

    challenger.observe(vk.seeds.fri)
    betas = []
    for cap, witness in head.rounds:
        challenger.observe(cap.raw)
        grind(vk.grinding.commit, witness, Reason.COMMIT_POW)
        betas.append(challenger.sample(layer))
    challenger.observe(head.final_poly.raw)
    challenger.observe(bytes(EXTENSION * ((2 << vk.log_final_poly) - vk.final_coefficients)))
    grind(vk.grinding.query, head.query_witness, Reason.QUERY_POW)
    indices = tuple(challenger.sample_bits(vk.log_domain) for _ in range(vk.num_queries))
    return Challenges(lookup_alpha, lookup_beta, alpha, zeta, batching, tuple(betas), indices)


def check_buses(
    layer: FieldLayer[E], buses: BusChallenges[E], head: Head[E], messages: Sequence[PublicMessage]
) -> None:
    """Terminals and public messages must sum to zero."""
    total = public_sum(layer, buses, messages)
    for terminal in head.terminals.values:
        total = total + terminal
    if total != layer.zero:
        raise ProofRejected(Reason.BUS, "terminals and public messages do not sum to zero")


def check_table(
    layer: FieldLayer[E],
    vk: VerificationKey,
    head: Head[E],
    buses: BusChallenges[E],
    challenges: Challenges[E],
    number: int,
    terminal: E,
) -> None:
    """The constraints of table ``number``, folded, must be its quotient times the vanishing polynomial."""
    shape = vk.tables[number]
    openings = _table_openings(vk, head, number)
    main, quotient = openings["main"][0], openings["quotient"]
    zeta = challenges.zeta
    try:
        row = selectors(layer, shape.log_height, zeta)
        chunks = [from_basis(layer, chunk[0][:2])[0] for chunk in quotient]
        recomposed = recompose_quotient(layer, shape.log_height, chunks, zeta)
    except ZeroDivisionError:
        raise ProofRejected(Reason.OOD_POINT, f"table {number}") from None

    nodes = evaluate_tape(layer, shape.table, main[0], main[1] if shape.table.reads_next_row else (), row)
    values = [nodes[node] for node in shape.table.asserts]
    if shape.lookups:
        width = 2 * (len(shape.lookups) + 1)
        local, following = (from_basis(layer, point[:width]) for point in openings["permutation"][0])
        values += permutation_constraints(
            layer, buses, shape.lookups, shape.table.messages, nodes, row, local, following, terminal
        )
    if fold_constraints(layer, challenges.alpha, values) != row.vanishing * recomposed:
        raise ProofRejected(Reason.CONSTRAINTS, f"table {number}")


def _table_openings(vk: VerificationKey, head: Head[E], table: int) -> dict[str, list[tuple[tuple[E, ...], ...]]]:
    """The opened values of one table: tree name -> matrices -> points -> columns."""
    return {
        tree.name: [points for matrix, points in zip(tree.matrices, opened, strict=True) if matrix.table == table]
        for tree, opened in zip(vk.trees, head.opened, strict=True)
    }


def _verified(
    vk: VerificationKey, vk_bytes: bytes, context: bytes, messages: int, proof_bytes: int, head_bytes: int
) -> Verified:
    grinding = vk.grinding
    return Verified(
        vk_hash=keccak256(vk_bytes),
        context=context,
        messages=messages,
        log_heights=tuple(shape.log_height for shape in vk.tables),
        base_columns=sum(shape.table.width for shape in vk.tables),
        batched_columns=sum(m.columns * m.points for tree in vk.trees for m in tree.matrices),
        log_domain=vk.log_domain,
        log_blowup=vk.log_blowup,
        num_queries=vk.num_queries,
        lookup_pow_bits=grinding.lookup,
        ood_pow_bits=grinding.ood,
        batch_pow_bits=grinding.batch,
        commit_pow_bits=grinding.commit,
        query_pow_bits=grinding.query,
        proof_bytes=proof_bytes,
        head_bytes=head_bytes,
    )
