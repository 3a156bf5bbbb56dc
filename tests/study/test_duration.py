import pytest

from rater.study.dimension import Dimension
from rater.study.duration import describe_duration, stated_minutes, visit_minutes
from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.scales import Likert, Number
from rater.study.visit import BlindingQuestion, ScreeningQuestion

SCREENING = ScreeningQuestion(question="q" * 37, options=("yes", "no!"), accepted=("yes",))


PRACTICE = Practice(prompt="p" * 57, text="t" * 114, feedback="f" * 57)


def whole_minutes(protocol: Protocol, **changes: object) -> float:
    """The minutes of ten texts of forty words."""
    changed = protocol.model_copy(update=changes)
    return visit_minutes(changed, n_trials=10, words_per_trial=40, n_questions=len(changed.dimensions))


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({"screening": (SCREENING,)}, 3 + 43 / 5.7 / 238 * 60 + 4),
        ({"practice": (PRACTICE, PRACTICE)}, 2 * (40 / 238 * 60 + 4)),
        ({"break_every": 3}, 3 * 30),
        ({"break_every": 5}, 30),
        ({"final_comment": "Anything?"}, 30),
        ({"blinding": BlindingQuestion(question="q" * 57, n_texts=3)}, 3 + (10 + 3 * 40) / 238 * 60 + 12),
        ({"blinding": BlindingQuestion(question="q" * 57, n_texts=0)}, 3 + 10 / 238 * 60 + 4),
        ({"content_notice": "n" * 570}, 100 / 238 * 60),
        ({"debrief": "d" * 570}, 0),
    ],
)
def test_everything_that_is_asked_counts(
    protocol: Protocol, changes: dict[str, object], seconds: float
) -> None:
    added = whole_minutes(protocol, **changes) - whole_minutes(protocol)

    assert added * 60 == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("dimension", "seconds"),
    [
        (Dimension(name="d", question="q", scale=Likert(low="l", high="h")), 4),
        (Dimension(name="d", question="q", scale=Number(maximum=9)), 10),
        (Dimension(name="d", question="q", scale=Likert(low="l", high="h"), comment="Why?"), 34),
    ],
)
def test_typed_answers_and_comments_take_longer(
    protocol: Protocol, dimension: Dimension, seconds: float
) -> None:
    both = (*protocol.dimensions, dimension)

    added = whole_minutes(protocol, dimensions=both) - whole_minutes(protocol)

    assert added * 60 == pytest.approx(10 * seconds)


def test_what_the_study_states_counts_for_more_than_the_estimate(protocol: Protocol) -> None:
    stated = protocol.model_copy(update={"minutes": 25})
    minutes = [
        stated_minutes(each, n_trials=10, characters_per_text=200, asks_all=True)
        for each in (stated, protocol)
    ]

    assert minutes == [25, 2]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 minute"),
        (720, "12 minutes"),
        (5400, "1.5 hours"),
        (7200, "2 hours"),
        (3 * 86_400, "3 days"),
    ],
)
def test_a_duration_is_given_in_the_unit_that_fits(seconds: float, words: str) -> None:
    assert describe_duration(seconds) == words
