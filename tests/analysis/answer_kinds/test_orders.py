from collections.abc import Callable

import pandas as pd
import pytest

from rater.analysis.answer_kinds.kind import TableOptions
from rater.analysis.answer_kinds.orders import KIND, scores_of
from rater.analysis.answer_scale import Rated, as_scored
from rater.analysis.arm_strengths import ArmRanking
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.errors import StudyError
from rater.study.scales import Ranking, StudyScale
from tests.analysis.answer_kinds.conftest import ARMS, dimension

SCALE = Ranking(texts=3, top="happiest", bottom="saddest")
RANKS = pd.DataFrame(
    {
        "rater": "ada",
        "trial": [1, 1, 1],
        "dimension": "happiness",
        "arm": ["a", "b", "c"],
        "item": ["1", "2", "3"],
        "answer": [2.0, 1.0, 3.0],
    }
)


def test_the_ranks_of_a_table_become_scores_and_those_of_a_study_stay() -> None:
    judged = KIND.infer("happiness", RANKS, TableOptions())
    assert isinstance(judged, Rated)

    assert scores_of(judged).response == "ranking"
    assert KIND.recode(RANKS, judged)["answer"].tolist() == [0, 1, -1]
    assert KIND.recode(RANKS, as_scored(dimension(SCALE))) is RANKS


def test_points_do_not_apply_to_orders() -> None:
    with pytest.raises(StudyError, match="points and limits do not apply"):
        KIND.infer("happiness", RANKS, TableOptions(points=5))


def test_the_details_have_the_strengths_and_the_counts_of_first_and_last_texts(
    frame_of: Callable[[StudyScale], pd.DataFrame],
) -> None:
    judged = as_scored(dimension(SCALE))
    planned = Planned(contrast=ARMS, dimensions=(judged,), primary="happiness")

    details = analyze(frame_of(SCALE), planned).dimensions[0].details

    assert isinstance(details.ranking, ArmRanking)
    assert details.ranking.arms[0].arm == "steered"
    assert details.groups is not None
    assert details.groups.n_trials == 36
