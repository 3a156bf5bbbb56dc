"""Whatever is wrong or missing, the analysis says so in a sentence: no NaN, no trace, no confident number."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.analysis.results import NotEstimable, Result
from rater.errors import RaterError
from rater.report.export import to_json
from rater.study.protocol import Dimension
from rater.study.scales import Slider

Load = Callable[[str], pd.DataFrame]
Change = Callable[[pd.DataFrame], pd.DataFrame]

ONE_PROMPT = (
    "only 1 prompt has answers to both arms, and the crossed random-effects t test needs at least 2 prompts"
)


def one_rater_one_prompt(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame["rater"] == "r01") & (frame["prompt"] == "p01")]


CASES: dict[str, tuple[Change, str]] = {
    "one prompt": (lambda frame: frame[frame["prompt"] == "p01"], ONE_PROMPT),
    "one rater and one prompt": (
        one_rater_one_prompt,
        "only 1 prompt has answers to both arms, and the by-prompt test needs at least 2 prompts",
    ),
    "one arm": (lambda frame: frame[frame["arm"] == "steered"], "“unsteered” has no answers yet"),
    "the first arm without answers": (
        lambda frame: frame[frame["arm"] != "steered"],
        "“steered” has no answers yet",
    ),
    "no answers": (lambda frame: frame.head(0), "no rater has answered it yet"),
    "one answer": (lambda frame: frame.head(1), "“steered” has no answers yet"),
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
    assert "does not generalise to other raters" in found.headline
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


def test_a_misspelt_arm_is_noted_with_the_arms_of_the_data(load: Load, planned: Planned) -> None:
    analysis = analyzed(load("a"), replace(planned, contrast=("sterred", "unsteered")))

    assert analysis.dimensions[0].headline == (
        "Not estimable on happiness, because “sterred” has no answers yet."
    )
    assert [note.message for note in analysis.notes] == [
        "the plan names the arm “sterred”, which has no answers; arms with answers: steered, unsteered"
    ]


def test_a_dose_of_an_unknown_arm_is_noted(load: Load, planned: Planned) -> None:
    plan = replace(planned, contrast=("steered", "plain"), doses={"unsteered": 0.0, "steered": 1.0})

    assert "the plan names the arm “plain”" in analyzed(load("a"), plan).notes[0].message


SLIDER = Dimension(
    name="happiness",
    question="How happy?",
    scale=Slider(minimum=0, maximum=100, step=5, low="not", high="very"),
)


def slid(frame: pd.DataFrame) -> pd.DataFrame:
    """Points 1 to 5 as 0, 25, …, 100 of a slider."""
    return frame.assign(answer=(frame["answer"] - 1) * 25)


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_tested_is_a_sentence_on_a_slider_too(load: Load, planned: Planned, case: str) -> None:
    change, reason = CASES[case]
    plan = replace(planned, dimensions=(SLIDER,), sesoi=0.1)

    (found,) = analyzed(slid(change(load("a"))), plan).dimensions

    assert isinstance(found.primary, NotEstimable)
    assert found.headline == f"Not estimable on happiness, because {reason}."


def test_a_slider_is_tested_as_points_are_and_its_points_are_its_own(load: Load, planned: Planned) -> None:
    plan = replace(planned, score="scale_points")

    (points,) = analyzed(load("a"), plan).dimensions
    (slider,) = analyzed(slid(load("a")), replace(plan, dimensions=(SLIDER,))).dimensions

    assert isinstance(points.primary, Result)
    assert isinstance(slider.primary, Result)
    assert slider.primary.estimate == pytest.approx(25 * points.primary.estimate)
    assert slider.primary.p == pytest.approx(points.primary.p)
    assert slider.arms[0].counts == ()


@pytest.mark.parametrize("answer", [-5.0, 105.0, 52.0, float("nan")])
def test_a_rating_off_the_slider_or_between_its_steps_is_refused(
    load: Load, planned: Planned, answer: float
) -> None:
    frame = slid(load("a"))
    frame.loc[5, "answer"] = answer

    with pytest.raises(
        RaterError, match="but happiness is answered with numbers from 0 to 100 in steps of 5"
    ):
        analyze(frame, replace(planned, dimensions=(SLIDER,)))


def test_one_arm_with_a_dose_and_no_other_is_a_sentence(load: Load, planned: Planned) -> None:
    plan = replace(planned, doses={"steered": 1.0, "strong": 2.0})

    (found,) = analyzed(load("a"), plan).dimensions

    doses = found.details.dose_response
    assert doses is not None
    assert isinstance(doses.linear, NotEstimable)
    assert doses.linear.reason == "no rater has answered texts of the same prompt at two doses"
    assert [point.fitted for point in doses.curve] == [None, None]
