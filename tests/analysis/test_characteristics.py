import pandas as pd
import pytest

from rater.analysis.characteristics import describe_raters
from rater.study.questionnaire import Question

QUESTIONS = (
    Question(name="field", question="What do you study?", options=("Physics", "Other")),
    Question(name="tongues", question="Which languages?", kind="choices", options=("de", "en", "fr")),
    Question(name="age", question="How old are you?", kind="number"),
    Question(name="job", question="Your job?", kind="text"),
)
ROWS = [
    ("r1", "field", "Other"),
    ("r1", "tongues", ("de", "en")),
    ("r1", "age", 20.0),
    ("r1", "job", "poet"),
    ("r2", "field", None),
    ("r2", "tongues", ("en",)),
    ("r2", "age", 40.0),
    ("r2", "job", None),
    ("r3", "field", "Physics"),
    ("left", "field", "Other"),
]
FRAME = pd.DataFrame(ROWS, columns=["rater", "question", "answer"], dtype=object)


def test_answers_are_counted_over_the_raters_who_are_analysed() -> None:
    field, tongues, age, job = describe_raters(FRAME, QUESTIONS, ["r1", "r2", "r3"])

    assert field.counts == (("Physics", 1), ("Other", 1))
    assert (field.n_answered, field.n_declined, field.n_missing) == (2, 1, 0)
    assert tongues.counts == (("de", 1), ("en", 2), ("fr", 0))
    assert (tongues.n_answered, tongues.n_missing) == (2, 1)
    assert (age.mean, age.median, age.lowest, age.highest) == (30, 30, 20, 40)
    assert age.sd == pytest.approx(14.1421, abs=1e-4)
    assert (job.n_answered, job.n_declined, job.counts) == (1, 1, ())


def test_numbers_that_nobody_gave_have_no_mean() -> None:
    (age,) = describe_raters(FRAME, QUESTIONS[2:3], ["r3"])

    assert (age.n_answered, age.n_missing, age.mean, age.sd) == (0, 1, None, None)


def test_one_number_has_no_spread() -> None:
    (age,) = describe_raters(FRAME, QUESTIONS[2:3], ["r1"])

    assert (age.mean, age.sd) == (20, None)


def test_without_a_questionnaire_nothing_is_described() -> None:
    assert describe_raters(None, QUESTIONS, ["r1"]) == ()
