"""A number is stored as it was typed, or refused: never another one."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from rater.store.rating.trials import Judgement
from rater.study.dimension import Dimension
from rater.study.scales import BestWorst, Likert, Number, Ranking, Slider
from rater.web.rating.forms import FormAnswer, read_decision, read_draft, read_given, read_trial_form

ID = "0123456789abcdef"
HAPPINESS = Dimension(name="happiness", question="?", scale=Likert(points=5, low="a", high="b"))


@pytest.mark.parametrize(
    "form",
    [
        {"answer.happiness": "3"},
        {"submission_id": "", "answer.happiness": "3"},
        {"submission_id": "short", "answer.happiness": "3"},
        {"submission_id": "x" * 65, "answer.happiness": "3"},
        {"submission_id": "<script>alert(1)</script>", "answer.happiness": "3"},
        {"submission_id": ID, "answer.happiness": "0"},
        {"submission_id": ID, "answer.happiness": "6"},
        {"submission_id": ID, "answer.happiness": "3.5"},
        {"submission_id": ID, "answer.happiness": "-1"},
        {"submission_id": ID, "answer.happiness": ""},
        {"submission_id": ID, "answer.happiness": "٣"},
        {"submission_id": ID, "answer.happiness": "9" * 5000},
        {"submission_id": ID, "answer.happiness": "nan"},
        {"submission_id": ID, "answer.happiness": ["3", "4"]},
        {"submission_id": ID, "answer.anger": "3"},
        {"submission_id": ID, "answer.happiness": "3", "extra": "1"},
        {"submission_id": ID, "answer.happiness": "3", "go": "sideways"},
        {"submission_id": ID, "answer.happiness": "3", "shown_ms": "soon"},
        {"submission_id": ID, "answer.happiness": "3", "shown_ms": "-5"},
        {"submission_id": ID, "answer.happiness": "3", "shown_ms": "9" * 16},
        {"submission_id": ID, "answer.happiness": "3", "hidden_ms": "x"},
        {"submission_id": ID, "answer.happiness": "cannot"},
        {"submission_id": ID, "answer.happiness": "3", "cannot.happiness": "1"},
        {"submission_id": ID, "answer.happiness": "3", "comment.happiness": "none is asked for"},
    ],
)
def test_a_malformed_form_is_refused_and_nothing_is_stored(
    client: FlaskClient,
    slug: str,
    enter: Callable[[str], None],
    rows: Callable[[str], list[tuple[Any, ...]]],
    form: dict[str, str],
) -> None:
    enter(slug)

    page = client.post(f"/s/{slug}/trial/1", data=form)

    assert page.status_code == 400
    assert "nothing was saved" in page.text
    assert rows("SELECT count(*) FROM answer") == [(0,)]


@pytest.mark.parametrize(
    ("sent", "read"), [("", None), ("0", 0), ("1234", 1234), ("86400000", 86_400_000), ("86400001", None)]
)
def test_a_time_shown_is_kept_up_to_a_day(sent: str, read: int | None) -> None:
    form = MultiDict({"submission_id": ID, "answer.happiness": "3", "shown_ms": sent})

    assert read_trial_form(form, (HAPPINESS,)).timing.shown_ms == read


def test_without_a_script_there_is_no_time_shown() -> None:
    form = MultiDict({"submission_id": ID, "answer.happiness": "3"})

    assert read_trial_form(form, (HAPPINESS,)).timing.shown_ms is None


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"decision": "agree"},
        {"decision": "agree", "token": "short"},
        {"decision": "maybe", "token": "a" * 43},
        {"decision": "agree", "token": "a" * 42 + "\n"},
    ],
)
def test_a_malformed_decision_is_refused(form: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        read_decision(MultiDict(form))


HALVES = Dimension(name="minutes", question="?", scale=Number(minimum=-5, maximum=5000, step=0.5))
WHOLE = Dimension(name="minutes", question="?", scale=Number(minimum=0, maximum=5000), cannot_judge=True)


def given(typed: str, dimension: Dimension = HALVES, **more: str) -> FormAnswer:
    return read_given(MultiDict({"answer.minutes": typed, **more}), dimension)


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("1.5", 1.5),
        ("1,5", 1.5),
        (" 1,5 ", 1.5),
        (".5", 0.5),
        (",5", 0.5),
        ("007", 7),
        ("+3", 3),
        ("-3", -3),
        ("\u22123", -3),  # a minus sign
        ("\u20133", -3),  # an en dash, as some keyboards write it
        ("\uff0d\uff13", -3),
        ("\uff11\uff12", 12),  # full-width digits
        ("\uff11\uff0c\uff15", 1.5),
        ("\uff11\uff0e\uff15", 1.5),
        ("\u0661\u066b\u0665", 1.5),  # Arabic digits and decimal separator
        ("\u06f1\u06f2", 12),
        ("\u0967\u0968", 12),  # Devanagari
        ("\u200e12\u200f", 12),  # with invisible marks, as pasted
        ("\u00a012", 12),
    ],
)
def test_a_number_is_read_as_it_was_typed(typed: str, value: float) -> None:
    read = given(typed)

    assert read.problem is None
    assert read.judgement.value == value


@pytest.mark.parametrize(
    "typed",
    [
        "1,500",
        "1.500",
        "1 500",
        "1\u202f500",
        "1'500",
        "1\u2019500",
        "1,500.5",
        "1.234.567",
        "\u0661\u066c\u0665\u0660\u0660",  # with an Arabic separator of thousands
        "1e2",
        "10\u00b2",
        "\u00bd",
        "\u2460",
        "5 min",
        "5%",
        "0x10",
        "1_0",
        "nan",
        "inf",
        "--3",
        "3-",
        "1.5.",
        "1..5",
        "five",
        "\u4e94",
        "1\n2",
        "6000",
        "1.25",
    ],
)
def test_what_may_be_another_number_is_refused_and_shown_again(typed: str) -> None:
    assert given(typed) == FormAnswer(typed, problem="wrong")


def test_three_decimals_are_read_where_the_scale_has_them() -> None:
    fine = Dimension(name="minutes", question="?", scale=Number(minimum=0, maximum=10, step=0.125))

    assert given("1.125", fine).judgement.value == 1.125
    assert given("1,125", fine).judgement.value == 1.125


@pytest.mark.parametrize("scale", [Number(), Slider(low="a", high="b")])
def test_a_number_and_cannot_judge_together_are_refused(scale: Number | Slider) -> None:
    dimension = Dimension(name="minutes", question="?", scale=scale, cannot_judge=True)

    assert given("12", dimension, **{"cannot.minutes": "1"}).problem == "wrong"
    assert given("", dimension, **{"cannot.minutes": "1"}) == FormAnswer(is_unable=True)


SURE = Dimension(
    name="joy",
    question="?",
    scale=Likert(low="a", high="b"),
    cannot_judge=True,
    not_applicable=True,
    confidence=True,
)


@pytest.mark.parametrize(
    ("sent", "judgement"),
    [
        ({"answer.joy": "4", "confidence.joy": "3"}, Judgement(4, confidence=3)),
        ({"answer.joy": "4"}, Judgement(4)),
        ({"answer.joy": "inapplicable"}, Judgement(None, not_applicable=True)),
        ({"inapplicable.joy": "1"}, Judgement(None, not_applicable=True)),
        ({"answer.joy": "cannot"}, Judgement(None)),
        # nobody is sure of an answer that was not given
        ({"inapplicable.joy": "1", "confidence.joy": "4"}, Judgement(None, not_applicable=True)),
        ({"cannot.joy": "1", "confidence.joy": "4"}, Judgement(None)),
    ],
)
def test_not_applicable_is_an_answer_and_confidence_goes_with_a_value(
    sent: dict[str, str], judgement: Judgement
) -> None:
    read = read_given(MultiDict(sent), SURE)

    assert read.problem is None
    assert read.judgement == judgement
    assert FormAnswer.of(judgement).judgement == judgement


@pytest.mark.parametrize(
    "sent",
    [
        {"answer.joy": "4", "confidence.joy": "5"},
        {"answer.joy": "4", "confidence.joy": "0"},
        {"answer.joy": "4", "confidence.joy": "high"},
        {"inapplicable.joy": "2"},
        {"inapplicable.joy": "1", "cannot.joy": "1"},
    ],
)
def test_a_malformed_confidence_or_box_is_refused(sent: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        read_given(MultiDict(sent), SURE)


@pytest.mark.parametrize(
    "sent", [{"confidence.joy": "1"}, {"inapplicable.joy": "1"}, {"answer.joy": "inapplicable"}]
)
def test_what_the_study_does_not_offer_is_refused(sent: dict[str, str]) -> None:
    plain = Dimension(name="joy", question="?", scale=Likert(low="a", high="b"))

    with pytest.raises(BadRequest):
        read_given(MultiDict({"answer.joy": "3", **sent}), plain)


def test_a_confidence_without_an_answer_is_shown_again() -> None:
    read = read_given(MultiDict({"confidence.joy": "2"}), SURE)

    assert read == FormAnswer(confidence="2", problem="missing")


def test_a_number_and_not_applicable_together_are_refused() -> None:
    minutes = Dimension(name="minutes", question="?", scale=Number(), not_applicable="No speech")

    assert given("12", minutes, **{"inapplicable.minutes": "1"}).problem == "wrong"
    assert given("", minutes, **{"inapplicable.minutes": "1"}) == FormAnswer(is_inapplicable=True)


BEST_WORST = Dimension(
    name="mood", question="?", scale=BestWorst(texts=4, best="a", worst="b"), cannot_judge=True
)
RANKING = Dimension(name="mood", question="?", scale=Ranking(texts=3, top="a", bottom="b"))


@pytest.mark.parametrize(
    ("dimension", "form", "given"),
    [
        (BEST_WORST, {"answer.mood.1": "3", "answer.mood.2": "1"}, FormAnswer("31")),
        (BEST_WORST, {"answer.mood.1": "3"}, FormAnswer("30", problem="missing")),
        (BEST_WORST, {}, FormAnswer(problem="missing")),
        (BEST_WORST, {"answer.mood.1": "3", "answer.mood.2": "3"}, FormAnswer("33", problem="wrong")),
        (BEST_WORST, {"cannot.mood": "1"}, FormAnswer(is_unable=True)),
        (
            BEST_WORST,
            {"cannot.mood": "1", "answer.mood.1": "2"},
            FormAnswer("20", is_unable=True, problem="wrong"),
        ),
        (BEST_WORST, {"answer.mood": "42"}, FormAnswer("42")),
        (
            RANKING,
            {"answer.mood.1": "2", "answer.mood.2": "3", "answer.mood.3": "1"},
            FormAnswer("231"),
        ),
        (
            RANKING,
            {"answer.mood.1": "2", "answer.mood.2": "2", "answer.mood.3": "1"},
            FormAnswer("221", problem="wrong"),
        ),
    ],
)
def test_an_order_of_texts_is_read_from_a_field_for_each_rank(
    dimension: Dimension, form: dict[str, str], given: FormAnswer
) -> None:
    assert read_given(MultiDict(form), dimension) == given


@pytest.mark.parametrize(
    "form",
    [
        {"answer.mood.1": "5", "answer.mood.2": "1"},
        {"answer.mood.1": "a", "answer.mood.2": "1"},
        {"answer.mood.1": "-1", "answer.mood.2": "1"},
        {"answer.mood.1": "12", "answer.mood.2": "1"},
        {"answer.mood": "421"},
        {"answer.mood": "cannot"},
    ],
)
def test_a_place_that_the_page_does_not_show_is_refused(form: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        read_given(MultiDict(form), BEST_WORST)


def test_a_rank_that_the_scale_does_not_have_is_an_unknown_field() -> None:
    form = MultiDict({"submission_id": ID, "answer.mood.1": "1", "answer.mood.2": "2", "answer.mood.3": "3"})

    with pytest.raises(BadRequest):
        read_trial_form(form, [BEST_WORST])


def test_an_order_that_was_begun_is_kept_as_a_draft() -> None:
    sent = read_trial_form(MultiDict({"submission_id": ID, "answer.mood.2": "1"}), [BEST_WORST])

    assert not sent.is_complete
    assert read_draft(sent.draft, [BEST_WORST]) == {"mood": FormAnswer("01")}


def test_an_order_is_stored_as_one_number() -> None:
    sent = read_trial_form(
        MultiDict({"submission_id": ID, "answer.mood.1": "4", "answer.mood.2": "1"}), [BEST_WORST]
    )

    assert sent.judgements["mood"].value == 41
