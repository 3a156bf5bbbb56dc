"""The joined frame has the label chosen, the target, and the order in which a rater saw the labels."""

from collections.abc import Callable

import pytest

from rater.store.rating.trials import Judgement
from rater.study.label_choice import shuffled_places
from rater.study.study import Study
from rater.unblind import ANSWER_COLUMNS
from rater.unblind.chosen_labels import LABEL_COLUMNS, has_label_choices
from rater.unblind.join import joined_meanings
from tests.unblind.conftest import changed, look, publish, rate

LABELS = ("love", "anger", "travel")
WHICH = {
    "name": "which",
    "question": "Which?",
    "scale": {"kind": "choose", "options": LABELS, "none": "none"},
    "cannot_judge": True,
}


@pytest.fixture
def of_labels(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> Study:
    """A study with a choice among labels, rated by one who takes the first option of the study."""
    targets = dict(zip(study.arm_names, ("love", "anger"), strict=True))
    asked = changed(study, dimensions=[WHICH], analysis={"targets": targets})
    seal_completions(asked)
    publish(asked, sealed_url, rating_url)
    rate(rating_url, asked, judge=lambda shown: Judgement(None if shown.position == 1 else 1))
    return asked


def test_the_score_is_1_where_the_target_of_the_arm_was_chosen(
    of_labels: Study, sealed_url: str, rating_url: str
) -> None:
    frame = look(sealed_url, rating_url, of_labels).frame

    assert list(frame.columns) == [*ANSWER_COLUMNS, *LABEL_COLUMNS]
    judged = frame[~frame["cannot_judge"]]
    assert set(judged["chosen"]) == {"love"}
    assert (judged["target"] == judged["arm"].map(of_labels.analysis.targets)).all()
    assert judged["answer"].tolist() == (judged["target"] == "love").astype(float).tolist()
    assert set(judged["answer"]) == {0, 1}


def test_an_answer_that_cannot_be_judged_has_no_label(
    of_labels: Study, sealed_url: str, rating_url: str
) -> None:
    frame = look(sealed_url, rating_url, of_labels).frame

    unjudged = frame[frame["cannot_judge"]]
    assert unjudged["chosen"].tolist() == [None]
    assert unjudged["answer"].isna().all()
    assert unjudged["target"].notna().all()


def test_the_order_of_the_labels_is_that_of_the_rater(
    of_labels: Study, sealed_url: str, rating_url: str
) -> None:
    frame = look(sealed_url, rating_url, of_labels).frame

    (rater,) = set(frame["rater"])
    order = [LABELS[place] for place in shuffled_places(rater, 3)]
    assert set(frame["options"]) == {" | ".join([*order, "none"])}


def test_the_columns_are_described_and_the_target_is_sealed(of_labels: Study) -> None:
    meanings = joined_meanings(LABEL_COLUMNS)

    assert set(meanings) == set(LABEL_COLUMNS)
    assert meanings["target"].seen_by == "sealed"
    assert has_label_choices(of_labels)


def test_a_study_on_other_scales_has_no_such_columns(rated: Study, sealed_url: str, rating_url: str) -> None:
    assert list(look(sealed_url, rating_url, rated).frame.columns) == list(ANSWER_COLUMNS)
    assert not has_label_choices(rated)
