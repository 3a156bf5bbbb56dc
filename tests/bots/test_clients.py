from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from rater.bots.behaviours import Character, Middle
from rater.bots.clients import rate_in_store
from rater.store.engine import disposing, reading
from rater.store.rating.frame import read_answers, read_questionnaire
from rater.store.rating.open import open_rating
from rater.store.rating.studies import get_study
from rater.study.dimension import Dimension
from rater.study.label_choice import Choose, shuffled_places
from rater.study.protocol import Protocol
from rater.study.questionnaire import Question

NOW = datetime(2026, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize(("character", "expected"), [("middle", 3), ("leaving", 1)])
def test_a_bot_rates_its_booklet_and_a_leaving_one_half_of_it(
    publish_study: Callable[..., str], rating_url: str, character: Character, expected: int
) -> None:
    publish_study()
    with disposing(open_rating(rating_url)) as rating:
        with reading(rating) as session:
            study = get_study(session, "a_study")

        n_rated = rate_in_store(
            rating, study, character=character, judge=Middle(), rng=np.random.default_rng(1), now=NOW
        )

        with reading(rating) as session:
            answers = list(read_answers(session, study.id))
    assert n_rated == len(answers) == expected
    assert {answer.answer for answer in answers} == {3}


def test_a_bot_answers_questions_about_itself(
    publish_study: Callable[..., str], rating_url: str, protocol: Protocol
) -> None:
    questionnaire = (
        Question(name="field", question="What?", options=("a", "b")),
        Question(name="all", question="Which?", kind="choices", options=("a", "b")),
        Question(name="age", question="How old?", kind="number", minimum=18, maximum=20),
        Question(name="job", question="Your job?", kind="text", when="after"),
    )
    publish_study(shown=protocol.model_copy(update={"questionnaire": questionnaire}))
    with disposing(open_rating(rating_url)) as rating:
        with reading(rating) as session:
            study = get_study(session, "a_study")

        rate_in_store(
            rating, study, character="middle", judge=Middle(), rng=np.random.default_rng(1), now=NOW
        )

        with reading(rating) as session:
            given = {name: value for _, name, value in read_questionnaire(session, study.id)}
    assert given["field"] in {"a", "b"}
    assert given["all"] in {("a",), ("b",)}
    assert given["age"] in {18.0, 19.0, 20.0}
    assert given["job"]


def test_a_bot_that_takes_the_same_place_chooses_the_label_that_its_rater_sees_there(
    publish_study: Callable[..., str], rating_url: str, protocol: Protocol
) -> None:
    labels = Choose(options=("a", "b", "c", "d", "e"))
    which = Dimension(name="which", question="Which?", scale=labels)
    publish_study(shown=protocol.model_copy(update={"dimensions": (which,)}), n_booklets=8)
    with disposing(open_rating(rating_url)) as rating:
        with reading(rating) as session:
            study = get_study(session, "a_study")
        for _ in range(8):
            rate_in_store(
                rating, study, character="middle", judge=Middle(), rng=np.random.default_rng(1), now=NOW
            )
        with reading(rating) as session:
            answers = list(read_answers(session, study.id))
    places = {row.rater_id: shuffled_places(row.rater_id, 5)[2] + 1 for row in answers}
    assert all(row.answer == places[row.rater_id] for row in answers)
    assert len(set(places.values())) > 1
