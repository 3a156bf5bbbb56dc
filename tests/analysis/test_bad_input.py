"""Whatever is wrong or missing, the analysis says so in a sentence: no NaN, no trace, no confident number."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from rater.analysis.planned import Planned
from rater.analysis.primary import Analysis, analyze
from rater.analysis.results import NotEstimable
from rater.errors import RaterError
from rater.report.export import to_json

Load = Callable[[str], pd.DataFrame]
Change = Callable[[pd.DataFrame], pd.DataFrame]

ONE_PROMPT = "only 1 prompt has answers to both arms, and the two-way test needs at least 2 prompts"
SEPARATED = (
    "all 120 rater × prompt cells have the same net superiority (1), so nothing says how much it varies"
)


def one_rater_one_prompt(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame["rater"] == "r01") & (frame["prompt"] == "p01")]


def separate(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(answer=frame["arm"].map({"steered": 5.0, "unsteered": 1.0}))


CASES: dict[str, tuple[Change, str]] = {
    "one prompt": (lambda frame: frame[frame["prompt"] == "p01"], ONE_PROMPT),
    "one rater and one prompt": (
        one_rater_one_prompt,
        "only 1 prompt has answers to both arms, and the by-prompt test needs at least 2 prompts",
    ),
    "one arm": (lambda frame: frame[frame["arm"] == "steered"], '"unsteered" has no answers yet'),
    "the first arm without answers": (
        lambda frame: frame[frame["arm"] != "steered"],
        '"steered" has no answers yet',
    ),
    "all answers equal": (lambda frame: frame.assign(answer=4.0), "all 720 answers are the same (4)"),
    "no answers": (lambda frame: frame.head(0), "no rater has answered it yet"),
    "perfect separation": (separate, SEPARATED),
    "one answer": (lambda frame: frame.head(1), '"steered" has no answers yet'),
}


def analyzed(frame: pd.DataFrame, planned: Planned) -> Analysis:
    """Analyse, and write as JSON, which refuses NaN."""
    analysis = analyze(frame, planned)
    assert "NaN" not in to_json(analysis)
    return analysis


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_tested_is_a_sentence(load: Load, planned: Planned, case: str) -> None:
    change, reason = CASES[case]

    (found,) = analyzed(change(load("a")), replace(planned, sesoi=0.1)).dimensions

    assert isinstance(found.primary, NotEstimable)
    assert found.headline == f"Not estimable on happiness, because {reason}."
    assert isinstance(found.equivalence, NotEstimable)


def test_one_rater_gets_the_test_by_prompt_and_no_bootstrap(load: Load, planned: Planned) -> None:
    (found,) = analyzed(load("a").query("rater == 'r01'"), planned).dimensions

    assert found.primary.test == "by-prompt t"
    assert "says nothing about other people" in found.headline
    assert found.details.raters[0].shrunken is None


def test_a_category_that_nobody_used_is_counted_as_zero(load: Load, planned: Planned) -> None:
    frame = load("a").assign(answer=lambda rows: rows["answer"].replace(3.0, 2.0))

    (found,) = analyzed(frame, planned).dimensions

    assert [arm.counts[2] for arm in found.arms] == [0, 0]
    assert found.verdict == "higher"


@pytest.mark.parametrize("answer", [0.0, 6.0, 2.5, float("nan")])
def test_a_rating_off_the_scale_is_refused(load: Load, planned: Planned, answer: float) -> None:
    frame = load("a")
    frame.loc[5, "answer"] = answer

    with pytest.raises(
        RaterError, match=r"answer is .* \(rater r01, item p01s3\), but happiness is answered"
    ):
        analyze(frame, planned)


def test_a_plan_with_a_misspelt_arm_is_told_the_arms_that_are_there(load: Load, planned: Planned) -> None:
    analysis = analyzed(load("a"), replace(planned, contrast=("sterred", "unsteered")))

    assert analysis.dimensions[0].headline == (
        'Not estimable on happiness, because "sterred" has no answers yet.'
    )
    assert analysis.notes == (
        'the plan names the arm "sterred", which has no answers; arms with answers: steered, unsteered',
    )


def test_a_dose_of_an_unknown_arm_is_told_too(load: Load, planned: Planned) -> None:
    plan = replace(planned, contrast=("steered", "plain"), doses={"unsteered": 0.0, "steered": 1.0})

    assert 'the plan names the arm "plain"' in analyzed(load("a"), plan).notes[0]
