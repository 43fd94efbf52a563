"""Constraint removal: a sample here, all of it with `make soundness`; the page agrees with the programs."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from proofs.soundness.clearing import ATTACKS
from proofs.soundness.examine import Examiner, Verdict
from proofs.soundness.forgery import NotForgedError, forge
from proofs.soundness.registry import SUBJECTS
from proofs.soundness.removal import Kind, constraints, weakened
from proofs.soundness.report import documented
from proofs.soundness.subject import Subject
from sealbook.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "soundness.md"
SAMPLE = 12
"""Constraints removed per program and run of the tests."""


def listed() -> dict[str, dict[str, str]]:
    """What the page says of each constraint, by program."""
    found: dict[str, dict[str, str]] = {}
    program = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## The program"):
            program = line.split("`")[1]
            found[program] = {}
        elif program and line.startswith("| ") and not line.startswith("| constraint "):
            name, _, told = line[2:].removesuffix(" |").split(" | ", 2)
            found[program][name] = told
    return found


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: s.name)
def test_the_page_lists_every_constraint(subject: Subject) -> None:
    assert documented(PAGE.read_text())[subject.name] == [c.name for c in subject.constraints]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: s.name)
def test_removing_every_constraint_changes_the_tape(subject: Subject) -> None:
    program = subject.program()
    names = [c.name for c in subject.constraints]
    assert len(set(names)) == len(names)
    tapes = {weakened(program, [c]).tape for c in constraints(program)}
    assert program.tape not in tapes


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: s.name)
def test_a_sample_is_explained(subject: Subject) -> None:
    """Of all constraints: each is explained, and as the page says."""
    told = listed()[subject.name]
    examiner = Examiner(subject)
    for constraint in random.Random(4).sample(subject.constraints, SAMPLE):
        verdict = examiner.examine(constraint).verdict
        said = told[constraint.name].split(":")[0]
        assert verdict == (said if said in set(Verdict) else Verdict.FORGED), constraint.name


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: s.name)
def test_every_constraint_has_an_explanation(subject: Subject) -> None:
    """Whether a forgery holds is for the sample and the full run; here none may be without."""
    forged = {name for forgery in (*subject.forgeries, *subject.found()) for name in forgery.against}
    assert {c.name for c in subject.constraints if not subject.private(c)} - forged == set()


def test_the_page_leaves_nothing_open() -> None:
    told = {name: verdict for page in listed().values() for name, verdict in page.items()}
    assert [name for name, verdict in told.items() if verdict == Verdict.UNEXPLAINED] == []


def test_an_honest_witness_is_no_forgery() -> None:
    """Nothing is accepted as forged that the full program accepts too, or that it refuses for another reason."""
    subject = SUBJECTS[0]
    examiner = Examiner(subject)
    forgery = next(f for f in subject.forgeries if f.against == ("entries: fee is rounded up",))
    right, wrong = (
        next(c for c in subject.constraints if c.name == name)
        for name in ("entries: fee is rounded up", "entries: runs rise")
    )
    assert examiner.forged(right, forgery) is not None
    assert examiner.forged(wrong, forgery) is None
    with pytest.raises(NotForgedError):
        forge(examiner.world("book"), [], forgery, subject.claims)


def test_blinding_is_for_privacy() -> None:
    subject = SUBJECTS[0]
    private = {c.name for c in subject.constraints if c.blinding}
    assert {c.name for c in subject.constraints if ".blind: " in c.name} <= private
    assert all(c.kind is Kind.MESSAGE or ".row: " in c.name for c in subject.constraints if c.blinding)


def test_every_attack_of_the_page_exists() -> None:
    rows = PAGE.read_text().split("## Attacks")[1].split("## Constraint removal")[0]
    named = set(re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b", "".join(re.findall(r"\|[^|]*\|([^|]*)\|", rows))))
    assert named - {attack.name for attack in ATTACKS} == set()


def test_the_command_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soundness", "--sample", "2", "--only", "poseidon2: partial", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["removed"] == 2
    assert shown["unexplained"] == 0
    assert shown["constraints"] == sum(len(subject.constraints) for subject in SUBJECTS)
    assert {row["verdict"] for row in shown["findings"]} == {"forged"}
