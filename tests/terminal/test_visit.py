"""Rate on every scale, and go through all that is around the trials."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, select

from rater.errors import StateError
from rater.store.engine import reading, writing
from rater.store.rating.frame import AnswerRow, read_guesses
from rater.store.rating.publication import NewBooklet, NewItem, NewTrial, insert_study
from rater.store.rating.schema import Comment, QuestionnaireAnswer, Rater, Tally
from rater.store.rating.studies import PublishedStudy, get_study, move_study
from rater.study.dimension import Dimension
from rater.study.endings import Ending, Endings
from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.questionnaire import Question
from rater.study.scales import Likert, Number, Pairwise, Scale, Slider
from rater.study.state import State
from rater.study.visit import BlindingQuestion, Recruitment, ScreeningQuestion
from tests.terminal.conftest import NOW, Publish, Rate

HALVES = Slider(low="none", high="all", step=0.5)
WHOLES = Slider(low="none", high="all")
CENTIMETRES = Number(minimum=-5, maximum=5, unit="cm")
Answers = Callable[[], list[AnswerRow]]


def asking(protocol: Protocol, scale: Scale, **changes: Any) -> Protocol:
    """Ask one question on a scale."""
    dimension = Dimension(name="q", question="How is it?", scale=scale, **changes)
    return protocol.model_copy(update={"dimensions": (dimension,)})


def given(rows: list[AnswerRow]) -> list[tuple[float | None, str | None]]:
    return [(row.answer, row.comment) for row in rows]


@pytest.mark.parametrize(
    ("scale", "pressed", "expected", "keys"),
    [
        (HALVES, ("50.5", "0", "100"), [50.5, 0, 100], "0–100 in steps of 0.5 and Enter"),
        (WHOLES, ("101", "7,0", "x", "-1", "0.5", "8", "9"), [7, 8, 9], "0–100 and Enter"),
        (CENTIMETRES, ("-5", "nan", "1e0", "5", "0"), [-5, 5, 0], "-5–5 cm and Enter"),
        (Pairwise(), ("=", "a", "b", "b"), [-1, 1, 1], "a, b to answer"),
        (Pairwise(tie="neither"), ("a", "=", "b"), [-1, 0, 1], "a, =, b to answer"),
        (Pairwise(tie="alike", degrees=("rather", "much")), ("1", "3", "5"), [-2, 0, 2], "1–5 to answer"),
        (Likert(points=2, low="no", high="yes"), ("1", "2", "1"), [1, 2, 1], "1–2 to answer"),
    ],
)  # fmt: skip
def test_every_scale_is_answered_with_its_own_keys(
    publish_study: Publish,
    rate: Rate,
    protocol: Protocol,
    answers: Answers,
    scale: Scale,
    pressed: tuple[str, ...],
    expected: list[float],
    keys: str,
) -> None:
    publish_study(shown=asking(protocol, scale))

    printed = rate("y", "", *pressed, "")

    assert [row.answer for row in answers()] == expected
    assert keys in printed


def test_who_cannot_judge_says_so_and_comments_are_kept_changed_and_taken_back(
    publish_study: Publish, rate: Rate, protocol: Protocol, answers: Answers
) -> None:
    likert = Likert(low="low", high="high")
    publish_study(shown=asking(protocol, likert, cannot_judge=True, comment="Why?"))

    first = rate("y", "", "x", "Gibberish", "3", "", "4", "Is q a word?", "u", "", "-", "")

    assert given(answers()) == [(None, "Gibberish"), (3, None), (4, None)]
    assert "x cannot judge" in first
    assert 'Why? (Enter keeps "Is q a word?", - removes it):' in first


def test_not_applicable_has_a_key_and_confidence_follows_an_answer(
    publish_study: Publish, rate: Rate, protocol: Protocol, answers: Answers
) -> None:
    likert = Likert(low="low", high="high")
    more = {"cannot_judge": True, "not_applicable": "No speech", "confidence": True}
    publish_study(shown=asking(protocol, likert, **more))

    printed = rate("y", "", "n", "3", "4", "x", "u", "3", "")

    assert [(row.answer, row.not_applicable, row.confidence) for row in answers()] == [
        (None, True, None),
        (3, False, 4),
        (3, False, None),
    ]
    assert "No speech" in printed
    assert "How sure are you of this answer?" in printed
    assert "n not applicable" in printed


def test_a_rater_can_leave_confidence_out_and_keep_an_earlier_one(
    publish_study: Publish, rate: Rate, protocol: Protocol, answers: Answers
) -> None:
    likert = Likert(low="low", high="high")
    sure = {"confidence": "Sure?", "confidence_labels": ("no", "perhaps", "yes")}
    publish_study(shown=asking(protocol, likert, **sure))

    printed = rate("y", "", "3", "9", "2", "4", "", "u", "", "", "5", "3", "")

    assert [(row.answer, row.confidence) for row in answers()] == [(3, 2), (4, None), (5, 3)]
    assert "perhaps" in printed


def test_each_trial_asks_only_its_dimension_and_shows_both_of_a_pair(
    publish_study: Publish,
    rating_url: str,
    rate: Rate,
    protocol: Protocol,
    database: Engine,
    answers: Answers,
) -> None:
    publish_study(name="another", slug="another")
    dimensions = tuple(
        Dimension(name=name, question=f"{name}?", scale=Pairwise()) for name in ("joy", "calm")
    )
    shown = protocol.model_copy(update={"dimensions": dimensions})
    study = PublishedStudy(0, "a_study", "pairs", State.PUBLISHED, shown, "hash", "commitment", NOW)
    items = [NewItem("left", "We", " ran."), NewItem("right", "We", " sat.")]
    trials = (NewTrial(("left", "right"), "calm"), NewTrial(("right", "left"), "joy", is_repeat=True))
    with writing(database) as session:
        insert_study(session, study, items=items, booklets=[NewBooklet("pairs", trials)])
        move_study(session, "a_study", State.OPEN, at=NOW)

    printed = rate("y", "", "b", "a", "")

    assert [(row.dimension, row.answer) for row in answers()] == [("calm", 1), ("joy", -1)]
    assert printed.count("calm?") == printed.count("joy?") == 1
    assert [line.rstrip() for line in printed.split("1 of 2")[1].splitlines()[2:8]] == [
        "A", "We ran.", "", "B", "We sat.", "",
    ]  # fmt: skip


def test_who_is_asked_one_dimension_practises_that_one_and_pairs_are_called_pairs(
    publish_study: Publish, rate: Rate, protocol: Protocol
) -> None:
    joy, calm = (Dimension(name=name, question=f"{name}?", scale=Pairwise()) for name in ("joy", "calm"))
    practice = Practice(prompt="It", text=" shone.", other_texts=(" rained.",), accepted={"joy": (1, 1)})
    publish_study(
        shown=protocol.model_copy(update={"dimensions": (joy, calm), "practice": (practice,)}),
        trials=(NewTrial(("quiet-river-0", "quiet-river-1"), "calm"),),
    )

    left = rate("y", "", "a", "")
    rated = rate("b", "")

    assert "No pair is rated yet." in left
    assert "calm?" in left
    assert "joy?" not in left + rated
    assert "u back to the last pair" in rated


def test_screening_practice_and_breaks_come_in_their_places(
    publish_study: Publish, rate: Rate, protocol: Protocol, answers: Answers
) -> None:
    screening = ScreeningQuestion(question="Are you of age?", options=("yes", "no"), accepted=("yes",))
    practice = Practice(
        prompt="It", text=" shone.", accepted={"happiness": (4, 5)}, feedback="**Happy**, yes."
    )
    changes = {"screening": (screening,), "practice": (practice,), "practice_pass": 1, "break_every": 2}
    publish_study(shown=protocol.model_copy(update=changes))

    printed = rate("y", "1", "", "1", "", "", "5", "", "", "3", "3", "", "3", "")

    places = [
        printed.index(said)
        for said in (
            "Are you of age?",
            "Say how happy each text is.",
            "Practice 1 of 1",
            "0 of them right, 1 are needed.",
            "The practice is over",
            "1 of 3",
            "2 of 3 are done. Take a break if you like",
            "Thank you.",
        )
    ]
    assert places == sorted(places)
    assert len(answers()) == 3


@pytest.mark.parametrize(
    ("pressed", "why"), [(("2",), "screened_out"), (("1", "", "1", "", "1"), "failed_practice")]
)
def test_who_cannot_take_part_is_told_so_now_and_later(
    publish_study: Publish,
    rate: Rate,
    protocol: Protocol,
    database: Engine,
    pressed: tuple[str, ...],
    why: str,
) -> None:
    screening = ScreeningQuestion(question="Are you of age?", options=("yes", "no"), accepted=("yes",))
    practice = Practice(prompt="It", text=" shone.", accepted={"happiness": (4, 5)})
    changes = {
        "screening": (screening,),
        "practice": (practice,),
        "practice_pass": 1,
        "endings": Endings(screened_out=Ending(code="OUT")),
    }
    publish_study(shown=protocol.model_copy(update=changes))

    first, second = rate("y", *pressed), rate("y", "1")

    assert all(
        "you cannot take part in this study.\nYour code: OUT" in printed for printed in (first, second)
    )
    with reading(database) as session:
        assert session.scalars(select(Rater.left_why)).one() == why


def test_the_last_questions_end_revision_and_are_asked_once(
    publish_study: Publish, rate: Rate, protocol: Protocol, database: Engine
) -> None:
    changes = {
        "blinding": BlindingQuestion(n_texts=2),
        "final_comment": "Anything else?",
        "endings": Endings(finished=Ending(code="DONE", url="https://example.org/back")),
        "debrief": "It was about steering.",
        "debrief_immediately": True,
    }
    publish_study(shown=protocol.model_copy(update=changes))

    first = rate("y", "", "3", "3", "3", "u", "4", "", "1")  # leaves at the second question
    second = rate("", "2", "3", "Fine.")
    third = rate("u", "5")

    assert "u back to the last text" in first
    assert "All your answers are saved." in first
    assert "back to the last text" not in second
    with reading(database) as session:
        guesses = read_guesses(session, get_study(session, "a_study").id)
        assert session.scalars(select(Comment.text)).all() == ["Fine."]
    assert [(row.item_id, row.choice) for row in guesses] == [
        ("quiet-river-0", "second"),
        ("quiet-river-2", "unsure"),
    ]
    for printed in (second, third):
        lines = [line.rstrip() for line in printed.splitlines()]
        assert lines[-4:] == [
            "It was about steering.", "", "Your code: DONE", "Continue at https://example.org/back",
        ]  # fmt: skip
        assert "Thank you." in printed


def test_a_question_about_all_texts_is_asked_once(
    publish_study: Publish, rate: Rate, protocol: Protocol, database: Engine
) -> None:
    publish_study(
        shown=protocol.model_copy(update={"blinding": BlindingQuestion(question="Odd?", n_texts=0)})
    )

    rate("y", "", "3", "3", "3", "", "1")

    with reading(database) as session:
        guesses = read_guesses(session, get_study(session, "a_study").id)
    assert [(row.item_id, row.choice) for row in guesses] == [(None, "first")]


@pytest.mark.parametrize(
    ("revising", "n_revisions"), [("all", [2, 1, 1]), ("last", [1, 2, 1]), ("none", [1, 1, 1])]
)
def test_one_goes_back_as_far_as_the_study_lets_one(
    publish_study: Publish,
    rate: Rate,
    protocol: Protocol,
    answers: Answers,
    revising: str,
    n_revisions: list[int],
) -> None:
    publish_study(shown=protocol.model_copy(update={"revising": revising}))

    rate("y", "", "3", "3", "u", "u", "5", "q")
    rate(*["3"] * 3)

    assert [row.n_revisions for row in answers()] == n_revisions


def test_declining_is_counted_and_nothing_else(publish_study: Publish, rate: Rate, database: Engine) -> None:
    publish_study()

    rate("n")

    with reading(database) as session:
        assert session.scalars(select(Tally.n)).all() == [1]


def test_a_study_for_others_says_so_before_consent(
    publish_study: Publish, rate: Rate, protocol: Protocol
) -> None:
    invited = protocol.model_copy(update={"invited_only": True})
    recruited = protocol.model_copy(update={"recruitment": Recruitment(participant_id="PID", required=True)})
    publish_study(shown=invited, name="invited", slug="invited")
    publish_study(shown=recruited, name="recruited", slug="recruited")

    with pytest.raises(
        StateError, match=r"open by personal links only\. Run: rater rate invited --invitation"
    ):
        rate("y", study="invited")
    with pytest.raises(StateError, match="only to those whom its recruitment site sends"):
        rate("y", study="recruited")


def test_a_paused_study_lets_raters_wait(publish_study: Publish, rate: Rate, database: Engine) -> None:
    publish_study()
    rate("y", "", "3", "q")
    with writing(database) as session:
        move_study(session, "a_study", State.PAUSED, at=NOW)

    with pytest.raises(
        StateError, match=r"is paused: it takes no answers for now\. Your answers up to text 1"
    ):
        rate("3")


def test_questions_about_the_rater_are_asked_and_can_be_declined(
    publish_study: Publish, rate: Rate, protocol: Protocol, database: Engine
) -> None:
    questionnaire = (
        Question(name="field", question="What do you study?", options=("Physics", "Other")),
        Question(name="tongues", question="Which languages?", kind="choices", options=("de", "en", "fr")),
        Question(name="age", question="How old are you?", kind="number", minimum=18, maximum=99),
        Question(name="secret", question="Your income?", kind="number"),
        Question(name="job", question="Your job?", kind="text", when="after"),
        Question(name="view", question="Your view?", options=("a", "b"), when="after"),
    )
    publish_study(shown=protocol.model_copy(update={"questionnaire": questionnaire}))

    rate("y", "2", "4", "1 3", "12", "34", "-", "", "3", "3", "3", "", "a poet", "3")

    with reading(database) as session:
        given = {each.question: each.value for each in session.scalars(select(QuestionnaireAnswer))}
        (times,) = session.execute(select(Rater.questions_before_at, Rater.questions_after_at))
    assert given == {
        "field": '"Other"',
        "tongues": '["de", "fr"]',
        "age": "34.0",
        "secret": None,
        "job": '"a poet"',
        "view": None,
    }
    assert None not in times
