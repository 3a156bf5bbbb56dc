import pandas as pd
import pytest

from rater.analysis.answer_kinds.kind import TableOptions
from rater.analysis.answer_kinds.preferences import KIND
from rater.analysis.answer_scale import Preferences, Rated
from rater.errors import RaterError
from rater.study.dimension import Dimension
from rater.study.scales import Pairwise

PAIRS = pd.DataFrame(
    {
        "rater": "ada",
        "prompt": ["p1", "p2"],
        "dimension": "preferred",
        "arm": "a",
        "item": ["1", "2"],
        "other_arm": "b",
        "other_item": ["3", "4"],
        "answer": [2.0, -1.0],
    }
)


def inferred(given: TableOptions) -> Rated:
    judged = KIND.infer("preferred", PAIRS, given)
    assert isinstance(judged, Rated)
    return judged


def test_the_strongest_preference_is_the_users_or_that_of_the_answers() -> None:
    assert inferred(TableOptions()).scale.strongest == 2
    assert inferred(TableOptions(limits=(-3, 3))).scale.strongest == 3
    assert inferred(TableOptions(choices="1/0")).scale.strongest == 1


def test_choices_coded_as_won_and_lost_get_a_sign() -> None:
    judged = Rated("preferred", "Which?", Preferences(1, "1/0"))

    assert KIND.recode(PAIRS.assign(answer=[1.0, 0.0]), judged)["answer"].tolist() == [1, -1]
    with pytest.raises(RaterError, match="coded 1/0 are 1 or 0"):
        KIND.recode(PAIRS, judged)


def test_a_choice_without_another_arm_is_refused() -> None:
    judged = Rated("preferred", "Which?", Preferences(2))

    KIND.require(PAIRS, judged)
    with pytest.raises(RaterError, match="other_arm"):
        KIND.require(PAIRS.drop(columns="other_arm"), judged)


def test_each_text_of_a_pair_has_the_preference_for_it() -> None:
    rated = KIND.rate_texts(PAIRS)

    assert dict(zip(rated["item"], rated["answer"], strict=True)) == {"1": 2, "2": -1, "3": -2, "4": 1}


@pytest.mark.parametrize(("tie", "levels"), [(None, [-1, 1]), ("neither", [-1, 0, 1])])
def test_neither_is_a_level_where_it_can_be_chosen(tie: str | None, levels: list[float]) -> None:
    judged = Dimension(name="preferred", question="Which?", scale=Pairwise(tie=tie))

    assert KIND.levels(judged) == levels
