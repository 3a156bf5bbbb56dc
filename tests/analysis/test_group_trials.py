import io

import numpy as np
import pandas as pd
import pytest

from rater.analysis.arm_strengths import ArmRanking
from rater.analysis.external_plan import plan_for
from rater.analysis.group_trials import (
    ArmCounts,
    PlaceCounts,
    chosen_places,
    count_groups,
    has_groups,
    trial_numbers,
)
from rater.analysis.primary import analyze
from rater.analysis.read_ratings import read
from rater.analysis.results import Result
from rater.errors import RaterError, StudyError
from rater.study.rankings import TextScores


def external(rows: str) -> pd.DataFrame:
    return read(io.StringIO("rater,trial,prompt,arm,item,answer\n" + rows))


def table(coding: dict[int, int], n_raters: int = 6) -> str:
    """Return rankings of three arms by some raters of four prompts, with ranks written as other answers."""
    rng, lines = np.random.default_rng(2), []
    for rater in range(n_raters):
        for prompt in range(4):
            utility = np.array([0.0, 1.0, 2.0]) + rng.gumbel(size=3)
            ranks = 1 + np.argsort(np.argsort(-utility))
            lines += [
                f"r{rater},{prompt},p{prompt},{arm},p{prompt}-{arm},{coding[int(rank)]}"
                for arm, rank in zip(("base", "weak", "strong"), ranks, strict=True)
            ]
    return "\n".join(lines) + "\n"


# two trials of three texts, and one that could not be judged
FRAME = pd.DataFrame(
    [
        ("ada", 1, "a", 1, 1.0, False),
        ("ada", 1, "b", 2, -1.0, False),
        ("ada", 1, "c", 3, 0.0, False),
        ("ada", 2, "a", 3, 1.0, False),
        ("ada", 2, "b", 1, 0.0, False),
        ("ada", 2, "c", 2, -1.0, False),
        ("ben", 1, "a", 1, float("nan"), True),
        ("ben", 1, "b", 2, float("nan"), True),
        ("ben", 1, "c", 3, float("nan"), True),
    ],
    columns=["rater", "position", "arm", "place", "answer", "cannot_judge"],
).assign(dimension="happiness", prompt="We", item=lambda rows: rows["arm"], is_repeat=False)


def test_the_texts_of_a_trial_have_one_number() -> None:
    assert trial_numbers(FRAME).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert trial_numbers(FRAME.assign(trial=list("xxyxxyzzz"))).tolist() == [0, 0, 1, 0, 0, 1, 2, 2, 2]


def test_a_frame_of_single_texts_has_no_groups() -> None:
    assert has_groups(FRAME)
    assert not has_groups(FRAME.drop(columns="place"))


def test_the_answer_of_a_trial_is_the_place_of_the_text_put_first() -> None:
    assert chosen_places(FRAME)["answer"].tolist() == [1, 3]


def test_first_and_last_texts_are_counted_by_arm_and_place_without_those_that_were_not_judged() -> None:
    counts = count_groups(FRAME, "happiness")

    assert counts is not None
    assert (counts.n_trials, counts.n_together) == (2, 3)
    assert counts.arms == (ArmCounts("a", 2, 2, 0), ArmCounts("b", 2, 0, 1), ArmCounts("c", 2, 0, 1))
    assert [arm.best_minus_worst for arm in counts.arms] == [1, -0.5, -0.5]
    assert counts.places == (PlaceCounts(1, 2, 1, 0), PlaceCounts(2, 2, 0, 2), PlaceCounts(3, 2, 1, 0))


def test_without_answers_nothing_is_counted() -> None:
    assert count_groups(FRAME, "warmth") is None


@pytest.mark.parametrize(
    ("coding", "response"), [({1: 1, 2: 2, 3: 3}, "ranking"), ({1: 1, 2: 0, 3: -1}, "best_worst")]
)
def test_a_table_of_ranks_or_of_best_and_worst_texts_is_analysed_by_their_scores(
    coding: dict[int, int], response: str
) -> None:
    frame = external(table(coding))

    planned = plan_for(frame, contrast=("strong", "base"))
    analysis = analyze(frame, planned)

    found = analysis.dimensions[0]
    assert isinstance(found.dimension.scale, TextScores)
    assert (found.dimension.scale.response, found.dimension.scale.n_together) == (response, 3)
    assert analysis.is_external
    assert analysis.n.answers == 24
    assert isinstance(found.primary, Result)
    assert found.primary.estimate > 0
    assert isinstance(found.details.ranking, ArmRanking)
    assert [each.arm for each in found.details.ranking.arms] == ["strong", "weak"]
    assert found.details.groups is not None
    assert found.details.groups.n_trials == 24


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("r1,1,p1,a,i,1\nr1,1,p1,b,j,1\nr1,1,p1,c,k,2\n", "the ranks 1, 2, … once each"),
        ("r1,1,p1,a,i,1\nr1,1,p1,b,j,3\n", "the ranks 1, 2, … once each"),
        ("r1,1,p1,a,i,1\nr1,1,p1,b,j,0\nr1,1,p1,c,k,0\n", "−1 once"),
        ("r1,1,p1,a,i,1\nr1,1,p1,b,j,-1\nr1,2,p1,a,i,1\n", "at least two texts"),
        ("r1,1,p1,a,i,2\nr1,1,p1,b,j,1\nr1,,p1,c,k,3\n", "trial is missing"),
    ],
)
def test_what_is_no_order_of_the_texts_of_a_trial_is_refused(rows: str, message: str) -> None:
    frame = external(rows)

    with pytest.raises(RaterError) as refused:
        analyze(frame, plan_for(frame, contrast=("a", "b")))

    assert message in str(refused.value)


def test_points_do_not_apply_to_orders_of_texts() -> None:
    with pytest.raises(StudyError, match="do not apply"):
        plan_for(external(table({1: 1, 2: 2, 3: 3})), contrast=("strong", "base"), points=3)
