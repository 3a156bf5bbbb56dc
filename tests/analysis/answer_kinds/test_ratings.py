import pandas as pd
import pytest

from rater.analysis.answer_kinds.kind import TableOptions
from rater.analysis.answer_kinds.ratings import KIND
from rater.analysis.answer_scale import Numbers, Rated
from rater.analysis.plan import Planned
from rater.study.dimension import Dimension
from rater.study.scales import Likert

HAPPINESS = Dimension(name="happiness", question="How happy?", scale=Likert(low="not", high="very"))


def rows(*answers: float) -> pd.DataFrame:
    return pd.DataFrame({"answer": answers})


@pytest.mark.parametrize(
    ("answers", "lowest", "highest"),
    [((1.0, 3.0, 7.0), 1, 7), ((0.0, 3.0), 0, 3), ((1.5, 3.0), 1.5, 3), ((1.0, 12.0), 1, 12)],
)
def test_whole_numbers_from_1_to_11_are_points_and_others_are_numbers(
    answers: tuple[float, ...], lowest: float, highest: float
) -> None:
    judged = KIND.infer("happiness", rows(*answers), TableOptions())

    assert isinstance(judged, Rated)
    assert judged.is_inferred
    assert (judged.scale.lowest, judged.scale.highest) == (lowest, highest)
    assert isinstance(judged.scale, Numbers) == (answers != (1.0, 3.0, 7.0))


def test_the_scale_that_a_user_names_is_taken() -> None:
    points = KIND.infer("happiness", rows(1.0, 3.0), TableOptions(points=5))
    limits = KIND.infer("happiness", rows(1.0, 3.0), TableOptions(limits=(0, 10)))

    assert isinstance(points, Rated)
    assert isinstance(limits, Rated)
    assert (points.scale.highest, limits.scale.highest) == (5, 10)
    assert not points.is_inferred
    assert not limits.is_inferred


def test_scale_points_differ_by_the_length_of_the_scale_at_most() -> None:
    assert KIND.bounds("scale_points", HAPPINESS) == (-4, 4)
    assert KIND.bounds("log_odds", HAPPINESS) is None


def test_the_explanation_names_the_planned_score_and_test() -> None:
    plan = {"contrast": ("a", "b"), "dimensions": (HAPPINESS,), "primary": "happiness"}
    points = Planned(**plan, score="scale_points")  # type: ignore[arg-type] # one dict for three plans
    model = Planned(**plan, score="scale_points", test="mixed_model")  # type: ignore[arg-type]

    assert "rated higher" in KIND.explain_score(Planned(**plan), HAPPINESS)  # type: ignore[arg-type]
    assert "in scale points" in KIND.explain_score(points, HAPPINESS)
    assert "linear mixed model" in KIND.explain_score(model, HAPPINESS)
