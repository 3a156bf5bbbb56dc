from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.analysis.results import NotEstimable
from rater.report.export import to_json
from rater.study.dimension import Dimension
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


def test_one_arm_with_a_dose_and_no_other_is_a_sentence(load: Load, planned: Planned) -> None:
    plan = replace(planned, doses={"steered": 1.0, "strong": 2.0})

    (found,) = analyzed(load("a"), plan).dimensions

    doses = found.details.dose_response
    assert doses is not None
    assert isinstance(doses.linear, NotEstimable)
    assert doses.linear.reason == "no rater has answered texts of the same prompt at two doses"
    assert [point.fitted for point in doses.curve] == [None, None]
