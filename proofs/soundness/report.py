"""The examination's result as an object, and as the table of ``docs/soundness.md``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .examine import Finding, Verdict
from .subject import Subject

MARK = "<!-- what follows is written by `sealbook soundness --write`; do not edit it -->"
"""In the page, what stands above this line is written by hand."""


def summary(findings: Sequence[Finding], subjects: Sequence[Subject]) -> dict[str, Any]:
    """The numbers and one row for each examined constraint.

    ``constraints`` counts those of all programs, ``removed`` those that this run removed, one at a time, and
    ``unexplained`` those among them for which neither a forged witness nor blinding is shown.
    """
    return {
        "constraints": sum(len(subject.constraints) for subject in subjects),
        "removed": len(findings),
        "unexplained": _count(findings, Verdict.UNEXPLAINED),
        "forged": _count(findings, Verdict.FORGED),
        "privacy": _count(findings, Verdict.PRIVACY),
        "programs": {subject.name: len(subject.constraints) for subject in subjects},
        "findings": [_row(finding) for finding in findings],
    }


def _count(findings: Iterable[Finding], verdict: Verdict) -> int:
    return sum(finding.verdict is verdict for finding in findings)


def _row(finding: Finding) -> dict[str, Any]:
    forgery = finding.forgery
    return {
        "program": finding.program,
        "constraint": finding.constraint.name,
        "kind": str(finding.constraint.kind),
        "verdict": str(finding.verdict),
        "forgery": forgery.name if forgery else None,
        "together": list(forgery.together) if forgery else [],
        "falsehood": finding.falsehood,
        "published": list(finding.published),
    }


def page(shown: Mapping[str, Any], written: str) -> str:
    """The documentation page: its hand-written part, and the table."""
    head = written.split(MARK)[0].rstrip() + f"\n\n{MARK}\n\n"
    lines = [
        f"{shown['constraints']} constraints: {shown['forged']} shown by a forged witness, "
        f"{shown['privacy']} for privacy, {shown['unexplained']} unexplained."
    ]
    for program in shown["programs"]:
        lines += ["", f"## The program `{program}`", "", "| constraint | kind | forged witness, and what it proves |"]
        lines.append("|---|---|---|")
        lines += [_line(row) for row in shown["findings"] if row["program"] == program]
    return head + "\n".join(lines) + "\n"


def _line(row: Mapping[str, Any]) -> str:
    if row["verdict"] != Verdict.FORGED:
        told = row["verdict"]
    else:
        told = (
            row["forgery"] if row["falsehood"] == f"told {row['forgery']}" else f"{row['forgery']}: {row['falsehood']}"
        )
        if row["together"]:
            told += f" (together with {', '.join(row['together'])})"
        if row["published"]:
            told += " **published**"
    return f"| {_cell(row['constraint'])} | {row['kind']} | {_cell(told)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def documented(text: str) -> dict[str, list[str]]:
    """The constraints that a page lists, by program, for comparing it with the programs."""
    listed: dict[str, list[str]] = {}
    program = ""
    for line in text.split(MARK)[-1].splitlines():
        if line.startswith("## The program"):
            program = line.split("`")[1]
            listed[program] = []
        elif line.startswith("| ") and not line.startswith("| constraint "):
            listed[program].append(line[2:].split(" | ")[0].replace("\\|", "|"))
    return listed


def write_page(path: Path, shown: Mapping[str, Any]) -> None:
    """Replace the page's table; the text above it stays."""
    path.write_text(page(shown, path.read_text() if path.exists() else "# Soundness\n"))
