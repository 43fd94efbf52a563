"""Every tier has at least 100 conjectured bits, and the documents say what the report says."""

from __future__ import annotations

from pathlib import Path

import pytest

from commitments import _native
from proofs.params import TIERS, Tier
from proofs.statement.settlement import verification_key

DOCUMENT = Path(__file__).parents[2] / "docs" / "proofs.md"


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
def test_every_tier_has_100_conjectured_bits(tier: Tier) -> None:
    report = _native.security_report(verification_key(tier.index))
    assert report["conjectured"]["total"] >= 100


def test_document_has_the_reports_totals() -> None:
    reports = [_native.security_report(verification_key(tier.index)) for tier in TIERS]
    totals = " | ".join(f"**{report['conjectured']['total']:.1f}**" for report in reports)
    proven = " | ".join(
        f"**{max(report[regime]['total'] for regime in report if regime != 'conjectured'):.1f}**" for report in reports
    )
    text = DOCUMENT.read_text()
    assert f"| **total, conjectured** | {totals} |" in text
    assert f"| **total, proven** | {proven} |" in text
