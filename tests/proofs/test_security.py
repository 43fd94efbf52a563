"""Every tier has at least 100 conjectured bits; the report is what formulas give by hand; the page says the same."""

from __future__ import annotations

from math import e, log2
from pathlib import Path

import pytest

from commitments import _native
from proofs.dsl import Bus, Row
from proofs.kit import HUNDRED_BITS, LOWEST, Statement
from proofs.params import TIERS
from proofs.solvency import settlement as solvency
from proofs.solvency.program import TIERS as SOLVENCY_TIERS
from proofs.statement.settlement import verification_key
from proofs.verifier.vk import VerificationKey, parse_verification_key

DOCUMENT = Path(__file__).parents[2] / "docs" / "proofs.md"
KEYS = [
    *(pytest.param(verification_key(t.index), 1 << 16, id=t.name) for t in TIERS),
    *(pytest.param(solvency.verification_key(t.index), 1 << 8, id=f"solvency {t.name}") for t in SOLVENCY_TIERS),
]
"""Keys, each with more public messages than any statement of its program has."""
FIELD = 128
"""log2 of the extension's order."""
SOURCES = {
    "query phase": "ldt-query-phase",
    "commit phase": "ldt-commit-phase",
    "batch combination": "batch-combination",
    "lookup fingerprints": "logup-fingerprint",
    "out-of-domain point": "deep-ali",
    "constraint composition": "air-composition",
    "hash collisions": "commitment-collision",
}
"""Rows of the document's table and terms of the report."""
ROUNDING = 0.05
"""Bits by which its formulas and ours may differ where they mean the same."""


@pytest.mark.parametrize("key", [pytest.param(p.values[0], id=p.id) for p in KEYS])
def test_every_tier_has_100_conjectured_bits(key: bytes) -> None:
    """Also by the union bound: the errors of all sources together."""
    terms = dict(_native.security_report(key)["conjectured"])
    total = terms.pop("total")
    assert total >= 100
    assert -log2(sum(2.0**-bits for bits in terms.values())) >= 100


def _rate(key: VerificationKey) -> float:
    """Of the low-degree test: the final polynomial's coefficients over its domain."""
    return key.final_coefficients / (1 << key.log_blowup + key.log_final_poly)


def _degree(key: VerificationKey, log_height: int) -> float:
    """The highest degree of a column that verifiers accept, in a table of this height."""
    return key.final_coefficients << log_height - key.log_final_poly


def _by_hand(key: VerificationKey, public: int) -> dict[str, float]:
    """Bits of each source from the parsed key alone. Tables fail one by one, so the worst counts, not their sum."""
    rate = _rate(key)
    eta = rate * log2(e / rate) / FIELD
    rows, folds = key.log_domain, []
    joining = {shape.log_height + key.log_blowup for shape in key.tables}
    for arity in key.rounds:
        rows -= arity
        # Powers of beta up to 2^arity - 1, and 2^arity for a table that joins; each over the folded domain.
        folds.append(((1 << arity) - (rows not in joining)) << rows)
    batched = dict.fromkeys(joining, 0)
    for tree in key.trees:
        for matrix in tree.matrices:
            batched[matrix.log_height] += matrix.columns * matrix.points
    messages = sum(len(shape.table.messages) << shape.log_height for shape in key.tables)
    identities = []
    for shape in key.tables:
        size, most = 1 << shape.log_height, _degree(key, shape.log_height)
        quotient = size + ((1 << shape.log_chunks) - 1) * size + most  # times x^N - 1; Lagrange weights
        identities.append(max(4 * most + 1, quotient))
    constraints = [len(s.table.asserts) + (len(s.lookups) + 3 if s.lookups else 0) for s in key.tables]
    return {
        "ldt-query-phase": -key.num_queries * log2(rate + eta) + key.grinding.query,
        "ldt-commit-phase": FIELD - log2(max(folds)) + key.grinding.commit,
        "batch-combination": FIELD - log2(max((n - 1) << h for h, n in batched.items())) + key.grinding.batch,
        # Roots of the cleared fractions, of degree W + 1 in each message, and the zeros of the denominators.
        "logup-fingerprint": FIELD - log2((messages + public) * (key.widest_message + 2)) + key.grinding.lookup,
        "deep-ali": FIELD - log2(max(identities)) + key.grinding.ood,
        "air-composition": FIELD - log2(max(constraints)),
        "commitment-collision": 128,
    }


@pytest.mark.parametrize(("key", "public"), KEYS)
def test_the_report_claims_no_more_than_the_formulas_give(key: bytes, public: int) -> None:
    """Also where public messages, which it does not count, are: it takes all tables for as tall as the tallest."""
    report = _native.security_report(key)["conjectured"]
    by_hand = _by_hand(parse_verification_key(key), public)
    for source, bits in by_hand.items():
        assert report[source] <= bits + ROUNDING, source
        # It sums over tables of which we take the worst, and takes all for the tallest and domains before their fold.
        assert report[source] >= bits - 4, source
    assert report["ldt-query-phase"] == pytest.approx(by_hand["ldt-query-phase"], abs=ROUNDING)


def test_the_rate_is_more_than_the_blowups() -> None:
    """33 coefficients on 256 points, not 32: what the masks cost."""
    for tier in TIERS:
        key = parse_verification_key(verification_key(tier.index))
        assert _rate(key) == 33 / (32 << key.log_blowup)


@pytest.mark.parametrize("regime", ["conjectured", "proven"])
def test_document_has_the_reports_figures(regime: str) -> None:
    reports = [_native.security_report(verification_key(tier.index)) for tier in TIERS]
    text = DOCUMENT.read_text()
    if regime == "proven":
        best = [max(r[regime]["total"] for regime in r if regime != "conjectured") for r in reports]
        assert f"| **total, proven** | {' | '.join(f'**{bits:.1f}**' for bits in best)} |" in text
        return
    totals = [report["conjectured"]["total"] for report in reports]
    assert f"| **total, conjectured** | {' | '.join(f'**{bits:.1f}**' for bits in totals)} |" in text
    for row, source in SOURCES.items():
        figures = " | ".join(f"{report['conjectured'][source]:.1f}" for report in reports)
        assert f"| {row} | {figures} |" in text


def test_low_tables_cost_security() -> None:
    """The default parameters give 100 bits from 2^11 rows on: in lower tables the masks are a part of the degree."""
    bus = Bus("claim", 1)

    def claim(row: Row) -> None:
        row.receive(bus, row.columns("value"), row.flag("real"), "the claim")

    bits = {}
    for height in (LOWEST, HUNDRED_BITS - 1, HUNDRED_BITS):
        statement = Statement("low", [bus], {"matrix": {"claim": claim}}, [height])
        bits[height] = statement.security["conjectured"]["total"]
    assert bits[LOWEST] < 76
    assert bits[HUNDRED_BITS - 1] < 100 <= bits[HUNDRED_BITS]
