from collections.abc import Callable

import pandas as pd
import pytest

from rater.analysis.answer_kinds.kind import TableOptions
from rater.analysis.answer_kinds.odd_one_out import KIND
from rater.analysis.answer_scale import as_scored
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.analysis.results import Result
from rater.errors import StudyError
from rater.study.scales import OddOneOut, StudyScale
from tests.analysis.answer_kinds.conftest import ARMS, dimension

SCALE = OddOneOut()
JUDGED = as_scored(dimension(SCALE))
FrameOf = Callable[[StudyScale], pd.DataFrame]


def test_trials_of_two_arms_are_selected_whichever_is_odd(frame_of: FrameOf) -> None:
    frame = frame_of(SCALE)

    compared = KIND.select(frame, ARMS, "happiness")

    assert compared.preferred.answer.size == len(frame)
    assert compared.cells.chance == pytest.approx(1 / 3)
    assert KIND.select(frame, (*ARMS[:1], "weak"), "happiness").preferred.answer.size == 0


def test_both_arms_are_named_in_one_order(frame_of: FrameOf) -> None:
    assert set(KIND.name_both_arms(frame_of(SCALE))) == {"steered or unsteered"}


def test_the_answers_that_raters_gave_are_places(frame_of: FrameOf) -> None:
    frame = frame_of(SCALE)

    assert KIND.as_given(frame, JUDGED)["answer"].tolist() == frame["chosen_place"].tolist()


def test_the_heading_is_that_of_a_proportion_and_not_of_a_difference() -> None:
    assert KIND.head_difference(ARMS) == "Proportion of odd texts found minus 1/3, steered and unsteered"


def test_the_naive_test_is_binomial_against_chance(frame_of: FrameOf) -> None:
    frame = frame_of(SCALE)
    planned = Planned(contrast=ARMS, dimensions=(JUDGED,), primary="happiness")

    found = analyze(frame, planned).dimensions[0]

    assert isinstance(found.naive, Result)
    assert found.naive.test == "naive binomial test"
    assert found.naive.statistic == frame["answer"].sum()
    assert len(found.tests) == 1
    assert found.details.odd_one_out is not None


def test_points_do_not_apply_to_odd_texts(frame_of: FrameOf) -> None:
    with pytest.raises(StudyError, match="points and limits do not apply"):
        KIND.infer("happiness", frame_of(SCALE), TableOptions(limits=(0, 1)))
