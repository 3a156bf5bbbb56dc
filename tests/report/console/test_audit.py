"""The output of an audit is short without problems, and complete on request."""

import io

import pytest
from rich.console import Console

from rater.audit.findings import Audit, Cue
from rater.report.console.audit import print_audit

SAME = [
    Cue(f"cue {n}", "form", "steered", "unsteered", auc=0.48 + n / 100, low=0.4, high=0.6, p=1.0)
    for n in range(5)
]
LENGTH = Cue("length", "form", "steered", "unsteered", auc=0.8, low=0.7, high=0.9, p=0.002)


def shown(*cues: Cue, every_cue: bool = False, whole: bool = True) -> str:
    audit = Audit(
        hits=(),
        cues=cues,
        not_searched=(),
        n_marks=3,
        n_cells=100,
        n_bytes=1000,
        n_pages=9,
        n_trials_crawled=8,
        n_trials=8,
    )
    stream = io.StringIO()
    print_audit(audit, Console(file=stream, width=120), whole=whole, every_cue=every_cue)
    return stream.getvalue()


def test_cues_without_differences_are_counted_in_a_line() -> None:
    said = shown(*SAME)

    assert (
        "No property of the texts or of their order distinguishes arms (5 cues, AUC 0.48 to 0.52, all "
        "adjusted p ≥ 0.05); --all lists them." in " ".join(said.split())
    )
    assert "cue 0" not in said


def test_confounds_are_shown_and_other_cues_counted() -> None:
    said = shown(*SAME, LENGTH)

    assert "length" in said
    assert "confound" in said
    assert "The other properties do not distinguish arms (5 cues" in said
    assert "cue 0" not in said


@pytest.mark.parametrize("n", range(5))
def test_every_cue_is_there_where_it_is_asked_for(n: int) -> None:
    said = shown(*SAME, LENGTH, every_cue=True)

    assert f"cue {n}" in said
    assert "--all" not in said


def test_publishing_shows_what_speaks_against_the_study_alone() -> None:
    said = shown(*SAME, LENGTH, whole=False)

    assert "length" in said
    assert "do not distinguish" not in said
